"""A decision as the metadata and the tags that people filter traces by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from routerkit.observation import Observation

Attributes = dict[str, str | bool | int | float]

_PREFIX = "routerkit."
_DIGITS = 4
_FIELDS = ("route", "category", "confidence", "reason", "ood_score")
_OURS = ("route:", "reason:", "confidence:", "fallback")


def of_decision(decision: Mapping[str, Any]) -> Attributes:
    """The metadata of a decision: `routerkit.route`, `.category`, `.confidence`, `.reason`, `.ood_score`, `.fallback`.

    `routerkit.fallback` tells whether the general model stands in for the category's own specialist.

    Args:
        decision: the fields of a `Decision`, as the graph's state keeps them.
    """
    found: Attributes = {_PREFIX + key: _readable(decision[key]) for key in _FIELDS if decision.get(key) is not None}
    found[_PREFIX + "fallback"] = _is_fallback(decision)
    if "error" in decision:
        found[_PREFIX + "error"] = str(decision["error"]["type"])
    return found


def of_observation(seen: Observation) -> Attributes:
    """As `of_decision`, and `routerkit.router`, `.version`, `.artefact`, `.threshold` and `.latency_ms`."""
    return {
        **of_decision(seen.decision.to_dict()),
        _PREFIX + "router": seen.router.name,
        _PREFIX + "version": seen.router.version,
        _PREFIX + "artefact": seen.router.digest,
        _PREFIX + "threshold": seen.threshold,
        _PREFIX + "latency_ms": round(seen.latency_ms, 3),
    }


def tags_of(decision: Mapping[str, Any]) -> list[str]:
    """Tags such as `route:math`, `reason:confident`, `confidence:0.9` (rounded down to tenths), and `fallback`."""
    tags = [
        f"route:{decision['route']}",
        f"reason:{decision['reason']}",
        f"confidence:{int(_readable(decision['confidence']) * 10) / 10:.1f}",
    ]
    return [*tags, "fallback"] if _is_fallback(decision) else tags


def is_ours(tag: str) -> bool:
    """Whether `tags_of` may have written this tag."""
    return tag.startswith(_OURS)


def _is_fallback(decision: Mapping[str, Any]) -> bool:
    return bool(decision["route"] != decision["category"])


def _readable(value: Any) -> Any:  # noqa: ANN401 - a field of a decision
    return round(value, _DIGITS) if isinstance(value, float) else value
