"""Every command that a document shows is run as it stands there."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from routerkit.cli import cli
from routerkit.log import DecisionLog, LogConfig
from routerkit.log.reading import reading
from routerkit.router import Router
from routerkit.rows import read_rows
from routerkit.store import open_artefact
from routerkit.watch import Watch
from tests.cli import call
from tests.e2e.documents import DOCUMENTS, ROOT, commands

if TYPE_CHECKING:
    from collections.abc import Sequence

TRAINING = {"train", "cross-validate"}
ALARM = 3

NOT_RUN = {
    "git": "gets the repository in which the tests run",
    "pip": "installs from an index; test_wheel.py installs the built wheel",
    "make": "its targets are checked by test_documentation.py, and are what runs the tests",
}


@pytest.fixture(scope="module")
def log_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A decision log of the starter, long enough to look for drift in; some of it is judged."""
    path = tmp_path_factory.mktemp("log") / "decisions.sqlite"
    rows = read_rows(ROOT / "examples" / "train.jsonl")
    log = DecisionLog(LogConfig(path=path))
    Watch(Router.from_pretrained("starter"), log=log).route_batch([row.query for row in [*rows, *rows[:100]]])
    assert log.flush(30)
    log.close()
    truth = {row.query: row.category for row in rows}
    with reading(path) as reader:
        for _ in range(20):
            seen = reader.next_to_review()
            assert seen is not None
            reader.judge(seen, truth[str(seen.query)])
    return path


@pytest.fixture
def workplace(tmp_path: Path, log_file: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that the documents speak of; the starter stands in for routers that were trained."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=shutil.ignore_patterns("*.ipynb", "__pycache__"))
    shutil.copy(log_file, tmp_path / "decisions.sqlite")
    shutil.copytree(open_artefact("starter").path, tmp_path / "router_model")
    (tmp_path / "router_model" / "new").symlink_to(open_artefact("starter").path)
    queries = [{"query": "What is 2+2?"}, {"query": "Why is the sky blue?"}]
    (tmp_path / "queries.jsonl").write_text("".join(json.dumps(row) + "\n" for row in queries), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def own_commands(name: str) -> list[list[str]]:
    return [words[1:] for words in commands(name) if words[0] == "routerkit"]


def run(words: Sequence[str]) -> None:
    outcome = call(*words)
    allowed = {0, ALARM} if words[0] == "drift" else {0}
    assert outcome.status in allowed, f"{' '.join(words)}: {outcome.stderr}"


def parse(words: Sequence[str]) -> None:
    """Check options and arguments without running the command."""
    parent = click.Context(cli, info_name="routerkit", **cli.context_settings)
    command = cli.get_command(parent, words[0])
    assert command is not None, words[0]
    command.make_context(words[0], list(words[1:]), parent=parent)


def test_every_line_of_a_console_block_is_run_or_has_a_reason_not_to_be() -> None:
    for name in DOCUMENTS:
        for words in commands(name):
            assert words[0] == "routerkit" or words[0] in NOT_RUN, f"{name}: {words}"


@pytest.mark.usefixtures("workplace")
@pytest.mark.parametrize("name", [name for name in DOCUMENTS if own_commands(name)])
def test_every_command_of_a_document_works(name: str) -> None:
    for words in own_commands(name):
        (parse if words[0] in TRAINING else run)(words)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", [name for name in DOCUMENTS if "train" in {words[0] for words in own_commands(name)}])
def test_a_router_trained_as_a_document_says_can_be_used_as_it_says(name: str, workplace: Path) -> None:
    shutil.rmtree(workplace / "router_model")
    told = own_commands(name)
    for words in told[next(at for at, words in enumerate(told) if words[0] == "train") :]:
        run(words)
    assert Router.from_pretrained(Path("router_model")).categories == Router.from_pretrained("starter").categories
