"""Removing duplicates and near-duplicates, with a record of what was dropped for which row."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from routerkit.errors import DataError
from routerkit_training.data import NEAR
from routerkit_training.data.similarity import near_pairs
from routerkit_training.data.validate import labels_agree
from routerkit_training.splits import key_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from routerkit_training.data.files import DataRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """A row that was left out.

    Attributes:
        row: the row.
        kept: the row that stays instead of it.
        kind: `exact` if the queries differ in outfit only, see `routerkit_training.splits.key_of`.
        similarity: Jaccard similarity of their 5-grams; 1 for exact duplicates.
    """

    row: DataRow
    kept: DataRow
    kind: Literal["exact", "near"]
    similarity: float

    def to_dict(self) -> dict[str, object]:
        """The line of the side list."""
        return {
            "line": self.row.line,
            "query": self.row.query,
            "category": self.row.row.category,
            "kind": self.kind,
            "similarity": round(self.similarity, 4),
            "kept_file": str(self.kept.path),
            "kept_line": self.kept.line,
            "kept_query": self.kept.query,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Deduplicated:
    """Rows without duplicates.

    Attributes:
        kept: rows that stay, in their order.
        dropped: rows left out, in their order.
        borders: pairs of near-duplicates of different categories that both stay: they teach where the border is.
    """

    kept: list[DataRow]
    dropped: list[Dropped]
    borders: int


@dataclass(frozen=True, slots=True)
class _Twin:
    position: int
    similarity: float


def deduplicate(rows: Sequence[DataRow], *, threshold: float = NEAR, against: Sequence[DataRow] = ()) -> Deduplicated:
    """Keep the first row of each set of duplicates.

    A row goes if an earlier row that stays is a duplicate with a label that agrees, or if any row of `against` is a
    duplicate, whatever its label: such a row would leak.

    Args:
        rows: the rows of one or several files.
        threshold: Jaccard similarity of character 5-grams from which rows are near-duplicates, in [0.5, 1].
        against: rows that `rows` must not repeat, such as a test part.

    Raises:
        DataError: if one query has two labels.
        ConfigError: if the threshold is out of range.
    """
    twins: dict[int, list[_Twin]] = defaultdict(list)
    for pair in near_pairs([row.query for row in rows], threshold=threshold):
        twins[pair.second].append(_Twin(pair.first, pair.similarity))
    first_of: dict[str, DataRow] = {}
    gone = repeated_elsewhere(rows, against, threshold=threshold)
    borders = 0
    for position, row in enumerate(rows):
        if position in gone:
            continue
        first = first_of.setdefault(key_of(row.query), row)
        if first is not row:
            _check_agreement(row, first)
            gone[position] = Dropped(row=row, kept=first, kind="exact", similarity=1.0)
            continue
        close = [twin for twin in twins[position] if twin.position not in gone]
        same = [twin for twin in close if labels_agree(rows[twin.position].row, row.row)]
        borders += len(close) if not same else 0
        if same:
            best = max(same, key=lambda twin: twin.similarity)
            gone[position] = Dropped(row=row, kept=rows[best.position], kind="near", similarity=best.similarity)
    kept = [row for position, row in enumerate(rows) if position not in gone]
    return Deduplicated(kept=kept, dropped=[gone[position] for position in sorted(gone)], borders=borders)


def repeated_elsewhere(
    rows: Sequence[DataRow], against: Sequence[DataRow], *, threshold: float = NEAR
) -> dict[int, Dropped]:
    """Rows that have a duplicate or near-duplicate among others, whatever its label, by position.

    Args:
        rows: rows of one file.
        against: rows of other files.
        threshold: as in `deduplicate`.

    Raises:
        ConfigError: if the threshold is out of range.
    """
    found: dict[int, Dropped] = {}
    other = [row.query for row in against]
    for pair in near_pairs([row.query for row in rows], threshold=threshold, against=other):
        if pair.first not in found or found[pair.first].similarity < pair.similarity:
            row, kept = rows[pair.first], against[pair.second]
            found[pair.first] = Dropped(row=row, kept=kept, kind="near", similarity=pair.similarity)
    keys = {key_of(row.query): row for row in reversed(against)}
    for position, row in enumerate(rows):
        if key_of(row.query) in keys:
            found[position] = Dropped(row=row, kept=keys[key_of(row.query)], kind="exact", similarity=1.0)
    return found


def _check_agreement(row: DataRow, first: DataRow) -> None:
    if not labels_agree(row.row, first.row):
        raise DataError(
            row.path,
            row.line,
            f"the query {row.query[:60]!r} is labelled {row.label!r} here and {first.label!r} in {first.path.name}, "
            f"line {first.line}; keep one, or name the other one in `also` (`routerkit data validate` lists all)",
        )
