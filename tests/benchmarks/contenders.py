"""Who takes part in the benchmark: every way from text to category, each at its best on one thread."""

from __future__ import annotations

import json
import shutil
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors.numpy import save_file
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from transformers import AutoModel, AutoTokenizer, DistilBertConfig, DistilBertForSequenceClassification, pipeline

from routerkit import Router, RouterConfig, artefact
from routerkit.export.checkpoint import write_graph
from routerkit.export.graph import Shape
from routerkit.export.ranges import measure_ranges, write_ranges
from routerkit.rows import read_rows
from routerkit.tokenization import QueryTokenizer
from tests.benchmarks.names import BASE, BULK_1, BULK_32, FP32, INT8, SEMANTIC, TORCH, WORDS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Single = Callable[[str], str]
    Bulk = Callable[[list[str]], list[str]]

FULL_SIZE = {"n_layers": 6, "n_heads": 12, "dim": 768, "hidden_dim": 3072}
LEAST_AGREEMENT = 0.98
"""Of the int8 graph with the pipeline, on a few hundred queries; `routerkit train` is stricter, on more."""

UTTERANCES = 10
"""Examples of each category that semantic-router compares a query with, as its documentation does."""

SAMPLE = 500
"""Queries that the int8 graph of random weights takes its rounding from."""


def full_size(checkpoint: Path, folder: Path) -> Path:
    """A checkpoint of DistilBERT's own shape with random weights, with the starter's tokenizer: for speed only."""
    shutil.copytree(checkpoint, folder)
    (folder / artefact.OUTSIDE_HEAD).unlink(missing_ok=True)
    settings = json.loads((folder / artefact.CONFIG).read_text(encoding="utf-8")) | FULL_SIZE
    (folder / artefact.CONFIG).write_text(json.dumps(settings), encoding="utf-8")
    torch.manual_seed(0)
    model = DistilBertForSequenceClassification(DistilBertConfig(**settings))
    weights = {key: value.detach().numpy() for key, value in model.state_dict().items()}
    save_file(weights, folder / artefact.WEIGHTS, metadata={"format": "pt"})
    tokenizer = QueryTokenizer.from_file(folder / artefact.TOKENIZER)
    token_ids = tokenizer.encode_batch([row.query for row in read_rows(folder / artefact.REFERENCE)[:SAMPLE]])
    ranges = measure_ranges(weights, Shape.from_config(settings), token_ids)
    write_ranges(folder, ranges)
    write_graph(folder / artefact.FP32_GRAPH, weights, settings, int8=False)
    write_graph(folder / artefact.INT8_GRAPH, weights, settings, int8=True, ranges=ranges)
    manifest = artefact.read(checkpoint).manifest
    artefact.write_manifest(folder, manifest.model_copy(update={"name": "full size, random", "ood_threshold": None}))
    return folder


def one_by_one(checkpoint: Path) -> dict[str, Single]:
    """From one query to its category; the base of the ratios comes first."""
    found: dict[str, Single] = {BASE: pipeline_of(checkpoint)}
    for name, settings in (("int8", {"precision": "int8"}), ("fp32", {"precision": "fp32"}), ("torch", {})):
        engine = {"engine": "torch"} if name == "torch" else settings
        router = Router.from_pretrained(checkpoint, config=RouterConfig.model_validate(engine))
        found[f"routerkit {name}"] = lambda query, router=router: router.route_query(query).category
    words = _words(checkpoint)
    found[WORDS] = lambda query: str(words.predict([query])[0])
    if find_spec("semantic_router") is None:
        print(f"left out: {SEMANTIC}; it is not installed: pip install semantic-router==1.1.1", file=sys.stderr)
    else:
        found[SEMANTIC] = _semantic_router(checkpoint)
    return found


def in_bulk(checkpoint: Path, cores: int) -> dict[str, Bulk]:
    """From many queries to their categories; several sessions only where there are several cores."""
    hugging_face = pipeline("text-classification", model=str(checkpoint), device="cpu")

    def piped(queries: list[str], size: int) -> list[str]:
        with torch.inference_mode():
            return [str(found["label"]) for found in hugging_face(queries, batch_size=size)]

    found: dict[str, Bulk] = {
        BULK_32: lambda queries: piped(queries, 32),
        BULK_1: lambda queries: piped(queries, 1),
    }
    for sessions, precision in [(1, "int8"), (1, "fp32"), *([(2, "int8")] if cores > 1 else [])]:
        config = RouterConfig.model_validate({"precision": precision, "sessions": sessions})
        router = Router.from_pretrained(checkpoint, config=config)
        name = f"routerkit {precision}" + (f", {sessions} sessions" if sessions > 1 else "")
        found[name] = lambda queries, router=router: [one.category for one in router.route_batch(queries)]
    words = _words(checkpoint)
    found[WORDS] = lambda queries: [str(name) for name in words.predict(queries)]
    return found


def check_equal(single: dict[str, Single], checkpoint: Path, queries: list[str], *, real: bool) -> dict[str, float]:
    """Stop unless contenders with the same weights see as many tokens and decide alike, so that nobody does less.

    Args:
        single: the contenders.
        checkpoint: their weights and tokenizer.
        queries: what they will be given.
        real: whether the weights are trained ones; random ones put queries next to ties, where rounding decides.

    Returns:
        the share of queries on which each agrees with the pipeline.
    """
    theirs = AutoTokenizer.from_pretrained(checkpoint)
    limit = artefact.read(checkpoint).manifest.max_tokens
    ours = QueryTokenizer.from_file(checkpoint / artefact.TOKENIZER, max_tokens=limit)
    if ours.encode_batch(queries) != theirs(queries)["input_ids"]:
        raise SystemExit("the tokenizers see different tokens, so speeds cannot be compared")
    expected = [single[BASE](query) for query in queries]
    agreed = {}
    for name in (BASE, INT8, FP32, TORCH):
        classify = single[name]
        agreed[name] = float(np.mean([classify(query) == one for query, one in zip(queries, expected, strict=True)]))
        least = 1.0 if name != INT8 else LEAST_AGREEMENT if real else 0.0
        if agreed[name] < least:
            raise SystemExit(f"{name} agrees on {agreed[name]:.1%} of the queries only, so its speed means nothing")
    return agreed


def pipeline_of(checkpoint: Path) -> Single:
    """`transformers.pipeline` as its documentation has it, without gradients."""
    hugging_face = pipeline("text-classification", model=str(checkpoint), device="cpu")

    def run(query: str) -> str:
        with torch.inference_mode():
            return str(hugging_face(query)[0]["label"])

    return run


def _words(checkpoint: Path) -> Any:
    """Learns from the rows that the router carries; another classifier, so its answers are its own."""
    rows = [row for row in read_rows(checkpoint / artefact.REFERENCE) if row.category is not None]
    words = make_pipeline(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LogisticRegression(max_iter=500))
    return words.fit([row.query for row in rows], [row.category for row in rows])


def _semantic_router(checkpoint: Path) -> Single:
    """The library (1.1) with the same encoder behind it, mean of the last states, ten utterances a route."""
    from semantic_router import IndexedRouter, Route
    from semantic_router.encoders import DenseEncoder

    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    model = AutoModel.from_pretrained(checkpoint).eval()

    class Encoder(DenseEncoder):
        def __call__(self, docs: list[str]) -> list[list[float]]:
            with torch.inference_mode():
                batch = tokenizer(docs, padding=True, truncation=True, return_tensors="pt")
                states = model(**batch).last_hidden_state
                mask = batch["attention_mask"][..., None]
                return list(((states * mask).sum(1) / mask.sum(1)).tolist())

    examples: dict[str, list[str]] = {}
    for row in read_rows(checkpoint / artefact.REFERENCE):
        if row.category is not None and len(examples.setdefault(row.category, [])) < UTTERANCES:
            examples[row.category].append(row.query)
    routes = [Route(name=name, utterances=texts) for name, texts in examples.items()]
    router = IndexedRouter(encoder=Encoder(name="local"), routes=routes)
    return lambda query: str(router(query).name)
