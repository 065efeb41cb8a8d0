"""A LangSmith endpoint on this machine: keeps what the real client sends."""

from __future__ import annotations

import email.parser
import email.policy
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


class Sink:
    """Everything received, by run.

    Attributes:
        url: where clients send to.
        bodies: the raw bytes of every request.
        runs: the fields of every run by id; later parts replace earlier ones.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.bodies: list[bytes] = []
        self.runs: dict[str, dict[str, Any]] = {}
        self._lock = threading.Lock()

    def receive(self, content_type: str, body: bytes) -> None:
        head = f"Content-Type: {content_type}\r\n\r\n".encode()
        message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body)
        with self._lock:
            self.bodies.append(body)
            for part in message.iter_parts():
                name = str(part.get_param("name", header="content-disposition"))
                _, run_id, *field = name.split(".")
                content = json.loads(part.get_payload(decode=True))
                run = self.runs.setdefault(run_id, {})
                run.update({field[0]: content} if field else {k: v for k, v in content.items() if v is not None})

    def named(self, name: str) -> list[dict[str, Any]]:
        """Runs of a name, in order of their start."""
        return sorted((run for run in self.runs.values() if run["name"] == name), key=lambda run: run["dotted_order"])

    def tagged(self, tag: str) -> set[str]:
        """Names of the runs that carry a tag."""
        return {run["name"] for run in self.runs.values() if tag in (run.get("tags") or [])}

    def with_metadata(self, key: str, value: object) -> set[str]:
        """Names of the runs whose metadata has this value."""
        return {run["name"] for run in self.runs.values() if run["extra"]["metadata"].get(key) == value}

    def tree(self) -> str:
        """The runs as an indented list of names and tags."""
        ordered = sorted(self.runs.values(), key=lambda run: run["dotted_order"])
        lines = []
        for run in ordered:
            tags = sorted(tag for tag in run.get("tags") or [] if not tag.startswith(("graph:", "seq:")))
            lines.append("  " * run["dotted_order"].count(".") + " ".join([run["name"], *tags]))
        return "\n".join(lines)


@contextmanager
def sink() -> Iterator[Sink]:
    """A sink that listens until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer({})

        def do_POST(self) -> None:
            found.receive(self.headers["Content-Type"], self._body())
            self._answer({})

        def log_message(self, *args: object) -> None:
            del args

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers["Content-Length"]))
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        def _answer(self, content: object) -> None:
            data = json.dumps(content).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    found = Sink(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
