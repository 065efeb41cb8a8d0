"""`RoutingMiddleware`: an agent of `langchain.agents.create_agent` that answers with the model that knows best."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

from typing_extensions import NotRequired  # noqa: UP035, TC002 - LangGraph evaluates the annotations with it

from routerkit.errors import SpecialistError, require

require("agents", "langchain")

from langchain.agents.middleware import AgentMiddleware, AgentState, ExtendedModelResponse  # noqa: E402 - see above
from langchain_core.messages import AIMessage, BaseMessage, SystemMessage  # noqa: E402
from langgraph.types import Command  # noqa: E402

from routerkit_graphs.picking import ModelPicker, ModelSource, Pick  # noqa: E402
from routerkit_graphs.routed_call import check_tools  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

    from langchain.agents.middleware import ModelRequest, ModelResponse

    from routerkit.config import GraphConfig
    from routerkit.router import Router


class RoutedAgentState(AgentState[Any]):
    """The agent's state with the latest decision; see `RoutingState`."""

    route: NotRequired[str]
    decision: NotRequired[dict[str, Any]]


class RoutingMiddleware(AgentMiddleware[RoutedAgentState, Any, Any]):
    """Picks the model of an agent for each of its calls, by the last human message.

    ```python
    models = {"math": my_math_model, "*": my_general_model}
    create_agent(my_general_model, tools, middleware=[RoutingMiddleware(models)])
    ```

    The whole loop over tools that answers one question stays with one model. The agent's state gets `route` and
    `decision` as the routing graph's does. The model given to `create_agent` is never asked.

    Args:
        models: for a category, a chat model or an entry as in `model_mappings`; `"*"` stands for all categories not
            named.
        router: decides; by default the one that `config` names, or the starter.
        config: everything else, as for `build_graph`; `models` wins over its `model_mappings`.

    Raises:
        ConfigError: if the configuration cannot be read.
        GraphConfigError: if categories, models and router do not fit together.
        ArtefactError: if the router is missing or damaged.
    """

    state_schema = RoutedAgentState

    def __init__(
        self,
        models: Mapping[str, ModelSource],
        *,
        router: Router | None = None,
        config: GraphConfig | Mapping[str, Any] | str | Path | None = None,
    ) -> None:
        super().__init__()
        self._picker = ModelPicker.of(models, router, config)

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ExtendedModelResponse[Any]:
        """Have the chosen model called.

        Raises:
            InputError: if there is no human message, or it cannot be classified.
            SpecialistError: if the model cannot be loaded, shall call tools and cannot, or returns no message.
        """
        pick = self._picker.pick(request.messages)
        return _noted(pick, handler(_to(pick, request)))

    async def awrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]]
    ) -> ExtendedModelResponse[Any]:
        """`wrap_model_call` for an event loop."""
        pick = await asyncio.to_thread(self._picker.pick, request.messages)
        return _noted(pick, await handler(_to(pick, request)))


def _to(pick: Pick, request: ModelRequest[Any]) -> ModelRequest[Any]:
    if request.tools:
        check_tools(pick.decision.route, pick.model)
    # The agent's instructions and tools do not count for the length; the room is the conversation's.
    changes: dict[str, Any] = {"model": pick.model, "messages": pick.seat.sent(request.messages)}
    if pick.seat.system_prompt:
        own = request.system_message.text if request.system_message else ""
        changes["system_message"] = SystemMessage("\n\n".join(filter(None, [pick.seat.system_prompt, own])))
    return request.override(**changes)


def _noted(pick: Pick, response: ModelResponse[Any]) -> ExtendedModelResponse[Any]:
    decision = pick.decision.to_dict()
    for position, message in enumerate(cast("list[object]", response.result)):
        if not isinstance(message, BaseMessage):
            found = type(message).__name__
            raise SpecialistError(pick.decision.route, f"returned {found}; expected a chat model's AIMessage")
        if isinstance(message, AIMessage):
            metadata = {**message.response_metadata, "routerkit": decision}
            response.result[position] = message.model_copy(update={"response_metadata": metadata})
    update = {"route": pick.decision.route, "decision": decision}
    return ExtendedModelResponse(model_response=response, command=Command(update=update))
