"""What `docs/observing.md` shows is what comes out; that it runs at all is checked with every other document."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from langchain_core.tracers.langchain import LangChainTracer
from langsmith import Client

from routerkit import build_graph
from tests.e2e.documents import blocks, read
from tests.sink import sink

if TYPE_CHECKING:
    import pytest

TEXT = read("docs/observing.md")


def without_figures(tree: str) -> str:
    """A tree without what differs from one trained router to the next."""
    return re.sub(r"confidence:[01]\.\d", "confidence:", tree).strip()


def test_the_python_block_routes_and_logs(capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = blocks("python", TEXT)
    exec(compile(code, "docs/observing.md", "exec"), {"__name__": "observing"})
    assert capsys.readouterr().out.splitlines() == ["math", "True"]


def test_the_tree_is_the_one_that_an_endpoint_receives_of_the_shipped_graph() -> None:
    with sink() as target:
        client = Client(api_url=target.url, api_key="none")
        build_graph().invoke({"messages": "What is 2+2?"}, {"callbacks": [LangChainTracer(client=client)]})
        client.close(timeout=30)
    assert without_figures(blocks("text", TEXT)[0]) == without_figures(target.tree())
    metadata = target.named("router")[0]["extra"]["metadata"]
    for key in [key for key in metadata if key.startswith("routerkit.")]:
        assert f"`{key}`" in TEXT or f"`{key.removeprefix('routerkit')}`" in TEXT, key
