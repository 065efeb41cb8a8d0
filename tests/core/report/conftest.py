"""Evaluations that the report is made from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from routerkit.evaluation import Evaluation, evaluate
from routerkit.rows import Row

if TYPE_CHECKING:
    from routerkit.router import Router


@pytest.fixture
def mixed(suspicious: Router) -> Evaluation:
    """Fifty labelled rows of every category, one in five wrong, and ten rows outside."""
    words = {"sum": "math", "atom": "science", "loop": "code", "hello": "general", "rain": "commonsense"}
    rows = [
        Row(query=f"{word} {'a ' * number}".strip(), category=category if number % 5 else "math")
        for word, category in words.items()
        for number in range(10)
    ]
    outside = [Row(query="x " * (3 + number), category=None) for number in range(10)]
    return evaluate(suspicious, rows, outside)
