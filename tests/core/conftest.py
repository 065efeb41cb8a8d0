"""Routers that believe what they are told, for the tests of everything around the engine."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from routerkit.router import Router
from routerkit.testing import fake_router

if TYPE_CHECKING:
    from pathlib import Path

BELIEFS = {
    "sum": {"math": 0.9, "general": 0.1},
    "atom": {"science": 0.8, "math": 0.2},
    "loop": {"code": 0.7, "general": 0.3},
    "hello": {"general": 0.95, "commonsense": 0.05},
    "rain": {"commonsense": 0.4, "science": 0.35, "general": 0.25},
}
"""One word for each category; `rain` stays below the usual threshold of 0.5."""


@pytest.fixture
def believer(tmp_path: Path) -> Router:
    """A router that knows one word of each category and has a threshold of 0.5."""
    return fake_router(tmp_path / "believer", BELIEFS)


@pytest.fixture(scope="session")
def tiny_router(tiny_router_folder: Path) -> Router:
    """The tiny router as it is served by default: int8 graph, ONNX Runtime."""
    return Router.from_pretrained(tiny_router_folder)


@pytest.fixture
def tiny_copy(tiny_router_folder: Path, tmp_path: Path) -> Path:
    """A copy of the tiny router that a test may damage."""
    return shutil.copytree(tiny_router_folder, tmp_path / "copy")
