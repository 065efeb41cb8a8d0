"""The graph for `langgraph dev` and other servers; see `langgraph.json`.

The environment variable `ROUTERKIT_CONFIG` names the configuration: a YAML path or a shipped name.
"""

from __future__ import annotations

import asyncio
import os
from functools import cache
from typing import TYPE_CHECKING

from routerkit_graphs.builder import build_graph

if TYPE_CHECKING:
    from langgraph.graph.state import CompiledStateGraph

    from routerkit_graphs.state import RoutingState

CONFIG_VARIABLE = "ROUTERKIT_CONFIG"


async def make_graph() -> CompiledStateGraph[RoutingState, None, RoutingState, RoutingState]:
    """The routing graph, built once and off the event loop, which a server calls this on at every request."""
    return await asyncio.to_thread(_graph)


@cache
def _graph() -> CompiledStateGraph[RoutingState, None, RoutingState, RoutingState]:
    return build_graph(os.environ.get(CONFIG_VARIABLE))
