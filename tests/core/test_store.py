from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

from routerkit import artefact, errors, store
from routerkit.errors import ArtefactError, MissingExtraError
from routerkit.testing import tiny_artefact

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.machinery import ModuleSpec
    from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class HubHandler(BaseHTTPRequestHandler):
    """The two questions that a download asks the hub: which files are there, and what is in them."""

    def __init__(self, folder: Path, *args: object) -> None:
        self.folder = folder
        super().__init__(*args)  # type: ignore[arg-type]

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def log_message(self, *args: object) -> None:
        """Nobody reads the log of a test's server."""

    def _answer(self, *, body: bool) -> None:
        path = self.path.partition("?")[0]
        files = {file.relative_to(self.folder).as_posix(): file for file in self.folder.rglob("*") if file.is_file()}
        if path.startswith("/api/models/owner/name/revision/"):
            self._send(
                {"id": "owner/name", "sha": COMMIT, "siblings": [{"rfilename": name} for name in files]}, body=body
            )
        elif path == f"/api/models/owner/name/tree/{COMMIT}":
            tree = [{"type": "file", "path": name, "size": 1, "oid": COMMIT} for name in files]
            self._send(tree, body=body)
        elif path.startswith(f"/owner/name/resolve/{COMMIT}/"):
            file = files[path.removeprefix(f"/owner/name/resolve/{COMMIT}/")]
            self._send(file.read_bytes(), body=body, etag=f'"{artefact.file_digest(file)}"')
        else:
            self.send_error(404)

    def _send(self, answer: object, *, body: bool, etag: str = '"listing"') -> None:
        content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", etag)
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if body:
            self.wfile.write(content)


@contextmanager
def hub_of(folder: Path) -> Iterator[str]:
    """A Hugging Face hub on this machine that holds one router, `owner/name`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(HubHandler, folder))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def open_from(endpoint: str, source: str, cache: Path) -> subprocess.CompletedProcess[str]:
    """Open a router in a new process, because the hub's client reads its settings at import time."""
    code = f"from routerkit.store import open_artefact; a = open_artefact({source!r}); print(a.digest); print(a.path)"
    settings = {"HF_ENDPOINT": endpoint, "HF_HOME": str(cache), "HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_TELEMETRY": "1"}
    return subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **settings}, capture_output=True, text=True, check=False
    )


def test_a_folder_is_opened_by_text_and_by_path(tmp_path: Path) -> None:
    written = tiny_artefact(tmp_path / "router")
    assert store.open_artefact(tmp_path / "router") == store.open_artefact(str(tmp_path / "router")) == written


def test_the_starter_is_the_one_that_ships_even_beside_a_folder_of_that_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = tiny_artefact(tmp_path / "shipped", categories=["a", "b"])
    tiny_artefact(tmp_path / "starter", categories=["x", "y"])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(store, "starter_path", lambda: tmp_path / "shipped")
    assert store.open_artefact("starter") == shipped


def test_the_starter_lies_inside_the_package() -> None:
    assert store.starter_path().name == "starter"
    assert store.starter_path().parent.name == "routerkit"


def test_a_folder_that_looks_like_a_hub_id_is_opened_as_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny_artefact(tmp_path / "owner" / "name", categories=["a", "b"])
    monkeypatch.chdir(tmp_path)
    assert store.open_artefact("owner/name").manifest.categories == ["a", "b"]


@pytest.mark.parametrize("source", ["nowhere", "./owner/name", "../name", "/owner/name", "~/name", "a/b/c", "name/"])
def test_what_is_no_hub_id_is_a_missing_folder_and_asks_no_hub(source: str) -> None:
    with pytest.raises(ArtefactError, match="no such folder"):
        store.open_artefact(source)


@pytest.mark.parametrize("source", ["owner/name", "owner/name@v1"])
def test_a_hub_id_that_cannot_be_fetched_is_named_in_one_line(source: str) -> None:
    pytest.importorskip("huggingface_hub")
    with pytest.raises(ArtefactError) as caught:
        store.open_artefact(source)
    message = str(caught.value)
    assert message.startswith(f"{source}: is no folder here and could not be fetched from the hub")
    assert message.endswith("check the name")
    assert "\n" not in message


def test_a_hub_id_that_no_hub_would_accept_is_an_artefact_error_too() -> None:
    pytest.importorskip("huggingface_hub")
    with pytest.raises(ArtefactError, match="could not be fetched"):
        store.open_artefact("own er/na me")


def test_without_the_hub_client_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_hub(name: str) -> ModuleSpec | None:
        return None if name == "huggingface_hub" else find_spec(name)

    monkeypatch.setattr(errors, "find_spec", without_hub)
    with pytest.raises(MissingExtraError, match=r'huggingface_hub.*pip install "routerkit\[local\]"'):
        store.open_artefact("owner/name")


def test_a_router_is_fetched_from_a_hub_without_what_could_be_unpickled(tmp_path: Path) -> None:
    pytest.importorskip("huggingface_hub")
    written = tiny_artefact(tmp_path / "served")
    (tmp_path / "served" / "pytorch_model.bin").write_bytes(b"a pickle")
    with hub_of(tmp_path / "served") as endpoint:
        done = open_from(endpoint, "owner/name@v1", tmp_path / "cache")
    assert done.returncode == 0, done.stderr
    digest, path = done.stdout.splitlines()
    assert digest == written.digest
    assert sorted(os.listdir(path)) == sorted([artefact.CONFIG, artefact.MANIFEST, artefact.TOKENIZER])


def test_a_router_that_a_hub_does_not_have_is_named(tmp_path: Path) -> None:
    pytest.importorskip("huggingface_hub")
    with hub_of(tmp_path) as endpoint:
        done = open_from(endpoint, "owner/other", tmp_path / "cache")
    assert "ArtefactError: owner/other: is no folder here and could not be fetched from the hub" in done.stderr


def test_a_tilde_stands_for_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = tiny_artefact(tmp_path / "router")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert store.open_artefact("~/router").digest == made.digest
