from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routerkit.errors import ArtefactError
from routerkit.testing import tiny_tokenizer
from routerkit.tokenization import MAX_TOKENS, QueryTokenizer

if TYPE_CHECKING:
    from pathlib import Path

CLS, SEP = 2, 3
AWKWARD = [
    "",
    " ",
    "a",
    "what is the sum",
    "WHAT Is thé SUM?!",
    "[CLS] [SEP] [PAD] [UNK]",
    "為什麼天空是藍色的\uff1f",
    "👩‍👩‍👧‍👦🇺🇳",
    "e\u0301\u0302\u0303 \u200b\u202e\ufeff",
    "\x1b[31mred\x1b[0m",
    "a\r\n\tb\f\v",
    "x" * 500,
    "sum " * 500,
    "\U0010ffff\ue000",
]


@pytest.fixture(scope="module")
def tokenizer() -> QueryTokenizer:
    return QueryTokenizer(tiny_tokenizer(["sum", "what", "is", "the"]), max_tokens=16)


def test_awkward_strings_give_the_same_ids_alone_and_in_a_batch(tokenizer: QueryTokenizer) -> None:
    assert tokenizer.encode_batch(AWKWARD) == [tokenizer.encode(text) for text in AWKWARD]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=60), max_size=5))
def test_any_strings_give_the_same_ids_alone_and_in_a_batch(texts: list[str]) -> None:
    tokenizer = QueryTokenizer(tiny_tokenizer(["sum"]), max_tokens=8)
    assert tokenizer.encode_batch(texts) == [tokenizer.encode(text) for text in texts]


def test_an_empty_batch_is_an_empty_list(tokenizer: QueryTokenizer) -> None:
    assert tokenizer.encode_batch([]) == []


def test_every_query_is_framed_by_its_special_tokens(tokenizer: QueryTokenizer) -> None:
    for text in AWKWARD:
        ids = tokenizer.encode(text)
        assert (ids[0], ids[-1]) == (CLS, SEP)
        assert len(ids) <= 16


def test_a_long_query_keeps_its_beginning_and_its_end() -> None:
    whole = QueryTokenizer(tiny_tokenizer(), max_tokens=1000)
    clipped = QueryTokenizer(tiny_tokenizer(), max_tokens=9)
    text = "a b c d e f g h i j k l m n o p"
    ids = whole.encode(text)
    assert len(ids) == 18
    assert clipped.encode(text) == ids[:5] + ids[-4:]


def test_a_query_that_just_fits_is_not_touched() -> None:
    tokenizer = QueryTokenizer(tiny_tokenizer(), max_tokens=6)
    assert len(tokenizer.encode("a b c d")) == len(tokenizer.encode("a b c d e")) == 6


def test_the_request_is_read_before_and_after_a_long_paste() -> None:
    tokenizer = QueryTokenizer(tiny_tokenizer(["first", "last", "noise"]), max_tokens=8)
    first, last = (tiny_tokenizer(["first", "last", "noise"]).get_vocab()[word] for word in ("first", "last"))
    ids = tokenizer.encode("first " + "noise " * 300 + "last")
    assert first in ids
    assert last in ids


def test_fixed_padding_and_truncation_in_the_file_are_ignored(tmp_path: Path) -> None:
    raw = tiny_tokenizer()
    raw.enable_padding(length=128)
    raw.enable_truncation(max_length=5)
    raw.save(str(tmp_path / "tokenizer.json"))
    assert json.loads((tmp_path / "tokenizer.json").read_text(encoding="utf-8"))["padding"]["strategy"] == {
        "Fixed": 128
    }
    tokenizer = QueryTokenizer.from_file(tmp_path / "tokenizer.json")
    assert len(tokenizer.encode("a b c d e f")) == 8
    assert [len(ids) for ids in tokenizer.encode_batch(["a", "a b c d e f"])] == [3, 8]


def test_a_file_gives_the_same_ids_as_the_tokenizer_it_was_saved_from(
    tmp_path: Path, tokenizer: QueryTokenizer
) -> None:
    tiny_tokenizer(["sum", "what", "is", "the"]).save(str(tmp_path / "tokenizer.json"))
    read = QueryTokenizer.from_file(tmp_path / "tokenizer.json", max_tokens=16)
    assert read.encode_batch(AWKWARD) == tokenizer.encode_batch(AWKWARD)
    assert read.vocab_size == tokenizer.vocab_size == tiny_tokenizer(["sum", "what", "is", "the"]).get_vocab_size()


def test_queries_are_cut_to_256_tokens_unless_told_otherwise() -> None:
    assert QueryTokenizer(tiny_tokenizer()).max_tokens == MAX_TOKENS == 256


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"model": {"type": "Nonsense"}}', b"\x80\x02binary"])
def test_a_malformed_file_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_bytes(content)
    with pytest.raises(ArtefactError, match=r"tokenizer\.json: is not a tokenizer file") as caught:
        QueryTokenizer.from_file(path)
    assert caught.value.path == path


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match="the tokenizer is missing"):
        QueryTokenizer.from_file(tmp_path / "tokenizer.json")
