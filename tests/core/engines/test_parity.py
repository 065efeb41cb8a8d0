"""The core test of the engines: all of them compute the same from one artefact."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import pytest

from routerkit import artefact
from routerkit.calibration import softmax
from routerkit.config import RouterConfig
from routerkit.engines.loading import load_engine
from routerkit.export.checkpoint import export_checkpoint
from routerkit.router import Router

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from routerkit.engines import Engine, Scores

LENGTHS = [1, 2, 3, 4, 5, 8, 13, 21, 34, 55, 63, 64]


def engine_of(folder: Path, **settings: str) -> Engine:
    return load_engine(artefact.read(folder), RouterConfig.model_validate(settings))


def random_batch(length: int, size: int = 3) -> NDArray[np.int64]:
    return np.random.default_rng(length).integers(0, 50, (size, length))


def assert_close(found: Scores, expected: Scores, tolerance: float) -> None:
    np.testing.assert_allclose(found.logits, expected.logits, atol=tolerance)
    assert (found.outside is None) == (expected.outside is None)
    if found.outside is not None and expected.outside is not None:
        assert found.outside.shape == (len(found.logits),)
        np.testing.assert_allclose(found.outside, expected.outside, atol=tolerance)


@pytest.fixture(scope="module", params=["without a score", "with a score"])
def folder(request: pytest.FixtureRequest) -> Path:
    """The tiny router, once without and once with an out-of-domain head."""
    pytest.importorskip("torch")
    name = "tiny_outside_folder" if request.param == "with a score" else "tiny_router_folder"
    found: Path = request.getfixturevalue(name)
    return found


def test_the_exact_graph_computes_what_torch_computes_at_every_length(folder: Path) -> None:
    onnx, torch = engine_of(folder, precision="fp32"), engine_of(folder, engine="torch")
    for length in LENGTHS:
        batch = random_batch(length).tolist()
        assert_close(onnx.run(batch), torch.run(batch), 1e-4)


@pytest.mark.parametrize("size", [1, 2, 17])
def test_both_float_engines_give_one_row_for_each_query(folder: Path, size: int) -> None:
    for engine in (engine_of(folder, precision="fp32"), engine_of(folder, engine="torch")):
        scores = engine.run(random_batch(6, size).tolist())
        assert scores.logits.shape == (size, 5)
        assert scores.logits.dtype == np.float32


@pytest.mark.parametrize("settings", [{"precision": "int8"}, {"precision": "fp32"}, {"engine": "torch"}], ids=str)
def test_a_query_has_the_same_scores_alone_and_beside_any_neighbours(folder: Path, settings: dict[str, str]) -> None:
    engine = engine_of(folder, **settings)
    for length in (2, 9, 40):
        batch = random_batch(length, 12).tolist()
        together = engine.run(batch)
        for position, ids in enumerate(batch):
            alone = engine.run([ids])
            np.testing.assert_allclose(together.logits[position], alone.logits[0], atol=1e-5)
            if together.outside is not None and alone.outside is not None:
                np.testing.assert_allclose(together.outside[position], alone.outside[0], atol=1e-5)


def test_the_int8_graph_stays_close_to_the_exact_one(folder: Path, queries: list[str]) -> None:
    exact = Router.from_pretrained(folder, config=RouterConfig(precision="fp32"))
    rounded = Router.from_pretrained(folder, config=RouterConfig(precision="int8"))
    pairs = [(exact.classify(query), rounded.classify(query)) for query in queries]
    assert sum(one.category == other.category for one, other in pairs) >= 0.95 * len(queries)
    drift = [
        abs(one.probabilities[name] - other.probabilities[name]) for one, other in pairs for name in exact.categories
    ]
    assert 0 < max(drift) < 0.15


def test_a_router_shipped_as_int8_only_runs_in_torch_from_its_integers(int8_only: artefact.Artefact) -> None:
    pytest.importorskip("torch")
    torch, rounded = engine_of(int8_only.path, engine="torch"), engine_of(int8_only.path)
    assert (torch.name, rounded.name) == ("torch cpu", "onnx int8")
    for length in LENGTHS:
        batch = random_batch(length, 1).tolist()
        found, expected = torch.run(batch), rounded.run(batch)
        np.testing.assert_allclose(softmax(found.logits), softmax(expected.logits), atol=0.15)
        assert (found.outside is None) == (expected.outside is None)


def test_the_checkpoint_of_an_int8_only_router_is_exactly_what_torch_ran(
    int8_only: artefact.Artefact, tmp_path: Path
) -> None:
    pytest.importorskip("torch")
    full = export_checkpoint(int8_only, tmp_path / "full")
    before = engine_of(int8_only.path, engine="torch")
    for after in (engine_of(full.path, engine="torch"), engine_of(full.path, precision="fp32")):
        for length in (3, 20):
            batch = random_batch(length).tolist()
            assert_close(after.run(batch), before.run(batch), 1e-4)


def test_the_scores_do_not_depend_on_the_number_of_threads(tiny_router_folder: Path) -> None:
    one, two = (
        load_engine(artefact.read(tiny_router_folder), RouterConfig(precision="fp32", threads=threads))
        for threads in (1, 2)
    )
    batch = random_batch(12).tolist()
    np.testing.assert_allclose(one.run(batch).logits, two.run(batch).logits, atol=1e-5)


@pytest.mark.parametrize("settings", [{"precision": "int8"}, {"precision": "fp32"}, {"engine": "torch"}], ids=str)
def test_an_engine_may_be_shared_between_threads(tiny_router_folder: Path, settings: dict[str, str]) -> None:
    if "engine" in settings:
        pytest.importorskip("torch")
    engine = engine_of(tiny_router_folder, **settings)
    batches = [random_batch(length, 2).tolist() for length in LENGTHS * 4]
    expected = [engine.run(batch).logits for batch in batches]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda batch: engine.run(batch).logits, batches))
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_gpu_computes_what_the_cpu_computes(folder: Path) -> None:
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("torch sees no GPU here")
    cpu, gpu = engine_of(folder, engine="torch"), engine_of(folder, device="cuda")
    for length in LENGTHS:
        batch = random_batch(length).tolist()
        assert_close(gpu.run(batch), cpu.run(batch), 1e-3)
