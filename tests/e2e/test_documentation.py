"""What the documents show is run, and what is generated is current."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
import yaml

from routerkit.cli.reference import documents
from routerkit.config import GraphConfig
from tests.e2e.documents import DOCUMENTS, ROOT, blocks, read

if TYPE_CHECKING:
    from pathlib import Path

PYTHON = [(name, number) for name in DOCUMENTS for number in range(len(blocks("python", read(name))))]
YAML = [(name, block) for name in DOCUMENTS for block in blocks("yaml", read(name))]
CHECKED = {"python", "yaml", "console", "text", "mermaid"}


@pytest.mark.parametrize(("name", "number"), PYTHON)
def test_every_python_block_runs(name: str, number: int, capsys: pytest.CaptureFixture[str]) -> None:
    code = blocks("python", read(name))[number]

    exec(compile(code, f"{name}, Python block {number + 1}", "exec"), {"__name__": "document"})

    if "print(" in code:
        assert capsys.readouterr().out.strip()


def test_the_first_block_of_the_readme_routes_the_sum_to_mathematics(capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(blocks("python", read("README.md"))[0], "README.md, first block", "exec"), {"__name__": "readme"})

    route, confidence, answer = capsys.readouterr().out.splitlines()
    assert route == "math"
    assert 0.5 < float(confidence) <= 1.0
    assert "4" in answer


@pytest.mark.parametrize(("name", "block"), YAML)
def test_every_yaml_block_is_a_valid_configuration(name: str, block: str, tmp_path: Path) -> None:
    path = tmp_path / "block.yaml"
    path.write_text(block, encoding="utf-8")

    given = yaml.safe_load(block)
    assert set(GraphConfig.load(path).model_dump(exclude_unset=True)) == set(given), name


def test_every_fenced_block_is_of_a_kind_that_is_checked() -> None:
    for name in DOCUMENTS:
        opened = re.findall(r"^```(.*)$", read(name), flags=re.MULTILINE)[::2]
        assert set(opened) <= CHECKED, name


@pytest.mark.parametrize("path", list(documents()), ids=str)
def test_generated_documents_are_current(path: Path) -> None:
    assert (ROOT / path).read_text(encoding="utf-8") == documents()[path], "run: make docs"


def test_the_picture_of_the_graph_shows_every_category_and_both_ways_out() -> None:
    (picture,) = blocks("mermaid", read("docs/how-a-query-flows.md"))
    for category in GraphConfig().categories:
        assert f"\t{category}({category})\n" in picture
    assert "specialist failed" in picture
    assert "low confidence" in picture


def test_every_make_target_in_the_documents_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    for name in DOCUMENTS:
        text = read(name)
        for words in re.findall(r"`make ([a-z -]+)`", text) + re.findall(r"^make ([a-z-]+)", text, flags=re.MULTILINE):
            assert set(words.split()) <= targets, words


def test_every_link_within_the_repository_leads_somewhere() -> None:
    for name in DOCUMENTS:
        for target in re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", read(name)):
            assert ((ROOT / name).parent / target).exists(), f"{name}: {target}"
