"""The router as a LangChain Runnable: usable in chains, and as the router node of a LangGraph graph."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from langchain_core.runnables import Runnable, RunnableConfig

from routerkit.errors import InputError
from routerkit.messages import RouterInput, conversation_of, is_state_object
from routerkit.tracing import runs
from routerkit.watch import Watch

if TYPE_CHECKING:
    from langchain_core.callbacks import AsyncCallbackManagerForChainRun, CallbackManagerForChainRun

    from routerkit.conversation.history import Conversation, Mode
    from routerkit.decision import Decision
    from routerkit.router import Router

RouterOutput = Any
"""A `Decision` for text and messages; the state update `{"route", "decision"}` for a state."""


class RouterRunnable(Runnable[Any, RouterOutput]):
    """Routes whatever LangChain passes around.

    A string, a message or a list of messages gives a `Decision`. A state with `messages` gives the update
    `{"route": str, "decision": dict}`, so the object itself can be passed to `add_node`.

    Its run in a trace carries the decision as metadata and tags, and sends it as the custom event
    `routerkit.decision`.

    To type checkers its input is `Any`, for it stands behind prompts and in graphs of any state; `invoke` names what
    it really takes.

    Args:
        router: the router to ask.
        watch: also keeps a log of its decisions, for example.
        conversation: what of a conversation is routed, see `Mode`; a `watch` has its own.
    """

    def __init__(self, router: Router, *, watch: Watch | None = None, conversation: Mode = "last") -> None:
        self.router = router
        self._watch = watch or Watch(router, conversation=conversation)
        self.name = "router"

    def invoke(self, input: RouterInput, config: RunnableConfig | None = None, **kwargs: Any) -> RouterOutput:  # noqa: A002, ANN401 - LangChain's signature
        """Route one input.

        Raises:
            InputError: if there is no text to route, or it cannot be classified.
        """
        return self._call_with_config(self._route, input, config, run_type="chain", **kwargs)

    async def ainvoke(self, input: RouterInput, config: RunnableConfig | None = None, **kwargs: Any) -> RouterOutput:  # noqa: A002, ANN401 - LangChain's signature
        """`invoke` in one of the router's few worker threads.

        Raises:
            InputError: if there is no text to route, or it cannot be classified.
            OverloadError: if `router_config.max_queue` queries wait already.
        """
        return await self._acall_with_config(self._aroute, input, config, run_type="chain", **kwargs)

    def batch(
        self,
        inputs: list[RouterInput],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,  # noqa: ANN401 - LangChain's signature
    ) -> list[RouterOutput]:
        """Route several inputs in true batches, not in one thread each."""
        return self._batch_with_config(self._route_all, inputs, config, return_exceptions=return_exceptions, **kwargs)

    async def abatch(
        self,
        inputs: list[RouterInput],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any | None,  # noqa: ANN401 - LangChain's signature
    ) -> list[RouterOutput]:
        """`batch` in a worker thread."""
        return await asyncio.to_thread(self.batch, inputs, config, return_exceptions=return_exceptions, **kwargs)

    def _route(self, value: RouterInput, run_manager: CallbackManagerForChainRun) -> RouterOutput:
        seen = self._watch.route(conversation_of(value))
        runs.report(run_manager, seen)
        return _output(value, seen.decision)

    async def _aroute(self, value: RouterInput, run_manager: AsyncCallbackManagerForChainRun) -> RouterOutput:
        return await self.router.in_worker(partial(self._route, value, run_manager.get_sync()))

    def _route_all(
        self, values: list[RouterInput], run_manager: list[CallbackManagerForChainRun]
    ) -> list[RouterOutput]:
        """Route what can be routed; a bad input's error takes its place, so that it does not spoil the others."""
        outputs: list[RouterOutput] = []
        good: list[tuple[int, Conversation]] = []
        for position, value in enumerate(values):
            try:
                conversation = conversation_of(value)
                self.router.check(conversation.query)
                good.append((position, conversation))
                outputs.append(None)
            except InputError as error:
                outputs.append(InputError(f"input {position} of the batch (counted from 0): {error}"))
        for (position, _), seen in zip(good, self._watch.route_batch([one for _, one in good]), strict=True):
            runs.report(run_manager[position], seen)
            outputs[position] = _output(values[position], seen.decision)
        return outputs


def _output(value: RouterInput, decision: Decision) -> RouterOutput:
    if isinstance(value, Mapping) or is_state_object(value):
        return {"route": decision.route, "decision": decision.to_dict()}
    return decision
