"""The factory that `langgraph.json` names."""

from __future__ import annotations

import asyncio
import json
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from routerkit_graphs import server

from routerkit import build_graph

if TYPE_CHECKING:
    import pytest

    from routerkit import Router
    from routerkit.testing import ScriptedSpecialist

ROOT = Path(__file__).parents[2]


def test_the_factory_builds_the_configured_graph_once(
    router: Router, general: ScriptedSpecialist, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = []

    def build(config: str | None) -> Any:
        built.append(config)
        return build_graph(specialists={"*": general}, router=router)

    monkeypatch.setattr(server, "build_graph", build)
    monkeypatch.setenv("ROUTERKIT_CONFIG", "laptop")
    server._graph.cache_clear()

    async def answer() -> str:
        first, second = await server.make_graph(), await server.make_graph()
        assert first is second
        return (await first.ainvoke({"messages": "hello"}))["messages"][-1].text

    assert asyncio.run(answer()) == "general says hello"
    assert built == ["laptop"]
    server._graph.cache_clear()


def test_langgraph_json_names_the_factory() -> None:
    settings = json.loads((ROOT / "langgraph.json").read_text(encoding="utf-8"))
    path, name = settings["graphs"]["routerkit"].split(":")
    assert (ROOT / path).samefile(str(server.__file__))
    assert getattr(import_module("routerkit_graphs.server"), name) is server.make_graph
