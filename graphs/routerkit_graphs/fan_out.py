"""The nodes that have a mixed query answered by several specialists at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from langchain_core.runnables import RunnableConfig, RunnableLambda
from langgraph.channels import Topic
from langgraph.errors import GraphBubbleUp
from langgraph.graph import END
from langgraph.types import Send
from typing_extensions import NotRequired  # noqa: UP035, TC002 - LangGraph evaluates the annotations with it

from routerkit_graphs.answers import side_by_side, to_merge
from routerkit_graphs.calls import Call
from routerkit_graphs.failures import aannounce, announce, record
from routerkit_graphs.nodes import Seat, aask, ask
from routerkit_graphs.state import RoutingState

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from langchain_core.messages import BaseMessage
    from langgraph.graph import StateGraph

    from routerkit.fan_out import FanOutConfig
    from routerkit_graphs.context import RoutingContext
    from routerkit_graphs.tracing import GraphWatch
    from routerkit_graphs.wiring import Wiring

CONSULT_NODE = "consult"
JOIN_NODE = "join"
SEVERAL = "several"
"""Label of the way to the nodes below."""

_ANSWERED = "answered"
_ALL_FAILED = "all specialists failed"
_UNSTREAMED = "nostream"
"""LangGraph's tag for runs whose tokens are not for the reader."""

_Update = dict[str, Any]


class Consulted(RoutingState):
    """What one specialist of several is given.

    Attributes:
        asked: its category.
    """

    asked: str


class Joining(RoutingState):
    """What the join is given.

    Attributes:
        answers: one entry for each specialist: `route`, and `messages` or `error`. Gone after the join.
    """

    answers: NotRequired[Annotated[list[dict[str, Any]], Topic(dict)]]


def add_fan_out(
    builder: StateGraph[RoutingState, RoutingContext, RoutingState, RoutingState],
    wiring: Wiring,
    config: FanOutConfig,
    watch: GraphWatch,
) -> None:
    """Add the nodes and their edges; `send_to_several` leads to them."""
    builder.add_node(CONSULT_NODE, _consult(wiring, config, watch), input_schema=Consulted)
    builder.add_node(JOIN_NODE, _join(wiring, config, watch), input_schema=Joining)
    builder.add_edge(CONSULT_NODE, JOIN_NODE)
    ways: dict[Hashable, str] = {_ANSWERED: END, _ALL_FAILED: wiring.fallback}
    builder.add_conditional_edges(JOIN_NODE, _by_answers, ways)


def send_to_several(state: RoutingState) -> list[Send]:
    """One task for each specialist that the decision names; none for a decision that names one route only."""
    shared = {"messages": state["messages"], "decision": state["decision"]}
    routes = state["decision"].get("routes", [])
    return [Send(CONSULT_NODE, {**shared, "route": route, "asked": route}) for route in routes]


def _consult(wiring: Wiring, settings: FanOutConfig, watch: GraphWatch) -> RunnableLambda[Consulted, _Update]:
    seats = {seat.category: seat for seat in wiring.seats}

    def prepared(state: Consulted, config: RunnableConfig) -> tuple[Seat, Call, RunnableConfig]:
        seat = seats[state["asked"]]
        if settings.join == "merge":
            config = {**config, "tags": [*(config.get("tags") or []), _UNSTREAMED]}
        return seat, Call(seat.category, seat.patience), config

    def consult(state: Consulted, config: RunnableConfig) -> _Update:
        seat, call, told = prepared(state, config)
        try:
            return _answers(seat, ask(seat, call, _own(state), told, last=False))
        except GraphBubbleUp:
            raise
        except Exception as error:  # the border: one specialist's failure leaves the others their answers
            failure = watch.noted(record(error, [*call.streamed]), seat.category, state)
            announce(seat.category, {"route": JOIN_NODE, "error": failure}, config)
            return _failed(seat, failure)

    async def aconsult(state: Consulted, config: RunnableConfig) -> _Update:
        seat, call, told = prepared(state, config)
        try:
            return _answers(seat, await aask(seat, call, _own(state), told, last=False))
        except GraphBubbleUp:
            raise
        except Exception as error:  # the border, as above
            failure = watch.noted(record(error, [*call.streamed]), seat.category, state)
            await aannounce(seat.category, {"route": JOIN_NODE, "error": failure}, config)
            return _failed(seat, failure)

    return RunnableLambda(consult, aconsult, name="specialists")


def _own(state: Consulted) -> RoutingState:
    decision = {**state["decision"], "route": state["asked"]}
    return RoutingState(messages=state["messages"], route=state["asked"], decision=decision)


def _answers(seat: Seat, update: _Update) -> _Update:
    return {"answers": [{"route": seat.category, "messages": update["messages"]}]}


def _failed(seat: Seat, failure: Mapping[str, Any]) -> _Update:
    return {"answers": [{"route": seat.category, "error": failure}]}


def _join(wiring: Wiring, settings: FanOutConfig, watch: GraphWatch) -> RunnableLambda[Joining, _Update]:
    general = next(seat for seat in wiring.seats if seat.category == wiring.fallback)

    def together(state: Joining) -> tuple[dict[str, Sequence[BaseMessage]], _Update]:
        return _gathered(state, wiring.fallback)

    def join(state: Joining, config: RunnableConfig) -> _Update:
        found, update = together(state)
        if len(found) < 2 or settings.join == "side_by_side":
            return _told(found, update)
        call = Call(general.category, general.patience)
        try:
            return {**update, **ask(general, call, _merging(state, found), config, last=False)}
        except GraphBubbleUp:
            raise
        except Exception as error:  # the border: the answers are there, and are told as they are
            unmerged = _unmerged(update, watch.noted(record(error, [*call.streamed]), general.category, state))
            announce(general.category, {"route": JOIN_NODE, "error": unmerged["decision"]["error"]}, config)
            return _told(found, unmerged)

    async def ajoin(state: Joining, config: RunnableConfig) -> _Update:
        found, update = together(state)
        if len(found) < 2 or settings.join == "side_by_side":
            return _told(found, update)
        call = Call(general.category, general.patience)
        try:
            return {**update, **await aask(general, call, _merging(state, found), config, last=False)}
        except GraphBubbleUp:
            raise
        except Exception as error:  # the border, as above
            unmerged = _unmerged(update, watch.noted(record(error, [*call.streamed]), general.category, state))
            await aannounce(general.category, {"route": JOIN_NODE, "error": unmerged["decision"]["error"]}, config)
            return _told(found, unmerged)

    return RunnableLambda(join, ajoin, name=JOIN_NODE)


def _gathered(state: Joining, fallback: str) -> tuple[dict[str, Sequence[BaseMessage]], _Update]:
    """The answers in the decision's order, and the state update that says who answered and who failed."""
    by_route = {answer["route"]: answer for answer in state.get("answers", [])}
    decision = dict(state["decision"])
    found: dict[str, Sequence[BaseMessage]] = {}
    failed: dict[str, Any] = {}
    for route in decision["routes"]:
        if "messages" in by_route[route]:
            found[route] = by_route[route]["messages"]
        else:
            failed[route] = by_route[route]["error"]
    if failed:
        decision["failed"] = failed
    route = next(iter(found), fallback)
    if not found:
        decision.update(reason="specialist_failed", error=next(iter(failed.values())))
    return found, {"route": route, "decision": {**decision, "route": route}}


def _told(found: Mapping[str, Sequence[BaseMessage]], update: _Update) -> _Update:
    messages = side_by_side(found) if len(found) > 1 else [message for one in found.values() for message in one]
    return {**update, "messages": messages}


def _merging(state: Joining, found: Mapping[str, Sequence[BaseMessage]]) -> RoutingState:
    messages: Any = to_merge(state["messages"], found)
    return RoutingState(messages=messages, route=state["route"], decision=state["decision"])


def _unmerged(update: _Update, failure: dict[str, Any]) -> _Update:
    return {**update, "decision": {**update["decision"], "error": failure}}


def _by_answers(state: RoutingState) -> str:
    return _ALL_FAILED if state["decision"]["reason"] == "specialist_failed" else _ANSWERED
