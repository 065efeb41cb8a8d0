from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest
from routerkit_training.baselines import embed, run_baselines
from transformers import DistilBertModel

from routerkit.artefact import REFERENCE, Artefact
from routerkit.errors import ConfigError, InputError
from routerkit.evaluation import Evaluation, evaluate
from routerkit.rows import Row
from tests.cli import call
from tests.training.support import obvious_rows, write_rows

if TYPE_CHECKING:
    from pathlib import Path

    from routerkit.router import Router
    from routerkit.tokenization import QueryTokenizer


def _unseen() -> list[Row]:
    """Rows in other words around the word that gives the category away."""
    return [Row(query=f"{row.query} end", category=row.category) for row in obvious_rows()]


@pytest.fixture
def judged(trained_router: Router) -> Evaluation:
    """The trained router on sixty rows that no one has learnt from."""
    return evaluate(trained_router, _unseen())


@pytest.fixture
def bare(trained: Artefact, tmp_path: Path) -> Artefact:
    """The trained router without its reference rows."""
    folder = shutil.copytree(trained.path, tmp_path / "bare")
    (folder / REFERENCE).unlink()
    return Artefact(path=folder, manifest=trained.manifest, digest=trained.digest)


def test_three_baselines_learn_from_the_routers_own_reference_rows(trained: Artefact, judged: Evaluation) -> None:
    found = run_baselines(trained, judged)
    assert [model.name for model in found.models] == ["majority", "tfidf_logistic", "knn"]
    assert (found.rows, found.left_out) == (60, 0)
    assert "reference.jsonl" in found.learnt_from
    majority, words, _ = (model.evaluation.to_dict() for model in found.models)
    assert majority["accuracy"] == pytest.approx(1 / 3)
    assert words["accuracy"] == 1.0
    assert all(model.evaluation.coverage == 1 for model in found.models)


def test_probabilities_stand_in_the_routers_order_and_sum_to_one(trained: Artefact, judged: Evaluation) -> None:
    for model in run_baselines(trained, judged).models:
        assert model.evaluation.categories == judged.categories
        for decision in model.evaluation.decisions:
            assert list(decision.probabilities) == judged.categories
            assert sum(decision.probabilities.values()) == pytest.approx(1)
            assert decision.confidence == decision.probabilities[decision.category]


def test_a_category_that_the_training_rows_lack_is_never_found(
    trained: Artefact, judged: Evaluation, tmp_path: Path
) -> None:
    rows = write_rows(tmp_path / "two.jsonl", [row for row in obvious_rows() if row.category != "general"])
    found = run_baselines(trained, judged, train_file=rows)
    assert (found.learnt_from, found.rows) == ("two.jsonl", 40)
    for model in found.models:
        assert np.array(model.evaluation.confusion)[:, judged.categories.index("general")].sum() == 0


def test_queries_of_the_test_file_are_not_learnt_from(trained: Artefact, judged: Evaluation, tmp_path: Path) -> None:
    rows = [*_unseen()[:7], *obvious_rows(), Row(query="nowhere", category=None)]
    found = run_baselines(trained, judged, train_file=write_rows(tmp_path / "rows.jsonl", rows))
    assert (found.rows, found.left_out) == (60, 7)


def test_rows_of_one_category_teach_nothing(trained: Artefact, judged: Evaluation, tmp_path: Path) -> None:
    rows = write_rows(tmp_path / "one.jsonl", [Row(query="sum it", category="math")])
    with pytest.raises(InputError, match=r"one\.jsonl has 1 such rows of 1; give others with --train-file"):
        run_baselines(trained, judged, train_file=rows)


def test_a_router_without_reference_rows_asks_for_a_file(bare: Artefact, judged: Evaluation) -> None:
    with pytest.raises(InputError, match="no reference rows for the baselines to learn from; give --train-file"):
        run_baselines(bare, judged)


def test_the_neighbours_say_whose_states_they_are_found_by(
    trained: Artefact, judged: Evaluation, tiny_distilbert_folder: Path, tiny_bert_folder: Path
) -> None:
    own = run_baselines(trained, judged).models[2]
    assert own.method == (
        "15 nearest neighbours by the mean-pooled states of the router itself, fine-tuned, "
        "because its base encoder is not at hand"
    )
    base = run_baselines(trained, judged, base_encoder=str(tiny_distilbert_folder)).models[2]
    other = run_baselines(trained, judged, base_encoder=str(tiny_bert_folder)).models[2]
    assert base.method.endswith("the base encoder tiny-distilbert")
    assert other.method.endswith("the base encoder tiny-bert")
    assert base.evaluation.decisions != own.evaluation.decisions


def test_the_base_encoder_is_taken_from_the_hubs_cache_where_it_is(
    trained: Artefact, judged: Evaluation, tiny_distilbert_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cached(name: str, *, local_files_only: bool) -> str:
        assert local_files_only
        assert name == trained.manifest.base_model.name
        return str(tiny_distilbert_folder)

    monkeypatch.setattr("routerkit_training.baselines.snapshot_download", cached)
    found = run_baselines(trained, judged).models[2]
    assert found.method.endswith("the base encoder tiny-distilbert")
    given = run_baselines(trained, judged, base_encoder=str(tiny_distilbert_folder)).models[2]
    assert found.evaluation.decisions == given.evaluation.decisions


def test_an_encoder_that_cannot_be_loaded_is_an_error_when_it_was_asked_for(
    trained: Artefact, judged: Evaluation, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="cannot be loaded"):
        run_baselines(trained, judged, base_encoder=str(tmp_path))


def test_a_query_has_the_same_embedding_alone_and_in_company(
    tiny_distilbert_folder: Path, tokenizer: QueryTokenizer
) -> None:
    model = DistilBertModel.from_pretrained(tiny_distilbert_folder)
    queries = ["what is the sum here", "hello", "tell me of the loop now", "party"]
    together = embed(model, tokenizer, queries)
    assert together.shape == (4, model.config.dim)
    for query, expected in zip(queries, together, strict=True):
        np.testing.assert_allclose(embed(model, tokenizer, [query])[0], expected, atol=1e-5)


def test_the_command_puts_baselines_into_json_and_report(trained: Artefact, tmp_path: Path) -> None:
    rows, page = write_rows(tmp_path / "test.jsonl", _unseen()), tmp_path / "page.html"
    found = call("evaluate", "--test-file", rows, "--report", page, "--json", "--model", trained.path)
    assert found.stderr == f"wrote {page}\n"
    baselines = json.loads(found.stdout)["baselines"]
    assert set(baselines) == {"learnt_from", "rows", "left_out", "models", "router"}
    assert set(baselines["models"]) == {"majority", "tfidf_logistic", "knn"}
    words = baselines["models"]["tfidf_logistic"]
    assert (words["accuracy"], words["intervals"]["accuracy"]) == (1.0, [1.0, 1.0])
    text = page.read_text(encoding="utf-8")
    assert "TF-IDF + logistic regression" in text
    assert "because its base encoder is not at hand" in text


def test_the_command_fails_where_baselines_were_asked_for_and_cannot_be_had(trained: Artefact, tmp_path: Path) -> None:
    rows = write_rows(tmp_path / "test.jsonl", _unseen())
    one = write_rows(tmp_path / "one.jsonl", [Row(query="sum it", category="math")])
    found = call("evaluate", "--test-file", rows, "--baselines", "--train-file", one, "--model", trained.path)
    assert found.status == 1
    assert "the baselines need rows of two categories or more" in found.error
