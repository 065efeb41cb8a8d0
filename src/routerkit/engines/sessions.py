"""Several engines side by side: for bulk work over all cores, and for servers.

One-thread engines next to each other do on two cores what one engine with two threads does not: twice the work, and
no barrier at which a busy neighbour makes everybody wait.
"""

from __future__ import annotations

import contextlib
import os
import queue
import threading
import weakref
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from routerkit.errors import OverloadError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Future, ThreadPoolExecutor

    from routerkit.engines import Engine, Scores

T = TypeVar("T")

MAX_QUEUE = 1_024
"""Queries that may wait unless the configuration says otherwise: about a second of work for two cores."""

MIN_PARALLEL_TOKENS = 2_048
"""Less work is done before a second engine would be ready for it."""


class Sessions:
    """Lends engines, each to one thread at a time. Further ones are loaded when all others are busy.

    After a fork the child begins with `first` alone and threads of its own.

    Args:
        first: an engine.
        load: loads another one like it; None if there is to be the first one only.
        size: most engines, at least 1.
        max_queue: most queries that wait for one, at least 1.
    """

    def __init__(
        self, first: Engine, *, load: Callable[[], Engine] | None = None, size: int = 1, max_queue: int = MAX_QUEUE
    ) -> None:
        self.size = size if load else 1
        self._first = first
        self._load = load
        self._max_queue = max_queue
        self._pool: ThreadPoolExecutor | None = None
        self._reset()
        _ALL.add(self)

    def run_all(self, batches: Sequence[Sequence[Sequence[int]]]) -> list[Scores]:
        """Compute the scores of every batch, several at once if there is enough work; see `Engine.run`.

        The result does not depend on the number of engines.
        """
        workers = min(self.size, len(batches))
        if workers < 2 or sum(len(batch) * len(batch[0]) for batch in batches) < MIN_PARALLEL_TOKENS:
            return [self._run(batch) for batch in batches]
        with _pool(workers, name="routerkit-bulk") as pool:
            return list(pool.map(self._run, batches))

    async def submit(self, call: Callable[[Engine], T]) -> T:
        """Run `call` in a thread with an engine, while the event loop stays free.

        Cancelling takes back a call that has not begun; one that runs comes to its end unheard.

        Raises:
            OverloadError: if `max_queue` calls wait already.
        """
        return await self.admit(partial(self._call, call))

    async def admit(self, call: Callable[[], T]) -> T:
        """`submit` for a call that borrows engines itself, or none."""
        import asyncio  # who awaits this has it; who routes without an event loop starts sooner

        return await asyncio.wrap_future(self._accepted(call))

    def close(self) -> None:
        """Wait for accepted calls, then end all threads and forget all engines but the first; a new call starts anew.

        Do not call it from a thread that such a call waits for.
        """
        with self._lock:
            pool = self._pool
            self._pool = None
        if pool is not None:
            pool.shutdown()
        with self._lock:
            self._free, self._loaded = _lot(self._first), 1

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._free = _lot(self._first)
        self._loaded = 1
        self._unfinished = 0
        self._pool = None

    def _run(self, batch: Sequence[Sequence[int]]) -> Scores:
        with self._lent() as engine:
            return engine.run(batch)

    def _accepted(self, call: Callable[[], T]) -> Future[T]:
        with self._lock:
            if self._unfinished >= self.size + self._max_queue:
                raise OverloadError(self._max_queue)
            if self._pool is None:
                self._pool = _pool(self.size, name="routerkit")
            future = self._pool.submit(call)
            self._unfinished += 1
        future.add_done_callback(self._finished)
        return future

    def _call(self, call: Callable[[Engine], T]) -> T:
        with self._lent() as engine:
            return call(engine)

    def _finished(self, future: Future[T]) -> None:
        del future
        with self._lock:
            self._unfinished -= 1

    @contextlib.contextmanager
    def _lent(self) -> Iterator[Engine]:
        free = self._free
        engine = self._taken(free)
        try:
            yield engine
        finally:
            free.put(engine)

    def _taken(self, free: queue.LifoQueue[Engine]) -> Engine:
        with contextlib.suppress(queue.Empty):
            return free.get_nowait()
        with self._lock:
            load = self._load if self._loaded < self.size else None
            self._loaded += load is not None
        if load is None:
            return free.get()
        try:
            return load()
        except BaseException:  # whatever it was, the place of an engine that is not there is free again
            with self._lock:
                self._loaded -= 1
            raise


def _pool(workers: int, *, name: str) -> ThreadPoolExecutor:
    # A single query needs no pool, and the import takes a tenth of a router's start.
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(workers, thread_name_prefix=name)


def _lot(first: Engine) -> queue.LifoQueue[Engine]:
    """Engines that are free; the one used last comes first, because its memory is still in the cache."""
    free: queue.LifoQueue[Engine] = queue.LifoQueue()
    free.put(first)
    return free


_ALL: weakref.WeakSet[Sessions] = weakref.WeakSet()


def _after_fork() -> None:
    """Threads do not live on in a child, and a lock that one of them held would stay closed for ever."""
    for sessions in _ALL:
        sessions._reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
