"""Find an adapter: a folder that PEFT wrote, or a hub id."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from routerkit.errors import SpecialistError
from routerkit_graphs.backends.huggingface.sources import HUB_ID, Source, refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

SETTINGS = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"


def find(category: str, adapter: str) -> Source:
    """Find an adapter without downloading it.

    Args:
        category: the node it is for, for messages.
        adapter: a folder, or a hub id (`id@revision`).

    Raises:
        SpecialistError: if there is no such adapter, it may not be used, or it is no LoRA adapter.
    """
    path = Path(adapter).expanduser()
    if path.is_dir():
        return _folder(category, path)
    if not HUB_ID.fullmatch(adapter) or adapter.startswith("."):
        raise SpecialistError(
            category,
            f"the adapter folder {adapter} does not exist; give a folder that PEFT wrote, or a hub id such as "
            "owner/name",
        )
    return _hub(category, adapter)


def fetch(category: str, source: Source) -> Path:
    """The folder of an adapter that was found; one on the hub is downloaded.

    Raises:
        SpecialistError: if the download fails, or what comes is no LoRA adapter.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    if Path(source.location).is_dir():
        return Path(source.location)
    try:
        folder = Path(snapshot_download(source.location, revision=source.revision, allow_patterns=[SETTINGS, WEIGHTS]))
    except HfHubHTTPError as error:
        raise SpecialistError(category, refusal(source.location, error)) from error
    except (OSError, OfflineModeIsEnabled) as error:
        problem = f"the adapter {source.location} cannot be downloaded; check the connection, or give a folder"
        raise SpecialistError(category, problem, retryable=True) from error
    _folder(category, folder)
    return folder


def can_be_mixed(folder: Path) -> bool:
    """Whether PEFT can use the adapter in one batch with others; it cannot with DoRA (arXiv 2402.09353)."""
    return not json.loads((folder / SETTINGS).read_text(encoding="utf-8")).get("use_dora")


def _folder(category: str, path: Path) -> Source:
    _check_complete(category, str(path), [file.name for file in path.iterdir()])
    kind = json.loads((path / SETTINGS).read_text(encoding="utf-8")).get("peft_type")
    if kind != "LORA":
        raise SpecialistError(category, f"the adapter {path} is of type {kind}; the back end lora takes LORA only")
    return Source(str(path.resolve()), None, (path / WEIGHTS).stat().st_size)


def _hub(category: str, adapter: str) -> Source:
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled

    name, _, revision = adapter.partition("@")
    try:
        found = HfApi().model_info(name, revision=revision or None, files_metadata=True)
    except HfHubHTTPError as error:
        raise SpecialistError(category, refusal(adapter, error)) from error
    except (OSError, OfflineModeIsEnabled) as error:
        try:
            return _folder(category, Path(snapshot_download(name, revision=revision or None, local_files_only=True)))
        except LocalEntryNotFoundError:
            problem = (
                f"the adapter {adapter} is no folder here, was not downloaded before, and the Hugging Face hub cannot "
                "be reached; check the name and the connection, or give a folder"
            )
            raise SpecialistError(category, problem, retryable=True) from error
    sizes = {file.rfilename: file.size or 0 for file in found.siblings or []}
    _check_complete(category, adapter, list(sizes))
    return Source(name, revision or None, sizes[WEIGHTS])


def _check_complete(category: str, adapter: str, names: Sequence[str]) -> None:
    for name in (SETTINGS, WEIGHTS):
        if name not in names:
            raise SpecialistError(
                category, f"the adapter {adapter} has no {name}; save it with PEFT's save_pretrained, as safetensors"
            )
