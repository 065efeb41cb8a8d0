"""Requests to the adapters of one base: whoever gets the model answers for all who wait.

PEFT's layers keep the chosen adapter in hooks on the model, so two generations at once mix them up without an error.
Here one runs at a time, under the base's lock, and takes along the requests that wait for it, whatever their adapters:
one padded batch in which each prompt has its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from routerkit_graphs.backends.huggingface.generation import Job, generate
from routerkit_graphs.backends.huggingface.rows import Answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from routerkit.config import GenerationConfig
    from routerkit_graphs.backends.fitting import Turn
    from routerkit_graphs.backends.lora.base import Adapter, LoraBase


class LoraJob(Job):
    """One request to one adapter; see `Job`.

    Args:
        base: base and adapters.
        category: the node it is for, for messages.
        conversations: their turns.
        settings: how to write.
        adapter: the adapter that writes; None is the base alone.
        max_batch: most prompts, of this job and those it takes along, in one generation.
    """

    def __init__(
        self,
        base: LoraBase,
        category: str,
        conversations: Sequence[Sequence[Turn]],
        settings: GenerationConfig,
        adapter: Adapter | None,
        max_batch: int,
    ) -> None:
        super().__init__(base, category, conversations, settings)
        self.adapter = adapter
        self.error: Exception | None = None
        self.done = False
        self._base = base
        self._alone = adapter is not None and not adapter.mixes
        self._max_batch = max_batch

    def run(self) -> list[Answer]:
        """Wait for the base, answer together with others or be answered by them, and return the answers.

        Raises:
            SpecialistError: if a prompt is too long for the model, or the memory is exhausted.
        """
        with self._base.queue_lock:
            self._base.waiting.append(self)
        try:
            with self._base.lock:
                while not self.done:
                    self._lead()
        finally:
            with self._base.queue_lock:
                self._base.waiting.remove(self)
        if isinstance(self.error, torch.OutOfMemoryError):
            raise self.out_of_memory(self.error) from self.error
        if self.error is not None:
            raise self.error
        return self.answers

    def _lead(self) -> None:
        """One generation for this job and those that go with it."""
        jobs = self._company()
        if not jobs:
            return
        chosen = [job.adapter for job in jobs for _ in job.prompts]
        try:
            with self._base.unchanged_by_failures():
                generate(self._base, jobs, **self._base.choose(chosen))
        except Exception as error:  # each job raises it in its own thread
            for job in jobs:
                job.failed(error, alone=len(jobs) == 1)
            return
        for job in jobs:
            job.done = True

    def _company(self) -> list[LoraJob]:
        """This job and, as far as they fit, those that have waited longest."""
        with self._base.queue_lock:
            waiting = [job for job in self._base.waiting if job is not self and not job.done]
        chosen: list[LoraJob] = []
        for job in [self, *waiting]:
            if chosen and not self._goes_with(job, chosen):
                continue
            if job.prepare() and (not chosen or self._fits(job, chosen)):
                chosen.append(job)
            if job is self and not chosen:
                return []
        return chosen

    def prepare(self) -> bool:
        """Measure the prompts; False if there is nothing to generate, because it was cancelled or is too long."""
        if self.cancelled.is_set():
            self.done = True
        elif not self.limit:
            try:
                self.measure()
            except Exception as error:  # a chat template's own too; the job raises it in its own thread
                self.error, self.done = error, True
        return not self.done

    def failed(self, error: Exception, *, alone: bool) -> None:
        """Take note that the generation failed. One of several is tried again alone, unless its text is being read."""
        if alone or (self.deliver is not None and any(answer.text for answer in self.answers)):
            self.error, self.done = error, True
            return
        self._alone = True
        self.answers = [Answer(input_tokens=answer.input_tokens) for answer in self.answers]

    def _goes_with(self, other: LoraJob, chosen: list[LoraJob]) -> bool:
        if self._alone or other._alone or sum(len(job.prompts) for job in (*chosen, other)) > self._max_batch:
            return False
        mine, its = self.settings, other.settings
        return (mine.temperature, mine.top_p) == (its.temperature, its.top_p)

    def _fits(self, other: LoraJob, chosen: list[LoraJob]) -> bool:
        """Padded to the longest prompt, everything must still fit the context, or answers would be cut shorter."""
        together = (*chosen, other)
        return max(job.longest for job in together) + max(job.limit for job in together) <= self._base.context_tokens
