"""One padded `generate` for one prompt or many, watched token by token.

transformers' own streamers hold text back to the end of a word, serve one prompt only, and turn an error into a
timeout; its stop strings stay in the text. A stopping criterion sees every new token of every prompt, and can end the
work at any of them, so it does all of this here.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from transformers import StoppingCriteria, StoppingCriteriaList

from routerkit.errors import SpecialistError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from routerkit.config import GenerationConfig
    from routerkit_graphs.backends.huggingface.loading import LoadedModel

_UNFINISHED = "\ufffd"
"""What a tokenizer writes for the first bytes of a character whose other bytes are still to come."""


@dataclass
class Answer:
    """One answer while it grows.

    Attributes:
        text: what is certain to be part of the answer.
        input_tokens: length of the prompt.
        output_tokens: tokens made so far, the final one included.
        finish_reason: `stop` at an end token or a stop text, `length` at the limit, None while it grows.
    """

    text: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    finish_reason: str | None = None


@dataclass
class _Row:
    """One prompt of a running batch: turns token ids into text that can be shown."""

    tokenizer: Any
    end_ids: frozenset[int]
    stop: Sequence[str]
    answer: Answer
    deliver: Callable[[str], None] | None
    ids: list[int] = field(default_factory=list)
    shown: int = 0
    held: str = ""

    def push(self, token: int) -> bool:
        """Take the next token; True when the answer has ended."""
        if self.answer.finish_reason:
            return True
        self.answer.output_tokens += 1
        if token in self.end_ids:
            self._emit(self._decode(final=True))
            self.finish("stop")
            return True
        self.ids.append(token)
        self._emit(self._decode(final=False))
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


class _Watcher(StoppingCriteria):  # type: ignore[misc]  # transformers has no types
    """Shows each new token to its row, and stops rows that have ended; all of them once nobody listens any more."""

    def __init__(self, rows: list[_Row], cancelled: threading.Event) -> None:
        self._rows = rows
        self._cancelled = cancelled

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **kwargs: object) -> torch.Tensor:
        """Args: `input_ids`: int64, shape (prompts, tokens so far). Returns: bool, shape (prompts,)."""
        del scores, kwargs
        newest = input_ids[:, -1].tolist()
        ended = [row.push(token) for row, token in zip(self._rows, newest, strict=True)]
        if self._cancelled.is_set():
            ended = [True] * len(ended)
        return torch.tensor(ended, dtype=torch.bool, device=input_ids.device)


class Job:
    """One request to a model: may run in any thread, and be cancelled from any other.

    Args:
        model: the weights.
        category: the node it is for, for messages.
        prompts: the texts to continue, all with the same settings.
        settings: how to write.

    Attributes:
        answers: one per prompt, in order.
        deliver: called in the running thread with each new piece of text; for a single prompt only.
    """

    def __init__(
        self,
        model: LoadedModel,
        category: str,
        prompts: Sequence[str],
        settings: GenerationConfig,
    ) -> None:
        self.answers = [Answer() for _ in prompts]
        self._model = model
        self._category = category
        self._prompts = list(prompts)
        self._settings = settings
        self.deliver: Callable[[str], None] | None = None
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        """Stop at the next token; a job that still waits for its model does not begin."""
        self._cancelled.set()

    def run(self) -> list[Answer]:
        """Wait for the model, write all answers, and return them.

        Raises:
            SpecialistError: if a prompt is too long for the model, or the memory is exhausted.
        """
        with self._model.lock:
            if self._cancelled.is_set():
                return self.answers
            longest = self._measure()
            rows = [self._row(answer) for answer in self.answers]
            try:
                self._generate(rows, longest)
            except torch.OutOfMemoryError as error:
                problem = "the GPU's memory is exhausted; shorten the answer or the conversation"
                raise SpecialistError(self._category, problem, retryable=True) from error
        for row in rows:
            row.finish("length")
        return self.answers

    def _row(self, answer: Answer) -> _Row:
        return _Row(self._model.tokenizer, self._model.stop_ids, self._settings.stop, answer, self.deliver)

    def _measure(self) -> int:
        """Count the tokens of all prompts; returns the largest number."""
        for prompt, answer in zip(self._prompts, self.answers, strict=True):
            answer.input_tokens = len(self._model.tokenizer(prompt, add_special_tokens=False)["input_ids"])
        longest = max(answer.input_tokens for answer in self.answers)
        if longest >= self._model.context_tokens:
            raise SpecialistError(
                self._category,
                f"the conversation has {longest} tokens, and the model reads at most "
                f"{self._model.context_tokens - 1}; shorten it",
            )
        return longest

    def _generate(self, rows: list[_Row], longest: int) -> None:
        pipeline = self._model.llm.pipeline
        # Above 10 calls transformers advises datasets, which a conversation is not.
        pipeline.call_count = 0
        settings = self._settings
        sampling: dict[str, float | bool] = {"do_sample": False}
        if settings.temperature > 0:
            sampling = {"do_sample": True, "temperature": settings.temperature, "top_p": settings.top_p, "top_k": 0}
        pipeline(
            self._prompts,
            batch_size=len(self._prompts),
            # The template has written the begin token already.
            add_special_tokens=False,
            return_full_text=False,
            max_new_tokens=min(settings.max_new_tokens, self._model.context_tokens - longest),
            stopping_criteria=StoppingCriteriaList([_Watcher(rows, self._cancelled)]),
            **sampling,
        )
