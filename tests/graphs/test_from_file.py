"""A YAML file, a real router and the miniatures of the package: nothing faked."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import yaml
from click.testing import CliRunner
from routerkit_graphs import cli

from routerkit import build_graph
from routerkit.config import GraphConfig

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def config(tmp_path: Path, tiny_router_folder: Path) -> Path:
    """The default configuration, with a small router in place of the starter."""
    return write(tmp_path / "graph.yaml", tiny_router_folder)


def write(path: Path, router: Path) -> Path:
    settings = GraphConfig.load("offline").model_dump()
    settings["router_config"] = {"model_path": str(router), "confidence_threshold": 0.0}
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return path


def test_a_file_makes_a_graph_whose_answers_name_their_model(config: Path) -> None:
    graph = build_graph(config)
    routes = set()
    for query in ("what is the sum", "atom", "loop hello", "rain is what", "the the"):
        result = graph.invoke({"messages": query})
        assert result["route"] == result["decision"]["category"]
        assert result["messages"][-1].response_metadata["model_name"] == f"miniature:{result['route']}"
        routes.add(result["route"])
    assert len(routes) > 1


def test_an_outlandish_query_goes_to_the_general_model(tmp_path: Path, tiny_outside_folder: Path) -> None:
    graph = build_graph(write(tmp_path / "graph.yaml", tiny_outside_folder))
    results = [graph.invoke({"messages": query}) for query in ("sum", "atom", "loop", "rain", "hello", "what", "the")]
    outside = [result for result in results if result["decision"]["reason"] == "out_of_domain"]
    assert outside
    assert {result["route"] for result in outside} == {"general"}


def test_ask_answers_from_a_file(config: Path) -> None:
    shown = CliRunner().invoke(cli.ask, ["what is the sum", "--config", str(config)], catch_exceptions=False)
    row = json.loads(
        CliRunner()
        .invoke(cli.ask, ["what is the sum", "--config", str(config), "--json"], catch_exceptions=False)
        .stdout
    )
    assert shown.stdout.rstrip("\n") == row["answer"].rstrip("\n")
    assert row["model"] == f"miniature:{row['route']}"
