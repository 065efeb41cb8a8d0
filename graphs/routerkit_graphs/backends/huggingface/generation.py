"""One padded `generate` for one prompt or many, watched token by token.

transformers' own streamers hold text back to the end of a word, serve one prompt only, and turn an error into a
timeout; its stop strings stay in the text. A stopping criterion sees every new token of every prompt, and can end the
work at any of them, so it does all of this here.
"""

from __future__ import annotations

import threading
import traceback
from typing import TYPE_CHECKING, Any

import torch
from transformers import StoppingCriteria, StoppingCriteriaList

from routerkit.errors import SpecialistError
from routerkit_graphs.backends.fitting import newest_turns, room_for_prompt
from routerkit_graphs.backends.huggingface.rows import Answer, Row

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from routerkit.config import GenerationConfig
    from routerkit_graphs.backends.fitting import Turn
    from routerkit_graphs.backends.huggingface.loading import LoadedModel


class _Watcher(StoppingCriteria):  # type: ignore[misc]  # transformers has no types
    """Shows each new token to its row, and stops rows that have ended."""

    def __init__(self, rows: list[Row]) -> None:
        self._rows = rows

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **kwargs: object) -> torch.Tensor:
        """Args: `input_ids`: int64, shape (prompts, tokens so far). Returns: bool, shape (prompts,)."""
        del scores, kwargs
        newest = input_ids[:, -1].tolist()
        ended = [row.push(token) for row, token in zip(self._rows, newest, strict=True)]
        return torch.tensor(ended, dtype=torch.bool, device=input_ids.device)


class Job:
    """One request to a model: may run in any thread, and be cancelled from any other.

    Args:
        model: the weights.
        category: the node it is for, for messages.
        conversations: their turns, all to be answered with the same settings.
        settings: how to write.

    Attributes:
        answers: one per conversation, in order.
        prompts: the texts to continue, once measured.
        deliver: called in the running thread with each new piece of text; for a single prompt only.
        cancelled: set when nobody wants the answers any more.
        longest: tokens of the longest prompt, once measured.
        limit: longest answer, in tokens, once measured.
    """

    def __init__(
        self,
        model: LoadedModel,
        category: str,
        conversations: Sequence[Sequence[Turn]],
        settings: GenerationConfig,
    ) -> None:
        self.answers = [Answer() for _ in conversations]
        self.prompts = ["" for _ in conversations]
        self.settings = settings
        self.deliver: Callable[[str], None] | None = None
        self.cancelled = threading.Event()
        self.longest = self.limit = 0
        self._model = model
        self._category = category
        self._conversations = list(conversations)

    def cancel(self) -> None:
        """Stop at the next token; a job that still waits for its model does not begin."""
        self.cancelled.set()

    def run(self) -> list[Answer]:
        """Wait for the model, write all answers, and return them.

        Raises:
            SpecialistError: if a prompt is too long for the model, or the memory is exhausted.
        """
        with self._model.lock:
            if self.cancelled.is_set():
                return self.answers
            self.measure()
            try:
                generate(self._model, [self])
            except torch.OutOfMemoryError as error:
                raise self.out_of_memory(error) from error
        return self.answers

    def measure(self) -> None:
        """Write all prompts, leave out the oldest turns of those that are too long, and count their tokens.

        The caller holds the model's lock, for the tokenizer does not bear concurrent callers either.

        Raises:
            SpecialistError: if the last question alone is too long for the model.
        """
        room = room_for_prompt(self._model.context_tokens, self.settings.max_new_tokens)
        for number, (turns, answer) in enumerate(zip(self._conversations, self.answers, strict=True)):
            kept = newest_turns(turns, self._tokens, room)
            self.prompts[number] = self._model.prompt(kept)
            answer.input_tokens = self._tokens(kept)
            answer.turns_left_out = len(turns) - len(kept)
        self.longest = max(answer.input_tokens for answer in self.answers)
        if self.longest >= self._model.context_tokens:
            raise SpecialistError(
                self._category,
                f"the question and its instructions have {self.longest} tokens, and the model reads at most "
                f"{self._model.context_tokens - 1}; shorten them",
            )
        self.limit = min(self.settings.max_new_tokens, self._model.context_tokens - self.longest)

    def _tokens(self, turns: Sequence[Turn]) -> int:
        return len(self._model.tokenizer(self._model.prompt(turns), add_special_tokens=False)["input_ids"])

    def rows(self) -> list[Row]:
        """One row per prompt."""
        fixed = (self._model.tokenizer, self._model.stop_ids, self.settings.stop, self.limit, self.cancelled)
        return [Row(*fixed, answer, self.deliver) for answer in self.answers]

    def out_of_memory(self, error: Exception) -> SpecialistError:
        """What a full GPU is called here. Another generation may free it, so trying again may help."""
        # The error's frames hold the tensors of the failed attempt, and the next one needs their memory.
        traceback.clear_frames(error.__traceback__)
        problem = "the GPU's memory is exhausted; shorten the answer or the conversation"
        return SpecialistError(self._category, problem, retryable=True, cause=type(error).__name__)


def generate(model: LoadedModel, jobs: Sequence[Job], **given: object) -> None:
    """Write the answers of measured jobs with equal sampling settings; the caller holds the model's lock.

    Args:
        model: the weights.
        jobs: at least one.
        given: further arguments for the model's own `generate`.
    """
    rows = [row for job in jobs for row in job.rows()]
    prompts = [prompt for job in jobs for prompt in job.prompts]
    pipeline = model.llm.pipeline
    # Above 10 calls transformers advises datasets, which a conversation is not.
    pipeline.call_count = 0
    settings = jobs[0].settings
    sampling: dict[str, Any] = {"do_sample": False}
    if settings.temperature > 0:
        sampling = {"do_sample": True, "temperature": settings.temperature, "top_p": settings.top_p, "top_k": 0}
    pipeline(
        prompts,
        batch_size=len(prompts),
        # The template has written the begin token already.
        add_special_tokens=False,
        return_full_text=False,
        max_new_tokens=max(job.limit for job in jobs),
        stopping_criteria=StoppingCriteriaList([_Watcher(rows)]),
        **sampling,
        **given,
    )
    for row in rows:
        row.finish("length")
