"""Routers that believe what they are told, for the tests of everything around the engine."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest

from routerkit import artefact
from routerkit.engines import Scores
from routerkit.policy import ThresholdPolicy
from routerkit.query import MAX_QUERY_CHARS
from routerkit.router import Router
from routerkit.testing import FakeEngine, fake_router, tiny_artefact, tiny_tokenizer
from routerkit.tokenization import QueryTokenizer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

BELIEFS = {
    "sum": {"math": 0.9, "general": 0.1},
    "atom": {"science": 0.8, "math": 0.2},
    "loop": {"code": 0.7, "general": 0.3},
    "hello": {"general": 0.95, "commonsense": 0.05},
    "rain": {"commonsense": 0.4, "science": 0.35, "general": 0.25},
}
"""One word for each category; `rain` stays below the usual threshold of 0.5."""


class SuspiciousEngine(FakeEngine):
    """A fake engine that finds a query the more outside, the longer it is: log-odds of its length minus 5."""

    def run(self, batch: Sequence[Sequence[int]]) -> Scores:
        outside = np.array([len(ids) - 5 for ids in batch], dtype=np.float32)
        return Scores(super().run(batch).logits, outside)


@pytest.fixture
def believer(tmp_path: Path) -> Router:
    """A router that knows one word of each category and has a threshold of 0.5."""
    return fake_router(tmp_path / "believer", BELIEFS)


@pytest.fixture
def fake_engine(believer: Router) -> FakeEngine:
    """The engine inside `believer`, which records how many queries it was given at once."""
    engine = believer._engine
    assert isinstance(engine, FakeEngine)
    return engine


@pytest.fixture
def suspicious(tmp_path: Path, categories: list[str]) -> Router:
    """As `believer`, and every query of more than three words is out of domain."""
    found = tiny_artefact(tmp_path / "suspicious", words=list(BELIEFS))
    tokenizer = tiny_tokenizer(list(BELIEFS))
    return Router(
        artefact=found,
        engine=SuspiciousEngine(tokenizer.get_vocab(), BELIEFS, categories),
        tokenizer=QueryTokenizer(tokenizer),
        policy=ThresholdPolicy(fallback="general", ood_threshold=0.5),
        max_query_chars=MAX_QUERY_CHARS,
    )


@pytest.fixture(scope="session")
def tiny_router(tiny_router_folder: Path) -> Router:
    """The tiny router as it is served by default: int8 graph, ONNX Runtime."""
    return Router.from_pretrained(tiny_router_folder)


@pytest.fixture
def tiny_copy(tiny_router_folder: Path, tmp_path: Path) -> Path:
    """A copy of the tiny router that a test may damage."""
    return shutil.copytree(tiny_router_folder, tmp_path / "copy")


@pytest.fixture(scope="session", params=["without a score", "with a score"])
def int8_only(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> artefact.Artefact:
    """The tiny router as the starter is shipped: int8 graph only; once with an out-of-domain head in the graph."""
    source = request.getfixturevalue("tiny_outside_folder" if request.param == "with a score" else "tiny_router_folder")
    folder = tmp_path_factory.mktemp("int8") / "router"
    shutil.copytree(source, folder)
    (folder / artefact.FP32_GRAPH).unlink()
    (folder / artefact.OUTSIDE_HEAD).unlink(missing_ok=True)
    written = artefact.read(source).manifest
    return artefact.write_manifest(folder, written.model_copy(update={"graphs": {"int8": written.graphs["int8"]}}))


@pytest.fixture(scope="session")
def queries() -> list[str]:
    """Two hundred random queries of many lengths, in words that the tiny router knows and letters that it spells."""
    rng = np.random.default_rng(1)
    words = ["sum", "atom", "loop", "hello", "rain", "what", "is", "the", *"abc123?+"]
    return [" ".join(rng.choice(words, size=rng.integers(1, 15))) for _ in range(200)]
