"""routerkit: send each query to the model that answers it best, and know when not to decide.

Importing this package loads neither torch nor transformers nor LangGraph; each name is imported when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from routerkit_graphs.builder import build_graph, graph_builder
    from routerkit_graphs.chat_model import RouterChatModel
    from routerkit_graphs.composition import as_tool, route_edge
    from routerkit_graphs.context import RoutingContext
    from routerkit_graphs.middleware import RoutingMiddleware
    from routerkit_graphs.reloading import ReloadingGraph

    from routerkit.config import GraphConfig
    from routerkit.decision import Decision, Prediction
    from routerkit.errors import (
        ArtefactError,
        ConfigError,
        DataError,
        GraphConfigError,
        InputError,
        MissingExtraError,
        RouterkitError,
        SpecialistError,
    )
    from routerkit.policy import ThresholdPolicy
    from routerkit.router import Router
    from routerkit.router_config import RouterConfig
    from routerkit.runnable import RouterRunnable
    from routerkit.version import __version__

_EXPORTS = {
    "ArtefactError": "routerkit.errors",
    "ConfigError": "routerkit.errors",
    "DataError": "routerkit.errors",
    "Decision": "routerkit.decision",
    "GraphConfig": "routerkit.config",
    "GraphConfigError": "routerkit.errors",
    "InputError": "routerkit.errors",
    "MissingExtraError": "routerkit.errors",
    "Prediction": "routerkit.decision",
    "ReloadingGraph": "routerkit_graphs.reloading",
    "Router": "routerkit.router",
    "RouterChatModel": "routerkit_graphs.chat_model",
    "RouterConfig": "routerkit.router_config",
    "RouterRunnable": "routerkit.runnable",
    "RouterkitError": "routerkit.errors",
    "RoutingContext": "routerkit_graphs.context",
    "RoutingMiddleware": "routerkit_graphs.middleware",
    "SpecialistError": "routerkit.errors",
    "ThresholdPolicy": "routerkit.policy",
    "__version__": "routerkit.version",
    "as_tool": "routerkit_graphs.composition",
    "build_graph": "routerkit_graphs.builder",
    "graph_builder": "routerkit_graphs.builder",
    "route_edge": "routerkit_graphs.composition",
}

__all__ = [
    "ArtefactError",
    "ConfigError",
    "DataError",
    "Decision",
    "GraphConfig",
    "GraphConfigError",
    "InputError",
    "MissingExtraError",
    "Prediction",
    "ReloadingGraph",
    "Router",
    "RouterChatModel",
    "RouterConfig",
    "RouterRunnable",
    "RouterkitError",
    "RoutingContext",
    "RoutingMiddleware",
    "SpecialistError",
    "ThresholdPolicy",
    "__version__",
    "as_tool",
    "build_graph",
    "graph_builder",
    "route_edge",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a module attribute may be anything
    if name not in _EXPORTS:
        raise AttributeError(f"module 'routerkit' has no attribute {name!r}; it has {', '.join(__all__)}")
    value = getattr(import_module(_EXPORTS[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
