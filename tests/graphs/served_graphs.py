"""The graphs of `test_langgraph_dev.py`, in the server's process: one for each back end."""

from __future__ import annotations

import asyncio
import json
import os
from functools import cache
from pathlib import Path
from typing import Any

from langgraph.graph import START, StateGraph
from routerkit_graphs.state import RoutingState

from routerkit.testing import fake_router
from tests.graphs.conftest import BELIEFS
from tests.graphs.conversation_script import BACKENDS, build

_SETTINGS: dict[str, Any] = json.loads(os.environ.get("SCRIPT_SETTINGS", "{}"))
"""`router`, an empty folder; `paths` and `url` as for `build`."""


@cache
def _router() -> Any:
    return fake_router(Path(_SETTINGS["router"]), BELIEFS)


@cache
def _built(backend: str) -> Any:
    paths = {name: Path(path) for name, path in _SETTINGS["paths"].items()}
    return build(backend, _router(), paths, _SETTINGS["url"])


def _factory(backend: str) -> Any:
    async def make() -> Any:
        # The server calls this on its event loop, at every request.
        return await asyncio.to_thread(_built, backend)

    return make


def _nested(backend: str) -> Any:
    async def make() -> Any:
        child = await asyncio.to_thread(_built, backend)
        return StateGraph(RoutingState).add_node("answer", child).add_edge(START, "answer").compile()

    return make


NAMES = {backend: backend.replace(" ", "_") for backend in BACKENDS}
"""A back end's graph in the server; the one inside a parent has `nested_` in front."""

for _backend, _name in NAMES.items():
    globals()[_name] = _factory(_backend)
    globals()[f"nested_{_name}"] = _nested(_backend)
