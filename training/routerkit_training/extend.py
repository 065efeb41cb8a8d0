"""Going on from a trained router without forgetting: corrections, and categories added or removed.

New rows are learnt beside a replay of the rows that the router kept (experience replay: Rolnick et al., "Experience
Replay for Continual Learning", 2019), every category as often as every other. The head keeps the rows of its old
categories; a new category begins with a row made from its examples.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from routerkit.errors import ConfigError, DataError
from routerkit.rows import read_rows
from routerkit.store import open_artefact
from routerkit_training.encoder import load_router, with_labels
from routerkit_training.reference import read_reference
from routerkit_training.splits import hold_out, key_of, make_splits

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from routerkit.artefact import Artefact
    from routerkit.rows import Row
    from routerkit_training.encoder import Encoder
    from routerkit_training.reference import Reference
    from routerkit_training.settings import TrainSettings
    from routerkit_training.splits import Splits

MIN_NEW_ROWS = 20
"""Fewest rows from which a category can be added."""

_ROUNDS = 5
_MOST_REPEATS = 15  # of a row of a new category in a round, each time in another outfit
_MOST_CORRECTIONS = 3  # the same for a new row of an old category, which has replayed rows beside it
_LEAST_SHOWN = 120
_MOST_SHOWN = 400
_MOST_LEFT_OUT = 0.6


@dataclass(frozen=True, slots=True)
class Continued:
    """What a run that goes on from a router learns from.

    Attributes:
        source: the router it goes on from.
        splits: every row, reference rows included, once.
        replayed: reference rows that an epoch shows.
        fresh: new rows that an epoch shows, as often as it takes.
        added: the new categories.
        checked: validation rows of the old categories, on which the router must not get worse.
        n_new: new rows to learn from, and new rows to choose by.
    """

    source: Artefact
    splits: Splits
    replayed: list[Row]
    fresh: list[Row]
    added: list[str]
    checked: list[Row]
    n_new: tuple[int, int]

    def start(self) -> Encoder:
        """The router's classifier, with a row in its head for every new category.

        Embeddings and the lower half of the layers do not learn: few rows cannot improve them, and what the other
        categories rest on stays where it is.
        """
        encoder = with_labels(load_router(str(self.source.path)), self.splits.categories)
        body = encoder.model.distilbert
        for part in (body.embeddings, *body.transformer.layer[: encoder.model.config.n_layers // 2]):
            part.requires_grad_(False)
            for module in part.modules():
                if isinstance(module, torch.nn.Dropout):
                    module.p = 0.0  # noise that nothing can learn to bear only moves what lies above
        return encoder


def continue_from(settings: TrainSettings, source: str) -> Continued:
    """Read the new rows and the router's own, and decide what is shown how often.

    A query that stands among the new rows is taken out of the reference rows, so that a correction wins.

    Args:
        settings: of the run.
        source: the router to go on from.

    Raises:
        ConfigError: if the router keeps no reference rows, or knows a category already that is to be added.
        DataError: if a row has another category, or a new category has fewer than 20 rows.
    """
    found = open_artefact(source)
    reference = read_reference(found)
    splits = _new_rows(settings, found.manifest.categories)
    new = [*splits.train, *splits.validation, *splits.outside_train, *splits.outside_validation]
    kept = reference.without_queries({key_of(row.query) for row in new})
    whole = replace(
        splits,
        train=kept.train + splits.train,
        validation=kept.validation + splits.validation,
        outside_train=kept.outside + splits.outside_train,
    )
    replayed, fresh = _shown(kept, splits.train, settings.add_category, settings.seed)
    n_new = (len(splits.train), len(splits.validation))
    return Continued(found, whole, replayed, fresh, list(settings.add_category), kept.validation, n_new)


def _new_rows(settings: TrainSettings, known: Sequence[str]) -> Splits:
    added = settings.add_category
    again = [name for name in added if name in known]
    if again:
        raise ConfigError(
            f"add_category: the router knows {again} already (it has {list(known)}); "
            "leave the option out, and rows of these categories are learnt as corrections"
        )
    categories = [*known, *added]
    train = read_rows(settings.train_data)
    validation = read_rows(settings.val_data) if settings.val_data else None
    _check_categories(settings, [*train, *(validation or [])], categories)
    counts = Counter(row.category for row in {key_of(row.query): row for row in train}.values())
    few = {name: counts[name] for name in added if counts[name] < MIN_NEW_ROWS}
    if few:
        raise DataError(
            settings.train_data,
            None,
            f"has too few different rows of new categories, {few}; give at least {MIN_NEW_ROWS} of each",
        )
    if validation is None:
        # Old categories have validation rows of their own; all their corrections are learnt.
        validation = hold_out([row for row in train if row.category in added], settings.seed)[1]
    return make_splits(
        train,
        validation,
        seed=settings.seed,
        path=settings.train_data,
        validation_path=settings.val_data,
        order=categories,
    )


def _check_categories(settings: TrainSettings, rows: Sequence[Row], categories: Collection[str]) -> None:
    found = {label for row in rows for label in (row.category, *row.also) if label is not None}
    unknown = sorted(found - set(categories))
    if unknown:
        raise DataError(
            settings.train_data,
            None,
            f"has rows of {unknown}, which the router does not know; it knows {list(categories)}. "
            "Name a new category with --add-category, or correct the rows",
        )


def _shown(reference: Reference, new: Sequence[Row], added: Collection[str], seed: int) -> tuple[list[Row], list[Row]]:
    """Replayed and new rows: in every round as many of each old category, and the new rows several times."""
    generator = random.Random(seed)
    old, fresh = _by_category(reference.train), _by_category(new)
    largest = max((len(rows) for rows in fresh.values()), default=0)
    share = min(max(largest, _LEAST_SHOWN), _MOST_SHOWN)
    replayed: list[Row] = []
    shown: list[Row] = []
    for name in sorted({*old, *fresh}) * _ROUNDS:
        rows = generator.sample(old[name], min(share, len(old[name])))
        # Half of the replayed rows as well: missing words must not give a new category away.
        replayed += rows[::2] + [_thinned(row, generator) for row in rows[1::2]]
        wanted, most = (2 * share, _MOST_REPEATS) if name in added else (share, _MOST_CORRECTIONS)
        repeats = min(most, max(1, wanted // max(1, len(fresh[name]))))
        shown += fresh[name] + [_thinned(row, generator) for row in fresh[name] * (repeats - 1)]
    return replayed, shown


def _thinned(row: Row, generator: random.Random) -> Row:
    """The row without some of its words, so that few examples teach more than their most striking word.

    Random deletion, as in Wei and Zou, "EDA: Easy Data Augmentation Techniques" (2019), section 2.
    """
    share = generator.uniform(0.0, _MOST_LEFT_OUT)
    kept = [word for word in row.query.split(" ") if generator.random() >= share]
    query = " ".join(kept)
    return replace(row, query=query) if query.strip() else row


def _by_category(rows: Sequence[Row]) -> defaultdict[str, list[Row]]:
    groups: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[str(row.category)].append(row)
    return groups
