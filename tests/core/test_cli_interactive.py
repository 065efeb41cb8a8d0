"""`routerkit interactive`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from routerkit.router import Router
from tests.cli import call

if TYPE_CHECKING:
    from pathlib import Path


def test_every_line_is_answered_until_quit(tiny_router_folder: Path) -> None:
    router = Router.from_pretrained(tiny_router_folder)
    found = call("interactive", "--model", tiny_router_folder, stdin=b"sum\n\natom\n/quit\nloop\n")
    assert found.status == 0
    assert found.stdout == "".join(router.route_query(query).to_json() + "\n" for query in ("sum", "atom"))
    assert found.stderr == "tiny: math, science, code, general, commonsense. /quit or Ctrl-D leaves.\n"


@pytest.mark.parametrize("word", ["/exit", "/q"])
def test_other_words_leave_too(tiny_router_folder: Path, word: str) -> None:
    found = call("interactive", "--model", tiny_router_folder, stdin=f"{word}\nsum\n".encode())
    assert (found.status, found.stdout) == (0, "")


def test_the_end_of_the_input_leaves(tiny_router_folder: Path) -> None:
    found = call("interactive", "--model", tiny_router_folder, stdin=b"sum")
    assert found.status == 0
    assert json.loads(found.stdout)["category"]


@pytest.mark.parametrize(
    ("bad", "told"),
    [(b"\x00\x01\x02", "binary data"), (b"sum " * 25_000, "100,000 characters"), (b"\xff\xfe", "binary data")],
)
def test_a_bad_query_does_not_end_the_conversation(tiny_router_folder: Path, bad: bytes, told: str) -> None:
    found = call("interactive", "--model", tiny_router_folder, stdin=bad + b"\nsum\n")
    _, complaint = found.stderr.splitlines()
    assert found.status == 0
    assert complaint.startswith("error: ")
    assert told in complaint
    assert json.loads(found.stdout)["category"]


def test_a_person_at_a_terminal_sees_a_prompt_and_a_table(tiny_router_folder: Path) -> None:
    found = call("interactive", "--model", tiny_router_folder, stdin=b"sum\n", terminal=True)
    assert found.stdout.startswith("> ")
    assert "->" in found.stdout
