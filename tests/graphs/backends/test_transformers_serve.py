"""`configs/endpoint.yaml` against an OpenAI-compatible server that is not ours: `transformers serve`.

Needs fastapi and uvicorn, which are in the extra `dev`.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from langgraph.checkpoint.memory import MemorySaver

from routerkit import build_graph
from tests.graphs.conversation_script import CATEGORIES, WAYS, Transcript, play
from tests.graphs.server_process import running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from routerkit import Router

pytestmark = pytest.mark.slow

MINIATURES = Path(str(files("routerkit_graphs"))) / "miniatures"
SHIPPED = Path(str(files("routerkit"))) / "configs" / "endpoint.yaml"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    for library in ("torch", "langchain_openai"):
        pytest.importorskip(library)
    for library in ("fastapi", "uvicorn"):
        pytest.importorskip(library, reason="needs fastapi and uvicorn, in the extra `dev`")
    command = ["transformers.cli.transformers", "serve", "--device", "cpu", "--dtype", "float32"]
    with running(command, tmp_path_factory.mktemp("serve"), "/health") as found:
        yield f"{found}/v1"


@pytest.fixture(scope="module")
def shipped(url: str) -> dict[str, Any]:
    """The shipped configuration with the server's address and its names of the models, which are their folders."""
    settings: dict[str, Any] = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
    for name, entry in settings["model_mappings"].items():
        entry.update(base_url=url, model=str(MINIATURES / name))
        entry["generation"]["max_new_tokens"] = 16
    return settings


@pytest.fixture(scope="module")
def expected(shipped: dict[str, Any], router: Router) -> Transcript:
    """What the same models say in this process."""
    entries = {
        name: {
            "model": f"miniature:{name}",
            "dtype": "float32",
            "device": "cpu",
            "system_prompt": shipped["model_mappings"][name]["system_prompt"],
            "generation": {"max_new_tokens": 16},
        }
        for name in CATEGORIES
    }
    graph = build_graph({"model_mappings": entries}, router=router, checkpointer=MemorySaver())
    transcript = play(graph, "invoke", streams=False)
    transcript.check()
    return transcript


@pytest.mark.parametrize("way", WAYS)
def test_the_shipped_configuration_answers_as_the_models_do_here(
    way: str, shipped: dict[str, Any], router: Router, expected: Transcript
) -> None:
    graph = build_graph(shipped, router=router, checkpointer=MemorySaver())
    assert play(graph, way, streams=True) == expected


def test_usage_and_the_reason_of_the_end_are_reported(shipped: dict[str, Any], router: Router) -> None:
    answer = build_graph(shipped, router=router).invoke({"messages": "sum"})["messages"][-1]
    assert answer.usage_metadata["output_tokens"] > 0
    assert answer.response_metadata["finish_reason"] in {"stop", "length"}


def test_a_model_that_the_server_does_not_have_is_replaced_by_the_general_one(
    shipped: dict[str, Any], router: Router
) -> None:
    missing = {**shipped["model_mappings"]["math"], "model": "no-such-owner/no-such-model", "retries": 0}
    settings = {**shipped, "model_mappings": {**shipped["model_mappings"], "math": missing}}
    found = build_graph(settings, router=router).invoke({"messages": "sum"})
    assert (found["route"], found["decision"]["reason"]) == ("general", "specialist_failed")
    assert found["decision"]["error"]["message"]
