"""The answer to one prompt while its tokens arrive."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Sequence

_UNFINISHED = "\ufffd"
"""What a tokenizer writes for the first bytes of a character whose other bytes are still to come."""


@dataclass
class Answer:
    """One answer while it grows.

    Attributes:
        text: what is certain to be part of the answer.
        input_tokens: length of the prompt.
        turns_left_out: how many of the oldest turns were left out of the prompt, because it was too long.
        output_tokens: tokens made so far, the final one included.
        finish_reason: `stop` at an end token or a stop text, `length` at the limit, None while it grows.
    """

    text: str = ""
    input_tokens: int = 0
    turns_left_out: int = 0
    output_tokens: int = 0
    finish_reason: str | None = None


@dataclass
class Row:
    """One prompt of a running batch: turns token ids into text that can be shown.

    Attributes:
        tokenizer: the model's.
        end_ids: ids of the tokens that end an answer.
        stop: texts that end it.
        limit: longest answer, in tokens.
        cancelled: set when nobody wants the answer any more.
        answer: what grows.
        deliver: called with each new piece of text.
    """

    tokenizer: Any
    end_ids: frozenset[int]
    stop: Sequence[str]
    limit: int
    cancelled: threading.Event
    answer: Answer
    deliver: Callable[[str], None] | None
    ids: list[int] = field(default_factory=list)
    shown: int = 0
    held: str = ""

    def push(self, token: int) -> bool:
        """Take the next token; True when the answer has ended, or nobody wants it any more."""
        if self.answer.finish_reason or self.cancelled.is_set():
            return True
        self.answer.output_tokens += 1
        if token in self.end_ids:
            self._emit(self._decode(final=True))
            self.finish("stop")
            return True
        self.ids.append(token)
        self._emit(self._decode(final=False))
        if self.answer.output_tokens >= self.limit:
            self.finish("length")
        return self.answer.finish_reason is not None

    def finish(self, reason: str) -> None:
        """End the answer: what was held back in case a stop text began there is now part of it."""
        if self.answer.finish_reason is None:
            if reason == "length":
                self._emit(self._decode(final=True))
            self._show(self.held)
            self.held = ""
            self.answer.finish_reason = self.answer.finish_reason or reason

    def _decode(self, *, final: bool) -> str:
        """The text that the newest tokens add.

        A token's text depends on its neighbour, so the tokens shown last are decoded once more with the new ones.
        """
        before = self._text(self.ids[: self.shown])
        text = self._text(self.ids)
        if text.endswith(_UNFINISHED) and not final:
            return ""
        self.ids = self.ids[self.shown :]
        self.shown = len(self.ids)
        return text[len(before) :]

    def _text(self, ids: list[int]) -> str:
        return str(self.tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False))

    def _emit(self, text: str) -> None:
        self.held += text
        found = [at for at in (self.held.find(stop) for stop in self.stop) if at >= 0]
        if found:
            self._show(self.held[: min(found)])
            self.held = ""
            self.answer.finish_reason = "stop"
            return
        safe = len(self.held) - _could_begin(self.held, self.stop)
        self._show(self.held[:safe])
        self.held = self.held[safe:]

    def _show(self, text: str) -> None:
        self.answer.text += text
        if text and self.deliver:
            self.deliver(text)


def _could_begin(text: str, stops: Sequence[str]) -> int:
    """Length of the longest end of `text` with which one of the stop texts begins."""
    return max((n for stop in stops for n in range(1, len(stop)) if text.endswith(stop[:n])), default=0)
