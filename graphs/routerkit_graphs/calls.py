"""One request to a specialist: tried again where that helps, given up in time, and silent once it is given up.

A call that is given up is stopped where it can be stopped. An asynchronous one is cancelled. Local generation ends at
its next token. Anything that reports to callbacks, a streaming chat model or a graph, ends at its next token or step.
An endpoint's connection is closed by its own timeout. A Runnable that blocks without reporting cannot be stopped: the
request returns in time, and its thread runs on unheard until it ends by itself; `asyncio.run` waits for such threads
when it closes its loop.
"""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import Future, wait
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from langchain_core.callbacks import BaseCallbackHandler, BaseCallbackManager
from langgraph.errors import GraphBubbleUp
from tenacity import AsyncRetrying, Retrying

from routerkit.errors import SpecialistError
from routerkit_graphs.failures import translate
from routerkit_graphs.patience import MAX_PAUSE_S, Patience, retry_rules

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator
    from uuid import UUID

    from langchain_core.outputs import ChatGenerationChunk, GenerationChunk
    from langchain_core.runnables import RunnableConfig

T = TypeVar("T")

_current: ContextVar[Call | None] = ContextVar("routerkit_call", default=None)


class _GivenUp(BaseException):
    """Raised inside a call that nobody waits for. No `Exception`, so that no specialist takes it for a failure."""


@dataclass(eq=False)
class Call(BaseCallbackHandler):
    """What is known about one request; as a callback handler it hears what the request streams.

    Attributes:
        route: the specialist's category.
        patience: how long it is waited for.
        streamed: for each message of which something has gone out, its id and its text so far.
        text_is_out: whether there was text in it.
    """

    route: str
    patience: Patience = field(default_factory=Patience)
    streamed: dict[str, str] = field(default_factory=dict)
    text_is_out: bool = False
    run_inline = True  # before the handlers that show what they hear
    _given_up: threading.Event = field(default_factory=threading.Event)
    _stops: list[Callable[[], None]] = field(default_factory=list)

    def heard(self, config: RunnableConfig) -> RunnableConfig:
        """The config for the specialist, with this call as the first of those who hear it."""
        callbacks = config.get("callbacks")
        if isinstance(callbacks, BaseCallbackManager):
            manager = callbacks.copy()
            manager.handlers.insert(0, self)
            manager.inheritable_handlers.insert(0, self)
            return {**config, "callbacks": manager}
        return {**config, "callbacks": [self, *(callbacks or [])]}

    def run(self, work: Callable[[], T]) -> T:
        """The result of `work`, which asks the specialist once.

        Raises:
            SpecialistError: whatever went wrong, after the last try.
        """
        deadline = self._deadline()

        def once() -> T:
            with self._translated():
                return self._in_time(work, deadline)

        return Retrying(**retry_rules(self.patience, self._helps))(once)

    async def arun(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """`run` for an event loop."""
        deadline = self._deadline()

        async def once() -> T:
            with self._translated():
                return await self._ain_time(work, deadline)

        return await AsyncRetrying(**retry_rules(self.patience, self._helps))(once)

    def give_up(self) -> None:
        """Stop what can be stopped, and raise inside the rest as soon as it reports anything."""
        self._given_up.set()
        for stop in self._stops:
            stop()

    def when_given_up(self, stop: Callable[[], None]) -> None:
        """Have `stop` called, from another thread, when nobody waits for the answer any more."""
        self._stops.append(stop)
        if self._given_up.is_set():
            stop()

    def on_llm_new_token(
        self,
        token: str | list[Any],
        *,
        chunk: GenerationChunk | ChatGenerationChunk | None = None,
        run_id: UUID,
        **kwargs: Any,  # noqa: ANN401 - LangChain's signature
    ) -> None:
        """Remember that something has gone out."""
        del kwargs
        self._check()
        name = str(getattr(getattr(chunk, "message", None), "id", None) or run_id)
        self.streamed[name] = self.streamed.get(name, "") + (chunk.text if chunk else str(token))
        self.text_is_out = self.text_is_out or bool(token)

    def id_of(self, text: str) -> str | None:
        """The id of the message that was streamed with this text, if there is one.

        A chain may end in plain text, or in a message of its own; with another id, LangGraph would stream it again.
        """
        return next((name for name, said in self.streamed.items() if said == text), None)

    def on_chain_start(self, *args: object, **kwargs: object) -> None:
        """End a call that is given up at its next step."""
        self._check()

    def on_chat_model_start(self, *args: object, **kwargs: object) -> None:
        """As `on_chain_start`."""
        self._check()

    def on_tool_start(self, *args: object, **kwargs: object) -> None:
        """As `on_chain_start`."""
        self._check()

    def _check(self) -> None:
        if self._given_up.is_set():
            raise _GivenUp

    def _deadline(self) -> float | None:
        return None if self.patience.timeout_s is None else time.monotonic() + self.patience.timeout_s

    def _in_time(self, work: Callable[[], T], deadline: float | None) -> T:
        if deadline is None:
            return work()
        result: Future[T] = Future()

        def run() -> None:
            try:
                with _as_current(self):
                    result.set_result(work())
            except _GivenUp:
                # Kept by nobody, so that what the call had open, a connection for example, is closed now.
                return
            except BaseException as error:  # the other thread raises it
                result.set_exception(error)

        context = copy_context()
        # A daemon, so that a specialist that never returns does not keep the process from ending.
        threading.Thread(target=context.run, args=(run,), name=f"specialist:{self.route}", daemon=True).start()
        try:
            wait([result], timeout=max(0.0, deadline - time.monotonic()))
        finally:
            if not result.done():
                self.give_up()
        if result.done():
            return result.result()
        raise self._too_late()

    async def _ain_time(self, work: Callable[[], Coroutine[Any, Any, T]], deadline: float | None) -> T:
        if deadline is None:
            return await work()
        with _as_current(self):
            task = asyncio.ensure_future(work())
        try:
            await asyncio.wait({task}, timeout=max(0.0, deadline - time.monotonic()))
        finally:
            if not task.done():
                self.give_up()
                task.add_done_callback(_take_note)
                task.cancel()
        if task.done():
            return task.result()
        raise self._too_late()

    def _too_late(self) -> SpecialistError:
        seconds = self.patience.timeout_s
        problem = f"no answer within {seconds:g} s; give it longer with timeout_s, or shorten the answer"
        return SpecialistError(self.route, problem, retryable=True, cause="TimeoutError")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except GraphBubbleUp:
            # An interrupt or a jump to the parent graph: LangGraph's control flow, not a failure.
            raise
        except Exception as error:  # the border to foreign models: whatever they raise becomes ours
            if isinstance(error, SpecialistError):
                raise
            raise translate(self.route, error) from error

    def _helps(self, error: BaseException) -> bool:
        """After the first text has gone out a second try would show two beginnings, so there is none."""
        if self.text_is_out or not isinstance(error, SpecialistError):
            return False
        return error.retryable and (error.retry_after_s or 0.0) <= MAX_PAUSE_S


def stop_with_call(stop: Callable[[], None]) -> None:
    """Have `stop` called if the request that this code works for is given up; nothing happens outside of one."""
    call = _current.get()
    if call is not None:
        call.when_given_up(stop)


@contextmanager
def _as_current(call: Call) -> Iterator[None]:
    token = _current.set(call)
    try:
        yield
    finally:
        _current.reset(token)


def _take_note(task: asyncio.Future[Any]) -> None:
    """Hear a given-up task's end, which asyncio would otherwise complain about."""
    if not task.cancelled():
        task.exception()
