"""A web server on this machine that answers from a script."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from tests.graphs.backends.adapters import NAMES, write_adapter

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.graphs.backends.endpoint import Endpoint


class Script:
    """What the server answers, by path, and what it was asked.

    Attributes:
        answers: for a path, the status, the headers and the body (JSON, or text as it is).
        requests: path and JSON body of each request.
    """

    def __init__(self) -> None:
        self.url = ""
        self.answers: dict[str, tuple[int, dict[str, str], Any]] = {}
        self.requests: list[tuple[str, Any]] = []


@pytest.fixture
def web() -> Iterator[Script]:
    script = Script()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            script.requests.append((self.path, json.loads(body) if body else None))
            status, headers, content = script.answers.get(self.path.partition("?")[0], (404, {}, {}))
            text = content if isinstance(content, str) else json.dumps(content)
            self.send_response(status)
            for name, value in {"content-type": "application/json", **headers}.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(text.encode())))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(text.encode())

        do_GET = do_POST = do_HEAD = answer  # noqa: N815 - names of the standard library

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            del format, args

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    script.url = f"http://127.0.0.1:{server.server_port}"
    yield script
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="session")
def adapters(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Five adapters for one base."""
    pytest.importorskip("peft")
    root = tmp_path_factory.mktemp("adapters")
    return {name: write_adapter(root / name, seed) for seed, name in enumerate(NAMES)}


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    """A server that speaks OpenAI's protocol and generates with the miniatures."""
    pytest.importorskip("langchain_openai")
    from tests.graphs.backends.endpoint import Endpoint

    server = Endpoint()
    yield server
    server.stop()
