"""The router behind an event loop, and in processes that fork."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from routerkit.config import RouterConfig
from routerkit.errors import OverloadError
from routerkit.router import Router

if TYPE_CHECKING:
    from pathlib import Path

    from routerkit.decision import Decision

FORKING = """
import asyncio, os, sys
from routerkit import Router, RouterConfig

router = Router.from_pretrained(sys.argv[1], config=RouterConfig(sessions=2))
queries = ["sum", "what is the loop", "rain"] * 300

def answers():
    async def ask():
        return await asyncio.gather(*(router.aroute_query(query) for query in queries[:60]))
    return asyncio.run(ask()), router.route_batch(queries), router.route_query("sum")

before = answers()
child = os.fork()
if not child:
    os._exit(0 if answers() == before else 3)
_, status = os.waitpid(child, 0)
assert answers() == before
sys.exit(os.waitstatus_to_exitcode(status))
"""


def test_two_hundred_queries_at_once_are_decided_as_one_by_one(tiny_router_folder: Path, queries: list[str]) -> None:
    router = Router.from_pretrained(tiny_router_folder, config=RouterConfig(sessions=3))

    async def ask() -> list[Decision]:
        return await asyncio.gather(*(router.aroute_query(query) for query in queries))

    expected = [router.route_query(query) for query in queries]
    assert len(expected) == 200
    assert asyncio.run(ask()) == expected
    assert asyncio.run(ask()) == expected
    router.close()
    assert asyncio.run(ask()) == expected
    router.close()


def test_the_longest_queue_is_a_setting(tiny_router_folder: Path) -> None:
    router = Router.from_pretrained(tiny_router_folder, config=RouterConfig(sessions=1, max_queue=4))

    async def ask() -> list[Decision | BaseException]:
        return await asyncio.gather(*(router.aroute_query("sum") for _ in range(50)), return_exceptions=True)

    found = asyncio.run(ask())
    refused = [answer for answer in found if isinstance(answer, OverloadError)]
    assert refused
    assert refused[0].retryable
    assert all(answer == router.route_query("sum") for answer in found if not isinstance(answer, OverloadError))
    assert asyncio.run(router.aroute_query("sum")) == router.route_query("sum")
    router.close()


def test_bulk_work_and_single_queries_share_the_sessions(tiny_router_folder: Path, queries: list[str]) -> None:
    router = Router.from_pretrained(tiny_router_folder, config=RouterConfig(sessions=2))

    async def ask() -> tuple[list[Decision], list[Decision]]:
        bulk = asyncio.ensure_future(router.aroute_batch(queries * 10))
        single = await asyncio.gather(*(router.aroute_query(query) for query in queries))
        return single, await bulk

    single, bulk = asyncio.run(ask())
    expected = [(decision.category, decision.route) for decision in single]
    assert [(decision.category, decision.route) for decision in bulk] == expected * 10
    router.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_process_answers_although_its_threads_were_left_behind(tiny_router_folder: Path) -> None:
    command = [sys.executable, "-c", FORKING, str(tiny_router_folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


def test_a_process_ends_although_nobody_closed_the_router(tiny_router_folder: Path) -> None:
    code = (
        "import asyncio, sys; from routerkit import Router; router = Router.from_pretrained(sys.argv[1]); "
        "print(asyncio.run(router.aroute_query('sum')).category)"
    )
    command = [sys.executable, "-c", code, str(tiny_router_folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
