"""The one way from text to token ids, used by training and serving alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokenizers import Tokenizer

from routerkit.errors import ArtefactError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MAX_TOKENS = 256
"""Tokens kept of one query unless the artefact says otherwise, special tokens included."""

MIN_TOKENS = 4
"""Fewest tokens a query may be cut to: the special tokens and one word at each end."""


class QueryTokenizer:
    """Turns queries into token ids, special tokens included, without padding.

    Queries longer than `max_tokens` keep their beginning and their end, half each, because people put the
    request before or after what they paste, hardly ever in the middle of it.

    Args:
        tokenizer: a `tokenizers.Tokenizer` whose post-processor adds one token in front and one at the end.
        max_tokens: most ids returned for one query, at least `MIN_TOKENS`.
    """

    def __init__(self, tokenizer: Tokenizer, *, max_tokens: int = MAX_TOKENS) -> None:
        # Published tokenizer files may carry fixed padding (128 tokens in all-MiniLM-L6-v2): eight times the work.
        tokenizer.no_padding()
        tokenizer.no_truncation()
        self._tokenizer = tokenizer
        self.max_tokens = max_tokens

    @classmethod
    def from_file(cls, path: Path, *, max_tokens: int = MAX_TOKENS) -> QueryTokenizer:
        """Read `tokenizer.json`.

        Raises:
            ArtefactError: if the file is missing or is no tokenizer.
        """
        if not path.is_file():
            raise ArtefactError(path, "the tokenizer is missing; retrain or copy the folder again")
        try:
            tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # tokenizers raises bare Exception for a malformed file
            raise ArtefactError(path, f"is not a tokenizer file ({error})") from error
        return cls(tokenizer, max_tokens=max_tokens)

    @property
    def vocab_size(self) -> int:
        """Number of token ids, added tokens included."""
        return int(self._tokenizer.get_vocab_size())

    def encode(self, query: str) -> list[int]:
        """Token ids of one query, at most `max_tokens` of them."""
        return self._clip(self._tokenizer.encode(query).ids)

    def encode_batch(self, queries: Sequence[str]) -> list[list[int]]:
        """Token ids of several queries, each as `encode` gives them."""
        return [self._clip(encoding.ids) for encoding in self._tokenizer.encode_batch_fast(list(queries))]

    def _clip(self, ids: list[int]) -> list[int]:
        if len(ids) <= self.max_tokens:
            return ids
        tail = self.max_tokens // 2
        return ids[: self.max_tokens - tail] + ids[-tail:]
