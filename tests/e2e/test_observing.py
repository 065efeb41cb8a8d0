"""What `docs/observing.md` shows is run, or compared with what the tests of the feature see."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from routerkit.cli import COMMANDS
from routerkit.config import GraphConfig
from tests.graphs.test_tracing import TREE

if TYPE_CHECKING:
    import pytest

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "observing.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, flags=re.DOTALL | re.MULTILINE)


def test_the_python_block_routes_and_logs(capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = blocks("python")
    exec(compile(code, "docs/observing.md", "exec"), {"__name__": "observing"})
    assert capsys.readouterr().out.splitlines() == ["math", "True"]


def test_the_tree_is_the_one_that_an_endpoint_receives() -> None:
    assert blocks("text")[0].strip() == TREE


def test_the_settings_and_the_commands_exist() -> None:
    for block in blocks("yaml"):
        GraphConfig.load(yaml.safe_load(block))
    for line in "".join(blocks("console")).splitlines():
        assert shlex.split(line)[1] in COMMANDS
