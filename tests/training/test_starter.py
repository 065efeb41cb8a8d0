"""The one command that rebuilds the starter, on tiny data."""

from __future__ import annotations

import csv
import gzip
import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from routerkit_training import recipe, starter
from routerkit_training.conversations import LabelledConversation, LabelledTurn

from routerkit import artefact
from routerkit.errors import ConfigError
from routerkit.router import Router
from routerkit.rows import read_rows
from tests.training.support import obvious_rows, write_rows

if TYPE_CHECKING:
    from pathlib import Path

    from routerkit.rows import Row

Build = dict[str, Any]

_TURNS = (LabelledTurn("a prime of prime roots", "math", False), LabelledTurn("compile a loop", "code", False))
_CONVERSATION = LabelledConversation("a", "switching", _TURNS)
_STEMS = ["what is the prime of a party", "tell me of the angle of a city", "how does the root of a letter end"]


def _sourced(path: Path, rows: list[Row], *, doubtful: bool = False) -> None:
    content = [
        {"query": row.query, "category": row.category, "source": f"{row.category}-{number % 2}"}
        for number, row in enumerate(rows)
    ]
    if doubtful:
        content.append({"query": "compile a poem of prime cities", "category": "code", "source": "conala"})
    path.write_text("\n".join(map(json.dumps, content)), encoding="utf-8")


def _write_exam_questions(path: Path) -> None:
    path.parent.mkdir()
    with gzip.open(path, "wt", encoding="utf-8", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(("qid", "dataset", "subject", "category", "query"))
        for number, stem in enumerate(_STEMS):
            lines.writerow((number, "mmlu", "high_school_mathematics", "math", f"{stem}\nA. one\nB. two"))


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory, tiny_distilbert_folder: Path) -> Build:
    """The command on rows that one word gives away."""
    folder = tmp_path_factory.mktemp("starter")
    rows = obvious_rows(25)
    data, corpus = folder / "data", folder / "corpus"
    data.mkdir()
    corpus.mkdir()
    _sourced(data / "train.jsonl", rows[0::3], doubtful=True)
    for name in ("validation", "test"):
        _sourced(data / f"{name}.jsonl", rows[1::3])
    _write_exam_questions(data / "outcomes" / "routellm.csv.gz")
    write_rows(corpus / "train.jsonl", rows[2::3])
    write_rows(corpus / "dev.jsonl", list(rows[2::6]))
    small = {
        "epochs": 12,
        "batch_size": 4,
        "learning_rate": 5e-3,
        "max_tokens": 32,
        "precision": "fp32",
        "patience": 12,
    }

    def run() -> Any:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(starter, "ENCODER_SHA256", artefact.file_digest(tiny_distilbert_folder / artefact.WEIGHTS))
            for module in (recipe, starter):
                patch.setattr(module, "part_path", lambda part: corpus / f"{part}.jsonl")
            patch.setattr(recipe, "read_conversations", lambda part: {"train": [_CONVERSATION]}[part])
            patch.setattr(recipe, "RECIPE", small)
            patch.setattr(recipe, "ROWS_PER_SOURCE", 3)
            patch.setattr(recipe, "FOLD_EPOCHS", 3)
            patch.setattr(starter, "N_FOLDS", 2)
            arguments = ["--data", data, "--encoder", tiny_distilbert_folder, "--output-dir", folder / "made"]
            return CliRunner().invoke(starter.build_starter, list(map(str, arguments)), catch_exceptions=False)

    run()
    return {"folder": folder / "made", "run": run, "corpus": corpus}


def test_the_result_is_a_router_without_float_weights(build: Build) -> None:
    made = artefact.read(build["folder"])
    assert set(made.manifest.graphs) == {"int8"}
    assert not (made.path / artefact.WEIGHTS).exists()
    assert Router.from_pretrained(made.path).route_query("what is the sum here").category == "math"


def test_nothing_is_learnt_from_a_doubtful_source(build: Build) -> None:
    learnt = read_rows(build["folder"].with_name("made-float") / "train.jsonl")
    assert learnt
    assert not [row for row in learnt if row.source == "conala"]


def test_no_source_outweighs_the_others(build: Build) -> None:
    learnt = read_rows(build["folder"].with_name("made-float") / "train.jsonl")
    counts = Counter((row.category, row.source) for row in learnt if row.source)
    assert set(counts.values()) == {3}


def test_turns_of_conversations_are_learnt(build: Build) -> None:
    rows = {row.query: row.category for row in read_rows(build["folder"].with_name("made-float") / "train.jsonl")}
    assert rows["a prime of prime roots\ncompile a loop"] == "code"


def test_exam_questions_are_learnt(build: Build) -> None:
    learnt = read_rows(build["folder"].with_name("made-float") / "train.jsonl")
    assert {row.query for row in learnt if row.source == "mmlu"} == set(_STEMS)


def test_the_confidence_is_fitted_to_sources_and_writers_that_were_not_learnt_from(build: Build) -> None:
    work = build["folder"].with_name("made-float")
    n_dev = len(read_rows(build["corpus"] / "dev.jsonl"))
    lines = [json.loads(line) for line in (work / "unseen.jsonl").read_text().splitlines()]
    assert sum(not line["source"] for line in lines) == n_dev
    assert len({line["source"] for line in lines if line["source"]}) >= 2


def test_the_rows_that_are_kept_for_reference_are_those_of_the_corpus(build: Build) -> None:
    own = {row.query for part in ("train", "dev") for row in read_rows(build["corpus"] / f"{part}.jsonl")}
    assert {row.query for row in read_rows(build["folder"] / artefact.REFERENCE)} <= own


def test_the_card_names_every_split_and_all_that_was_learnt(build: Build) -> None:
    card = (build["folder"] / artefact.CARD).read_text(encoding="utf-8")
    learnt = (
        "public query data, train.jsonl",
        "MMLU, routellm.csv.gz",
        "corpus, train.jsonl",
        "conversations, train.jsonl",
    )
    for name in ("public data, test part", "trained float weights", "corpus, development part", *learnt):
        assert name in card


def test_a_build_that_is_repeated_does_not_train_again(build: Build) -> None:
    trained = build["folder"].with_name("made-float") / "trained" / artefact.MANIFEST
    before = trained.stat().st_mtime_ns
    build["run"]()
    assert trained.stat().st_mtime_ns == before
    assert artefact.read(build["folder"]).manifest.name == "starter"


def test_another_encoder_is_refused(tmp_path: Path, tiny_distilbert_folder: Path) -> None:
    arguments = ["--data", tmp_path, "--encoder", tiny_distilbert_folder, "--output-dir", tmp_path / "made"]
    with pytest.raises(ConfigError, match="expected all-MiniLM-L6-v2 with sha256"):
        CliRunner().invoke(starter.build_starter, list(map(str, arguments)), catch_exceptions=False)
