"""`routerkit.json`: what an artefact says about itself."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, PositiveFloat, PositiveInt, field_validator

from routerkit.spec import Probability, Spec
from routerkit.tokenization import MAX_TOKENS, MIN_TOKENS

SCHEMA_VERSION = 1
"""Raised whenever an older routerkit could misread a new artefact."""

Precision = Literal["int8", "fp32"]


class GraphFile(Spec):
    """One ONNX graph of the artefact.

    Attributes:
        path: relative to the artefact folder.
        agreement: share of real queries on which its most probable label is the fp32 one, in [0, 1].
        confidence_drift: largest difference of calibrated confidence from fp32 on those queries, in [0, 1].
    """

    path: str
    agreement: Probability = 1.0
    confidence_drift: Probability = 0.0


class DataSource(Spec):
    """One file of rows that the router learnt from or was measured on."""

    name: str
    role: Literal["train", "validation", "test"]
    rows: PositiveInt
    sha256: str
    licence: str = "not stated"


class BaseModelInfo(Spec):
    """The encoder that training started from."""

    name: str
    sha256: str | None = None
    licence: str = "not stated"


class Manifest(Spec):
    """Everything that serving must know about an artefact.

    Attributes:
        schema_version: see `SCHEMA_VERSION`.
        routerkit_version: the version that wrote the artefact.
        name: a short name for people.
        created: date of writing, ISO 8601.
        categories: labels in the order of the logits.
        temperature: divides the logits before the softmax, above 0.
        confidence_threshold: what `confidence_threshold: auto` stands for, in [0, 1].
        category_thresholds: thresholds of single categories that go with it.
        ood_threshold: what `ood_threshold: auto` stands for, in [0, 1]; None if the router has no such score.
        max_tokens: most tokens read of one query.
        graphs: the ONNX graphs by precision.
        files: sha256 of every file that serving reads, by path relative to the folder.
        base_model: the encoder that training started from.
        data: what was learnt from and measured on.
        training: the settings of training.
        metrics: figures measured when the artefact was made, by split.
    """

    schema_version: int = SCHEMA_VERSION
    routerkit_version: str
    name: str
    created: str
    categories: list[str] = Field(min_length=2)
    temperature: PositiveFloat = 1.0
    confidence_threshold: Probability = 0.5
    category_thresholds: dict[str, Probability] = Field(default_factory=dict)
    ood_threshold: Probability | None = None
    max_tokens: int = Field(default=MAX_TOKENS, ge=MIN_TOKENS)
    graphs: dict[Precision, GraphFile] = Field(default_factory=dict)
    files: dict[str, str] = Field(default_factory=dict)
    base_model: BaseModelInfo
    data: list[DataSource] = Field(default_factory=list)
    training: dict[str, Any] = Field(default_factory=dict)
    metrics: dict[str, Any] = Field(default_factory=dict)

    @field_validator("categories")
    @classmethod
    def _categories_differ(cls, categories: list[str]) -> list[str]:
        if len(set(categories)) != len(categories):
            raise ValueError("every category may stand there once")
        return categories
