from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from routerkit import artefact
from routerkit.artefact import CARD, CONFIG, FP32_GRAPH, INT8_GRAPH, MANIFEST, TOKENIZER, WEIGHTS
from routerkit.config import RouterConfig
from routerkit.errors import ArtefactError
from routerkit.router import Router
from routerkit.testing import tiny_artefact

if TYPE_CHECKING:
    from collections.abc import Callable

SERVED = [CONFIG, TOKENIZER, FP32_GRAPH, INT8_GRAPH]


def message_of(folder: Path) -> str:
    with pytest.raises(ArtefactError) as caught:
        artefact.read(folder)
    assert caught.value.path.is_relative_to(folder)
    return str(caught.value)


def flip(path: Path, position: int) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(bytes(content))


def forge(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the manifest and give it the digest that belongs to the change, as an attacker would."""
    content = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    del content["sha256"]
    change(content)
    content["sha256"] = artefact._content_digest(content)
    (folder / MANIFEST).write_text(json.dumps(content), encoding="utf-8")


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    written = tiny_artefact(tmp_path / "router", categories=["ja", "nein", "vielleicht 🤷"])
    read = artefact.read(tmp_path / "router")
    assert read == written
    assert read.manifest.categories == ["ja", "nein", "vielleicht 🤷"]
    assert set(read.manifest.files) == {CONFIG, TOKENIZER}
    assert len(read.digest) == 64


def test_a_digest_of_every_served_file_is_written(tiny_router_folder: Path) -> None:
    files = artefact.read(tiny_router_folder).manifest.files
    assert sorted(files) == sorted(SERVED)
    assert all(files[name] == artefact.file_digest(tiny_router_folder / name) for name in SERVED)


@pytest.mark.parametrize("name", SERVED)
def test_one_flipped_byte_anywhere_is_noticed(tiny_copy: Path, name: str) -> None:
    path = tiny_copy / name
    for position in (0, path.stat().st_size // 2, path.stat().st_size - 1):
        flip(path, position)
        message = message_of(tiny_copy)
        assert message.startswith(f"{path}: is damaged or was changed")
        assert "copy or train the folder again" in message
        flip(path, position)
    assert artefact.read(tiny_copy)


def test_one_flipped_byte_anywhere_in_the_manifest_is_noticed(tmp_path: Path) -> None:
    tiny_artefact(tmp_path)
    path = tmp_path / MANIFEST
    for position in range(0, path.stat().st_size - 1, 7):
        flip(path, position)
        with pytest.raises(ArtefactError):
            artefact.read(tmp_path)
        flip(path, position)
    assert artefact.read(tmp_path)


@pytest.mark.parametrize("name", SERVED)
def test_a_missing_file_is_named(tiny_copy: Path, name: str) -> None:
    (tiny_copy / name).unlink()
    assert message_of(tiny_copy).startswith(f"{tiny_copy / name}: is missing")


def test_a_missing_folder_is_named_with_what_to_give_instead(tmp_path: Path) -> None:
    assert "no such folder; give the folder that `routerkit train` wrote, or 'starter'" in message_of(tmp_path / "no")


def test_a_checkpoint_that_routerkit_did_not_write_is_told_from_an_artefact(tiny_copy: Path) -> None:
    (tiny_copy / MANIFEST).unlink()
    assert "not a routerkit artefact; make one with `routerkit train`" in message_of(tiny_copy)


@pytest.mark.parametrize("version", [0, 2, "1", None])
def test_another_schema_version_is_refused_before_anything_else_is_judged(tiny_copy: Path, version: object) -> None:
    forge(tiny_copy, lambda content: content.update(schema_version=version, surprise=True))
    message = message_of(tiny_copy)
    assert f"schema version {version!r}, this routerkit reads 1; install a matching version" in message


def test_an_edited_manifest_is_noticed(tiny_copy: Path) -> None:
    text = (tiny_copy / MANIFEST).read_text(encoding="utf-8")
    (tiny_copy / MANIFEST).write_text(text.replace('"temperature": 1.0', '"temperature": 9.0'), encoding="utf-8")
    assert "was changed after it was written" in message_of(tiny_copy)


def test_a_manifest_without_its_own_digest_is_refused(tiny_copy: Path) -> None:
    content = json.loads((tiny_copy / MANIFEST).read_text(encoding="utf-8"))
    del content["sha256"]
    (tiny_copy / MANIFEST).write_text(json.dumps(content), encoding="utf-8")
    assert "was changed after it was written" in message_of(tiny_copy)


def test_a_manifest_may_be_formatted_anew(tiny_copy: Path) -> None:
    before = artefact.read(tiny_copy)
    content = json.loads((tiny_copy / MANIFEST).read_text(encoding="utf-8"))
    (tiny_copy / MANIFEST).write_text(json.dumps(dict(reversed(content.items()))), encoding="utf-8")
    assert artefact.read(tiny_copy) == before


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is not valid JSON"),
        (b"{", "is not valid JSON"),
        (b"\xff\xfe", "is not valid JSON"),
        (b"[" * 100_000, "is not valid JSON"),
        (b"[1]", "expected a JSON object, found list"),
        (b'{"schema_version": 1}', "was changed after it was written"),
        (b'{"schema_version": 1, "name": "\\ud800"}', "was changed after it was written"),
    ],
    ids=["empty", "cut off", "not UTF-8", "too deep", "list", "no digest", "lone surrogate"],
)
def test_a_malformed_manifest_is_named(tiny_copy: Path, content: bytes, problem: str) -> None:
    (tiny_copy / MANIFEST).write_bytes(content)
    assert message_of(tiny_copy).startswith(f"{tiny_copy / MANIFEST}: {problem}")


def test_a_manifest_with_impossible_values_is_named_with_the_key(tiny_copy: Path) -> None:
    forge(tiny_copy, lambda content: content.update(temperature=-1.0))
    message = message_of(tiny_copy)
    assert "is not a valid manifest" in message
    assert "'temperature'" in message


@pytest.mark.parametrize(
    "id2label",
    [
        {"0": "math", "1": "science", "2": "code", "3": "general"},
        {"0": "science", "1": "math", "2": "code", "3": "general", "4": "commonsense"},
        {"0": "math", "1": "science", "2": "code", "3": "general", "4": "commonsense", "5": "law"},
    ],
    ids=["too few", "another order", "too many"],
)
def test_labels_that_disagree_with_the_manifest_are_refused(tiny_copy: Path, id2label: dict[str, str]) -> None:
    settings = json.loads((tiny_copy / CONFIG).read_text(encoding="utf-8"))
    (tiny_copy / CONFIG).write_text(json.dumps({**settings, "id2label": id2label}), encoding="utf-8")
    digest = artefact.file_digest(tiny_copy / CONFIG)
    forge(tiny_copy, lambda content: content["files"].update({CONFIG: digest}))
    assert "has the labels" in message_of(tiny_copy)


@pytest.mark.parametrize(
    "settings", ["[]", "{}", "{", '{"id2label": ["math"]}', '{"id2label": 5}', '{"id2label": {"LABEL_0": "math"}}']
)
def test_a_configuration_without_usable_labels_is_refused(tiny_copy: Path, settings: str) -> None:
    (tiny_copy / CONFIG).write_text(settings, encoding="utf-8")
    digest = artefact.file_digest(tiny_copy / CONFIG)
    forge(tiny_copy, lambda content: content["files"].update({CONFIG: digest}))
    assert "holds no usable id2label" in message_of(tiny_copy)


@pytest.mark.parametrize("style", ["relative", "nested", "absolute"])
def test_a_path_that_leaves_the_folder_is_refused(tiny_copy: Path, tmp_path: Path, style: str) -> None:
    outside = tmp_path / "secret.txt"
    outside.write_text("secret", encoding="utf-8")
    name = {"relative": "../secret.txt", "nested": "onnx/../../secret.txt", "absolute": str(outside)}[style]
    forge(tiny_copy, lambda content: content["files"].update({name: artefact.file_digest(outside)}))
    with pytest.raises(ArtefactError, match="lies outside the artefact folder"):
        artefact.read(tiny_copy)


@pytest.mark.parametrize("name", SERVED)
def test_a_served_file_without_a_digest_is_refused(tiny_copy: Path, name: str) -> None:
    forge(tiny_copy, lambda content: content["files"].pop(name))
    assert "is not listed in routerkit.json" in message_of(tiny_copy)


def test_a_graph_outside_the_verified_files_is_refused(tiny_copy: Path, tmp_path: Path) -> None:
    shutil.copy(tiny_copy / INT8_GRAPH, tmp_path / "foreign.onnx")
    forge(tiny_copy, lambda content: content["graphs"]["int8"].update(path="../foreign.onnx"))
    with pytest.raises(ArtefactError, match=r"is not listed in routerkit\.json"):
        artefact.read(tiny_copy)


def test_the_model_card_may_be_edited(tiny_copy: Path) -> None:
    before = artefact.read(tiny_copy)
    (tiny_copy / CARD).write_text("# My own words", encoding="utf-8")
    assert artefact.read(tiny_copy) == before
    assert artefact.write_manifest(tiny_copy, before.manifest) == before


def test_a_file_that_a_desktop_leaves_behind_changes_nothing(tiny_copy: Path) -> None:
    before = artefact.read(tiny_copy)
    (tiny_copy / ".DS_Store").write_bytes(b"\0\1")
    assert artefact.read(tiny_copy) == before
    assert artefact.write_manifest(tiny_copy, before.manifest) == before


@pytest.mark.parametrize("name", SERVED)
def test_the_digest_changes_when_any_served_file_changes(tiny_copy: Path, name: str) -> None:
    before = artefact.read(tiny_copy)
    (tiny_copy / name).write_bytes((tiny_copy / name).read_bytes() + b"\n")
    assert artefact.write_manifest(tiny_copy, before.manifest).digest != before.digest


@pytest.mark.parametrize("change", [{"temperature": 1.5}, {"confidence_threshold": 0.6}, {"name": "other"}])
def test_the_digest_changes_when_the_manifest_changes(tiny_copy: Path, change: dict[str, object]) -> None:
    before = artefact.read(tiny_copy)
    after = artefact.write_manifest(tiny_copy, before.manifest.model_copy(update=change))
    assert after.digest != before.digest
    assert artefact.read(tiny_copy).digest == after.digest


def test_files_may_be_links_into_a_store_as_in_the_hub_cache(tiny_router_folder: Path, tmp_path: Path) -> None:
    snapshot = tmp_path / "snapshot"
    for file in (path for path in tiny_router_folder.rglob("*") if path.is_file()):
        link = snapshot / file.relative_to(tiny_router_folder)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(file)
    assert artefact.read(snapshot).digest == artefact.read(tiny_router_folder).digest


class Bomb:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
        return Path.touch, (self.trace,)


@pytest.mark.parametrize("engine", ["onnx", "torch"])
def test_nothing_in_the_folder_is_unpickled_and_no_code_in_it_runs(
    tiny_copy: Path, tmp_path: Path, engine: str
) -> None:
    pytest.importorskip("torch" if engine == "torch" else "onnxruntime")
    trace = tmp_path / "exploded"
    for name in ("pytorch_model.bin", "model.pkl", "tokenizer.pkl", "training_args.bin"):
        (tiny_copy / name).write_bytes(pickle.dumps(Bomb(trace)))
    for name in ("modeling_distilbert.py", "__init__.py", "conftest.py"):
        (tiny_copy / name).write_text(f"open({str(trace)!r}, 'w')", encoding="utf-8")
    artefact.write_manifest(tiny_copy, artefact.read(tiny_copy).manifest)
    router = Router.from_pretrained(tiny_copy, config=RouterConfig.model_validate({"engine": engine}))
    assert router.route_query("what is the sum").category in router.categories
    assert not trace.exists()
    pickle.loads((tiny_copy / "model.pkl").read_bytes())
    assert trace.exists()


def test_float_weights_that_the_manifest_does_not_list_are_not_read(tiny_copy: Path) -> None:
    pytest.importorskip("torch")
    (tiny_copy / WEIGHTS).write_bytes(b"neither verified nor readable")
    router = Router.from_pretrained(tiny_copy, config=RouterConfig(engine="torch"))
    assert router.route_query("what is the sum").category in router.categories


def test_a_file_that_may_not_be_read_is_named(tiny_copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: Path) -> str:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(artefact, "file_digest", refused)
    assert "cannot be read (Permission denied); check the rights to it" in message_of(tiny_copy)
