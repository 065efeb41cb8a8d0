"""What users write passes mypy in strict mode."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
USE = """
from langchain_core.prompts import ChatPromptTemplate
from langgraph.graph import START, MessagesState, StateGraph

from routerkit import ReloadingGraph, Router, RouterChatModel, RouterRunnable, RoutingContext, build_graph, route_edge

router = Router.from_pretrained()
runnable = RouterRunnable(router)
chain = ChatPromptTemplate.from_template("{task}") | runnable
builder = StateGraph(MessagesState)
builder.add_node("router", runnable)
builder.add_node("experts", build_graph())
builder.add_node("reloading", ReloadingGraph())
builder.add_conditional_edges(START, route_edge(router), {"math": "experts", "general": "router"})
build_graph().invoke({"messages": []}, context=RoutingContext(threshold=0.3))
RouterChatModel(models={"math": "some/model"}, router=router).bind_tools([]).invoke("sum")
"""


@pytest.mark.slow
def test_chains_graphs_and_calls_type_check(tmp_path: Path) -> None:
    (tmp_path / "use.py").write_text(USE)
    command = [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml"), str(tmp_path / "use.py")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
