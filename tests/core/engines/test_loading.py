from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from routerkit import artefact, errors
from routerkit.config import RouterConfig
from routerkit.engines import loading
from routerkit.engines.onnx import OnnxEngine
from routerkit.errors import ArtefactError, ConfigError, MissingExtraError
from routerkit.testing import tiny_artefact

if TYPE_CHECKING:
    from pathlib import Path


def name_of(folder: Path, **settings: Any) -> str:
    return loading.load_engine(artefact.read(folder), RouterConfig(**settings)).name


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({}, "onnx int8"),
        ({"precision": "int8"}, "onnx int8"),
        ({"precision": "fp32"}, "onnx fp32"),
        ({"engine": "onnx"}, "onnx int8"),
    ],
    ids=str,
)
def test_onnx_runtime_runs_a_router_on_the_cpu(tiny_router_folder: Path, settings: dict[str, Any], name: str) -> None:
    assert name_of(tiny_router_folder, **settings) == name


def test_torch_runs_a_router_when_it_is_asked_to(tiny_router_folder: Path) -> None:
    pytest.importorskip("torch")
    assert name_of(tiny_router_folder, engine="torch") == "torch cpu"


def test_without_int8_the_exact_graph_is_taken(tiny_copy: Path) -> None:
    manifest = artefact.read(tiny_copy).manifest
    (tiny_copy / artefact.INT8_GRAPH).unlink()
    artefact.write_manifest(tiny_copy, manifest.model_copy(update={"graphs": {"fp32": manifest.graphs["fp32"]}}))
    assert name_of(tiny_copy) == "onnx fp32"


def test_a_precision_that_the_router_does_not_have_is_answered_with_those_it_has(int8_only: artefact.Artefact) -> None:
    with pytest.raises(ArtefactError) as caught:
        loading.load_engine(int8_only, RouterConfig(precision="fp32"))
    message = str(caught.value)
    assert "no ONNX graph of precision 'fp32', only ['int8']" in message
    assert "`routerkit export`" in message


def test_a_router_without_any_weights_says_so_for_every_engine(tmp_path: Path) -> None:
    empty = tiny_artefact(tmp_path)
    with pytest.raises(ArtefactError, match="no ONNX graph of precision 'auto', only none"):
        loading.load_engine(empty, RouterConfig())
    pytest.importorskip("torch")
    with pytest.raises(ArtefactError, match=r"has neither model\.safetensors nor an ONNX graph"):
        loading.load_engine(empty, RouterConfig(engine="torch"))


def test_a_device_that_is_not_there_is_named_with_what_to_use_instead(tiny_router_folder: Path) -> None:
    pytest.importorskip("torch")
    with pytest.raises(ConfigError) as caught:
        name_of(tiny_router_folder, device="cuda:99")
    message = str(caught.value)
    assert message.startswith("router_config.device: torch cannot use 'cuda:99' here (")
    assert message.endswith("use 'cpu', or 'auto' to take a GPU only if there is one")
    assert "\n" not in message


def test_auto_takes_the_cpu_when_torch_is_not_installed(
    tiny_router_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "find_spec", lambda name: None)
    assert name_of(tiny_router_folder, device="auto") == "onnx int8"


def test_auto_takes_the_cpu_when_torch_sees_no_gpu(tiny_router_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert name_of(tiny_router_folder, device="auto") == "onnx int8"


def test_without_torch_its_extra_is_named(tiny_router_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(errors, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r'torch, transformers, onnx.*pip install "routerkit\[local\]"'):
        name_of(tiny_router_folder, engine="torch")


@pytest.mark.parametrize("content", [b"", b"no graph", b"\x08\x08" * 50])
def test_a_graph_that_onnx_runtime_cannot_load_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(ArtefactError, match=r"model\.onnx: ONNX Runtime cannot load it") as caught:
        OnnxEngine(path, name="broken")
    assert caught.value.path == path
