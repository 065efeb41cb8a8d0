"""The specialist nodes: each calls one model with the conversation and appends its answer."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessage, BaseMessage, SystemMessage
from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda
from langgraph.errors import GraphBubbleUp
from langgraph.pregel import Pregel

from routerkit.errors import SpecialistError

if TYPE_CHECKING:
    from collections.abc import Callable

    from routerkit_graphs.state import RoutingState

_Update = dict[str, Any]


@dataclass(frozen=True)
class Seat:
    """One specialist's place in the graph.

    Attributes:
        category: the category it answers, and the name of its node.
        load: gives the model; the first call may take long, later ones return the same object.
        system_prompt: put in front of every conversation.
    """

    category: str
    load: Callable[[], Runnable[Any, Any]]
    system_prompt: str | None


def specialist_node(seat: Seat, fallback: str) -> RunnableLambda[RoutingState, _Update]:
    """The node of one specialist, for synchronous and asynchronous runs.

    A specialist that raises hands over to the general model: the update then names `fallback` as the route, with
    the reason `specialist_failed` and the cause in `decision["error"]`. If the general model raises, so does the
    node.

    Args:
        seat: the specialist.
        fallback: category of the general model.
    """

    def answer(state: RoutingState, config: RunnableConfig) -> _Update:
        try:
            model = seat.load()
            return _update(seat, state, model.invoke(_input(seat, model, state), config))
        except GraphBubbleUp:
            # An interrupt or a jump to the parent graph: LangGraph's control flow, not a failure.
            raise
        except Exception as error:  # the border: whatever a foreign model raises, the person still gets an answer
            return _hand_over(seat, fallback, state, error)

    async def aanswer(state: RoutingState, config: RunnableConfig) -> _Update:
        try:
            model = await asyncio.to_thread(seat.load)
            return _update(seat, state, await model.ainvoke(_input(seat, model, state), config))
        except GraphBubbleUp:
            raise
        except Exception as error:  # the border, as above
            return _hand_over(seat, fallback, state, error)

    return RunnableLambda(answer, aanswer, name=f"specialist:{seat.category}")


def _input(seat: Seat, model: Runnable[Any, Any], state: RoutingState) -> Any:  # noqa: ANN401 - as the model wants it
    messages: list[Any] = list(state["messages"])
    if seat.system_prompt:
        messages.insert(0, SystemMessage(seat.system_prompt))
    return {"messages": messages} if isinstance(model, Pregel) else messages


def _update(seat: Seat, state: RoutingState, output: object) -> _Update:
    answer = output["messages"] if isinstance(output, Mapping) and "messages" in output else output
    if isinstance(answer, str):
        return {"messages": [AIMessage(answer)]}
    if isinstance(answer, BaseMessage):
        return {"messages": [answer]}
    if isinstance(answer, Sequence) and all(isinstance(message, BaseMessage) for message in answer):
        seen = {message.id for message in state["messages"]}
        new = [message for message in answer if message.id is None or message.id not in seen]
        if new:
            return {"messages": new}
        raise SpecialistError(seat.category, "returned no new message; it must add an answer to the conversation")
    raise SpecialistError(
        seat.category, f"returned {type(answer).__name__}; expected a message, text, or a state with 'messages'"
    )


def _hand_over(seat: Seat, fallback: str, state: RoutingState, error: Exception) -> _Update:
    decision = state.get("decision", {})
    if seat.category != fallback:
        cause = {"type": type(error).__name__, "message": str(error)}
        failed = {**decision, "route": fallback, "reason": "specialist_failed", "error": cause}
        return {"route": fallback, "decision": failed}
    problem = f"the general model failed, {_described(error)}"
    if "error" in decision:
        first = decision["error"]
        problem += f"; before it the specialist {decision['category']!r} failed, {first['type']}: {first['message']}"
    retryable = isinstance(error, SpecialistError) and error.retryable
    raise SpecialistError(fallback, problem, retryable=retryable) from error


def _described(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
