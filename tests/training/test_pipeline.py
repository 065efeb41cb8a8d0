"""The folder that training writes is a plain Hugging Face checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from transformers import AutoTokenizer, pipeline

from routerkit.config import RouterConfig
from routerkit.router import Router
from tests.training.support import obvious_rows

if TYPE_CHECKING:
    from routerkit.artefact import Artefact

_AWKWARD = ["Sum?", "  what is\n the LOOP ", "héllo 数学", "poem root python", "x"]
_QUERIES = [row.query for row in obvious_rows()[::6]] + _AWKWARD


def _softened(scores: list[dict[str, float]], temperature: float) -> dict[str, float]:
    """Scores of a pipeline, which knows no temperature, as calibrated probabilities."""
    raised = {str(score["label"]): float(np.power(score["score"], 1 / temperature)) for score in scores}
    return {name: value / sum(raised.values()) for name, value in raised.items()}


def test_a_pipeline_agrees_with_the_router_on_category_and_confidence(trained: Artefact) -> None:
    classify = pipeline("text-classification", model=str(trained.path), device="cpu", top_k=None)
    exact = Router.from_pretrained(trained.path, config=RouterConfig(precision="fp32"))
    served = Router.from_pretrained(trained.path)
    for query, scores in zip(_QUERIES, classify(_QUERIES), strict=True):
        decision = exact.route_query(query)
        assert scores[0]["label"] == decision.category == served.route_query(query).category, query
        assert _softened(scores, trained.manifest.temperature) == pytest.approx(decision.probabilities, abs=1e-4)


def test_a_pipeline_that_pads_its_batches_finds_the_same_categories(trained: Artefact) -> None:
    classify = pipeline("text-classification", model=str(trained.path), device="cpu", batch_size=4)
    router = Router.from_pretrained(trained.path, config=RouterConfig(precision="fp32"))
    found = [score["label"] for score in classify(_QUERIES)]
    assert found == [decision.category for decision in router.route_batch(_QUERIES)]


def test_the_tokenizer_of_transformers_gives_the_ids_that_serving_uses(trained: Artefact) -> None:
    from routerkit.tokenization import QueryTokenizer

    theirs = AutoTokenizer.from_pretrained(trained.path)
    ours = QueryTokenizer.from_file(trained.path / "tokenizer.json", max_tokens=trained.manifest.max_tokens)
    assert [theirs(query)["input_ids"] for query in _QUERIES] == ours.encode_batch(_QUERIES)
    assert theirs.model_max_length == trained.manifest.max_tokens
