"""Decision log and shadow in a routing graph, switched on by the configuration."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from routerkit import ConfigError, build_graph
from routerkit.errors import SpecialistError
from routerkit.log.reading import LoggedDecision, reading
from routerkit.testing import ScriptedSpecialist

if TYPE_CHECKING:
    from routerkit import Router

ROOT = Path(__file__).parents[2]

PROGRAM = """
import sys
from routerkit import build_graph
from routerkit.testing import ScriptedSpecialist

graph = build_graph(sys.argv[1], specialists={"*": ScriptedSpecialist(answers=["yes"])})
for query in ("what is the sum", "hello", "rain"):
    graph.invoke({"messages": query})
"""


def wait_for(path: Path, count: int, failures: int = 0) -> list[LoggedDecision]:
    """The log's rows, as soon as there are so many, with so many failures; only the log's own thread writes them."""
    import time

    for _ in range(500):
        with reading(path) as reader:
            rows = list(reader.rows())
        if len(rows) >= count and sum(len(row.failures) for row in rows) >= failures:
            return rows
        time.sleep(0.02)
    raise AssertionError(f"{len(rows)} rows, expected {count}")


def test_one_line_of_yaml_keeps_every_decision_of_a_graph(tiny_router_folder: Path, tmp_path: Path) -> None:
    config = tmp_path / "graph.yaml"
    log = tmp_path / "decisions.sqlite"
    settings = {"router_config": {"model_path": str(tiny_router_folder)}, "decision_log": str(log)}
    config.write_text(yaml.safe_dump(settings))
    subprocess.run([sys.executable, "-c", PROGRAM, str(config)], check=True, cwd=ROOT)
    with reading(log) as reader:
        rows = list(reader.rows())
    assert [row.query for row in rows] == ["what is the sum", "hello", "rain"]
    digest = json.loads((tiny_router_folder / "routerkit.json").read_text())["sha256"]
    assert {row.artefact for row in rows} == {digest}


def test_a_candidate_decides_beside_the_graph_and_its_failure_is_only_recorded(
    router: Router, tiny_router_folder: Path, tmp_path: Path
) -> None:
    for number, (shadow, key) in enumerate(((str(tiny_router_folder), "route"), (str(tmp_path / "none"), "error"))):
        log = tmp_path / f"{number}.sqlite"
        graph = build_graph(
            {"decision_log": {"path": str(log), "text": "hidden"}, "shadow": shadow},
            specialists={"*": ScriptedSpecialist(answers=["yes"])},
            router=router,
        )
        assert graph.invoke({"messages": "sum"})["route"] == "math"
        (row,) = wait_for(log, 1)
        assert key in (row.shadow or {})
        assert row.query is None


def test_asynchronous_and_batched_runs_are_logged_as_well(router: Router, tmp_path: Path) -> None:
    log = tmp_path / "decisions.sqlite"
    graph = build_graph(
        {"decision_log": str(log)}, specialists={"*": ScriptedSpecialist(answers=["yes"])}, router=router
    )
    asyncio.run(graph.ainvoke({"messages": "loop"}))
    graph.batch([{"messages": "sum"}, {"messages": "hello"}])
    assert {row.route for row in wait_for(log, 3)} == {"code", "math", "general"}


def test_nothing_is_written_unless_asked_for(router: Router, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    build_graph(specialists={"*": ScriptedSpecialist(answers=["yes"])}, router=router).invoke({"messages": "sum"})
    assert not [path for path in tmp_path.iterdir() if path.is_file()]


def test_a_log_that_cannot_be_written_is_said_when_the_graph_is_built(router: Router, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="the decision log cannot be written"):
        build_graph(
            {"decision_log": str(tmp_path / "no" / "log.sqlite")},
            specialists={"*": ScriptedSpecialist(answers=["yes"])},
            router=router,
        )


def test_a_specialist_that_failed_stands_beside_the_decision_in_the_log(router: Router, tmp_path: Path) -> None:
    log = tmp_path / "decisions.sqlite"
    failing = ScriptedSpecialist(answers=[], error=ConnectionError("refused"))
    graph = build_graph(
        {"decision_log": str(log)},
        specialists={"math": failing, "*": ScriptedSpecialist(answers=["yes"])},
        router=router,
    )
    result = graph.invoke({"messages": "sum"})
    (row,) = wait_for(log, 1, failures=1)
    assert row.id == result["decision"]["id"]
    assert (row.route, row.reason, result["decision"]["reason"]) == ("math", "confident", "specialist_failed")
    assert [(one["specialist"], one["type"], one["message"]) for one in row.failures] == [
        ("math", "ConnectionError", "refused")
    ]


def test_a_failed_general_model_is_logged_though_the_run_fails(router: Router, tmp_path: Path) -> None:
    log = tmp_path / "decisions.sqlite"
    failing = ScriptedSpecialist(answers=[], error=ConnectionError("refused"))
    graph = build_graph({"decision_log": str(log)}, specialists={"*": failing}, router=router)
    with pytest.raises(SpecialistError, match="the general model failed"):
        graph.invoke({"messages": "sum"})
    (row,) = wait_for(log, 1, failures=2)
    assert [one["specialist"] for one in row.failures] == ["math", "general"]


def test_every_failed_specialist_of_several_is_logged(router: Router, tmp_path: Path) -> None:
    log = tmp_path / "decisions.sqlite"
    failing = ScriptedSpecialist(answers=[], error=ConnectionError("refused"))
    graph = build_graph(
        {"decision_log": str(log), "fan_out": {"top_k": 2, "min_probability": 0.0}},
        specialists={"general": ScriptedSpecialist(answers=["yes"]), "*": failing},
        router=router,
    )
    asyncio.run(graph.ainvoke({"messages": "sum"}))
    (row,) = wait_for(log, 1, failures=1)
    assert row.reason == "mixed"
    assert "math" in {one["specialist"] for one in row.failures}
