"""What every test stands on: no network, no telemetry, one thread, and a tiny router with real graphs."""

from __future__ import annotations

import os

# Before anything else is imported: these libraries read their settings at import time.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_OFFLINE"] = "1"
os.environ["LANGSMITH_TRACING"] = "false"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["OMP_NUM_THREADS"] = "1"

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from pytest_socket import socket_allow_hosts

from routerkit.artefact import FP32_GRAPH, INT8_GRAPH, write_manifest
from routerkit.config import CATEGORIES
from routerkit.testing import tiny_artefact, tiny_tokenizer
from routerkit.tokenization import QueryTokenizer

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from routerkit.export.graph import OutsideHead

    Weights = dict[str, NDArray[np.float32]]

LOOPBACK = ["127.0.0.1", "::1"]
SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"
TINY_WORDS = ("sum", "atom", "loop", "hello", "rain", "what", "is", "the")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Let connections reach this machine only, session fixtures included; asyncio needs its socket pair."""
    socket_allow_hosts(LOOPBACK, allow_unix_socket=True)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real labelled queries that lies next to the checkout."""
    if not (SHARED_DATA / "test.jsonl").is_file():
        pytest.skip("needs the labelled queries in shared/data next to the checkout")
    return SHARED_DATA


@pytest.fixture(scope="session")
def tiny_weights() -> Callable[[dict[str, Any]], Weights]:
    """Makes random weights of a `DistilBertForSequenceClassification` from the content of its `config.json`."""
    return make_weights


@pytest.fixture(scope="session")
def tiny_router_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete small router, two layers and 32 wide, with random weights and real fp32 and int8 graphs.

    Read it, do not write to it: it is shared by the whole session. `shutil.copytree` gives a copy to change.
    """
    pytest.importorskip("onnx", reason="writing ONNX graphs needs the extra `local`")
    folder = tmp_path_factory.mktemp("tiny") / "router"
    tiny_artefact(folder, words=TINY_WORDS, write_graphs=_write_graphs)
    return folder


@pytest.fixture(scope="session")
def tiny_outside_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `tiny_router_folder`, with a random out-of-domain head and an out-of-domain threshold of 0.5."""
    pytest.importorskip("onnx", reason="writing ONNX graphs needs the extra `local`")
    folder = tmp_path_factory.mktemp("outside") / "router"
    written = tiny_artefact(folder, words=TINY_WORDS, write_graphs=_write_outside_graphs)
    write_manifest(folder, written.manifest.model_copy(update={"ood_threshold": 0.5}))
    return folder


def make_weights(settings: dict[str, Any]) -> Weights:
    """Random weights, large enough that confidences spread over the whole range."""
    rng = np.random.default_rng(8)
    weights: Weights = {}

    def matrix(key: str, *shape: int, scale: float = 1.0) -> None:
        weights[key] = (rng.standard_normal(shape) * scale / np.sqrt(shape[-1])).astype(np.float32)

    def linear(key: str, inputs: int, outputs: int, scale: float = 1.0) -> None:
        matrix(f"{key}.weight", outputs, inputs, scale=scale)
        weights[f"{key}.bias"] = (rng.standard_normal(outputs) * 0.1).astype(np.float32)

    def norm(key: str) -> None:
        weights[f"{key}.weight"] = (1 + rng.standard_normal(dim) * 0.1).astype(np.float32)
        weights[f"{key}.bias"] = (rng.standard_normal(dim) * 0.1).astype(np.float32)

    dim, wide = settings["dim"], settings["hidden_dim"]
    matrix("distilbert.embeddings.word_embeddings.weight", settings["vocab_size"], dim)
    matrix("distilbert.embeddings.position_embeddings.weight", settings["max_position_embeddings"], dim)
    norm("distilbert.embeddings.LayerNorm")
    for layer in range(settings["n_layers"]):
        key = f"distilbert.transformer.layer.{layer}"
        for part in ("q_lin", "k_lin", "v_lin", "out_lin"):
            linear(f"{key}.attention.{part}", dim, dim)
        norm(f"{key}.sa_layer_norm")
        linear(f"{key}.ffn.lin1", dim, wide)
        linear(f"{key}.ffn.lin2", wide, dim)
        norm(f"{key}.output_layer_norm")
    linear("pre_classifier", dim, dim)
    linear("classifier", dim, len(settings["id2label"]), scale=6.0)
    return weights


def _write_graphs(folder: Path, settings: dict[str, Any], head: OutsideHead | None = None) -> dict[str, Any]:
    from routerkit.engines.onnx import OnnxEngine
    from routerkit.export.checkpoint import write_graph

    weights = make_weights(settings)
    write_graph(folder / FP32_GRAPH, weights, settings, int8=False)
    # Without this, random weights give nearly every query the same category.
    engine = OnnxEngine(folder / FP32_GRAPH, name="onnx fp32")
    weights["classifier.bias"] -= np.mean([engine.run([ids]).logits[0] for ids in _sample_token_ids()], axis=0)
    write_graph(folder / FP32_GRAPH, weights, settings, int8=False, outside=head)
    write_graph(folder / INT8_GRAPH, weights, settings, int8=True, outside=head)
    return {"fp32": {"path": FP32_GRAPH}, "int8": {"path": INT8_GRAPH}}


def _write_outside_graphs(folder: Path, settings: dict[str, Any]) -> dict[str, Any]:
    from routerkit.export.checkpoint import write_outside_head
    from routerkit.export.graph import OutsideHead

    weight = np.random.default_rng(5).standard_normal(2 * settings["dim"]) / 4
    head = OutsideHead(weight=weight.astype(np.float32), bias=-1.35)
    write_outside_head(folder, head)
    return _write_graphs(folder, settings, head)


def _sample_token_ids() -> list[list[int]]:
    rng = np.random.default_rng(11)
    words = [*TINY_WORDS, *"abcdefghij0123456789+?"]
    queries = [" ".join(rng.choice(words, size=rng.integers(1, 12))) for _ in range(300)]
    return QueryTokenizer(tiny_tokenizer(TINY_WORDS)).encode_batch(queries)


@pytest.fixture(scope="session")
def categories() -> list[str]:
    """The five categories of the tiny router."""
    return list(CATEGORIES)
