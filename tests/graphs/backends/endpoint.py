"""An OpenAI-compatible server on this machine that really generates, with the miniatures, and breaks on demand."""

from __future__ import annotations

import json
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from routerkit_graphs.backends import huggingface

from routerkit.config import HuggingFaceSpecialist

if TYPE_CHECKING:
    from collections.abc import Iterator

    from langchain_core.messages import BaseMessage

MAX_TOKENS = 12


class Endpoint:
    """Serves each miniature under its name at `url`.

    Attributes:
        fault: what goes wrong with the model `broken` from now on; None: nothing.
        broken: the model that the fault strikes.
        requests: the bodies of all requests.
        closed_early: set when a client left before its answer ended.
        release: ends the hanging of `fault = "hang"`.
    """

    def __init__(self) -> None:
        self.fault: str | None = None
        self.broken = "math"
        self.requests: list[dict[str, Any]] = []
        self.closed_early = threading.Event()
        self.release = threading.Event()
        self._models: dict[str, Any] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"endpoint": self}))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"

    def stop(self) -> None:
        """Nobody listens any more."""
        self.release.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def model(self, name: str) -> Any:
        """The chat model behind a name."""
        if name not in self._models:
            spec = HuggingFaceSpecialist(model=f"miniature:{name}", dtype="float32", device="cpu")
            self._models[name] = huggingface.load(name, spec)
        return self._models[name]


REFUSALS = {
    "raise": (400, "the prompt is not acceptable"),
    "busy": (503, "try again later"),
    "out of memory": (500, "CUDA out of memory"),
}


def deltas(model: Any, body: dict[str, Any], fault: str | None) -> Iterator[dict[str, Any]]:
    """The `choices` and `usage` of each event."""
    yield {"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}]}
    last = None
    for piece in model.stream(asked(body), **settings(body)):
        last = piece if last is None else last + piece
        if piece.text and fault != "empty":
            yield {"choices": [{"index": 0, "delta": {"content": piece.text}, "finish_reason": None}]}
    yield {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    if (body.get("stream_options") or {}).get("include_usage") and last is not None:
        yield {"choices": [], "usage": usage_of(last)}


def asked(body: dict[str, Any]) -> list[tuple[str, str]]:
    return [(message["role"], message["content"]) for message in body["messages"]]


def settings(body: dict[str, Any]) -> dict[str, Any]:
    wanted = body.get("max_tokens") or body.get("max_completion_tokens") or MAX_TOKENS
    stop = body.get("stop") or []
    return {"max_new_tokens": min(wanted, MAX_TOKENS), "stop": [stop] if isinstance(stop, str) else stop}


def usage_of(message: BaseMessage) -> dict[str, int]:
    usage = message.usage_metadata  # type: ignore[attr-defined]
    asked, made = usage["input_tokens"], usage["output_tokens"]
    return {"prompt_tokens": asked, "completion_tokens": made, "total_tokens": asked + made}


def head(body: dict[str, Any], kind: str) -> dict[str, Any]:
    # One id for all answers, as careless servers do it.
    return {"id": "chatcmpl-1", "object": kind, "created": int(time.time()), "model": body["model"]}


class _Handler(BaseHTTPRequestHandler):
    endpoint: Endpoint
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.endpoint.requests.append(body)
        fault = self.endpoint.fault if body["model"] == self.endpoint.broken else None
        if fault == "hang":
            self.endpoint.release.wait(timeout=60)
            self.close_connection = True
        elif fault in REFUSALS:
            status, error = REFUSALS[fault]
            self.whole(status, {"error": {"message": error, "type": fault, "code": None, "param": None}})
        elif fault == "malformed":
            self.whole(200, {"unexpected": True})
        elif body.get("stream"):
            self.stream(body, fault)
        else:
            self.complete(body, fault)

    def complete(self, body: dict[str, Any], fault: str | None) -> None:
        answer = self.endpoint.model(body["model"]).invoke(asked(body), **settings(body))
        text = "" if fault == "empty" else answer.text
        if fault == "mid-stream":
            self.send_response(200)
            self.send_header("content-length", "9999")
            self.end_headers()
            self.wfile.write(b'{"id": "1", "cho')
            self.close_connection = True
            return
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        usage = usage_of(answer)
        self.whole(200, {**head(body, "chat.completion"), "choices": [choice], "usage": usage})

    def stream(self, body: dict[str, Any], fault: str | None) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        try:
            for number, delta in enumerate(deltas(self.endpoint.model(body["model"]), body, fault)):
                if fault == "mid-stream" and number == 3:
                    self.close_connection = True
                    return
                if fault == "cut off" and number == 3:
                    break
                if fault == "hang mid-stream" and number == 3:
                    self.endpoint.release.wait(timeout=60)
                    self.babble(body)
                self.chunk("data: " + json.dumps({**head(body, "chat.completion.chunk"), **delta}) + "\n\n")
            if fault != "cut off":
                self.chunk("data: [DONE]\n\n")
            self.chunk("")
        except OSError:
            self.endpoint.closed_early.set()
            self.close_connection = True

    def babble(self, body: dict[str, Any]) -> None:
        """Send words until the client has left."""
        word = {"choices": [{"index": 0, "delta": {"content": "again "}, "finish_reason": None}]}
        for _ in range(1000):
            self.chunk("data: " + json.dumps({**head(body, "chat.completion.chunk"), **word}) + "\n\n")
            time.sleep(0.02)

    def chunk(self, text: str) -> None:
        data = text.encode()
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def whole(self, status: int, content: object) -> None:
        data = json.dumps(content).encode()
        with suppress(OSError):
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        del format, args
