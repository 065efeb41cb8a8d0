"""What the wording of a turn says about its place in a conversation. For English; other languages show no cues."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_FUNCTION_WORDS = _words(
    """a an the and or but so then also plus as if of to in on at by for with without from into over than about after
    before is are was were be been am do does did done has have had can could would should will may might must shall
    i you he she it we they me him us them my your his its our their her mine yours hers this that these those there
    here what which who whom whose when where why how not no yes yeah nope ok okay right well hm hmm ah oh lol haha
    anyway hence one ones first second third last other another others same else instead again more less very too
    just only even still now up down out off all each every any some both either neither none nothing something
    anything such like really please pls kindly t s d ll re ve m im dont doesnt didnt isnt wasnt cant whats thats wont
    say tell show give make get got put mean way thing things better worse best bit part go going know think want need
    see yet ever"""
)
_TALK = _words(
    """thanks thank thx ta cheers ty danke gracias merci perfect lovely great nice cool brilliant awesome wonderful
    super sorry bye goodnight hi hello hey morning evening lol haha hahaha wow phew okay ok fine ugh aw impressive
    interesting yay yes amazing appreciate understood noted ha bless"""
)
_BESIDE_TALK = _TALK | _words(
    """good much many day star legend lifesaver help helps helped patience course night god clear point fair enough
    work works job knew mate sir maam madam everyone all take care true"""
)
_ASKS = _words("what which who whom whose when where why how")
_GOOD_NIGHT = re.compile(r"\bgood night\b|^night\b|\bnight night\b")
_OPENS = re.compile(
    r"(?:and|but|or|so|then|ok|okay|now|also|again|hm+|no|yes|yeah|oh|ah+|with|without|even|only|same|what if|"
    r"what about|how about|suppose|why|because|which|it|that|those|this|does it|is it|is that)\b"
)
_REFERS = re.compile(
    r"\b(?:it|its|it's|that|that's|those|these|this|they|them|ones?|he|she|him|her|his|there|else|another|other|"
    r"again|more|less|same|instead|first|second|third|last|both|former|latter|shorter|longer|then)\b"
)
_RETURNS = re.compile(
    r"\b(?:back to|back on|again|earlier|before|anyway|first|returning|once more|as to|still|seriously|other thing|"
    r"about the|the \w+ (?:one|question|thing))\b"
)
_WORD = re.compile(r"[a-z0-9]+(?:'[a-z]+)?")


@dataclass(frozen=True, slots=True)
class Cues:
    """The cues in one turn.

    Attributes:
        content: different words that carry content.
        is_talk: nothing but thanks, a greeting or a short remark.
        opens: begins like a continuation, such as `and`, `what if`, `why`.
        refers: has a word that stands for something else, such as `it`, `the second`, `instead`.
        returns: speaks of something earlier, such as `back to`, `the first question`.
    """

    content: int
    is_talk: bool
    opens: bool
    refers: bool
    returns: bool


@lru_cache(maxsize=1024)
def cues_of(text: str) -> Cues:
    """Read the cues of a turn."""
    lowered = " ".join(text.lower().replace("\u2019", "'").split())
    words = _WORD.findall(_GOOD_NIGHT.sub("goodnight", lowered))
    content = {word for word in words if word not in _FUNCTION_WORDS and word.replace("'", "") not in _FUNCTION_WORDS}
    return Cues(
        content=len(content - _TALK),
        is_talk=_is_talk(words, lowered),
        opens=_OPENS.match(lowered) is not None,
        refers=_REFERS.search(lowered) is not None,
        returns=_RETURNS.search(lowered) is not None,
    )


def _is_talk(words: list[str], text: str) -> bool:
    """Ten words at most, one of them a word of small talk, no other content, and nothing asked."""
    if "?" in text or len(words) > 10 or not _TALK.intersection(words) or _ASKS.intersection(words):
        return False
    return all(word.replace("'", "") in _FUNCTION_WORDS or word in _BESIDE_TALK for word in words)
