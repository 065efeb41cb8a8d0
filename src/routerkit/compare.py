"""Two routers beside each other: where they agree, what would change, and which of them judged rows prefer."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from routerkit.errors import InputError
from routerkit.intervals import Share, paired_difference, proportion

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from routerkit.decision import Decision
    from routerkit.router import Router
    from routerkit.rows import Row

_EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class Change:
    """Queries that would go elsewhere.

    Attributes:
        old: the node they go to now.
        new: the node they would go to.
        count: how many.
        examples: up to three of them.
    """

    old: str
    new: str
    count: int
    examples: list[str]


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of both routers on the same rows, each with its 95 % interval.

    Attributes:
        old: of the router in use.
        new: of the other.
        difference: new less old, in [-1, 1].
    """

    old: Share
    new: Share
    difference: Share


@dataclass(frozen=True, slots=True)
class Comparison:
    """What another router would change.

    Attributes:
        same_route: share of queries that both send to the same node.
        same_category: share of queries that both take for the same category.
        changes: the others by their routes, the most frequent first.
        accuracy: share of judged rows whose most probable category is right.
        harm: share of judged rows sent to a specialist other than their own; the general model harms nobody.
        recall: share of the judged rows of specialist categories that reach their own specialist.
    """

    same_route: Share
    same_category: Share
    changes: list[Change]
    accuracy: Figure
    harm: Figure
    recall: Figure

    def to_dict(self) -> dict[str, Any]:
        """Every figure, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Pair:
    old: list[Decision]
    new: list[Decision]


def compare(old: Router, new: Router, queries: Sequence[str], judged: Sequence[Row] = ()) -> Comparison:
    """Let two routers decide on the same queries, each by its own thresholds.

    Args:
        old: the router in use.
        new: the other.
        queries: any queries; agreement is measured on them.
        judged: rows with labels; accuracy, harm and recall are measured on them. A row outside every category has
            none, and its own place is the general model.

    Raises:
        InputError: if there are no queries, or one cannot be classified.
    """
    if not queries:
        raise InputError("there is no query to compare on; the log must keep texts (text: full), or give --test-file")
    pair = _Pair(old.route_batch(queries), new.route_batch(queries))
    routes = [one.route == two.route for one, two in zip(pair.old, pair.new, strict=True)]
    categories = [one.category == two.category for one, two in zip(pair.old, pair.new, strict=True)]
    return Comparison(
        same_route=proportion(sum(routes), len(routes)),
        same_category=proportion(sum(categories), len(categories)),
        changes=_changes(queries, pair),
        **_on_judged(old, new, judged),
    )


def _changes(queries: Sequence[str], pair: _Pair) -> list[Change]:
    moves = [(one.route, two.route) for one, two in zip(pair.old, pair.new, strict=True)]
    found = Counter(move for move in moves if move[0] != move[1])
    return [
        Change(*move, count, [query for query, own in zip(queries, moves, strict=True) if own == move][:_EXAMPLES])
        for move, count in found.most_common()
    ]


def _on_judged(old: Router, new: Router, judged: Sequence[Row]) -> dict[str, Figure]:
    queries = [row.query for row in judged]
    pair = _Pair(old.route_batch(queries), new.route_batch(queries))

    def figure(counts: Callable[[Row], bool], holds: Callable[[Row, Decision, str], bool]) -> Figure:
        chosen = [position for position, row in enumerate(judged) if counts(row)]
        before = [holds(judged[at], pair.old[at], old.policy.fallback) for at in chosen]
        after = [holds(judged[at], pair.new[at], new.policy.fallback) for at in chosen]
        gained = sum(two and not one for one, two in zip(before, after, strict=True))
        lost = sum(one and not two for one, two in zip(before, after, strict=True))
        return Figure(
            proportion(sum(before), len(chosen)),
            proportion(sum(after), len(chosen)),
            paired_difference(gained, lost, len(chosen)),
        )

    fallback = old.policy.fallback
    return {
        "accuracy": figure(lambda row: row.category is not None, _is_right),
        "harm": figure(lambda row: True, _is_harmed),
        "recall": figure(lambda row: row.category not in {None, fallback}, _is_reached),
    }


def _is_right(row: Row, decision: Decision, fallback: str) -> bool:
    del fallback
    return decision.category == row.category or decision.category in row.also


def _is_harmed(row: Row, decision: Decision, fallback: str) -> bool:
    return decision.route != fallback and not _accepts(row, decision.route)


def _is_reached(row: Row, decision: Decision, fallback: str) -> bool:
    return decision.route != fallback and _accepts(row, decision.route)


def _accepts(row: Row, route: str) -> bool:
    return route == row.category or route in row.also
