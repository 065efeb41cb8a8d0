"""What the standard tests ask for: one kind of event loop, a measure and a snapshot that nothing here uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.graphs.standard.able_server import AbleServer

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def benchmark() -> None:
    pytest.skip("measures, and needs the plugin pytest-benchmark")


@pytest.fixture
def snapshot() -> None:
    """Asked for by `test_serdes`, which is skipped before it is used."""


@pytest.fixture(scope="module")
def able_server() -> Iterator[AbleServer]:
    server = AbleServer()
    yield server
    server.stop()
