"""Which model answers a conversation: the same parts as in the routing graph, for places without a graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from langchain_core.messages import HumanMessage
from langchain_core.runnables import Runnable

from routerkit.config import CATEGORIES, GraphConfig
from routerkit.errors import GraphConfigError
from routerkit.messages import conversation_of
from routerkit.policy import default_fallback
from routerkit.spec import Spec
from routerkit.watch import Watch
from routerkit_graphs.nodes import channels_of
from routerkit_graphs.wiring import REST, check_types, wire

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from langchain_core.messages import BaseMessage

    from routerkit.decision import Decision
    from routerkit.router import Router
    from routerkit_graphs.nodes import Seat
    from routerkit_graphs.wiring import Wiring

ModelSource = Runnable[Any, Any] | Spec | Mapping[str, Any] | str
"""A chat model, or an entry as in `model_mappings`."""


@dataclass(frozen=True, slots=True)
class Pick:
    """A decision, and the model that it names, loaded.

    Attributes:
        decision: where the conversation goes, and why.
        model: the chat model of the route.
        seat: the model's place, which knows its instructions and how long a conversation may be.
    """

    decision: Decision
    model: Runnable[Any, Any]
    seat: Seat

    def messages(self, conversation: Sequence[BaseMessage]) -> list[BaseMessage]:
        """The conversation as the model shall see it."""
        return self.seat.asked(conversation)


class ModelPicker:
    """Picks a model for each conversation. Safe to share between threads.

    Args:
        wiring: router and models that are known to fit together.
        watch: observes the decisions.
    """

    def __init__(self, wiring: Wiring, watch: Watch) -> None:
        self.router = wiring.router
        self._watch = watch
        self._seats: dict[str, Seat] = {seat.category: seat for seat in wiring.seats}
        self._fallback = wiring.fallback

    @classmethod
    def of(
        cls,
        models: Mapping[str, ModelSource],
        router: Router | None = None,
        config: GraphConfig | Mapping[str, Any] | str | Path | None = None,
    ) -> ModelPicker:
        """Check the parts and put them together.

        Args:
            models: for a category, a chat model or an entry as in `model_mappings`; `"*"` stands for all categories
                not named.
            router: decides; the one that `config` names unless given, and the starter without either.
            config: everything else, see `GraphConfig.load`; `models` wins over its `model_mappings`.

        Raises:
            ConfigError: if the configuration cannot be read.
            GraphConfigError: if categories, models and router do not fit together.
            ArtefactError: if the router is missing or damaged.
        """
        check_types("models", models, router)
        loaded = _base(router) if config is None else GraphConfig.load(config)
        models = _named(models, loaded.categories)
        loaded = _with_entries(loaded, models)
        graphs = sorted(name for name, model in models.items() if channels_of(model) is not None)
        if graphs:
            raise GraphConfigError([f"models[{name!r}] is a graph, expected a chat model" for name in graphs])
        given = {name: model for name, model in models.items() if isinstance(model, Runnable)}
        wiring = wire(loaded, given, router, argument="models")
        return cls(wiring, Watch.from_config(loaded, wiring.router))

    def pick(self, conversation: Sequence[BaseMessage]) -> Pick:
        """Decide by the last human message, and load the model; the first use of a model may take long.

        A turn is observed once: calls that go on after a tool's answer decide the same and are not logged again.

        Raises:
            InputError: if there is no human message, or it cannot be classified.
            SpecialistError: if the model cannot be loaded.
        """
        seen = self._watch.observe(conversation_of(conversation))
        if isinstance(conversation[-1], HumanMessage):
            self._watch.decided(seen)
        seat = self._seats[seen.decision.route]
        return Pick(seen.decision, seat.load(), seat)

    def general(self) -> Runnable[Any, Any]:
        """The general model, loaded.

        Raises:
            SpecialistError: if it cannot be loaded.
        """
        return self._seats[self._fallback].load()


def _base(router: Router | None) -> GraphConfig:
    categories = router.categories if router else CATEGORIES
    fallback = router.policy.fallback if router else default_fallback(categories)
    return GraphConfig(categories=categories, fallback=fallback)


def _named(models: Mapping[str, ModelSource], categories: Sequence[str]) -> dict[str, ModelSource]:
    """`"*"` written out: here it shall not win over an entry of `models` that is to be loaded."""
    rest = dict.fromkeys(categories, models[REST]) if REST in models else {}
    return {**rest, **{name: model for name, model in models.items() if name != REST}}


def _with_entries(config: GraphConfig, models: Mapping[str, ModelSource]) -> GraphConfig:
    entries = {name: model for name, model in models.items() if not isinstance(model, Runnable)}
    if not entries:
        return config
    settings = config.model_dump(exclude_unset=True)
    plain = {name: entry.model_dump() if isinstance(entry, Spec) else entry for name, entry in entries.items()}
    return GraphConfig.load({**settings, "model_mappings": {**settings.get("model_mappings", {}), **plain}})
