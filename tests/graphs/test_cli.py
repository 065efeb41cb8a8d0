"""`routerkit ask` and `routerkit graph`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from routerkit_graphs import cli

from routerkit import SpecialistError, build_graph
from routerkit.testing import ScriptedSpecialist

if TYPE_CHECKING:
    from collections.abc import Callable

    from routerkit import Router


@pytest.fixture
def use(router: Router, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let the commands run on the fake router and these specialists."""

    def use(**specialists: ScriptedSpecialist) -> list[str | None]:
        configs: list[str | None] = []

        def build(config: str | None) -> Any:
            configs.append(config)
            return build_graph(
                specialists={"*": ScriptedSpecialist(answers=["I say {query}"]), **specialists}, router=router
            )

        monkeypatch.setattr(cli, "build_graph", build)
        return configs

    return use


def test_ask_prints_the_answer_and_keeps_the_decision_apart(use: Callable[..., list[str | None]]) -> None:
    configs = use()
    result = CliRunner().invoke(cli.ask, ["sum", "--config", "some.yaml"])
    assert result.stdout == "I say sum\n"
    assert result.stderr == "math 0.90 -> math (confident)\n"
    assert configs == ["some.yaml"]


def test_ask_prints_json(use: Callable[..., list[str | None]]) -> None:
    use()
    result = CliRunner().invoke(cli.ask, ["sum", "--json"])
    row = json.loads(result.stdout)
    assert list(row)[:2] == ["category", "confidence"]
    assert (row["category"], row["confidence"], row["answer"]) == ("math", 0.9, "I say sum")
    assert not result.stderr


def test_ask_reads_standard_input(use: Callable[..., list[str | None]]) -> None:
    use()
    assert CliRunner().invoke(cli.ask, ["-"], input="sum").stdout == "I say sum\n"
    binary = CliRunner().invoke(cli.ask, ["-"], input=b"\xff\xfe")
    assert "is not UTF-8" in str(binary.exception)


def test_ask_says_that_a_specialist_failed(use: Callable[..., list[str | None]]) -> None:
    use(math=ScriptedSpecialist(answers=["-"], error=ValueError("no digits")))
    result = CliRunner().invoke(cli.ask, ["sum"])
    assert result.stdout == "I say sum\n"
    assert result.stderr.splitlines() == [
        "math 0.90 -> math (confident)",
        "math 0.90 -> general (specialist_failed): ValueError: no digits",
    ]


def test_ask_passes_on_the_error_of_a_failed_general_model(use: Callable[..., list[str | None]]) -> None:
    use(general=ScriptedSpecialist(answers=["-"], error=ValueError("no")))
    assert isinstance(CliRunner().invoke(cli.ask, ["hello"]).exception, SpecialistError)


def test_graph_prints_mermaid(use: Callable[..., list[str | None]]) -> None:
    use()
    result = CliRunner().invoke(cli.graph, [])
    assert "graph TD;" in result.stdout
    assert "low confidence" in result.stdout
