"""The same conversation passes on every back end, however it is called, alone and inside another graph."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import pytest

from tests.graphs.backends.conftest import adapters  # noqa: F401 - a fixture
from tests.graphs.conversation_script import BACKENDS, STREAMING, WAYS, Transcript, placed, play

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from routerkit import Router

for library in ("torch", "peft", "langchain", "langchain_openai"):
    pytest.importorskip(library)

PLACES = ("alone", "subgraph")
ALL = list(product(BACKENDS, PLACES, WAYS))
# Every back end in both places and every way of calling, each pair of them at least once; the rest is slow.
QUICK = [case for number, case in enumerate(ALL) if number % len(WAYS) == (number // len(WAYS)) % len(WAYS)]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    from tests.graphs.backends.endpoint import Endpoint

    server = Endpoint()
    yield server.url
    server.stop()


@pytest.fixture(scope="module")
def paths(llama: Path, request: pytest.FixtureRequest) -> dict[str, Path]:
    return {"llama": llama, **request.getfixturevalue("adapters")}


@pytest.fixture(scope="module")
def expected(router: Router, paths: dict[str, Path], url: str) -> Callable[[str], Transcript]:
    """The transcript of a back end that is called in the plainest way."""
    known: dict[str, Transcript] = {}

    def expected(backend: str) -> Transcript:
        if backend not in known:
            graph = placed("alone", backend=backend, router=router, paths=paths, url=url)
            known[backend] = play(graph, "invoke", streams=False)
            known[backend].check()
        return known[backend]

    return expected


def check(backend: str, place: str, way: str, expected: Callable[[str], Transcript], **building: Any) -> None:
    graph = placed(place, backend=backend, **building)
    assert play(graph, way, streams=backend in STREAMING) == expected(backend)


@pytest.mark.parametrize(("backend", "place", "way"), QUICK)
def test_the_conversation_passes(
    backend: str,
    place: str,
    way: str,
    expected: Callable[[str], Transcript],
    router: Router,
    paths: dict[str, Path],
    url: str,
) -> None:
    check(backend, place, way, expected, router=router, paths=paths, url=url)


@pytest.mark.slow
@pytest.mark.parametrize(("backend", "place", "way"), [case for case in ALL if case not in QUICK])
def test_the_conversation_passes_in_every_combination(
    backend: str,
    place: str,
    way: str,
    expected: Callable[[str], Transcript],
    router: Router,
    paths: dict[str, Path],
    url: str,
) -> None:
    check(backend, place, way, expected, router=router, paths=paths, url=url)
