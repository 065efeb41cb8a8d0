from __future__ import annotations

import asyncio
import threading
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from routerkit import artefact
from routerkit.config import RouterConfig
from routerkit.engines import Scores
from routerkit.engines.cores import usable_cores
from routerkit.engines.loading import open_sessions
from routerkit.engines.sessions import Sessions
from routerkit.errors import ArtefactError, OverloadError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from routerkit.engines import Engine

WAIT_S = 20.0
"""Long enough for the busiest machine; a test that waits so long fails."""


class Gate:
    """An engine that works once its gate is open, and notices when two threads use it."""

    name = "gate"

    def __init__(self, opened: threading.Event) -> None:
        self.opened = opened
        self.entered = threading.Semaphore(0)
        self.runs = 0
        self._alone = threading.Lock()

    def run(self, batch: Sequence[Sequence[int]]) -> Scores:
        assert self._alone.acquire(blocking=False), "two threads in one engine"
        try:
            self.entered.release()
            assert self.opened.wait(WAIT_S)
            self.runs += 1
            return Scores(np.array([[sum(ids)] for ids in batch], dtype=np.float32))
        finally:
            self._alone.release()


class Workshop:
    """Sessions of `Gate` engines behind one gate."""

    def __init__(self, size: int, max_queue: int = 100) -> None:
        self.gate = threading.Event()
        self.engines: list[Gate] = []
        self.sessions = Sessions(self.make(), load=self.make, size=size, max_queue=max_queue)

    def make(self) -> Gate:
        self.engines.append(Gate(self.gate))
        return self.engines[-1]

    async def ask(self, number: int) -> float:
        return await self.sessions.submit(lambda engine: float(engine.run([[number]]).logits[0, 0]))

    async def until_running(self, count: int) -> None:
        async with asyncio.timeout(WAIT_S):
            while sum(engine.entered._value for engine in self.engines) < count:  # type: ignore[attr-defined]
                await asyncio.sleep(0.001)


@contextmanager
def workshop(size: int, max_queue: int = 100) -> Iterator[Workshop]:
    shop = Workshop(size, max_queue)
    try:
        yield shop
    finally:
        shop.gate.set()
        shop.sessions.close()


def batches_of(tokens: int, count: int) -> list[list[list[int]]]:
    return [[[number] * tokens] * 2 for number in range(count)]


# --- bulk ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("settings", [{"precision": "int8"}, {"precision": "fp32"}], ids=str)
@pytest.mark.parametrize("size", [2, 3, 5])
def test_many_sessions_compute_bit_for_bit_what_one_computes(
    tiny_router_folder: Path, settings: dict[str, Any], size: int
) -> None:
    rng = np.random.default_rng(7)
    batches = [rng.integers(0, 50, (rows, length)).tolist() for length in range(2, 40) for rows in (1, 2, 7)]
    found = artefact.read(tiny_router_folder)
    _, one = open_sessions(found, RouterConfig(sessions=1, **settings))
    _, many = open_sessions(found, RouterConfig(sessions=size, **settings))
    expected = one.run_all(batches)
    for _ in range(3):
        for mine, theirs in zip(many.run_all(batches), expected, strict=True):
            np.testing.assert_array_equal(mine.logits, theirs.logits)


def test_bulk_work_uses_every_session_and_none_by_two_threads_at_once() -> None:
    with workshop(3) as shop:
        timer = threading.Thread(target=lambda: asyncio.run(_open_when_busy(shop, 3)))
        timer.start()
        found = shop.sessions.run_all(batches_of(100, 60))
        timer.join()
        assert [scores.logits[0, 0] for scores in found] == [100.0 * number for number in range(60)]
        assert len(shop.engines) == 3
        assert sum(engine.runs for engine in shop.engines) == 60


async def _open_when_busy(shop: Workshop, count: int) -> None:
    await shop.until_running(count)
    shop.gate.set()


def test_little_work_does_not_wake_a_second_session() -> None:
    with workshop(3) as shop:
        shop.gate.set()
        shop.sessions.run_all(batches_of(5, 60))
        shop.sessions.run_all(batches_of(5_000, 1))
        assert len(shop.engines) == 1
        assert shop.sessions.run_all([]) == []


def test_an_error_in_one_thread_ends_the_bulk_work_and_gives_the_engines_back() -> None:
    class Broken(Gate):
        def run(self, batch: Sequence[Sequence[int]]) -> Scores:
            if batch[0][0] == 7:
                raise ValueError("seven")
            return super().run(batch)

    opened = threading.Event()
    opened.set()
    sessions = Sessions(Broken(opened), load=lambda: Broken(opened), size=2)
    for _ in range(5):
        with pytest.raises(ValueError, match="seven"):
            sessions.run_all(batches_of(200, 20))
    assert len(sessions.run_all(batches_of(200, 6))) == 6


def test_a_session_that_cannot_be_loaded_is_an_error_and_the_others_work_on(tmp_path: Path) -> None:
    failing = iter([True])
    opened = threading.Event()
    opened.set()

    def load() -> Engine:
        if next(failing, False):
            raise ArtefactError(tmp_path, "is gone")
        return Gate(opened)

    sessions = Sessions(Gate(opened), load=load, size=2)
    with sessions._lent(), pytest.raises(ArtefactError), sessions._lent():
        pass
    with sessions._lent(), sessions._lent():
        pass


# --- servers ---------------------------------------------------------------------------------------------------------


def test_two_hundred_calls_at_once_are_all_answered_by_a_few_sessions() -> None:
    async def ask(shop: Workshop) -> list[float]:
        waiting = [asyncio.ensure_future(shop.ask(number)) for number in range(200)]
        await shop.until_running(2)
        shop.gate.set()
        return await asyncio.gather(*waiting)

    with workshop(2, max_queue=200) as shop:
        assert asyncio.run(ask(shop)) == [float(number) for number in range(200)]
        assert len(shop.engines) == 2
        assert all(engine.runs for engine in shop.engines)


def test_calls_beyond_the_queue_are_refused_at_once_and_may_be_tried_again() -> None:
    async def ask(shop: Workshop) -> None:
        waiting = [asyncio.ensure_future(shop.ask(number)) for number in range(10)]
        await asyncio.sleep(0)
        done = [call for call in waiting if call.done()]
        assert len(done) == 10 - 2 - 3
        errors = [call.exception() for call in done]
        assert all(isinstance(error, OverloadError) and error.retryable and error.waiting == 3 for error in errors)
        assert "3 queries wait for this router already" in str(errors[0])
        assert "router_config.max_queue" in str(errors[0])
        shop.gate.set()
        answered = await asyncio.gather(*waiting, return_exceptions=True)
        assert Counter(map(type, answered)) == {float: 5, OverloadError: 5}
        assert await shop.ask(7) == 7.0

    with workshop(2, max_queue=3) as shop:
        asyncio.run(ask(shop))


def test_a_cancelled_call_that_waits_is_never_computed_and_leaves_its_place() -> None:
    async def ask(shop: Workshop) -> None:
        running = asyncio.ensure_future(shop.ask(1))
        await shop.until_running(1)
        waiting = [asyncio.ensure_future(shop.ask(number)) for number in (2, 3)]
        await asyncio.sleep(0)
        with pytest.raises(OverloadError):
            await shop.ask(4)
        waiting[0].cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting[0]
        late = asyncio.ensure_future(shop.ask(5))
        await asyncio.sleep(0)
        shop.gate.set()
        assert await asyncio.gather(running, waiting[1], late) == [1.0, 3.0, 5.0]

    with workshop(1, max_queue=2) as shop:
        asyncio.run(ask(shop))
        shop.sessions.close()
        assert shop.engines[0].runs == 3


def test_a_cancelled_call_that_runs_ends_unheard_and_gives_its_engine_back() -> None:
    async def ask(shop: Workshop) -> None:
        running = asyncio.ensure_future(shop.ask(1))
        await shop.until_running(1)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        late = asyncio.ensure_future(shop.ask(2))
        await asyncio.sleep(0)
        shop.gate.set()
        assert await late == 2.0

    with workshop(1, max_queue=1) as shop:
        asyncio.run(ask(shop))
        assert shop.engines[0].runs == 2


def test_event_loops_one_after_the_other_share_the_threads() -> None:
    with workshop(2) as shop:
        shop.gate.set()
        assert [asyncio.run(shop.ask(number)) for number in range(5)] == [0.0, 1.0, 2.0, 3.0, 4.0]
        pool = shop.sessions._pool
        asyncio.run(shop.ask(1))
        assert shop.sessions._pool is pool


def test_a_loop_that_ends_in_the_middle_of_a_call_does_no_harm_to_the_next() -> None:
    async def leave(shop: Workshop) -> None:
        asyncio.ensure_future(shop.ask(1))  # noqa: RUF006 - left alone on purpose
        await shop.until_running(1)

    with workshop(1) as shop:
        asyncio.run(leave(shop))
        shop.gate.set()
        assert asyncio.run(shop.ask(2)) == 2.0


def test_an_error_in_a_call_reaches_the_one_who_waits() -> None:
    async def ask(sessions: Sessions) -> None:
        await sessions.submit(lambda engine: engine.name.index("z"))

    with workshop(1) as shop, pytest.raises(ValueError, match="substring not found"):
        asyncio.run(ask(shop.sessions))


def test_closing_waits_for_what_was_accepted_and_ends_the_threads() -> None:
    before = set(threading.enumerate())

    async def ask(shop: Workshop) -> list[float]:
        waiting = [asyncio.ensure_future(shop.ask(number)) for number in range(20)]
        await shop.until_running(2)
        threading.Timer(0.05, shop.gate.set).start()
        await asyncio.to_thread(shop.sessions.close)
        return await asyncio.gather(*waiting)

    with workshop(2) as shop:
        assert asyncio.run(ask(shop)) == [float(number) for number in range(20)]
        further = set(threading.enumerate()) - before
        assert not [thread for thread in further if thread.name.startswith("routerkit")]
        assert len(further) <= 1
        assert asyncio.run(shop.ask(3)) == 3.0
        shop.sessions.close()
        shop.sessions.close()


def test_a_router_loads_no_more_sessions_than_it_is_allowed(tiny_router_folder: Path) -> None:
    found = artefact.read(tiny_router_folder)
    assert open_sessions(found, RouterConfig(sessions=3))[1].size == 3
    cores = usable_cores()
    assert open_sessions(found, RouterConfig())[1].size == cores
    assert open_sessions(found, RouterConfig(threads=cores + 1))[1].size == 1


def test_torch_keeps_to_one_session(tiny_router_folder: Path) -> None:
    pytest.importorskip("torch")
    assert open_sessions(artefact.read(tiny_router_folder), RouterConfig(engine="torch", sessions=3))[1].size == 1
