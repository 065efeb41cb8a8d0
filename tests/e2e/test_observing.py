"""What `docs/observing.md` shows is what comes out; that it runs at all is checked with every other document."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.e2e.documents import blocks, read
from tests.graphs.test_tracing import TREE

if TYPE_CHECKING:
    import pytest

TEXT = read("docs/observing.md")


def test_the_python_block_routes_and_logs(capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = blocks("python", TEXT)
    exec(compile(code, "docs/observing.md", "exec"), {"__name__": "observing"})
    assert capsys.readouterr().out.splitlines() == ["math", "True"]


def test_the_tree_is_the_one_that_an_endpoint_receives() -> None:
    assert blocks("text", TEXT)[0].strip() == TREE
