"""Building the public mix from data sets on the Hugging Face hub, or from copies of them in folders."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from pydantic import PositiveInt

from routerkit.errors import ConfigError, DataError, InputError
from routerkit.query import check_query
from routerkit.rows import Row
from routerkit.spec import Spec
from routerkit_training.data.duplicates import deduplicate
from routerkit_training.data.files import DataRow
from routerkit_training.data.sources import SOURCES, Source, query_of
from routerkit_training.splits import key_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROWS_PER_SOURCE = 2_000


class FetchPlan(Spec):
    """What to fetch.

    Attributes:
        names: of the sources; empty for all.
        rows_per_source: most rows of one source, drawn at random.
        source_dir: folder with copies of the data sets, each under its hub id, such as `DIR/openai/gsm8k`; None reads
            from the hub.
        seed: of the draws.
    """

    names: tuple[str, ...] = ()
    rows_per_source: PositiveInt = ROWS_PER_SOURCE
    source_dir: Path | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """Labelled rows of public sources.

    Attributes:
        rows: fields of each row: `query`, `category`, `source`, `licence`.
        counts: rows by source, after duplicates were dropped.
        dropped: duplicates and near-duplicates dropped.
    """

    rows: list[dict[str, object]]
    counts: dict[str, int]
    dropped: int


def fetch(plan: FetchPlan) -> Fetched:
    """Read the sources, label their rows by the rule of each, and drop duplicates and near-duplicates.

    Raises:
        ConfigError: if a source is unknown.
        DataError: if a source cannot be read, or its rule keeps none of its rows.
    """
    unknown = sorted(set(plan.names) - set(SOURCES))
    if unknown:
        raise ConfigError(f"unknown source {', '.join(unknown)}; there are {', '.join(SOURCES)}")
    rows: dict[str, DataRow] = {}
    total = 0
    for name in plan.names or SOURCES:
        drawn = _drawn(SOURCES[name], plan)
        total += len(drawn)
        for row in drawn:
            rows.setdefault(key_of(row.query), row)
    kept = deduplicate(list(rows.values())).kept
    counts = dict.fromkeys(plan.names or SOURCES, 0)
    for row in kept:
        counts[row.row.source] += 1
    return Fetched(rows=[dict(row.fields) for row in kept], counts=counts, dropped=total - len(kept))


def _drawn(source: Source, plan: FetchPlan) -> list[DataRow]:
    rows = list(_labelled(source, plan.source_dir))
    if not rows:
        raise DataError(source.hub_id, None, f"has no row that the rule of {source.name!r} keeps; its fields changed")
    if len(rows) > plan.rows_per_source:
        chosen = random.Random(f"{plan.seed} {source.name}").sample(range(len(rows)), plan.rows_per_source)
        rows = [rows[position] for position in sorted(chosen)]
    return rows


def _labelled(source: Source, folder: Path | None) -> Iterator[DataRow]:
    for number, fields in enumerate(_read(source, folder), start=1):
        query = query_of(source, fields)
        if query is None or not _is_query(query):
            continue
        labelled = {
            "query": query,
            "category": source.category,
            "source": source.name,
            "licence": source.licence,
        }
        row = Row(query=query, category=source.category, source=source.name)
        yield DataRow(path=Path(source.name), line=number, row=row, fields=labelled)


def _is_query(text: str) -> bool:
    try:
        check_query(text)
    except InputError:
        return False
    return True


def _read(source: Source, folder: Path | None) -> Sequence[dict[str, object]]:
    """Every row of a source; the hub and a folder go through the same call."""
    from datasets import load_dataset

    place = source.hub_id
    if folder is not None:
        copy = folder / source.hub_id
        if not copy.is_dir():
            raise DataError(
                copy,
                None,
                f"is not there; copy it with: hf download --repo-type dataset {source.hub_id} --local-dir {copy}",
            )
        place = str(copy.resolve())
    try:
        # Streaming keeps no copy, so the cache holds lock files only and may go at once.
        with TemporaryDirectory() as cache:
            return list(load_dataset(place, source.config, split=source.split, streaming=True, cache_dir=cache))
    except (OSError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:300]
        raise DataError(
            place, None, f"cannot be read as {source.name} ({reason}); go online, or give copies with --source-dir"
        ) from error
