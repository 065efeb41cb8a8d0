"""Options that several commands share, and the router they describe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

import click

from routerkit.router import Router
from routerkit.router_config import RouterConfig
from routerkit.spec import parse

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., Any]")


def router_options(command: F) -> F:
    """Add the options that choose a router; `open_router` takes them."""
    for option in (
        click.option("--threshold", type=click.FloatRange(0, 1), help="Least confidence for a specialist."),
        click.option("--device", help="cpu, cuda, cuda:0 or auto."),
        click.option("--model", help="The router: starter, a folder or a hub id."),
        click.option("--config", help="A YAML file, or the name of a shipped one such as offline."),
    ):
        command = option(command)
    return command


class RouterOptions(TypedDict):
    """What `router_options` adds to a command's arguments."""

    config: str | None
    model: str | None
    device: str | None
    threshold: float | None


def open_router(options: RouterOptions) -> Router:
    """Load the router that the options describe; options win over the configuration file."""
    threshold = options["threshold"]
    config, fallback = _configured(options["config"])
    given = {"model_path": options["model"], "device": options["device"], "confidence_threshold": threshold}
    settings = config.model_dump() | {key: value for key, value in given.items() if value is not None}
    if threshold is not None:
        settings["category_thresholds"] = {}
    return Router.from_config(parse(RouterConfig, settings, source="command line"), fallback=fallback)


def _configured(name: str | None) -> tuple[RouterConfig, str | None]:
    """The router's settings and the fallback of a configuration; those of the default one need no file."""
    if name is None:
        return RouterConfig(), None
    from routerkit.config import GraphConfig

    graph = GraphConfig.load(name)
    return graph.router_config, graph.fallback
