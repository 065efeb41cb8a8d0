"""Writing the decision log: a query puts its decision into a queue, one thread per process writes the file."""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import threading
from queue import Empty, Full, Queue
from time import monotonic
from typing import TYPE_CHECKING
from uuid import uuid4

from routerkit.log import schema
from routerkit.log.writer import Entry, LogFile
from routerkit.observation import Failure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from routerkit.log.settings import LogConfig
    from routerkit.observation import Observation
    from routerkit.shadow import Shadow

logger = logging.getLogger("routerkit")

QUEUE_ROWS = 10_000
"""Decisions that may wait to be written; further ones are dropped and counted, because no query waits for a disk."""

EXIT_WAIT_S = 2.0
"""Longest wait at the end of the process for decisions that are not written yet."""

GATHER_S = 0.1
"""Decisions that come within this time are written together: a transaction for each would cost ten times as much, and
compete with the query behind it for the processor. A flush ends the wait."""

_BATCH_ROWS = 256


class _Flush(threading.Event):
    """Set when everything before it in the queue has been dealt with."""


class _Stop(threading.Event):
    """Asks the thread to end; set when it has, or when there turned out to be more to write."""


_Kept = Entry | Failure
_Item = _Kept | _Flush | _Stop


class DecisionLog:
    """Keeps decisions in a SQLite file. Any number of threads and processes may write the same file.

    `record` returns at once and promises nothing yet. A decision is *acknowledged* when its entry's `kept` is True, or
    when `flush` has returned True after it was recorded: then it is in the file exactly once, also if the process is
    killed. The writing thread commits every tenth of a second, so without `flush` a killed process loses what was
    decided in the last one. At a normal end of the process the rest is written, for at most two seconds.

    Args:
        config: where, and how much.
        shadow: a candidate router, asked in the writing thread; its decision is kept beside the live one.

    Attributes:
        dropped: decisions and failures that were given up because the disk or the shadow was too slow, or the file
            failed.

    Raises:
        ConfigError: if the file cannot be written or is no decision log.
    """

    def __init__(self, config: LogConfig, *, shadow: Shadow | None = None) -> None:
        schema.create(config.path)
        self.config = config
        self.dropped = 0
        self._shadow = shadow
        self._start_lock = threading.Lock()
        self._reset()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._reset)
        atexit.register(self.close, EXIT_WAIT_S)

    def record(self, seen: Observation) -> Entry:
        """Take a decision to be written soon; the entry tells later whether it was."""
        entry = Entry(id=uuid4().hex, seen=seen)
        self._take(entry)
        return entry

    def record_failure(self, failure: Failure) -> None:
        """Take note that a specialist failed after a decision; written and flushed as decisions are."""
        self._take(failure)

    def flush(self, timeout_s: float | None = None) -> bool:
        """Wait until every decision recorded before this call is in the file.

        Args:
            timeout_s: longest wait in seconds; None waits as long as it takes.

        Returns:
            True if all are there; False if time ran out, or this process has ever given up a decision: then only
            `Entry.kept` tells which are there.
        """
        done = _Flush()
        deadline = None if timeout_s is None else monotonic() + timeout_s
        try:
            self._queue.put(done, timeout=timeout_s)
        except Full:
            return False
        self._hurry.set()
        self._ensure_thread()
        in_time = done.wait(None if deadline is None else max(0.0, deadline - monotonic()))
        return in_time and not self.dropped

    def close(self, timeout_s: float | None = None) -> None:
        """Write what waits, for at most `timeout_s` seconds, and release the file; a later `record` opens it again."""
        if not self._thread_runs:
            return
        deadline = None if timeout_s is None else monotonic() + timeout_s
        self.flush(timeout_s)
        stop = _Stop()
        with contextlib.suppress(Full):
            self._queue.put_nowait(stop)
            self._hurry.set()
            self._ensure_thread()
            stop.wait(None if deadline is None else max(0.0, deadline - monotonic()))

    def _take(self, item: _Kept) -> None:
        try:
            self._queue.put_nowait(item)
        except Full:
            self._drop([item], "they come faster than they can be written")
        self._ensure_thread()

    def _reset(self) -> None:
        """A fresh queue without a thread: at the beginning, and in a forked child, where no thread lives on."""
        self._queue: Queue[_Item] = Queue(QUEUE_ROWS)
        self._hurry = threading.Event()
        self._lock = threading.Lock()
        self._thread_runs = False

    def _ensure_thread(self) -> None:
        """Called after every put, so that nothing waits in the queue without a thread."""
        with self._lock:
            if not self._thread_runs:
                self._thread_runs = True
                threading.Thread(target=self._write, name="routerkit-log", daemon=True).start()

    def _write(self) -> None:
        file = LogFile(self.config, self._shadow)
        going_on = True
        while going_on:
            batch = self._next_batch()
            self._write_batch(file, batch)
            stops = [item for item in batch if isinstance(item, _Stop)]
            if stops:
                with self._lock:
                    going_on = not self._queue.empty()
                    if not going_on:
                        file.close()
                        self._thread_runs = False
            for stop in stops:
                stop.set()

    def _next_batch(self) -> list[_Item]:
        found = [self._queue.get()]
        if isinstance(found[0], Entry | Failure):
            self._hurry.wait(GATHER_S)
        self._hurry.clear()  # whoever has set it had put his item into the queue before
        with contextlib.suppress(Empty):
            while len(found) < _BATCH_ROWS:
                found.append(self._queue.get_nowait())
            self._hurry.set()  # there may be more, and somebody who waits for it
        return found

    def _write_batch(self, file: LogFile, batch: list[_Item]) -> None:
        entries = [item for item in batch if isinstance(item, Entry)]
        failures = [item for item in batch if isinstance(item, Failure)]
        if problem := file.write(entries, failures):
            self._drop([*entries, *failures], problem)
        else:
            for entry in entries:
                entry.kept = True
        for item in batch:
            if isinstance(item, _Flush):
                item.set()

    def _drop(self, items: Sequence[_Kept], problem: str) -> None:
        for item in items:
            if isinstance(item, Entry):
                item.kept = False
        if items and not self.dropped:
            logger.warning("%s: decisions are not logged: %s", self.config.path, problem)
        with self._lock:
            self.dropped += len(items)
