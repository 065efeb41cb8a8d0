"""The artefact: the folder that training writes and serving reads. Both sides use this module.

An artefact is a plain Hugging Face checkpoint plus ONNX graphs and a manifest:

    config.json  model.safetensors  tokenizer.json ...   what `pipeline("text-classification", model=folder)` reads
    onnx/model_int8.onnx  onnx/model.onnx                what `Router` runs on a CPU
    ood.safetensors                                      the out-of-domain head, where there is one
    ranges.safetensors                                   what linears are given, to write the int8 graph again
    routerkit.json                                       the manifest, with a digest of every file above
    reference.jsonl                                      rows for replay, regression and drift checks
    README.md                                            the model card

Only safetensors, ONNX and JSON are read: nothing is unpickled and no code from the folder runs.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from routerkit.errors import ArtefactError, ConfigError
from routerkit.manifest import SCHEMA_VERSION, Manifest
from routerkit.spec import parse

MANIFEST = "routerkit.json"
CONFIG = "config.json"
TOKENIZER = "tokenizer.json"
WEIGHTS = "model.safetensors"
REFERENCE = "reference.jsonl"
CARD = "README.md"
INT8_GRAPH = "onnx/model_int8.onnx"
FP32_GRAPH = "onnx/model.onnx"
OUTSIDE_HEAD = "ood.safetensors"
RANGES = "ranges.safetensors"

_SELF_DIGEST = "sha256"
_REQUIRED = (CONFIG, TOKENIZER)
_REMEDY = "copy or train the folder again"


@dataclass(frozen=True, slots=True)
class Artefact:
    """A verified artefact on disk.

    Attributes:
        path: the folder.
        manifest: what it says about itself.
        digest: sha256 of the manifest, which holds the digests of all other files: names this exact router.
    """

    path: Path
    manifest: Manifest
    digest: str


def read(path: Path) -> Artefact:
    """Read an artefact and verify every digest in it.

    Raises:
        ArtefactError: if the folder is missing or incomplete, if a digest, the schema version or the number of
            labels disagrees, if a file may not be read, or if the folder is a checkpoint that routerkit did not write.
    """
    if not path.is_dir():
        found = "is a file" if path.exists() else "no such folder"
        raise ArtefactError(path, f"{found}; give the folder that `routerkit train` wrote, or 'starter'")
    try:
        return _read(path)
    except OSError as error:
        raise ArtefactError(
            Path(error.filename or path), f"cannot be read ({error.strerror}); check the rights to it"
        ) from error


def _read(path: Path) -> Artefact:
    manifest, digest = _read_manifest(path / MANIFEST)
    for name in (*_REQUIRED, *(graph.path for graph in manifest.graphs.values())):
        if name not in manifest.files:
            raise ArtefactError(path / name, f"is not listed in {MANIFEST}; {_REMEDY}")
    for name, expected in manifest.files.items():
        _verify(path, name, expected)
    _check_labels(path / CONFIG, manifest)
    return Artefact(path=path, manifest=manifest, digest=digest)


def write_manifest(path: Path, manifest: Manifest) -> Artefact:
    """Write `routerkit.json` with fresh digests of the files now in the folder, and read the result back."""
    files = {name: file_digest(path / name) for name in sorted(_digested(path))}
    complete = manifest.model_copy(update={"files": files})
    content = complete.model_dump(mode="json")
    content[_SELF_DIGEST] = _content_digest(content)
    text = json.dumps(content, indent=2, ensure_ascii=False)
    (path / MANIFEST).write_text(text + "\n", encoding="utf-8")
    for name in files:
        # safetensors makes files that only their owner may read; a router is often served by another account.
        shutil.copymode(path / MANIFEST, path / name)
    return read(path)


def file_digest(path: Path) -> str:
    """Sha256 of a file, as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digested(path: Path) -> list[str]:
    """Files of an artefact whose change would change its answers; people may edit the model card."""
    names = [file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file()]
    return [name for name in names if name not in {MANIFEST, CARD} and not name.startswith(".")]


def _read_manifest(path: Path) -> tuple[Manifest, str]:
    if not path.is_file():
        raise ArtefactError(
            path, "the manifest is missing, so this is not a routerkit artefact; make one with `routerkit train`"
        )
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ArtefactError(path, f"is not valid JSON ({error}); {_REMEDY}") from error
    if not isinstance(content, dict):
        raise ArtefactError(path, f"expected a JSON object, found {type(content).__name__}; {_REMEDY}")
    version = content.get("schema_version")
    if version != SCHEMA_VERSION:
        raise ArtefactError(
            path, f"has schema version {version!r}, this routerkit reads {SCHEMA_VERSION}; install a matching version"
        )
    stated = content.pop(_SELF_DIGEST, None)
    digest = _content_digest(content)
    if stated != digest:
        raise ArtefactError(path, f"was changed after it was written (its digest disagrees); {_REMEDY}")
    try:
        return parse(Manifest, content, source=str(path)), digest
    except ConfigError as error:
        raise ArtefactError(path, f"is not a valid manifest ({error}); {_REMEDY}") from error


def _content_digest(content: dict[str, object]) -> str:
    canonical = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("utf-8", errors="surrogatepass")).hexdigest()


def _verify(folder: Path, name: str, expected: str) -> None:
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()) and not path.is_symlink():
        raise ArtefactError(path, f"lies outside the artefact folder; {_REMEDY}")
    if not path.is_file():
        raise ArtefactError(path, f"is missing; {_REMEDY}")
    found = file_digest(path)
    if found != expected:
        raise ArtefactError(
            path, f"is damaged or was changed: sha256 {found[:12]}..., expected {expected[:12]}...; {_REMEDY}"
        )


def _check_labels(path: Path, manifest: Manifest) -> None:
    try:
        labels = json.loads(path.read_text(encoding="utf-8"))["id2label"]
        found = [labels[str(index)] for index in range(len(labels))]
    except (ValueError, KeyError, TypeError) as error:
        raise ArtefactError(path, f"holds no usable id2label ({error!r}); {_REMEDY}") from error
    if found != manifest.categories:
        raise ArtefactError(path, f"has the labels {found}, the manifest has {manifest.categories}; {_REMEDY}")
