"""`AbleModel` behind OpenAI's protocol: tools, structured output, usage, stop texts."""

from __future__ import annotations

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessageChunk, convert_to_messages, convert_to_openai_messages

from tests.graphs.standard.able import AbleModel, arguments

if TYPE_CHECKING:
    from collections.abc import Iterator


class AbleServer:
    """Serves any model name at `url`."""

    def __init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _chunks(body: dict[str, Any]) -> Iterator[AIMessageChunk]:
    """What the model says; structured output is written by the schema, or with the keys that the prompt names."""
    messages = convert_to_messages(body["messages"])
    wanted = body.get("response_format")
    if wanted is None:
        stop = body.get("stop") or []
        for chunk in AbleModel().stream(messages, stop=[stop] if isinstance(stop, str) else stop, **_tools(body)):
            assert isinstance(chunk, AIMessageChunk)
            yield chunk
        return
    text = messages[-1].text
    named = {"properties": {key: {} for key in re.findall(r"'(\w+)'", text)}}
    schema = wanted.get("json_schema", {}).get("schema", named)
    usage = {"input_tokens": len(messages), "output_tokens": 4, "total_tokens": len(messages) + 4}
    yield AIMessageChunk(json.dumps(arguments(schema, text)), usage_metadata=usage, chunk_position="last")


def _tools(body: dict[str, Any]) -> dict[str, Any]:
    choice = body.get("tool_choice")
    return {"tools": body.get("tools"), "tool_choice": choice["function"]["name"] if isinstance(choice, dict) else None}


def _usage(chunk: AIMessageChunk) -> dict[str, int]:
    found = chunk.usage_metadata
    assert found is not None
    asked, made = found["input_tokens"], found["output_tokens"]
    return {"prompt_tokens": asked, "completion_tokens": made, "total_tokens": asked + made}


def _delta(chunk: AIMessageChunk) -> dict[str, Any]:
    calls = [
        {
            "index": 0,
            "id": call["id"],
            "type": "function",
            "function": {"name": call["name"], "arguments": call["args"]},
        }
        for call in chunk.tool_call_chunks
    ]
    return {"role": "assistant", "content": chunk.text, **({"tool_calls": calls} if calls else {})}


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        (self.stream if body.get("stream") else self.whole)(body)

    def whole(self, body: dict[str, Any]) -> None:
        chunks = list(_chunks(body))
        answer = sum(chunks[1:], chunks[0])
        message = convert_to_openai_messages(answer)
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        self.send("application/json", [json.dumps({**self.head(body), "choices": [choice], "usage": _usage(answer)})])

    def stream(self, body: dict[str, Any]) -> None:
        events: list[dict[str, Any]] = []
        for chunk in _chunks(body):
            events.append({"choices": [{"index": 0, "delta": _delta(chunk), "finish_reason": None}]})
        events.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        events.append({"choices": [], "usage": _usage(chunk)})
        parts = [json.dumps({**self.head(body), "object": "chat.completion.chunk", **event}) for event in events]
        self.send("text/event-stream", [f"data: {part}\n\n" for part in [*parts, "[DONE]"]])

    def head(self, body: dict[str, Any]) -> dict[str, Any]:
        return {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": body["model"]}

    def send(self, kind: str, parts: list[str]) -> None:
        data = "".join(parts).encode()
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        del format, args
