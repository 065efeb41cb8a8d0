"""Where a model's files are, and how big its weights: the package, a folder, or the Hugging Face hub."""

from __future__ import annotations

import difflib
import json
import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from routerkit.errors import SpecialistError

if TYPE_CHECKING:
    from collections.abc import Mapping

MINIATURE = "miniature:"
"""Prefix of the demonstration models in the package."""

HUB_ID = re.compile(r"[\w-][\w.-]*/[\w.-]+(@[\w./-]+)?")
_WEIGHTS = re.compile(r"model(-\d+-of-\d+)?\.safetensors")
_BYTES = {"float32": 4, "F32": 4, "float16": 2, "F16": 2, "bfloat16": 2, "BF16": 2}


@dataclass(frozen=True)
class Source:
    """A model that exists.

    Attributes:
        location: a folder, or a hub id.
        revision: branch, tag or commit on the hub; None means its main branch.
        weights_bytes: size of the weights once they are loaded in the wanted number format.
    """

    location: str
    revision: str | None
    weights_bytes: int


def is_miniature(model: str) -> bool:
    """Whether a model is one of the demonstration models of the package."""
    return model.startswith(MINIATURE)


def identity(model: str) -> str:
    """A name that is equal for equal models, however their folder is written."""
    path = Path(model).expanduser()
    return str(path.resolve()) if path.is_dir() else model


def find(category: str, model: str, dtype: str) -> Source:
    """Find a model without downloading it.

    Args:
        category: the node it is for, for messages.
        model: `miniature:NAME`, a folder, or a hub id (`id@revision`).
        dtype: number format it shall be loaded in; `auto` is the format of the files.

    Raises:
        SpecialistError: if there is no such model, it may not be used, or it has no safetensors weights.
    """
    if is_miniature(model):
        return _folder(category, _miniature(category, model.removeprefix(MINIATURE)), dtype)
    path = Path(model).expanduser()
    if path.is_dir():
        return _folder(category, path, dtype)
    if not HUB_ID.fullmatch(model):
        raise SpecialistError(
            category, f"the folder {model} does not exist; give an existing folder, or a hub id such as owner/name"
        )
    return _hub(category, model, dtype)


def _miniature(category: str, name: str) -> Path:
    root = Path(str(files("routerkit_graphs"))) / "miniatures"
    names = sorted(path.parent.name for path in root.glob("*/config.json"))
    if name not in names:
        close = difflib.get_close_matches(name, names, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(names) or 'none'}"
        raise SpecialistError(category, f"there is no miniature {name!r}; {hint}")
    return root / name


def _folder(category: str, path: Path, dtype: str) -> Source:
    sizes = {file.name: file.stat().st_size for file in path.glob("*.safetensors")}
    config = path / "config.json"
    if not config.is_file() or not sizes:
        lacking = "config.json" if not config.is_file() else "weights in the safetensors format"
        raise SpecialistError(category, f"the folder {path} has no {lacking}; give a Hugging Face checkpoint")
    settings = json.loads(config.read_text(encoding="utf-8"))
    stored = settings.get("dtype") or settings.get("torch_dtype") or "float32"
    return Source(str(path.resolve()), None, _loaded_size(_weights_size(sizes), stored, dtype))


def _hub(category: str, model: str, dtype: str) -> Source:
    from httpx import HTTPError
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    name, _, revision = model.partition("@")
    hub = HfApi()
    try:
        info = hub.model_info(name, revision=revision or None, files_metadata=True)
        if info.gated:
            # The description of a gated model is public, its files are not.
            hub.auth_check(name)
    except HfHubHTTPError as error:
        raise SpecialistError(category, refusal(model, error)) from error
    except (OSError, HTTPError, OfflineModeIsEnabled) as error:
        return _cached(category, model, dtype, error)
    sizes = {file.rfilename: file.size or 0 for file in info.siblings or []}
    sizes = {name: size for name, size in sizes.items() if "/" not in name and name.endswith(".safetensors")}
    if not sizes:
        raise SpecialistError(category, f"{model} has no weights in the safetensors format on the hub; choose another")
    parameters = info.safetensors.parameters if info.safetensors else {}
    stored = max(parameters, key=lambda key: parameters[key], default="auto")
    return Source(name, revision or None, _loaded_size(_weights_size(sizes), stored, dtype))


def _cached(category: str, model: str, dtype: str, cause: Exception) -> Source:
    """The copy of an earlier download, when the hub cannot be asked."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    name, _, revision = model.partition("@")
    try:
        return _folder(category, Path(snapshot_download(name, revision=revision or None, local_files_only=True)), dtype)
    except LocalEntryNotFoundError:
        reason = (str(cause).strip() or type(cause).__name__).splitlines()[0]
        raise SpecialistError(
            category,
            f"{model} is no folder here, was not downloaded before, and the Hugging Face hub cannot be reached "
            f"({reason}); check the name and the connection, or give a folder",
            retryable=True,
        ) from cause


def refusal(model: str, error: Exception) -> str:
    """Why the hub did not give a model, and what to do.

    Args:
        model: hub id, perhaps with a revision.
        error: what `huggingface_hub` raised.
    """
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    name = model.partition("@")[0]
    access = "log in with `hf auth login` or set HF_TOKEN"
    if isinstance(error, GatedRepoError):
        return (
            f"{name} is gated: accept its licence at https://huggingface.co/{name} with your account, then {access}; "
            "or name another model"
        )
    if isinstance(error, RevisionNotFoundError):
        return f"{name} exists, but the revision in {model!r} does not; see https://huggingface.co/{name}/tree/main"
    if isinstance(error, RepositoryNotFoundError):
        return (
            f"{name} is no folder here, and the Hugging Face hub does not show it to you: check the name; if the model "
            f"is private or gated, accept its licence at https://huggingface.co/{name} and {access}"
        )
    return f"the Hugging Face hub refused {model}: {str(error).strip().splitlines()[0]}"


def _weights_size(sizes: Mapping[str, int]) -> int:
    """Bytes of the weight files; other files in the same format (adapters, variants) do not count beside them."""
    named = [size for name, size in sizes.items() if _WEIGHTS.fullmatch(name)]
    return sum(named or sizes.values())


def _loaded_size(stored_bytes: int, stored: str, wanted: str) -> int:
    if wanted == "auto" or stored not in _BYTES:
        return stored_bytes
    return stored_bytes * _BYTES[wanted] // _BYTES[stored]
