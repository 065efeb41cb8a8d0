"""The commands that write folders: `routerkit init` and `routerkit export`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from routerkit import artefact
from routerkit.config import GraphConfig, RouterConfig
from routerkit.router import Router
from routerkit.rows import read_rows
from tests.cli import call

if TYPE_CHECKING:
    from pathlib import Path


def test_init_writes_a_configuration_and_rows_that_routerkit_reads(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "project"
    found = call("init", folder)
    config = GraphConfig.load(folder / "routerkit.yaml")
    rows = read_rows(folder / "train.jsonl", categories=config.categories)
    assert (found.status, found.stdout) == (0, "")
    assert set(config.model_mappings) == set(config.categories)
    assert {row.category for row in rows} == set(config.categories)
    assert "next: routerkit ask" in found.stderr


def test_the_written_configuration_explains_every_setting(tmp_path: Path) -> None:
    call("init", tmp_path)
    text = (tmp_path / "routerkit.yaml").read_text(encoding="utf-8")
    assert all(f"{key}:" in text for key in GraphConfig.model_fields)
    assert text.count("#") >= 10


def test_init_writes_into_the_current_folder_unless_told_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert call("init").status == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["routerkit.yaml", "train.jsonl"]


def test_init_refuses_to_overwrite(tmp_path: Path) -> None:
    mine = tmp_path / "train.jsonl"
    mine.write_text("mine")
    found = call("init", tmp_path)
    assert found.status == 1
    assert "has train.jsonl already; nothing was written" in found.error
    assert mine.read_text() == "mine"
    assert not (tmp_path / "routerkit.yaml").exists()


def test_export_writes_a_checkpoint_that_decides_as_the_source_does(tiny_router_folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "full"
    found = call("export", tiny_router_folder, "--to", target)
    assert (found.status, found.stdout) == (0, "")
    assert found.stderr == f"wrote {target} with the graphs fp32, int8\n"
    assert artefact.WEIGHTS in artefact.read(target).manifest.files
    exact = RouterConfig(precision="fp32")
    before, after = (Router.from_pretrained(folder, config=exact) for folder in (tiny_router_folder, target))
    for query in ("sum", "what is the atom", "rain hello loop"):
        assert after.route_query(query) == before.route_query(query)


def test_export_refuses_a_folder_that_has_content(tiny_router_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    found = call("export", tiny_router_folder, "--to", tmp_path)
    assert found.status == 1
    assert "is not empty; give a new folder" in found.error


def test_export_refuses_a_file(tiny_router_folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "mine.txt"
    target.write_text("mine")
    found = call("export", tiny_router_folder, "--to", target)
    assert found.status == 1
    assert "mine.txt" in found.error
    assert target.read_text() == "mine"


def test_export_names_a_router_that_is_not_there(tmp_path: Path) -> None:
    found = call("export", tmp_path / "nowhere", "--to", tmp_path / "full")
    assert found.status == 1
    assert "no such folder" in found.error


@pytest.mark.parametrize("command", [["init"], ["export", "--to"]])
def test_a_folder_that_cannot_be_made_is_an_error_of_one_line(
    tmp_path: Path, tiny_router_folder: Path, command: list[str]
) -> None:
    (tmp_path / "file").write_text("mine")
    source = [tiny_router_folder] if command[0] == "export" else []
    found = call(command[0], *source, *command[1:], tmp_path / "file" / "new")
    assert found.status == 1
    assert "new: cannot be written (Not a directory)" in found.error
