"""What the documents show is run, and what is generated is current."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from routerkit.cli import COMMANDS
from routerkit.cli.reference import documents
from routerkit.config import GraphConfig
from routerkit.spec import read_yaml

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str, text: str = README) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("number", range(len(blocks("python"))))
def test_every_python_block_of_the_readme_runs(number: int, capsys: pytest.CaptureFixture[str]) -> None:
    code = blocks("python")[number]

    exec(compile(code, f"README.md, Python block {number + 1}", "exec"), {"__name__": "readme"})

    if "print(" in code:
        assert capsys.readouterr().out.strip()


def test_the_first_block_of_the_readme_routes_the_sum_to_mathematics(capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(blocks("python")[0], "README.md, first block", "exec"), {"__name__": "readme"})

    route, confidence, answer = capsys.readouterr().out.splitlines()
    assert route == "math"
    assert 0.5 < float(confidence) <= 1.0
    assert "4" in answer


def test_every_command_in_the_documents_exists() -> None:
    for path in ("README.md", "TESTING.md"):
        text = (ROOT / path).read_text(encoding="utf-8")
        for line in "".join(blocks("console", text)).splitlines():
            words = shlex.split(line, comments=True)
            if words and words[0] == "routerkit":
                assert words[1] in COMMANDS, line


def test_every_yaml_block_of_the_readme_is_a_valid_configuration(tmp_path: Path) -> None:
    for number, block in enumerate(blocks("yaml")):
        path = tmp_path / f"{number}.yaml"
        path.write_text(block, encoding="utf-8")
        assert GraphConfig.load(path).categories == read_yaml(path)["categories"]


@pytest.mark.parametrize("path", list(documents()), ids=str)
def test_generated_documents_are_current(path: Path) -> None:
    assert (ROOT / path).read_text(encoding="utf-8") == documents()[path], "run: make docs"


def test_every_make_target_in_the_documents_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    for path in ("README.md", "TESTING.md", "CONTRIBUTING.md"):
        text = (ROOT / path).read_text(encoding="utf-8")
        for words in re.findall(r"`make ([a-z -]+)`", text) + re.findall(r"^make ([a-z-]+)", text, flags=re.MULTILINE):
            assert set(words.split()) <= targets, words
