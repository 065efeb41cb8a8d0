"""`routerkit drift` on logs of a real router: one with a planted shift, one without."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

import numpy as np
import pytest

from routerkit.artefact import write_manifest
from routerkit.log import DecisionLog, LogConfig
from routerkit.router import Router
from routerkit.watch import Watch
from tests.cli import call

if TYPE_CHECKING:
    from pathlib import Path

USUAL = ["sum", "what is the sum", "atom", "the atom", "loop", "hello", "what is the rain", "rain is 3"]
STRANGE = ["zx zx", "qqq 7 7 7 7 7", "0 9 8 7 6 5 4 3 2 1 0 9 8 7", "hello hello hello hello"]


@pytest.fixture
def router(tiny_copy: Path) -> Router:
    """The tiny router with reference rows."""
    rows = [{"query": query, "category": "math", "role": "validation"} for query in USUAL * 30]
    (tiny_copy / "reference.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    write_manifest(tiny_copy, Router.from_pretrained(tiny_copy).artefact.manifest)
    return Router.from_pretrained(tiny_copy)


def logged(router: Router, path: Path, *, shift: float) -> Path:
    """800 decisions; in the latest 200 a share `shift` of the queries is of another kind."""
    generator = np.random.default_rng(1)
    usual = generator.choice(USUAL, size=800).tolist()
    strange = generator.choice(STRANGE, size=800).tolist()
    moved = (generator.random(800) < shift) & (np.arange(800) >= 600)
    log = DecisionLog(LogConfig(path=path))
    Watch(router, log=log).route_batch([strange[at] if moved[at] else usual[at] for at in range(800)])
    assert log.flush(30)
    log.close()
    return path


def test_a_planted_shift_alarms_and_is_drawn(router: Router, tmp_path: Path) -> None:
    log = logged(router, tmp_path / "log.sqlite", shift=0.5)
    found = call("drift", "--log", log, "--window", 200, "--svg", tmp_path / "drift.svg")
    assert found.status == 3
    assert found.stdout.startswith("ALARM: the queries have changed\n ! ")
    picture = (tmp_path / "drift.svg").read_text()
    assert "Drift: the queries have changed" in picture
    assert "window, 200 decisions" in picture
    assert len(ET.fromstring(picture).findall(".//{*}title")) == 2 * (5 + 10 + 1)


@pytest.mark.parametrize("against", ["the log itself", "the reference rows"])
def test_without_a_shift_there_is_no_alarm(against: str, router: Router, tmp_path: Path) -> None:
    log = logged(router, tmp_path / "log.sqlite", shift=0.0)
    options = [] if against == "the log itself" else ["--reference", router.artefact.path]
    found = call("drift", "--log", log, "--window", 200, "--svg", tmp_path / "drift.svg", *options)
    assert (found.status, found.stdout.splitlines()[0]) == (0, "no alarm")
    assert "Drift: no alarm" in (tmp_path / "drift.svg").read_text()


def test_the_figures_come_as_json(router: Router, tmp_path: Path) -> None:
    log = logged(router, tmp_path / "log.sqlite", shift=0.5)
    found = call("drift", "--log", log, "--window", 200, "--reference", router.artefact.path, "--json")
    figures = json.loads(found.stdout)
    assert (found.status, figures["alarm"]) == (3, True)
    assert [finding["name"] for finding in figures["findings"]] == ["mix", "confidence", "outside"]
    assert (figures["reference"]["n"], figures["window"]["n"]) == (240, 200)
    assert sum(figures["window"]["mix"].values()) == pytest.approx(1, abs=1e-4)


def test_another_router_in_the_log_is_not_taken_for_drift(router: Router, tiny_router: Router, tmp_path: Path) -> None:
    log = logged(tiny_router, tmp_path / "log.sqlite", shift=0.0)
    found = call("drift", "--log", log, "--reference", router.artefact.path)
    assert found.status == 1
    assert f"the log has 0 decisions of router {router.artefact.digest[:12]}" in found.error


def test_a_router_without_reference_rows_says_so(tiny_router: Router, tmp_path: Path) -> None:
    log = logged(tiny_router, tmp_path / "log.sqlite", shift=0.0)
    found = call("drift", "--log", log, "--reference", tiny_router.artefact.path, "--window", 100)
    assert "keeps no reference rows; leave out --reference" in found.error


def test_a_picture_does_not_take_the_place_of_its_log(router: Router, tmp_path: Path) -> None:
    log = logged(router, tmp_path / "log.sqlite", shift=0.0)
    found = call("drift", "--log", log, "--window", 200, "--svg", log)
    assert found.status == 1
    assert "is the decision log and would be overwritten; give another --svg" in found.error
    assert call("drift", "--log", log, "--window", 200).status == 0


def test_what_was_found_is_told_even_if_the_picture_cannot_be_written(router: Router, tmp_path: Path) -> None:
    log = logged(router, tmp_path / "log.sqlite", shift=0.0)
    found = call("drift", "--log", log, "--window", 200, "--svg", tmp_path)
    assert found.status == 1
    assert found.stdout.startswith("no alarm")
    assert "cannot be written" in found.error


def test_a_configuration_without_a_reference_is_refused(tmp_path: Path) -> None:
    found = call("drift", "--log", tmp_path / "log.sqlite", "--config", "offline")
    assert found.status == 2
    assert "--config is about the router of --reference" in found.error


def test_a_router_that_decided_nothing_in_the_log_is_told_from_those_that_did(
    router: Router, tiny_router_folder: Path, tmp_path: Path
) -> None:
    log = logged(router, tmp_path / "log.sqlite", shift=0.0)
    found = call("drift", "--log", log, "--window", 200, "--reference", tiny_router_folder)
    assert found.status == 1
    assert f"it also has decisions of {router.artefact.digest[:12]}" in found.error
