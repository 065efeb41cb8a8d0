"""The public sources that `routerkit data fetch` can build a mix from, and the rule that labels each of their rows.

Only sources that NOTICE names, under the licence given there; for openbookqa, webquestions and triviaqa it is stated by
the project that made them, while the card on the hub leaves it open. All are plain data files on the hub: `datasets` 4
runs no loading scripts any more, which leaves out piqa, socialiqa, cosmosqa and mathqa.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Fields = Mapping[str, object]
Rule = Callable[[Fields], str | None]
"""Turns a row of a source into a query; None leaves the row out."""

_LENGTHS = range(6, 2_001)  # characters

_SCIENCE = re.compile(
    r"\b(?:acids?|animals?|atmospher\w*|atoms?|bacteri\w*|biolog\w*|cells?|chemi\w*|climate|diseases?|dna|earth|eclips\w*"
    r"|ecosystem\w*|electri\w*|energy|enzymes?|erosion|evaporat\w*|evolution|fossils?|friction|galax\w*|genes?|genetic\w*"
    r"|gravity|habitats?|heat|magnet\w*|medical|medicine|metals?|minerals?|molecul\w*|moon|nutrients?|orbit\w*|organisms?"
    r"|oxygen|photosynthe\w*|physic\w*|planets?|plants?|pollut\w*|predators?|proteins?|radiation|reproduc\w*|sediment\w*"
    r"|soil|solar|species|temperature|tides?|virus\w*|volcan\w*|water vapou?r|weather)\b",
    re.IGNORECASE,
)
_SCHOOL = re.compile(
    _SCIENCE.pattern
    + r"|\b(?:adapt\w*|air|birds?|blood|bod(?:y|ies)|bones?|camouflag\w*|carbon|circulat\w*|clouds?|coal|co2|condens\w*"
    r"|conduct\w*|conserv\w*|deserts?|digest\w*|earthquakes?|eggs?|environment\w*|fish|flowers?|food chains?|forces?"
    r"|forests?|freez\w*|fuels?|gas(?:es)?|glaciers?|hibernat\w*|hurricanes?|insects?|insulat\w*|larva\w*|lea(?:f|ves)"
    r"|lens(?:es)?|light|lightning|liquids?|lungs?|mammals?|mass|melt\w*|migrat\w*|mollusks?|muscles?|nests?|nitrogen"
    r"|oceans?|offspring|ores?|pollin\w*|pressure|prey|producers?|rain\w*|recycl\w*|reflect\w*|refract\w*|reptiles?"
    r"|resources?|respirat\w*|rocks?|roots?|seasons?|seeds?|skeleton\w*|solids?|solstice|sound|stars?|steam|storms?"
    r"|sugars?|sun|sunlight|tissues?|traits?|transpir\w*|trees?|vapou?rs?|vascular|vibrat\w*|water|wind|winds)\b",
    re.IGNORECASE,
)
"""Also words that are school science in a source of school science, and everyday words elsewhere."""

_CODE = re.compile(
    r"\b(?:algorithm\w*|api|bash|code|codes|coding|compiler|css|databases?|debug\w*|developer|docker|excel|github|html"
    r"|java\w*|json|kubernetes|linux|markdown|programming|programmers?|python|regex|script\w*|software|sql|terminal|xml|yaml)\b",
    re.IGNORECASE,
)
_MATH = re.compile(
    r"\b(?:algebra\w*|arithmetic|calculat\w*|comput\w*|decimals?|divided|equations?|formulas?|fractions?|geometr\w*"
    r"|integers?|math\w*|multipl\w*|percent\w*|polynomial\w*|prime numbers?|probabilit\w*|square roots?|theorem\w*"
    r"|triangles?)\b",
    re.IGNORECASE,
)
_MBPP = re.compile(r"^write an?(?: python)? function (?:to|that|which) ", re.IGNORECASE)
_ACT_AS = re.compile(r"^i want you to act as ", re.IGNORECASE)
_MBPP_OPENINGS = (
    "write a function to ",
    "python function to ",
    "I need a function to ",
    "how do I write a function to ",
    "code to ",
    "",
)
_ACT_AS_OPENINGS = ("I want you to act as ", "act as ", "you are ", "pretend to be ", "please be ", "be ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One public data set.

    Attributes:
        name: as in the field `source` and in NOTICE.
        hub_id: of the data set on the Hugging Face hub.
        config: its configuration; None for the only one.
        split: the part that is read.
        licence: of the rows.
        category: the label of every row that the rule keeps.
        rule: finds the query of a row.
    """

    name: str
    hub_id: str
    config: str | None
    split: str
    licence: str
    category: str
    rule: Rule


def query_of(source: Source, fields: Fields) -> str | None:
    """The query of a row with tidy white space; None if the rule, or its length, leaves the row out."""
    found = source.rule(fields)
    if found is None:
        return None
    query = re.sub(r"[ \t]+", " ", found).strip()
    return query if len(query) in _LENGTHS else None


def _field(name: str) -> Rule:
    return lambda fields: _text(fields, name)


def _text(fields: Fields, name: str) -> str | None:
    value = fields.get(name)
    return value if isinstance(value, str) else None


def _only_with(name: str, words: re.Pattern[str]) -> Rule:
    def rule(fields: Fields) -> str | None:
        text = _text(fields, name)
        return text if text is not None and words.search(text) else None

    return rule


def _only_without(name: str, *lists: re.Pattern[str]) -> Rule:
    def rule(fields: Fields) -> str | None:
        text = _text(fields, name)
        return None if text is None or any(words.search(text) for words in lists) else text

    return rule


def _reopened(text: str, fixed: re.Pattern[str], openings: tuple[str, ...]) -> str:
    """Replace the words that every row of a source begins with, which would give it away; the same ones every time."""
    return fixed.sub(openings[zlib.crc32(text.encode()) % len(openings)], text, count=1)


def _mbpp(fields: Fields) -> str | None:
    text = _text(fields, "text")
    return None if text is None else _reopened(text, _MBPP, _MBPP_OPENINGS)


def _awesome_prompts(fields: Fields) -> str | None:
    text = _only_without("prompt", _CODE, _MATH, _SCIENCE)(fields)
    if text is None or str(fields.get("for_devs")).upper() == "TRUE":
        return None
    return _reopened(text, _ACT_AS, _ACT_AS_OPENINGS)


def _svamp(fields: Fields) -> str | None:
    body, question = _text(fields, "Body"), _text(fields, "Question")
    if body is None or question is None:
        return None
    return f"{body.strip()}{'' if body.strip().endswith(('.', ',')) else '.'} {question.strip()}"


def _winogrande(fields: Fields) -> str | None:
    sentence, one, other = (_text(fields, name) for name in ("sentence", "option1", "option2"))
    if sentence is None or one is None or other is None or sentence.count("_") != 1:
        return None
    gap = sentence.replace("_", "___")
    wordings = (
        f"{gap} {one} or {other}?",
        f"Which fits the gap, {one} or {other}? {gap}",
        f"{gap} Is ___ {one} or {other}?",
    )
    return wordings[zlib.crc32(sentence.encode()) % len(wordings)]


def _source(name: str, where: tuple[str, str | None, str], licence: str, category: str, rule: Rule) -> Source:
    hub_id, config, split = where
    return Source(name=name, hub_id=hub_id, config=config, split=split, licence=licence, category=category, rule=rule)


_TABLE = (
    _source("gsm8k", ("openai/gsm8k", "main", "train"), "MIT", "math", _field("question")),
    _source("svamp", ("ChilleD/SVAMP", None, "train"), "MIT", "math", _svamp),
    _source(
        "openbookqa",
        ("allenai/openbookqa", "main", "train"),
        "Apache-2.0",
        "science",
        _only_with("question_stem", _SCHOOL),
    ),
    _source("pubmedqa", ("qiaojin/PubMedQA", "pqa_labeled", "train"), "MIT", "science", _field("question")),
    _source("qasc", ("allenai/qasc", None, "train"), "CC-BY-4.0", "science", _only_with("question", _SCHOOL)),
    _source("mbpp", ("google-research-datasets/mbpp", "full", "train"), "CC-BY-4.0", "code", _mbpp),
    _source("humaneval", ("openai/openai_humaneval", None, "test"), "MIT", "code", _field("prompt")),
    _source("commonsenseqa", ("tau/commonsense_qa", None, "train"), "MIT", "commonsense", _field("question")),
    _source("winogrande", ("allenai/winogrande", "winogrande_xl", "train"), "CC-BY-4.0", "commonsense", _winogrande),
    _source(
        "webquestions",
        ("stanfordnlp/web_questions", None, "train"),
        "CC-BY-4.0",
        "general",
        _only_without("question", _CODE, _MATH, _SCIENCE),
    ),
    _source(
        "triviaqa",
        ("mandarjoshi/trivia_qa", "unfiltered.nocontext", "train"),
        "Apache-2.0",
        "general",
        _only_without("question", _CODE, _MATH, _SCIENCE),
    ),
    _source("ifeval", ("google/IFEval", None, "train"), "Apache-2.0", "general", _only_without("prompt", _CODE, _MATH)),
    _source(
        "awesome-chatgpt-prompts",
        ("fka/awesome-chatgpt-prompts", None, "train"),
        "CC0-1.0",
        "general",
        _awesome_prompts,
    ),
)
SOURCES = {source.name: source for source in _TABLE}
"""Every source by its name."""
