"""Where routers come from: the package, a folder, or the Hugging Face hub."""

from __future__ import annotations

from pathlib import Path

from routerkit import artefact
from routerkit.errors import ArtefactError, require

STARTER = "starter"
_HUB_FILES = ["*.json", "*.jsonl", "*.safetensors", "onnx/*.onnx", "README.md"]


def open_artefact(source: str | Path) -> artefact.Artefact:
    """Find and verify a router.

    Args:
        source: `starter`, a folder, or a hub id such as `owner/name` or `owner/name@revision`.

    Raises:
        ArtefactError: if there is no such router or it is damaged.
        MissingExtraError: if a hub id is given and `huggingface_hub` is not installed.
    """
    return artefact.read(_locate(source))


def starter_path() -> Path:
    """The folder of the router that ships with the package."""
    return Path(__file__).with_name(STARTER)


def _locate(source: str | Path) -> Path:
    if source == STARTER:
        return starter_path()
    path = Path(source).expanduser()  # no shell does it for a name in a YAML file
    if path.is_dir() or not _looks_like_hub_id(str(source)):
        return path
    return _download(str(source))


def _looks_like_hub_id(source: str) -> bool:
    owner, slash, name = source.partition("/")
    return bool(slash and owner and name) and "/" not in name and not owner.startswith((".", "~"))


def _download(source: str) -> Path:
    require("local", "huggingface_hub")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    name, _, revision = source.partition("@")
    try:
        return Path(snapshot_download(name, revision=revision or None, allow_patterns=_HUB_FILES))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        first = str(error).strip().splitlines()[0]
        raise ArtefactError(
            Path(source), f"is no folder here and could not be fetched from the hub ({first}); check the name"
        ) from error
