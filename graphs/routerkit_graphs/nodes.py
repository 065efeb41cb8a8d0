"""The specialist nodes: each calls one model with the conversation and appends its answer."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from langchain_core.messages import AIMessage, BaseMessage, SystemMessage
from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda
from langgraph.errors import GraphBubbleUp

from routerkit.errors import SpecialistError
from routerkit_graphs.answers import in_turns
from routerkit_graphs.calls import Call
from routerkit_graphs.failures import aannounce, announce, general_model_failed, record
from routerkit_graphs.patience import Patience
from routerkit_graphs.tracing import GraphWatch, handed_over, specialist_run

if TYPE_CHECKING:
    from collections.abc import Callable

    from routerkit_graphs.state import RoutingState

_Update = dict[str, Any]

_SILENT = {"text", "reasoning", "thinking", "redacted_thinking"}
"""Types of content that say nothing by being there; the names are LangChain's and the providers'."""


@dataclass(frozen=True)
class Seat:
    """One specialist's place in the graph.

    Attributes:
        category: the category it answers, and the name of its node.
        load: gives the model; the first call may take long, later ones return the same object.
        system_prompt: put in front of every conversation.
        patience: how long it is waited for, and how often it is tried again.
        sent: makes of a conversation what the model is sent.
    """

    category: str
    load: Callable[[], Runnable[Any, Any]]
    system_prompt: str | None
    patience: Patience = field(default_factory=Patience)
    sent: Callable[[Sequence[BaseMessage]], list[BaseMessage]] = list

    def asked(self, messages: Sequence[BaseMessage]) -> list[BaseMessage]:
        """A conversation as the model shall see it, with its instructions in front."""
        instructions = [SystemMessage(self.system_prompt)] if self.system_prompt else []
        return self.sent([*instructions, *messages])


def specialist_node(seat: Seat, fallback: str, watch: GraphWatch) -> RunnableLambda[RoutingState, _Update]:
    """The node of one specialist, for synchronous and asynchronous runs.

    A specialist that raises, takes too long or answers nothing hands over to the general model: the update then names
    `fallback` as the route, with the reason `specialist_failed` and the cause in `decision["error"]`. If the general
    model fails, the node raises.

    Args:
        seat: the specialist.
        fallback: category of the general model.
        watch: is told of failures.
    """

    def hand_over(state: RoutingState, error: Exception, call: Call) -> _Update:
        failure = watch.noted(record(error, [*call.streamed]), seat.category, state)
        return _hand_over(seat, fallback, state, error, failure)

    def answer(state: RoutingState, config: RunnableConfig) -> _Update:
        call = Call(seat.category, seat.patience)
        try:
            return ask(seat, call, state, config, last=seat.category == fallback)
        except GraphBubbleUp:
            # An interrupt or a jump to the parent graph: LangGraph's control flow, not a failure.
            raise
        except Exception as error:  # the border: whatever a foreign model raises, the person still gets an answer
            update = hand_over(state, error, call)
            announce(seat.category, update["decision"], config)
            return handed_over(update, config)

    async def aanswer(state: RoutingState, config: RunnableConfig) -> _Update:
        call = Call(seat.category, seat.patience)
        try:
            return await aask(seat, call, state, config, last=seat.category == fallback)
        except GraphBubbleUp:
            raise
        except Exception as error:  # the border, as above
            update = hand_over(state, error, call)
            await aannounce(seat.category, update["decision"], config)
            return handed_over(update, config)

    return RunnableLambda(answer, aanswer, name=f"specialist:{seat.category}")


def ask(seat: Seat, call: Call, state: RoutingState, config: RunnableConfig, *, last: bool) -> _Update:
    """Have a specialist answer; returns `{"messages": [...]}`, the new ones.

    Args:
        seat: the specialist.
        call: the request to it.
        state: holds the conversation.
        config: the node's.
        last: whether nobody stands in if it fails.

    Raises:
        Exception: whatever the specialist raises; `SpecialistError` if it returns no answer.
    """
    with specialist_run(seat.category, state, config, last=last) as traced:
        model = seat.load()
        output = call.run(partial(model.invoke, _input(seat, model, state), call.heard(traced)))
        return _update(seat, call, state, output)


async def aask(seat: Seat, call: Call, state: RoutingState, config: RunnableConfig, *, last: bool) -> _Update:
    """`ask` for an event loop."""
    with specialist_run(seat.category, state, config, last=last) as traced:
        model = await asyncio.to_thread(seat.load)
        output = await call.arun(partial(model.ainvoke, _input(seat, model, state), call.heard(traced)))
        return _update(seat, call, state, output)


def _input(seat: Seat, model: Runnable[Any, Any], state: RoutingState) -> Any:  # noqa: ANN401 - as the model wants it
    messages = seat.asked(in_turns(state["messages"]))
    return messages if channels_of(model) is None else {"messages": messages}


def channels_of(model: object) -> Mapping[str, Any] | None:
    """The channels of the graph that a Runnable is, retries, binds or loads again; None for what is no graph."""
    while hasattr(model, "bound"):
        model = model.bound
    return getattr(model, "channels", None)


def _update(seat: Seat, call: Call, state: RoutingState, output: object) -> _Update:
    answer = output["messages"] if isinstance(output, Mapping) and "messages" in output else output
    seen = {message.id for message in state["messages"]}
    if isinstance(answer, str):
        answer = AIMessage(answer)
    if isinstance(answer, AIMessage) and answer.id is None:
        answer = answer.model_copy(update={"id": call.id_of(answer.text)})
    if isinstance(answer, BaseMessage):
        taken = seen | set(state.get("decision", {}).get("error", {}).get("discard", []))
        # Some servers give many answers one id, and a second message with an id would replace the first.
        new = [answer.model_copy(update={"id": str(uuid4())}) if answer.id in taken else answer]
    elif isinstance(answer, Sequence) and all(isinstance(message, BaseMessage) for message in answer):
        new = [message for message in answer if message.id is None or message.id not in seen]
        if not new:
            raise SpecialistError(seat.category, "returned no new message; it must add an answer to the conversation")
    else:
        raise SpecialistError(
            seat.category, f"returned {type(answer).__name__}; expected a message, text, or a state with 'messages'"
        )
    if not any(_says_something(message) for message in new):
        raise SpecialistError(seat.category, "the answer is empty; check the model, its prompt and its stop texts")
    return {"messages": new}


def _says_something(message: BaseMessage) -> bool:
    """Whether there is anything in it beside blank text and thoughts."""
    blocks = [] if isinstance(message.content, str) else message.content
    shown = any(isinstance(block, dict) and block.get("type") not in _SILENT for block in blocks)
    return shown or bool(message.text.strip()) or bool(getattr(message, "tool_calls", None))


def _hand_over(seat: Seat, fallback: str, state: RoutingState, error: Exception, failure: Mapping[str, Any]) -> _Update:
    decision = state.get("decision", {})
    if seat.category == fallback:
        # A translation names its original, which tells more.
        cause = error.__cause__ if isinstance(error, SpecialistError) else None
        raise general_model_failed(fallback, error, decision) from cause or error
    failed = {**decision, "route": fallback, "reason": "specialist_failed", "error": failure}
    return {"route": fallback, "decision": failed}
