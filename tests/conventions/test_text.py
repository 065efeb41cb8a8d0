"""What may not stand in a file of the repository, and what has to."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import yaml

from tests.conventions.source import ROOT, SOURCES

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conventions.source import Module

TEXT = {".py", ".md", ".toml", ".yaml", ".yml", ".cfg", ".ini", ".sh", ".json", ".ipynb", ".jinja", ".html", ""}
THIS = "tests/conventions/test_text.py"
MACHINE_PATHS = re.compile(r"(?<![\w.])/(?:work|root|tmp|home|Users|opt|mnt)/\w|site-packages")
LEFT_OVER = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b")
MAX_TEXT_BYTES = 500_000


def texts(files: list[Path]) -> dict[str, str]:
    """Content of the text files by path; data, which quotes other people, and this file are left out."""
    found = {}
    for path in files:
        name = path.relative_to(ROOT).as_posix()
        if path.suffix in TEXT and name != THIS and path.stat().st_size < MAX_TEXT_BYTES:
            found[name] = path.read_text(encoding="utf-8")
    return found


def lines_with(pattern: re.Pattern[str], files: list[Path]) -> list[str]:
    return [
        f"{name}:{number}: {line.strip()[:80]}"
        for name, text in texts(files).items()
        for number, line in enumerate(text.splitlines(), start=1)
        if pattern.search(line)
    ]


def test_no_path_of_somebodys_machine_is_left_in_a_file(repository_files: list[Path]) -> None:
    assert not lines_with(MACHINE_PATHS, repository_files)


def test_nothing_is_left_to_do_in_a_comment(repository_files: list[Path]) -> None:
    assert not lines_with(LEFT_OVER, repository_files)


def test_the_patterns_find_what_they_are_for() -> None:
    for bad in ("/work/project", "open('/tmp/x')", "lib/site-packages/a", "/home/me"):
        assert MACHINE_PATHS.search(bad), bad
    for good in ("https://host/home/page", "GET /v1/models", "./work/x", "framework/tmp"):
        assert not MACHINE_PATHS.search(good), good
    assert LEFT_OVER.search("# TODO: later")
    assert not LEFT_OVER.search("a todo list")


def test_catching_everything_needs_a_reason_on_the_same_line(modules: dict[str, Module]) -> None:
    broad = re.compile(r"^\s*except(?:\s+\(?(?:Base)?Exception\b.*)?:")
    reason = re.compile(r"#\s*(?!noqa|type:|pragma)\w+.*\w")
    bare = [
        f"{module.path}:{number}: {line.strip()}"
        for module in modules.values()
        for number, line in enumerate(module.text.splitlines(), start=1)
        if broad.match(line) and not reason.search(line)
    ]
    assert not bare


def test_every_yaml_file_that_ships_can_be_parsed() -> None:
    files = [path for folder in SOURCES.values() for path in folder.rglob("*.y*ml")]
    for path in files:
        assert isinstance(yaml.safe_load(path.read_text(encoding="utf-8")), dict), path


def test_every_package_that_is_typed_says_so() -> None:
    for folder in SOURCES.values():
        assert (folder / "py.typed").is_file()


def test_no_row_of_the_shared_queries_has_entered_the_repository(
    repository_files: list[Path], shared_data: Path
) -> None:
    ours = set()
    for path in repository_files:
        if path.suffix == ".jsonl":
            rows = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip())
            ours |= {" ".join(str(row.get("query")).split()).lower() for row in rows}
    theirs = set()
    for name in ("train", "validation", "test"):
        with (shared_data / f"{name}.jsonl").open(encoding="utf-8") as file:
            theirs |= {" ".join(json.loads(line)["query"].split()).lower() for line in file}
    assert not sorted(ours & theirs)[:10]
