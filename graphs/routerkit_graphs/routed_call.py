"""One call of `RouterChatModel`: the chosen model with everything that is passed on to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, cast

from langchain_core.callbacks import AsyncCallbackManager, CallbackManager
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import merge_configs

from routerkit.errors import SpecialistError
from routerkit.tracing import attributes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun

    from routerkit_graphs.picking import Pick

M = TypeVar("M", bound=AIMessage)

METADATA_KEY = "routerkit"
"""Where an answer's `response_metadata` holds the fields of the decision."""

_UNSTREAMED = "nostream"
"""LangGraph's tag for runs whose tokens it shall not emit: those of the run around them are."""


@dataclass
class RoutedCall:
    """A call that is ready to be made.

    Attributes:
        route: name of the route.
        decision: the fields of the decision; empty once they have been written on a chunk, because merging chunks
            joins equal keys.
        model: the chosen model, with tools if there are any.
        messages: what it is asked.
        config: describes the decision to tracers.
        kwargs: further arguments of the caller.
    """

    route: str
    decision: Mapping[str, Any]
    model: Runnable[Any, Any]
    messages: list[BaseMessage]
    config: RunnableConfig
    kwargs: dict[str, Any]

    @classmethod
    def prepared(
        cls, pick: Pick, messages: list[BaseMessage], config: RunnableConfig, kwargs: dict[str, Any]
    ) -> RoutedCall:
        """Put a call together.

        Args:
            pick: the decision and its model.
            messages: the conversation.
            config: the caller's.
            kwargs: the caller's; with `tools`, all of them are given to the model's own `bind_tools`.

        Raises:
            SpecialistError: if there are tools, and the model cannot call tools.
        """
        decision = pick.decision.to_dict()
        told = RunnableConfig(tags=attributes.tags_of(decision), metadata=dict(attributes.of_decision(decision)))
        model = pick.model
        if "tools" in kwargs:
            model, kwargs = _with_tools(pick, kwargs), {}
        return cls(pick.decision.route, decision, model, pick.messages(messages), merge_configs(config, told), kwargs)

    def answer(self, output: object) -> AIMessage:
        """The model's answer with the decision in its `response_metadata`.

        Raises:
            SpecialistError: if it is no answer of a chat model.
        """
        if not isinstance(output, AIMessage):
            raise SpecialistError(self.route, f"returned {type(output).__name__}; expected a chat model's AIMessage")
        return self._described(output)

    def chunk(self, output: object) -> AIMessageChunk:
        """`answer` for a part of it; what a model that does not stream returns becomes one chunk."""
        if isinstance(output, AIMessage) and not isinstance(output, AIMessageChunk):
            output = AIMessageChunk(**output.model_dump(exclude={"type"}), chunk_position="last")
        if not isinstance(output, AIMessageChunk):
            raise SpecialistError(self.route, f"streamed {type(output).__name__}; expected a chat model's chunks")
        described = self._described(output)
        self.decision = {}
        return described

    def _described(self, message: M) -> M:
        if not self.decision:
            return message
        metadata = {**message.response_metadata, METADATA_KEY: dict(self.decision)}
        return message.model_copy(update={"response_metadata": metadata})


def beneath(run: CallbackManagerForLLMRun | None) -> RunnableConfig:
    """The config for a call inside of a chat model's own run, whose managers do not make children by themselves."""
    if run is None:
        return RunnableConfig(tags=[_UNSTREAMED])
    manager = CallbackManager(handlers=[], parent_run_id=run.run_id)
    manager.set_handlers(run.inheritable_handlers)
    return RunnableConfig(callbacks=manager, tags=[*run.inheritable_tags, _UNSTREAMED])


def abeneath(run: AsyncCallbackManagerForLLMRun | None) -> RunnableConfig:
    """`beneath` for an event loop."""
    if run is None:
        return RunnableConfig(tags=[_UNSTREAMED])
    manager = AsyncCallbackManager(handlers=[], parent_run_id=run.run_id)
    manager.set_handlers(run.inheritable_handlers)
    return RunnableConfig(callbacks=manager, tags=[*run.inheritable_tags, _UNSTREAMED])


def check_tools(route: str, model: Runnable[Any, Any]) -> None:
    """Check that a model can call tools.

    Raises:
        SpecialistError: if it cannot.
    """
    bind = getattr(type(model), "bind_tools", None) or getattr(model, "bind_tools", None)
    if bind in {None, BaseChatModel.bind_tools}:
        raise SpecialistError(
            route, f"{type(model).__name__} cannot call tools; name a model that can, or route such calls elsewhere"
        )


def _with_tools(pick: Pick, kwargs: dict[str, Any]) -> Runnable[Any, Any]:
    check_tools(pick.decision.route, pick.model)
    options = {key: value for key, value in kwargs.items() if key != "tools"}
    bound: Runnable[Any, Any] = cast("BaseChatModel", pick.model).bind_tools(kwargs["tools"], **options)
    return bound
