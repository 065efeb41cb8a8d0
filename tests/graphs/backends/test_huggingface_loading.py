"""Finding a model, checking that it fits, and saying what to do when it cannot be had."""

from __future__ import annotations

import shutil
import socket
from typing import TYPE_CHECKING, Any

import huggingface_hub.constants
import psutil
import pytest
from routerkit_graphs.backends import huggingface
from routerkit_graphs.backends.huggingface import memory, sources

from routerkit import MissingExtraError, SpecialistError, build_graph, errors
from routerkit.config import HuggingFaceSpecialist

if TYPE_CHECKING:
    from pathlib import Path

    from routerkit import Router
    from tests.graphs.backends.conftest import Script

GIB = 2**30


@pytest.fixture
def hub(web: Script, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The Hugging Face hub, scripted; returns its web server."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", web.url)
    return web


def description(*, gated: bool = False, files: dict[str, int], parameters: dict[str, int] | None = None) -> dict:
    siblings = [{"rfilename": name, "size": size} for name, size in files.items()]
    found = {"id": "owner/name", "siblings": siblings, "gated": "manual" if gated else False, "private": False}
    if parameters:
        found["safetensors"] = {"parameters": parameters, "total": sum(parameters.values())}
    return found


def test_a_folder_is_as_big_as_its_weights_in_the_wanted_format(llama: Path) -> None:
    stored = sum(file.stat().st_size for file in llama.glob("*.safetensors"))
    assert sources.find("math", str(llama), "auto").weights_bytes == stored
    assert sources.find("math", str(llama), "bfloat16").weights_bytes == stored // 2


def test_a_missing_folder_is_named() -> None:
    with pytest.raises(SpecialistError, match=r"specialist 'math': the folder ./no/such/place does not exist"):
        sources.find("math", "./no/such/place", "auto")


@pytest.mark.parametrize(("removed", "problem"), [("config.json", "config.json"), ("model.safetensors", "safetensors")])
def test_an_incomplete_folder_says_what_is_missing(llama: Path, tmp_path: Path, removed: str, problem: str) -> None:
    folder = shutil.copytree(llama, tmp_path / "copy")
    (folder / removed).unlink()
    with pytest.raises(SpecialistError, match=f"has no .*{problem}"):
        sources.find("math", str(folder), "auto")


def test_an_unknown_miniature_names_the_nearest() -> None:
    with pytest.raises(SpecialistError, match="no miniature 'maths'; did you mean 'math'"):
        sources.find("math", "miniature:maths", "auto")


def test_every_miniature_of_the_default_configuration_is_in_the_package() -> None:
    for name in ("math", "science", "code", "commonsense", "general"):
        assert sources.find(name, f"miniature:{name}", "float32").weights_bytes < 8 * 2**20


def test_a_model_without_a_chat_template_is_refused(llama: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(llama, tmp_path / "base")
    (folder / "chat_template.jinja").unlink()
    with pytest.raises(SpecialistError, match=r"has no chat template.*choose an instruct model"):
        huggingface.load("math", HuggingFaceSpecialist(model=str(folder), device="cpu"))


def test_damaged_weights_are_refused(llama: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(llama, tmp_path / "damaged")
    (folder / "model.safetensors").write_bytes(b"not tensors at all, but more than eight bytes")
    with pytest.raises(SpecialistError, match="cannot be loaded"):
        huggingface.load("math", HuggingFaceSpecialist(model=str(folder), device="cpu"))


def test_a_checkpoint_that_lacks_weights_is_refused(llama: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = shutil.copytree(llama, tmp_path / "lacking")
    weights = load_file(folder / "model.safetensors")
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(SpecialistError, match=r"lacks 1 of its weights, model.layers.1.mlp.up_proj.weight first"):
        huggingface.load("math", HuggingFaceSpecialist(model=str(folder), device="cpu"))


def test_a_model_that_does_not_fit_is_refused_with_the_arithmetic_before_it_is_loaded(
    llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shutil.copytree(llama, tmp_path / "big")
    with (folder / "model.safetensors").open("r+b") as weights:
        weights.truncate(20 * GIB)  # sparse: takes no space on disk
    monkeypatch.setattr(psutil, "virtual_memory", lambda: type("Memory", (), {"available": 8 * GIB}))
    with pytest.raises(SpecialistError) as caught:
        huggingface.load("math", HuggingFaceSpecialist(model=str(folder), device="cpu"))
    assert "weights 20.0 GiB x 1.1 = 22.0 GiB needed, 8.0 GiB free on cpu" in str(caught.value)
    assert "use a smaller model" in str(caught.value)


def test_a_hub_model_that_does_not_fit_is_refused_before_it_is_downloaded(hub: Script) -> None:
    files = {"model-00001-of-00002.safetensors": 900 * GIB, "model-00002-of-00002.safetensors": 700 * GIB, "a.bin": 9}
    hub.answers["/api/models/owner/name"] = (200, {}, description(files=files, parameters={"BF16": 800 * GIB}))
    with pytest.raises(SpecialistError, match=r"weights 1600.0 GiB x 1.1 = 1760.0 GiB needed"):
        huggingface.load("math", HuggingFaceSpecialist(model="owner/name", device="cpu"))
    assert all(path.startswith("/api/") for path, _ in hub.requests)  # described, not downloaded


def test_a_hub_model_is_as_big_as_the_files_it_is_loaded_from(hub: Script) -> None:
    files = {"model.safetensors": 1000, "model.fp16.safetensors": 500, "original/model.safetensors": 3000}
    hub.answers["/api/models/owner/name"] = (200, {}, description(files=files, parameters={"F32": 250}))
    assert sources.find("math", "owner/name", "auto").weights_bytes == 1000
    assert sources.find("math", "owner/name", "bfloat16").weights_bytes == 500


def test_a_gated_model_says_how_to_get_access(hub: Script) -> None:
    gated = description(gated=True, files={"model.safetensors": 10})
    hub.answers["/api/models/owner/name"] = (200, {}, gated)
    hub.answers["/api/models/owner/name/auth-check"] = (403, {"X-Error-Code": "GatedRepo"}, {})
    with pytest.raises(SpecialistError) as caught:
        sources.find("math", "owner/name", "auto")
    for part in ("is gated", "https://huggingface.co/owner/name", "hf auth login", "HF_TOKEN"):
        assert part in str(caught.value)


def test_a_model_that_the_hub_does_not_know_says_what_to_check(hub: Script) -> None:
    hub.answers["/api/models/owner/name"] = (404, {"X-Error-Code": "RepoNotFound"}, {})
    with pytest.raises(SpecialistError, match="check the name; if the model is private or gated"):
        sources.find("math", "owner/name", "auto")


def test_an_unknown_revision_is_named(hub: Script) -> None:
    hub.answers["/api/models/owner/name/revision/v9"] = (404, {"X-Error-Code": "RevisionNotFound"}, {})
    with pytest.raises(SpecialistError, match="the revision in 'owner/name@v9' does not"):
        sources.find("math", "owner/name@v9", "auto")


def test_a_model_without_safetensors_is_refused(hub: Script) -> None:
    hub.answers["/api/models/owner/name"] = (200, {}, description(files={"pytorch_model.bin": 10}))
    with pytest.raises(SpecialistError, match="no weights in the safetensors format on the hub"):
        sources.find("math", "owner/name", "auto")


def test_without_a_connection_an_earlier_download_is_used(
    llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SpecialistError, match="was not downloaded before, and the Hugging Face hub cannot be reached"):
        sources.find("math", "owner/name", "auto")
    cache = tmp_path / "hub"
    snapshot = cache / "models--owner--name" / "snapshots" / "abc"
    shutil.copytree(llama, snapshot)
    (cache / "models--owner--name" / "refs").mkdir()
    (cache / "models--owner--name" / "refs" / "main").write_text("abc")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(cache))
    assert sources.find("math", "owner/name", "auto").location == str(snapshot.resolve())


def test_a_gpu_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory.torch.cuda, "is_available", lambda: False)
    assert memory.resolve_device("math", "auto") == "cpu"
    with pytest.raises(SpecialistError, match="device cuda:3 is not there, torch sees 0 GPUs"):
        memory.resolve_device("math", "cuda:3")


def test_missing_libraries_name_the_extra_in_the_graphs_error(
    router: Router, monkeypatch: pytest.MonkeyPatch, llama: Path
) -> None:
    config = {"model_mappings": dict.fromkeys(("math", "science", "code", "general", "commonsense"), str(llama))}
    graph = build_graph(config, router=router)
    monkeypatch.setattr(errors, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"routerkit\[local\]"):
        huggingface.load("math", HuggingFaceSpecialist(model=str(llama)))
    with pytest.raises(SpecialistError, match=r"the general model failed, MissingExtraError: .*routerkit\[local\]"):
        graph.invoke({"messages": "hello"})


def test_a_hub_that_refuses_connections_is_one_error_with_the_next_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    with socket.socket() as unused:  # bound and not listening: connections are refused, and nobody else gets the port
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", f"http://127.0.0.1:{unused.getsockname()[1]}")
        with pytest.raises(SpecialistError, match=r"hub cannot be reached .*refused.*check the name"):
            sources.find("math", "owner/name", "auto")
