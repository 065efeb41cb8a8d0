from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from routerkit.manifest import SCHEMA_VERSION, DataSource, GraphFile, Manifest

LEAST: dict[str, Any] = {
    "routerkit_version": "0.1.0",
    "name": "tiny",
    "created": "2026-01-01",
    "categories": ["a", "b"],
    "base_model": {"name": "none"},
}


def test_the_least_a_manifest_says_is_enough() -> None:
    manifest = Manifest.model_validate(LEAST)
    assert manifest.schema_version == SCHEMA_VERSION
    assert (manifest.temperature, manifest.confidence_threshold, manifest.max_tokens) == (1.0, 0.5, 256)
    assert manifest.graphs == {}


def test_a_manifest_survives_being_written_and_read() -> None:
    manifest = Manifest.model_validate(
        {
            **LEAST,
            "graphs": {"int8": {"path": "onnx/model_int8.onnx", "agreement": 0.99}},
            "data": [{"name": "train.jsonl", "role": "train", "rows": 3, "sha256": "0" * 64}],
            "metrics": {"validation": {"accuracy": 0.9, "per_category": {"a": {"n": 1}}}},
            "category_thresholds": {"a": 0.25},
        }
    )
    assert Manifest.model_validate_json(manifest.model_dump_json()) == manifest
    assert manifest.graphs["int8"] == GraphFile(path="onnx/model_int8.onnx", agreement=0.99)
    assert manifest.data == [DataSource(name="train.jsonl", role="train", rows=3, sha256="0" * 64)]


@pytest.mark.parametrize("key", sorted(LEAST))
def test_what_cannot_be_guessed_must_be_stated(key: str) -> None:
    with pytest.raises(ValidationError, match=key):
        Manifest.model_validate({name: value for name, value in LEAST.items() if name != key})


@pytest.mark.parametrize(
    "change",
    [
        {"categories": ["a"]},
        {"categories": ["a", "a"]},
        {"temperature": 0.0},
        {"temperature": -1.0},
        {"confidence_threshold": 1.01},
        {"category_thresholds": {"a": -0.1}},
        {"ood_threshold": 1.5},
        {"max_tokens": 3},
        {"graphs": {"int4": {"path": "onnx/model.onnx"}}},
        {"graphs": {"int8": {}}},
        {"graphs": {"int8": {"path": "onnx/model.onnx", "agreement": 1.1}}},
        {"data": [{"name": "a", "role": "guess", "rows": 1, "sha256": ""}]},
        {"licence": "unknown key"},
    ],
    ids=str,
)
def test_impossible_values_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Manifest.model_validate({**LEAST, **change})
