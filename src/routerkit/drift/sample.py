"""The decisions that are compared: a window and its reference, from a log or from an artefact's reference rows."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from routerkit.artefact import REFERENCE
from routerkit.errors import InputError
from routerkit.rows import read_json_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from routerkit.log.reading import LoggedDecision
    from routerkit.router import Router

_OUTSIDE = "out_of_domain"
_VALIDATION = "validation"


class _Decided(Protocol):
    """What a sample needs of a decision, logged or fresh."""

    @property
    def category(self) -> str: ...
    @property
    def confidence(self) -> float: ...
    @property
    def reason(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Sample:
    """What is compared of a set of decisions.

    Attributes:
        counts: decisions by most probable category.
        confidence: shape (n,), each in [0, 1].
        outside: decisions with the reason `out_of_domain`.
    """

    counts: dict[str, int]
    confidence: NDArray[np.float64]
    outside: int

    @property
    def n(self) -> int:
        """Number of decisions."""
        return len(self.confidence)

    @classmethod
    def of(cls, decisions: Iterable[_Decided]) -> Sample:
        """Summarise decisions."""
        rows = list(decisions)
        return cls(
            counts=dict(Counter(row.category for row in rows)),
            confidence=np.array([row.confidence for row in rows], dtype=np.float64),
            outside=sum(row.reason == _OUTSIDE for row in rows),
        )


def of_reference_rows(router: Router) -> Sample:
    """The router's decisions on the rows it keeps for such comparisons, if possible on those it did not learn from.

    They hold as many rows of each category as could be had, so the mix of a window is compared with an even one.

    Raises:
        InputError: if the artefact keeps no rows.
    """
    path = router.artefact.path / REFERENCE
    if not path.is_file():
        raise InputError(f"{path}: the router keeps no reference rows; leave out --reference to compare within the log")
    rows = [row for _, row in read_json_lines(path)]
    unseen = [row for row in rows if row.get("role") == _VALIDATION] or rows
    return Sample.of(router.route_batch([str(row["query"]) for row in unseen]))


def split_log(
    rows: Sequence[LoggedDecision], window: int, artefact: str | None = None
) -> tuple[list[LoggedDecision], list[LoggedDecision]]:
    """The earlier and the latest decisions of one router, so that a change of the router is not taken for drift.

    Args:
        rows: a log, in order.
        window: size of the second part.
        artefact: digest of the router; the one that decided last unless given.

    Raises:
        InputError: if the log has fewer decisions of that router than the window.
    """
    digest = artefact or (rows[-1].artefact if rows else None)
    own = [row for row in rows if row.artefact == digest]
    if len(own) < window:
        others = sorted({row.artefact[:12] for row in rows} - {str(digest)[:12]})
        also = f" (it also has decisions of {', '.join(others)})" if others else ""
        raise InputError(
            f"the log has {len(own):,} decisions of router {str(digest)[:12]}, the window needs {window:,}{also}; "
            "wait for more, or give a smaller --window"
        )
    return own[:-window], own[-window:]


def to_json(sample: Sample) -> dict[str, object]:
    """A sample's figures for people and programs."""
    n = max(1, sample.n)
    return {
        "n": sample.n,
        "mix": {name: count / n for name, count in sorted(sample.counts.items())},
        "confidence_mean": float(sample.confidence.mean()) if sample.n else None,
        "outside_rate": sample.outside / n,
    }
