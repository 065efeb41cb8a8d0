"""Taking categories out of a trained router. Nothing is trained: the head loses their rows."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import torch

from routerkit.errors import ConfigError
from routerkit.export.checkpoint import outside_head, write_outside_head
from routerkit.export.ranges import read_ranges
from routerkit.policy import default_fallback
from routerkit.store import open_artefact
from routerkit.tokenization import QueryTokenizer
from routerkit_training.encoder import load_router, with_labels
from routerkit_training.output import check_output
from routerkit_training.packing import Facts, pack
from routerkit_training.reference import read_reference, write_reference
from routerkit_training.settings import TrainSettings
from routerkit_training.splits import Splits

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from routerkit.artefact import Artefact
    from routerkit.manifest import Manifest

_LEAST_CATEGORIES = 2


def remove_categories(
    source: str, names: Sequence[str], output_dir: Path, *, name: str | None = None, target_harm: float | None = None
) -> Artefact:
    """Write a router without some of its categories.

    The encoder, the other rows of the head and the out-of-domain score stay as they are; temperature and thresholds
    are fitted again to the reference rows that are left.

    Args:
        source: a router: `starter`, a folder or a hub id.
        names: the categories to take out.
        output_dir: where the new router goes.
        name: of the new router; the folder's name unless given.
        target_harm: for the automatic threshold, in (0, 1); the router's own target unless given.

    Raises:
        ConfigError: if a category is not there, fewer than two would be left, the router keeps no reference rows, or
            the folder holds a router or other files already.
    """
    check_output(output_dir)
    found = open_artefact(source)
    manifest = found.manifest
    left = _left(manifest.categories, names)
    reference = read_reference(found).without_categories(names)
    # Its weights stay, and so does the grid that they were rounded to.
    encoder = dataclasses.replace(with_labels(load_router(source), left), ranges=read_ranges(found))
    seed = int(manifest.training.get("seed", 0))
    splits = Splits(
        train=reference.train,
        validation=reference.validation,
        categories=left,
        duplicates=0,
        leaked=0,
        outside_train=[],
        outside_validation=[],
    )
    head = outside_head(found)
    output_dir.mkdir(parents=True, exist_ok=True)
    if head is not None:
        write_outside_head(output_dir, head)
    write_reference(output_dir, reference.train, reference.validation, seed, reference.outside)
    tokenizer = QueryTokenizer(encoder.tokenizer, max_tokens=manifest.max_tokens)
    with torch.inference_mode():
        facts = _facts(manifest, left, list(names), name or output_dir.resolve().name, target_harm)
        return pack(output_dir, encoder, tokenizer, splits, facts)


def _left(categories: Sequence[str], names: Sequence[str]) -> list[str]:
    unknown = sorted(set(names) - set(categories))
    if unknown:
        raise ConfigError(f"remove_category: the router does not know {unknown}; it knows {list(categories)}")
    left = [category for category in categories if category not in names]
    if len(left) < _LEAST_CATEGORIES:
        raise ConfigError(
            f"remove_category: {left} would be left of {list(categories)}; a router needs at least two categories"
        )
    return left


def _facts(manifest: Manifest, left: list[str], removed: list[str], name: str, target_harm: float | None) -> Facts:
    usual = float(TrainSettings.model_fields["target_harm"].default)
    before = manifest.training.get("threshold", {}).get("target_harm", usual)
    training = {key: value for key, value in manifest.training.items() if key != "threshold"}
    return Facts(
        name=name,
        categories=left,
        base_model=manifest.base_model,
        data=manifest.data,
        training={**training, "removed": [*manifest.training.get("removed", []), *removed]},
        target_harm=before if target_harm is None else target_harm,
        per_category="by_category" in manifest.training.get("threshold", {}),
        fallback=default_fallback(left),
        seed=int(manifest.training.get("seed", 0)),
    )
