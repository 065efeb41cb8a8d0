"""Run a job in a thread of its own, and hear its text as it grows.

The job's own thread takes and releases the model's lock, never the consumer: a stream that nobody reads any more, or
many that wait on one event loop, cannot hold a model for ever.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from queue import SimpleQueue
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from routerkit_graphs.backends.huggingface.generation import Job


def stream(job: Job) -> Iterator[str]:
    """The pieces of a job's answer; the job is cancelled when the iterator is closed, and its error raised here."""
    texts: SimpleQueue[str | None] = SimpleQueue()
    job.deliver = texts.put
    thread = ThreadPoolExecutor(max_workers=1)
    running = thread.submit(_run, job, lambda: texts.put(None))
    try:
        yield from iter(texts.get, None)
    finally:
        job.cancel()
        thread.shutdown(wait=False)
    running.result()


async def astream(job: Job) -> AsyncIterator[str]:
    """`stream` for an event loop, without occupying the threads that other work on the loop needs."""
    loop = asyncio.get_running_loop()
    texts: asyncio.Queue[str | None] = asyncio.Queue()
    job.deliver = lambda text: _post(loop, texts, text)
    thread = ThreadPoolExecutor(max_workers=1)
    running = loop.run_in_executor(thread, _run, job, lambda: _post(loop, texts, None))
    try:
        while (text := await texts.get()) is not None:
            yield text
    finally:
        job.cancel()
        thread.shutdown(wait=False)
    await running


def _run(job: Job, finished: Callable[[], None]) -> None:
    try:
        job.run()
    finally:
        finished()


def _post(loop: asyncio.AbstractEventLoop, texts: asyncio.Queue[str | None], text: str | None) -> None:
    # A closed loop raises RuntimeError; nobody listens then, and the job is cancelled already.
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(texts.put_nowait, text)
