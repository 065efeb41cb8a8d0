"""What rows written after one pattern have in common: openings, shapes, repeated pairs of words."""

from __future__ import annotations

import itertools
import random
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

WINDOW = 1_000
"""Word pairs over which distinct-2 is counted: it falls with the amount of text, so the amount is fixed."""

LEAST_ROWS = 5
"""Fewest rows whose common pattern counts."""

_MASK = "_"
_LEAST_WORDS = 3
_OPENING = 3
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_KEPT_WORDS = """
    a an the this that these those my your his her its our their some any no every each all both either neither few
    many much more most less least several such other another same i you he she it we they me him us them mine yours
    ours theirs myself yourself itself one ones someone anyone everyone something anything nothing everything nobody
    somebody who whom whose what which when where why how whether is are was were be been being am do does did doing
    done have has had having will would can could shall should may might must ought isn't aren't wasn't weren't don't
    doesn't didn't haven't hasn't hadn't won't wouldn't can't couldn't shouldn't i'm i've i'd i'll it's that's what's
    there's you're they're we're he's she's let's who's where's how's not nor and or but so if then than as because
    while although though unless until since before after once of in on at by for from to with without within into
    onto over under between among through during against about above below across along around behind beside beyond
    near off out up down per via like there here now again also just only even still too very really quite almost
    already always never often sometimes ever yet yes please thanks ok okay hi hello hey get gets got make makes made
    making take takes took give gives gave go goes going went come comes came put keep keeps kept let say says said
    tell tells told ask asks asked know knows think thinks want wants wanted need needs use uses used using find finds
    found show shows shown explain explains write writes wrote writing calculate compute solve prove describe define
    compare list help name mean means work works working happen happens happened cause causes change changes turn
    turns look looks see sees feel feels seem seems become becomes leave leaves left try tries tried call called run
    runs running start starts stop stops fix create convert translate rewrite summarise summarize suggest recommend
    choose pick add remove set read open close move buy sell pay cost costs eat drink cook good better best bad worse
    worst big bigger small smaller new old long short high low right wrong first last next different possible likely
    easy hard true false exactly difference way
"""
_KEPT = frozenset(_KEPT_WORDS.split())


@dataclass(frozen=True, slots=True)
class Pattern:
    """An opening or a shape.

    Attributes:
        text: the words; `_` stands for what is masked.
        rows: rows that have it.
        share: the same as a share of all rows, in [0, 1].
    """

    text: str
    rows: int
    share: float


def words_of(query: str) -> list[str]:
    """The words, in lower case, with their apostrophes."""
    return _WORD.findall(query.casefold().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'"))


def opening(query: str) -> str | None:
    """The first three words; None if there are fewer."""
    words = words_of(query)
    return " ".join(words[:_OPENING]) if len(words) >= _OPENING else None


def shape(query: str) -> str | None:
    """The query with nouns and numbers masked; None if fewer than three words are left, which make no template.

    Without a tagger, every word that is not among some 400 function words and everyday verbs counts as a noun, and
    masks in a row are one: "What is the capital of Sri Lanka?" has the shape "what is the _ of _". This finds more
    templates than masking true nouns would.
    """
    shown: list[str] = []
    for word in words_of(query):
        if word in _KEPT or not shown or shown[-1] != _MASK:
            shown.append(word if word in _KEPT else _MASK)
    return " ".join(shown) if sum(word != _MASK for word in shown) >= _LEAST_WORDS else None


def commonest(queries: Sequence[str], pattern_of: Callable[[str], str | None]) -> Pattern | None:
    """The pattern that most queries share; of equally common ones the first by name; None if no query has one."""
    patterns: Iterable[str | None] = map(pattern_of, queries)
    counts = Counter(pattern for pattern in patterns if pattern is not None)
    if not counts:
        return None
    text, rows = min(counts.items(), key=lambda item: (-item[1], item[0]))
    return Pattern(text, rows, rows / len(queries))


def distinct_2(queries: Sequence[str]) -> float | None:
    """Share of different pairs of adjacent words, in [0, 1]; None if there are fewer than 1,000 pairs.

    Li et al., "A Diversity-Promoting Objective Function for Neural Conversation Models" (2016), section 5.2, but over
    windows of 1,000 pairs of shuffled queries, averaged, so that files of different size compare.
    """
    order = list(queries)
    random.Random(0).shuffle(order)
    pairs = [pair for query in order for pair in _pairs(words_of(query))]
    windows = [pairs[start : start + WINDOW] for start in range(0, len(pairs) - WINDOW + 1, WINDOW)]
    if not windows:
        return None
    return sum(len(set(window)) for window in windows) / (WINDOW * len(windows))


def _pairs(words: Sequence[str]) -> list[tuple[str, str]]:
    return list(itertools.pairwise(words))
