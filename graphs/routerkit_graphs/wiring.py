"""Do categories, specialists, router and fallback fit together? Checked before anything is compiled.

LangGraph itself does not check: a route without a node ends a run silently or with a bare `KeyError`.
"""

from __future__ import annotations

import difflib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from langchain_core.runnables import Runnable
from langgraph.graph import END, START

from routerkit.errors import GraphConfigError
from routerkit.router import Router
from routerkit.specialists import RemoteSpecialist
from routerkit.store import open_artefact
from routerkit_graphs.backends import LazyModel
from routerkit_graphs.backends.fitting import for_server, room_for_prompt
from routerkit_graphs.backends.huggingface.sources import is_miniature
from routerkit_graphs.nodes import Seat, channels_of
from routerkit_graphs.patience import Patience
from routerkit_graphs.state import RoutingState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from routerkit.config import GraphConfig, Specialist

logger = logging.getLogger("routerkit_graphs")

REST = "*"
"""In `specialists=`: the model of all categories that are not named."""

_RESERVED_NAMES = {START, END, "consult", "join", "answers", *RoutingState.__annotations__}
_RESERVED_CHARACTERS = ("|", ":")


@dataclass(frozen=True)
class Wiring:
    """A routing graph that is known to fit together.

    Attributes:
        router: decides.
        seats: one per category, in the order of the configuration.
        fallback: category of the general model.
    """

    router: Router
    seats: list[Seat]
    fallback: str


def wire(
    config: GraphConfig,
    given: Mapping[str, Runnable[Any, Any]],
    router: Router | None,
    models: Callable[[str, Specialist], LazyModel] = LazyModel,
    argument: str = "specialists",
) -> Wiring:
    """Check the parts and put them together.

    Args:
        config: names the categories, the router, the specialists and the fallback.
        given: specialists handed over in Python; they win over the configured ones.
        router: used in place of the configured one.
        models: gives the model of a category and its entry.
        argument: what the caller's callers know `given` as.

    Raises:
        GraphConfigError: listing every fault.
        ArtefactError: if the router is missing or damaged.
    """
    check_types(argument, given, router)
    known = router.categories if router else open_artefact(config.router_config.model_path).manifest.categories
    faults = [
        *_category_faults(config, known),
        *_specialist_faults(config, given, argument),
        *_given_faults(config.categories, given, argument),
        *_router_faults(config, known, router),
    ]
    if faults:
        raise GraphConfigError(faults)
    router = router or Router.from_config(config.router_config, fallback=config.fallback)
    configured = [config.model_mappings[name] for name in config.categories if name not in given and REST not in given]
    if any(is_miniature(spec.model) for spec in configured):
        _say_miniatures()
    seats = [_seat(config, given, category, models) for category in config.categories]
    return Wiring(router, seats, config.fallback)


def check_types(argument: str, given: object, router: object) -> None:
    """Find the slips that would end in an error about something else.

    Args:
        argument: what `given` is called.
        given: the models.
        router: who decides, if that is given too.

    Raises:
        GraphConfigError: if `given` is no mapping, or `router` is something else.
    """
    faults = []
    if not isinstance(given, Mapping):
        found = type(given).__name__
        faults.append(f"{argument}= is {found}, expected a mapping such as {{'*': model}}, which is for all categories")
    if router is not None and not isinstance(router, Router):
        faults.append(f"router= is {type(router).__name__}, expected a Router such as Router.from_pretrained makes")
    if faults:
        raise GraphConfigError(faults)


@cache
def _say_miniatures() -> None:
    """Once per process."""
    logger.info(
        "the specialists are miniatures: demonstration models of about a million parameters, whose answers are not "
        'useful; for real ones use build_graph("laptop"), name models in a YAML file, or pass '
        "build_graph(specialists={...})"
    )


def _seat(
    config: GraphConfig,
    given: Mapping[str, Runnable[Any, Any]],
    category: str,
    models: Callable[[str, Specialist], LazyModel],
) -> Seat:
    runnable = given.get(category, given.get(REST))
    if runnable is not None:
        return Seat(category, lambda: runnable, None, Patience(config.retries, config.timeout_s))
    spec = config.model_mappings[category]
    patience = Patience(
        config.retries if spec.retries is None else spec.retries,
        config.timeout_s if spec.timeout_s is None else spec.timeout_s,
    )
    # The endpoints' own limit shall be the same one.
    spec = spec.model_copy(update={"timeout_s": patience.timeout_s})
    load = models(category, spec).get
    if not isinstance(spec, RemoteSpecialist):
        # Local models shorten a conversation themselves, counting with their own tokenizers.
        return Seat(category, load, spec.system_prompt, patience)
    room = spec.context_tokens and room_for_prompt(spec.context_tokens, spec.generation.max_new_tokens)
    return Seat(category, load, spec.system_prompt, patience, partial(for_server, room=room))


def _category_faults(config: GraphConfig, known: Sequence[str]) -> list[str]:
    categories = config.categories
    faults = [
        f"category {name!r} cannot name a node: it may not be one of {', '.join(sorted(_RESERVED_NAMES))}, "
        f"nor contain {' or '.join(_RESERVED_CHARACTERS)}"
        for name in categories
        if name in _RESERVED_NAMES or any(character in name for character in _RESERVED_CHARACTERS)
    ]
    if config.fallback not in categories:
        faults.append(f"fallback {config.fallback!r} is no category{_hint(config.fallback, categories)}")
    faults += [
        f"the router does not know the category {name!r}{_hint(name, known)}; train it, or drop the category"
        for name in categories
        if name not in known
    ]
    faults += [
        f"the router can answer {name!r}, which is not among the categories; add it with a specialist"
        for name in known
        if name not in categories
    ]
    return faults


def _specialist_faults(config: GraphConfig, given: Mapping[str, Runnable[Any, Any]], argument: str) -> list[str]:
    categories = config.categories
    faults = [
        f"category {name!r} has no specialist; add it to model_mappings or pass it in {argument}="
        for name in categories
        if name not in config.model_mappings and name not in given and REST not in given
    ]
    faults += [
        f"model_mappings has a specialist {name!r}, which is no category{_hint(name, categories)}"
        for name in config.model_mappings
        if name not in categories
    ]
    return faults


def _given_faults(categories: Sequence[str], given: Mapping[str, object], argument: str) -> list[str]:
    faults = []
    for name, runnable in given.items():
        if name != REST and name not in categories:
            faults.append(f"{argument}= names {name!r}, which is no category{_hint(name, categories)}")
        if not isinstance(runnable, Runnable):
            faults.append(
                f"{argument}[{name!r}] is {type(runnable).__name__}, expected a LangChain chat model, Runnable or "
                "compiled graph; wrap a function in RunnableLambda, put a model id into model_mappings"
            )
        elif "messages" not in (channels_of(runnable) or {"messages"}):
            faults.append(f"{argument}[{name!r}] is a graph whose state has no 'messages'; build it on MessagesState")
    return faults


def _router_faults(config: GraphConfig, known: Sequence[str], router: Router | None) -> list[str]:
    faults = [
        f"category_thresholds names {name!r}, which the router does not know{_hint(name, known)}"
        for name in config.router_config.category_thresholds
        if name not in known
    ]
    if router and router.policy.fallback != config.fallback:
        faults.append(
            f"the given router falls back to {router.policy.fallback!r}, the configuration to {config.fallback!r}; "
            "name the same category in both"
        )
    return faults


def _hint(name: str, allowed: Iterable[str]) -> str:
    names = list(allowed)
    close = difflib.get_close_matches(name, names, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; allowed: {', '.join(names)}"
