"""The examples run, and what is stored in the notebooks tells nothing about the machine that stored it."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

from routerkit.config import CATEGORIES

pytestmark = pytest.mark.skipif(find_spec("nbclient") is None, reason="notebooks need the extra `notebooks`")

if TYPE_CHECKING or find_spec("nbclient"):
    import nbformat

    from tests.notebooks import EXAMPLES, NOTEBOOKS, execute, prepare, script_of, script_path, text_of

if TYPE_CHECKING:
    from pathlib import Path

FAST = {"quick_start.ipynb"}
TIMED = pytest.mark.timeout(1800)
ALL = [
    pytest.param(path, id=path.stem, marks=[TIMED] if path.name in FAST else [TIMED, pytest.mark.slow])
    for path in NOTEBOOKS
]
SCRIPTS = [
    pytest.param(path, id=path.stem, marks=[TIMED] if path.stem == "compose" else [TIMED, pytest.mark.slow])
    for path in NOTEBOOKS
]
PICTURES = {"quick_start": 1, "train_your_own": 5, "compose": 0, "observe_and_learn": 5}
MOST_BYTES = 400_000

TELLTALE = {
    "a path": re.compile(r"(?<![\w.:/])(?:~|/[A-Za-z][\w.-]*)/[\w./-]+|[A-Z]:\\\\"),
    "a host": re.compile(r"https?://|localhost|\b\d{1,3}(?:\.\d{1,3}){3}\b"),
    "an address in memory": re.compile(r"0x[0-9a-f]{6,}"),
    "a timing": re.compile(r"\b\d+(?:\.\d+)?\s?(?:ms|s|sec|seconds|minutes|it/s|s/it)\b|\b\d\d:\d\d:\d\d\b"),
    "a date": re.compile(r"\b20\d\d-\d\d-\d\d\b"),
    "a progress bar": re.compile(r"\d+%\||[█▏▎▍▌▋▊▉]"),
    "a warning or an error": re.compile(r"Warning\b|Traceback|Error:"),
}
GOOD = ["math -> general, 0.95 [0.90, 0.97] on 64", "2 + 2 = 4", "1/2 and and/or", "routes 3.5 times"]
BAD = {
    "a path": ["/srv/x/y", "wrote /var/router", "~/models/a", r"C:\\Users"],
    "a host": ["http://host", "localhost", "10.0.0.7"],
    "an address in memory": ["<object at 0x7f00aa11>"],
    "a timing": ["took 12 ms", "1.18it/s", "in 3.2 seconds", "00:01:02"],
    "a date": ["2026-01-02"],
    "a progress bar": ["17%|█▋        | 7/42"],
    "a warning or an error": ["FutureWarning: x", "Traceback (most recent call last)"],
}


def outputs(notebook: Any) -> list[Any]:
    return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]


def code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


@pytest.mark.parametrize("path", ALL)
def test_a_notebook_runs_in_a_fresh_kernel(path: Path, tmp_path: Path) -> None:
    found = outputs(execute(path, tmp_path))
    assert not [output for output in found if output.output_type == "error"]
    assert sum(bool(text_of(output).strip()) for output in found) >= 3


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_script_holds_the_cells_of_its_notebook(path: Path) -> None:
    assert script_path(path).read_text(encoding="utf-8") == script_of(path), "run: make notebooks"


@pytest.mark.parametrize("path", SCRIPTS)
def test_a_script_runs_and_says_what_the_notebook_says(path: Path, tmp_path: Path) -> None:
    environment = prepare(tmp_path)
    command = [sys.executable, str(script_path(path))]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("drew ") == PICTURES[path.stem]
    assert len([one for kind in ("png", "svg") for one in tmp_path.glob(f"*.{kind}")]) == PICTURES[path.stem]
    if path.stem == "compose":  # nothing in it depends on the router's figures
        stored = "".join(output.get("text", "") for output in outputs(nbformat.read(path, as_version=4)))
        assert done.stdout == stored


def test_there_is_a_notebook_for_each_purpose() -> None:
    names = {path.stem for path in NOTEBOOKS}
    assert names == {"quick_start", "train_your_own", "compose", "observe_and_learn"}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_stored_as_it_ran(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    cells = code_cells(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1)), "run: make notebooks"
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert not [cell.metadata for cell in notebook.cells if cell.metadata]
    assert path.stat().st_size < MOST_BYTES


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_stored_outputs_hold_answers_only(path: Path) -> None:
    found = outputs(nbformat.read(path, as_version=4))
    assert found, "run: make notebooks"
    for output in found:
        assert output.output_type != "error"
        assert output.get("name") != "stderr", output.get("text")
        for what, pattern in TELLTALE.items():
            assert not pattern.search(text_of(output)), f"{what} in: {text_of(output)[:200]}"


def test_the_patterns_find_what_they_are_for() -> None:
    for what, pattern in TELLTALE.items():
        assert all(pattern.search(text) for text in BAD[what]), what
        assert not any(pattern.search(text) for text in GOOD), what


def test_the_demonstration_answers_a_dozen_queries(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(EXAMPLES / "demo.py"), run_name="__main__")
    told = capsys.readouterr().out
    assert "2 + 2 = 4" in told
    assert told.count(" -> ") >= 12
    assert sum(f"-> {name} (" in told for name in CATEGORIES) >= 4
