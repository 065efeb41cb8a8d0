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

from routerkit.calibration import softmax
from routerkit.config import CATEGORIES
from routerkit.scheduling import equal_length_batches
from routerkit.testing import tiny_artefact, tiny_tokenizer
from routerkit.tokenization import QueryTokenizer

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from routerkit.engines import Engine

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


def _write_graphs(folder: Path, settings: dict[str, Any]) -> dict[str, Any]:
    from routerkit.artefact import FP32_GRAPH, INT8_GRAPH
    from routerkit.engines.onnx import OnnxEngine
    from routerkit.export.checkpoint import write_graph

    weights, token_ids = make_weights(settings), _sample_token_ids()
    write_graph(folder / FP32_GRAPH, weights, settings, int8=False)
    # Without this, random weights give nearly every query the same category.
    weights["classifier.bias"] -= _alone(OnnxEngine(folder / FP32_GRAPH, name="onnx fp32"), token_ids).mean(axis=0)
    write_graph(folder / FP32_GRAPH, weights, settings, int8=False)
    write_graph(folder / INT8_GRAPH, weights, settings, int8=True)
    drift = _batch_drift(OnnxEngine(folder / INT8_GRAPH, name="onnx int8"), token_ids)
    return {"fp32": {"path": FP32_GRAPH}, "int8": {"path": INT8_GRAPH, "batch_drift": drift}}


def _sample_token_ids() -> list[list[int]]:
    rng = np.random.default_rng(11)
    words = [*TINY_WORDS, *"abcdefghij0123456789+?"]
    queries = [" ".join(rng.choice(words, size=rng.integers(1, 12))) for _ in range(600)]
    return QueryTokenizer(tiny_tokenizer(TINY_WORDS)).encode_batch(queries)


def _alone(engine: Engine, token_ids: list[list[int]]) -> NDArray[np.float32]:
    return np.concatenate([engine.logits([ids]) for ids in token_ids])


def _batch_drift(engine: Engine, token_ids: list[list[int]]) -> float:
    """Largest change of a probability that neighbours caused on random queries, doubled to be on the safe side."""
    alone = softmax(_alone(engine, token_ids))
    largest = 0.0
    for positions in equal_length_batches(token_ids):
        together = softmax(engine.logits([token_ids[i] for i in positions]))
        largest = max(largest, float(np.abs(together - alone[positions]).max()))
    return min(2 * largest, 1.0)


@pytest.fixture(scope="session")
def categories() -> list[str]:
    """The five categories of the tiny router."""
    return list(CATEGORIES)
