"""Which queries share a forward pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

TOKEN_BUDGET = 512
"""Most tokens in one forward pass: activations of this many stay in a core's second-level cache."""


def equal_length_batches(token_ids: Sequence[Sequence[int]], token_budget: int = TOKEN_BUDGET) -> Iterator[list[int]]:
    """Group queries of equal length, so that no padding and no attention mask are needed.

    Args:
        token_ids: ids of each query.
        token_budget: most tokens in one group; a longer query forms a group of its own.

    Yields:
        positions in `token_ids`; every position once.
    """
    by_length: dict[int, list[int]] = {}
    for position, ids in enumerate(token_ids):
        by_length.setdefault(len(ids), []).append(position)
    for length, positions in sorted(by_length.items()):
        size = max(1, token_budget // max(1, length))
        for start in range(0, len(positions), size):
            yield positions[start : start + size]
