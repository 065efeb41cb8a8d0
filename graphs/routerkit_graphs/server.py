"""The graph for `langgraph dev` and other servers; see `langgraph.json`.

The environment variable `ROUTERKIT_CONFIG` names the configuration: a YAML path or a shipped name. A changed file, or
a router trained again, is taken over at the next request; one that is faulty is logged, and the graph stays as it was.
"""

from __future__ import annotations

import asyncio
import logging
import os
from functools import cache
from typing import TYPE_CHECKING

from routerkit.errors import RouterkitError
from routerkit_graphs.reloading import ReloadingGraph

if TYPE_CHECKING:
    from routerkit_graphs.builder import RoutingGraph

logger = logging.getLogger("routerkit_graphs")

CONFIG_VARIABLE = "ROUTERKIT_CONFIG"


async def make_graph() -> RoutingGraph:
    """The routing graph, built once and off the event loop, which a server calls this on at every request."""
    return await asyncio.to_thread(_current)


def _current() -> RoutingGraph:
    graph = _graph()
    try:
        graph.reload_if_changed()
    except RouterkitError as error:
        logger.error("the changed configuration is not taken over: %s", error)
    return graph.current


@cache
def _graph() -> ReloadingGraph:
    return ReloadingGraph(os.environ.get(CONFIG_VARIABLE) or None)
