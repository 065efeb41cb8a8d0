from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import numpy as np
import pytest
from safetensors.numpy import load_file

from routerkit import artefact
from routerkit.config import RouterConfig
from routerkit.errors import ArtefactError, ConfigError
from routerkit.export.checkpoint import export_checkpoint, float_weights, outside_head, read_outside_head
from routerkit.export.weights import read_outside, read_weights
from routerkit.router import Router

if TYPE_CHECKING:
    from pathlib import Path


def test_the_export_holds_everything_an_artefact_can_hold(int8_only: artefact.Artefact, tmp_path: Path) -> None:
    full = export_checkpoint(int8_only, tmp_path / "full")
    assert artefact.read(tmp_path / "full") == full
    assert {artefact.WEIGHTS, artefact.FP32_GRAPH, artefact.INT8_GRAPH} <= set(full.manifest.files)
    assert set(full.manifest.graphs) == {"int8", "fp32"}
    assert full.manifest.graphs["int8"] == int8_only.manifest.graphs["int8"]
    assert full.manifest.categories == int8_only.manifest.categories


def test_the_float_weights_are_the_integers_times_their_scales(int8_only: artefact.Artefact, tmp_path: Path) -> None:
    full = export_checkpoint(int8_only, tmp_path / "full")
    expected = read_weights(int8_only.path / artefact.INT8_GRAPH, 2)
    written = load_file(full.path / artefact.WEIGHTS)
    assert sorted(written) == sorted(expected)
    for key, value in expected.items():
        np.testing.assert_array_equal(written[key], value, err_msg=key)
        np.testing.assert_array_equal(float_weights(full)[key], value, err_msg=key)


def test_the_export_decides_as_its_source_does(
    int8_only: artefact.Artefact, tmp_path: Path, queries: list[str]
) -> None:
    full = export_checkpoint(int8_only, tmp_path / "full")
    source, target = Router.from_pretrained(int8_only.path), Router.from_pretrained(full.path)
    assert target.route_batch(queries) == source.route_batch(queries)
    exact = Router.from_pretrained(full.path, config=RouterConfig(precision="fp32"))
    agreed = [exact.classify(query).category == source.classify(query).category for query in queries]
    assert np.mean(agreed) >= 0.95


def test_the_checkpoint_is_one_that_transformers_loads_and_that_agrees(
    int8_only: artefact.Artefact, tmp_path: Path, queries: list[str]
) -> None:
    transformers = pytest.importorskip("transformers")
    full = export_checkpoint(int8_only, tmp_path / "full")
    classify = transformers.pipeline("text-classification", model=str(full.path), device="cpu")
    router = Router.from_pretrained(full.path, config=RouterConfig(precision="fp32"))
    for query in queries[:40]:
        scores = {row["label"]: row["score"] for row in classify(query, top_k=None, truncation=True)}
        assert scores == pytest.approx(router.classify(query).probabilities, abs=1e-4)


def test_exporting_an_export_changes_no_weight(int8_only: artefact.Artefact, tmp_path: Path) -> None:
    once = export_checkpoint(int8_only, tmp_path / "once")
    twice = export_checkpoint(once, tmp_path / "twice")
    assert twice == artefact.Artefact(path=twice.path, manifest=once.manifest, digest=once.digest)


def test_a_router_with_an_exact_graph_only_gives_its_weights(tiny_copy: Path) -> None:
    manifest = artefact.read(tiny_copy).manifest
    (tiny_copy / artefact.INT8_GRAPH).unlink()
    exact = artefact.write_manifest(
        tiny_copy, manifest.model_copy(update={"graphs": {"fp32": manifest.graphs["fp32"]}})
    )
    expected = read_weights(tiny_copy / artefact.FP32_GRAPH, 2)
    for key, value in float_weights(exact).items():
        np.testing.assert_array_equal(value, expected[key])


def test_an_exact_graph_is_preferred_to_rounded_weights(tiny_router_folder: Path) -> None:
    found = float_weights(artefact.read(tiny_router_folder))
    expected = read_weights(tiny_router_folder / artefact.FP32_GRAPH, 2)
    np.testing.assert_array_equal(found["pre_classifier.weight"], expected["pre_classifier.weight"])


def test_an_out_of_domain_head_that_the_manifest_does_not_list_is_not_read(
    tiny_copy: Path, tiny_outside_folder: Path
) -> None:
    (tiny_copy / artefact.OUTSIDE_HEAD).write_bytes((tiny_outside_folder / artefact.OUTSIDE_HEAD).read_bytes())
    assert outside_head(artefact.read(tiny_copy)) is None
    head = outside_head(artefact.read(tiny_outside_folder))
    assert head is not None
    assert head.weight.shape == (64,)


def test_a_head_that_stands_in_the_graph_only_is_found_and_exported(
    int8_only: artefact.Artefact, tmp_path: Path
) -> None:
    assert artefact.OUTSIDE_HEAD not in int8_only.manifest.files
    scored = Router.from_pretrained(int8_only.path).classify("sum").ood_score is not None
    assert (outside_head(int8_only) is not None) == scored
    full = export_checkpoint(int8_only, tmp_path / "full")
    assert (artefact.OUTSIDE_HEAD in full.manifest.files) == scored
    exact = Router.from_pretrained(full.path, config=RouterConfig(precision="fp32"))
    assert (exact.classify("sum").ood_score is not None) == scored


def test_a_file_that_is_no_graph_holds_no_head(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"no graph")
    with pytest.raises(ArtefactError, match="is no graph that routerkit wrote"):
        read_outside(path)


def test_a_folder_without_a_head_has_none(tmp_path: Path) -> None:
    assert read_outside_head(tmp_path) is None


def test_a_folder_with_content_is_left_alone(int8_only: artefact.Artefact, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(ConfigError, match="is not empty; give a new folder"):
        export_checkpoint(int8_only, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_an_empty_folder_will_do(int8_only: artefact.Artefact, tmp_path: Path) -> None:
    assert export_checkpoint(int8_only, str(tmp_path)).path == tmp_path


@pytest.mark.parametrize("made", [True, False])
def test_what_was_written_before_an_interruption_is_taken_away(
    int8_only: artefact.Artefact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: bool
) -> None:
    def interrupted(*_: object, **__: object) -> NoReturn:
        raise KeyboardInterrupt

    target = tmp_path / "full"
    if made:
        target.mkdir()
    with monkeypatch.context() as patch:
        patch.setattr("routerkit.export.checkpoint.write_graph", interrupted)
        with pytest.raises(KeyboardInterrupt):
            export_checkpoint(int8_only, target)
    assert target.exists() == made
    assert export_checkpoint(int8_only, target).path == target


def test_a_full_disk_is_explained(
    int8_only: artefact.Artefact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> NoReturn:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("routerkit.export.checkpoint.write_graph", full)
    with pytest.raises(ConfigError, match=r"full: cannot be written \(No space left on device\)"):
        export_checkpoint(int8_only, tmp_path / "full")


def test_other_accounts_may_read_what_was_exported(int8_only: artefact.Artefact, tmp_path: Path) -> None:
    full = export_checkpoint(int8_only, tmp_path / "full")
    expected = (full.path / artefact.MANIFEST).stat().st_mode
    assert {(full.path / name).stat().st_mode for name in full.manifest.files} == {expected}
