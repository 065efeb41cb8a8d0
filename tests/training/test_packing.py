"""A trained classifier becomes an artefact that can be trusted."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from routerkit_training import packing, rounding
from routerkit_training.encoder import load_router
from routerkit_training.packing import pack
from routerkit_training.reference import write_reference
from routerkit_training.splits import make_splits
from routerkit_training.train import _facts
from safetensors.numpy import load_file

from routerkit import artefact
from routerkit.config import RouterConfig
from routerkit.errors import ArtefactError
from routerkit.export import builder as builder_module
from routerkit.router import Router
from routerkit.rows import Row, read_rows
from routerkit.tokenization import QueryTokenizer
from tests.training.support import obvious_rows, quick_settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_QUERIES = [row.query for row in obvious_rows(25)]


@pytest.fixture
def packed_again(trained: artefact.Artefact, train_file: Path, tmp_path: Path) -> Callable[..., artefact.Artefact]:
    """Packs the trained classifier once more, into a new folder."""

    def run(**changes: Any) -> artefact.Artefact:
        encoder = load_router(str(trained.path))
        encoder.model.eval()
        settings = quick_settings(train_file, tmp_path / "again", "starter").model_copy(update=changes)
        splits = make_splits(read_rows(train_file), None, seed=0, path=train_file)
        tokenizer = QueryTokenizer(encoder.tokenizer, max_tokens=32)
        return pack(settings.output_dir, encoder, tokenizer, splits, _facts(settings, splits, encoder, []))

    return run


def test_every_file_is_listed_and_its_digest_holds(trained: artefact.Artefact) -> None:
    assert artefact.read(trained.path) == trained
    assert set(trained.manifest.files) >= {
        artefact.CONFIG,
        artefact.WEIGHTS,
        artefact.TOKENIZER,
        artefact.FP32_GRAPH,
        artefact.INT8_GRAPH,
        artefact.REFERENCE,
    }
    for name, digest in trained.manifest.files.items():
        assert artefact.file_digest(trained.path / name) == digest


def test_the_fp32_graph_computes_what_torch_computes(trained: artefact.Artefact) -> None:
    exact = Router.from_pretrained(trained.path, config=RouterConfig(precision="fp32"))
    torch_router = Router.from_pretrained(trained.path, config=RouterConfig(engine="torch"))
    for query in _QUERIES[::7]:
        one, other = exact.route_query(query), torch_router.route_query(query)
        assert one.category == other.category
        assert one.probabilities == pytest.approx(other.probabilities, abs=1e-5)


def test_the_int8_graph_decides_like_fp32_and_says_how_closely(trained: artefact.Artefact, train_file: Path) -> None:
    graph = trained.manifest.graphs["int8"]
    assert graph.path == artefact.INT8_GRAPH
    assert graph.agreement >= rounding.MIN_AGREEMENT
    held_out = make_splits(read_rows(train_file), None, seed=0, path=train_file).validation
    rounded = Router.from_pretrained(trained.path)
    exact = Router.from_pretrained(trained.path, config=RouterConfig(precision="fp32"))
    for row in held_out:
        one, other = rounded.route_query(row.query), exact.route_query(row.query)
        assert one.category == other.category
        difference = max(abs(one.probabilities[name] - other.probabilities[name]) for name in one.probabilities)
        assert difference <= graph.confidence_drift + 0.005  # measured at the temperature of the fp32 logits


def test_batches_decide_as_single_queries_do(trained_router: Router) -> None:
    alone = [trained_router.route_query(query) for query in _QUERIES]
    together = trained_router.route_batch(_QUERIES)
    assert [(d.category, d.route) for d in together] == [(d.category, d.route) for d in alone]


def test_an_int8_graph_that_decides_differently_is_not_kept(
    packed_again: Callable[[], artefact.Artefact], monkeypatch: pytest.MonkeyPatch
) -> None:
    original = builder_module.quantise_columns

    def coarse(weight: np.ndarray) -> Any:
        values, scales = original(weight)
        return (np.rint(values / 127) * 127).clip(-127, 127).astype(np.int8), scales

    monkeypatch.setattr(builder_module, "quantise_columns", coarse)
    made = packed_again()
    assert set(made.manifest.graphs) == {"fp32"}
    assert not (made.path / artefact.INT8_GRAPH).exists()
    assert artefact.INT8_GRAPH not in made.manifest.files
    assert "onnx fp32" in repr(Router.from_pretrained(made.path))


def test_a_graph_that_does_not_compute_what_torch_computes_is_refused(
    packed_again: Callable[[], artefact.Artefact], monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(encoder: Any) -> dict[str, np.ndarray]:
        weights = {key: value.detach().numpy() for key, value in encoder.model.state_dict().items()}
        return {**weights, "classifier.bias": weights["classifier.bias"] + np.float32(0.1)}

    monkeypatch.setattr(packing, "numpy_weights", wrong)
    with pytest.raises(ArtefactError, match=r"differs from torch by 1\.0e-01, 1e-03 is allowed"):
        packed_again()


def test_packing_the_same_classifier_again_gives_the_same_files(
    trained: artefact.Artefact, packed_again: Callable[[], artefact.Artefact]
) -> None:
    made = packed_again()
    for name in (artefact.WEIGHTS, artefact.TOKENIZER, artefact.FP32_GRAPH, artefact.INT8_GRAPH):
        assert made.manifest.files[name] == trained.manifest.files[name]
    assert made.manifest.temperature == trained.manifest.temperature


def test_every_specialist_gets_a_threshold_of_its_own_if_that_is_wanted(
    packed_again: Callable[..., artefact.Artefact],
) -> None:
    packed = packed_again(per_category=True, target_harm=0.2)
    manifest = packed.manifest
    specialists = {name for name in manifest.categories if name != "general"}
    assert set(manifest.category_thresholds) == specialists
    promised = manifest.training["threshold"]["by_category"]
    assert {name: one["value"] for name, one in promised.items()} == manifest.category_thresholds
    policy = Router.from_pretrained(packed.path).policy
    assert policy.category_thresholds == manifest.category_thresholds


def test_the_checkpoint_holds_the_trained_float_weights(trained: artefact.Artefact) -> None:
    stored = load_file(trained.path / artefact.WEIGHTS)
    model = load_router(str(trained.path)).model.state_dict()
    assert set(stored) == set(model)
    assert all(torch.equal(torch.from_numpy(stored[key]), value) for key, value in model.items())
    assert {value.dtype for value in stored.values()} == {np.dtype(np.float32)}


def test_the_figures_are_those_of_the_router_as_served(trained: artefact.Artefact, train_file: Path) -> None:
    held_out = make_splits(read_rows(train_file), None, seed=0, path=train_file).validation
    found = Router.from_pretrained(trained.path).route_batch([row.query for row in held_out])
    right = [decision.category == row.category for decision, row in zip(found, held_out, strict=True)]
    assert trained.manifest.metrics["validation"]["accuracy"] == pytest.approx(np.mean(right))


def test_a_copied_router_is_the_same_router(trained: artefact.Artefact, tmp_path: Path) -> None:
    shutil.copytree(trained.path, tmp_path / "moved")
    assert artefact.read(tmp_path / "moved").digest == trained.digest


def _reference(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / artefact.REFERENCE).read_text(encoding="utf-8").splitlines()]


def test_the_reference_rows_of_a_small_run_are_all_rows_with_their_roles(trained: artefact.Artefact) -> None:
    rows = _reference(trained.path)
    assert Counter(row["role"] for row in rows) == {"train": 51, "validation": 9}
    assert {(row["query"], row["category"]) for row in rows} == {(row.query, row.category) for row in obvious_rows()}
    assert len(read_rows(trained.path / artefact.REFERENCE)) == 60


def test_the_reference_is_limited_and_even(tmp_path: Path) -> None:
    train = [Row(query=f"{name} {n}", category=name) for n in range(2_500) for name in ("a", "b", "c", "d")]
    validation = [Row(query=f"v {name} {n}", category=name, also=("b",)) for n in range(900) for name in ("a", "c")]
    write_reference(tmp_path, train, validation, seed=0)
    rows = _reference(tmp_path)
    counts = Counter((row["role"], row["category"]) for row in rows)
    assert counts == {
        **{("train", name): 500 for name in "abcd"},
        ("validation", "a"): 500,
        ("validation", "c"): 500,
    }
    assert {tuple(row["also"]) for row in rows if row["role"] == "validation"} == {("b",)}
    assert len({row["query"] for row in rows}) == len(rows)


def test_the_reference_repeats_with_its_seed(tmp_path: Path) -> None:
    train = [Row(query=f"{n}", category="a") for n in range(3_000)]
    texts = []
    for seed in (1, 1, 2):
        write_reference(tmp_path, train, train[:10], seed=seed)
        texts.append((tmp_path / artefact.REFERENCE).read_text())
    assert texts[0] == texts[1] != texts[2]
