"""The factory that `langgraph.json` names."""

from __future__ import annotations

import asyncio
import json
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from routerkit_graphs import server

from routerkit import ReloadingGraph

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
        return ReloadingGraph(config, specialists={"*": general}, router=router)

    monkeypatch.setattr(server, "ReloadingGraph", build)
    monkeypatch.setenv("ROUTERKIT_CONFIG", "laptop")
    server._graph.cache_clear()

    async def answer() -> str:
        first, second = await server.make_graph(), await server.make_graph()
        assert first is second
        return (await first.ainvoke({"messages": "hello"}))["messages"][-1].text

    assert asyncio.run(answer()) == "general says hello"
    assert built == ["laptop"]
    server._graph.cache_clear()


def test_an_empty_variable_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "ReloadingGraph", lambda config: config)
    monkeypatch.setenv("ROUTERKIT_CONFIG", "")
    server._graph.cache_clear()
    assert server._graph() is None
    server._graph.cache_clear()


def test_a_changed_file_is_taken_over_and_a_faulty_one_is_not(
    router: Router,
    general: ScriptedSpecialist,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("retries: 0\n")
    graph = ReloadingGraph(file, specialists={"*": general}, router=router)
    monkeypatch.setattr(server, "_graph", lambda: graph)
    first = asyncio.run(server.make_graph())
    file.write_text("retries: never\n")
    assert asyncio.run(server.make_graph()) is asyncio.run(server.make_graph()) is first
    (said,) = [record.message for record in caplog.records if record.levelname == "ERROR"]
    assert "not taken over" in said
    assert "retries" in said
    file.write_text("confirm_below: 0.3\n")
    assert asyncio.run(server.make_graph()) is not first


def test_langgraph_json_names_the_factory() -> None:
    settings = json.loads((ROOT / "langgraph.json").read_text(encoding="utf-8"))
    path, name = settings["graphs"]["routerkit"].split(":")
    assert (ROOT / path).samefile(str(server.__file__))
    assert getattr(import_module("routerkit_graphs.server"), name) is server.make_graph
