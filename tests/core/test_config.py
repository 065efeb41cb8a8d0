from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from routerkit.config import (
    CATEGORIES,
    GraphConfig,
    HuggingFaceSpecialist,
    OpenAISpecialist,
    RouterConfig,
    config_names,
    json_schema,
)
from routerkit.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLE = """
categories: [math, general]
router_config:
  model_path: router_model
  confidence_threshold: 0.6
  category_thresholds: {math: 0.8}
model_mappings:
  math: {backend: openai, model: mathematician, base_url: "http://127.0.0.1:8000/v1", timeout_s: 5}
  general: some/model@main
fallback: general
"""


def message_of(data: dict[str, Any]) -> str:
    with pytest.raises(ConfigError) as caught:
        GraphConfig.load(data)
    return str(caught.value)


def test_the_defaults_are_the_starter_and_its_five_categories() -> None:
    config = GraphConfig()
    assert config.categories == CATEGORIES == ["math", "science", "code", "general", "commonsense"]
    assert config.router_config == RouterConfig()
    assert config.router_config.model_path == "starter"
    assert config.router_config.confidence_threshold == "auto"
    assert (config.fallback, config.model_mappings) == ("general", {})


def test_a_file_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "graph.yaml"
    path.write_text(EXAMPLE, encoding="utf-8")
    config = GraphConfig.load(path)
    assert config.router_config.category_thresholds == {"math": 0.8}
    math, general = config.model_mappings["math"], config.model_mappings["general"]
    assert isinstance(math, OpenAISpecialist)
    assert math.timeout_s == 5
    assert isinstance(general, HuggingFaceSpecialist)
    assert general.model == "some/model@main"


def test_a_configuration_is_taken_from_wherever_it_is(tmp_path: Path) -> None:
    path = tmp_path / "graph.yaml"
    path.write_text("fallback: math\n", encoding="utf-8")
    expected = GraphConfig(fallback="math")
    assert GraphConfig.load(path) == GraphConfig.load(str(path)) == GraphConfig.load({"fallback": "math"}) == expected
    assert GraphConfig.load(expected) is expected


def test_a_file_without_the_usual_ending_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "graph.conf"
    path.write_text("fallback: math\n", encoding="utf-8")
    assert GraphConfig.load(path).fallback == "math"


def test_a_folder_of_the_same_name_does_not_hide_a_shipped_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = tmp_path / "shipped"
    shipped.mkdir()
    (shipped / "offline.yaml").write_text("fallback: math\n", encoding="utf-8")
    (tmp_path / "offline").mkdir()
    monkeypatch.setattr("routerkit.config._shipped", lambda: shipped)
    monkeypatch.chdir(tmp_path)
    assert GraphConfig.load("offline").fallback == "math"


def test_without_a_source_the_demonstration_configuration_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "offline.yaml").write_text("fallback: code\n", encoding="utf-8")
    monkeypatch.setattr("routerkit.config._shipped", lambda: tmp_path)
    assert (
        GraphConfig.load().fallback == GraphConfig.load(None).fallback == GraphConfig.load("offline").fallback == "code"
    )


def test_an_unknown_name_is_answered_with_the_names_there_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("laptop", "offline"):
        (tmp_path / f"{name}.yaml").write_text("fallback: general\n", encoding="utf-8")
    monkeypatch.setattr("routerkit.config._shipped", lambda: tmp_path)
    assert config_names() == ["laptop", "offline"]
    with pytest.raises(ConfigError, match=r"no configuration 'labtop'; give a \.yaml file, or one of: laptop, offline"):
        GraphConfig.load("labtop")


@pytest.mark.parametrize("source", [5, [], ""])
def test_what_names_no_configuration_is_refused_and_not_taken_for_the_default(source: Any) -> None:
    with pytest.raises(ConfigError, match=r"a configuration is no (int|list)|there is no configuration ''"):
        GraphConfig.load(source)


def test_a_missing_yaml_file_is_a_missing_file_and_no_unknown_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"mine\.yaml: cannot be read"):
        GraphConfig.load(tmp_path / "mine.yaml")


def test_a_bare_string_is_a_hugging_face_model() -> None:
    config = GraphConfig.load({"model_mappings": {"math": "some/model"}})
    assert config.model_mappings["math"] == HuggingFaceSpecialist(model="some/model")


def test_a_mapping_without_a_back_end_is_a_hugging_face_model() -> None:
    config = GraphConfig.load({"model_mappings": {"math": {"model": "some/model", "dtype": "bfloat16"}}})
    assert config.model_mappings["math"] == HuggingFaceSpecialist(model="some/model", dtype="bfloat16")


@pytest.mark.parametrize(
    ("data", "parts"),
    [
        ({"fallbak": "general"}, ["unknown key 'fallbak'", "did you mean 'fallback'?"]),
        (
            {"router_config": {"confidense_threshold": 0.5}},
            ["unknown key 'router_config.confidense_threshold'", "did you mean 'confidence_threshold'?"],
        ),
        (
            {"model_mappings": {"math": {"model": "m", "dtyp": "float16"}}},
            ["unknown key 'model_mappings.math.dtyp'", "did you mean 'dtype'?"],
        ),
        (
            {"model_mappings": {"math": {"backend": "openai", "model": "m", "base_ulr": "http://x"}}},
            ["unknown key 'model_mappings.math.base_ulr'", "did you mean 'base_url'?"],
        ),
        (
            {"model_mappings": {"math": {"model": "m", "generation": {"max_new_token": 5}}}},
            ["unknown key 'model_mappings.math.generation.max_new_token'", "did you mean 'max_new_tokens'?"],
        ),
        (
            {"model_mappings": {"math": {"backend": "openai", "model": "m", "generation": {"zzz": 5}}}},
            ["'model_mappings.math.generation.zzz'", "allowed here: max_new_tokens, stop, temperature, top_p"],
        ),
        (
            {"model_mappings": {"math": {"backend": "olama", "model": "m"}}},
            ["key 'model_mappings.math'", "'olama'", "'huggingface', 'lora', 'openai', 'chat'"],
        ),
        ({"model_mappings": {"math": 5}}, ["key 'model_mappings.math'", "found 5"]),
        ({"model_mappings": {"math": {"dtype": "auto"}}}, ["key 'model_mappings.math.model' is required"]),
        ({"router_config": {"confidence_threshold": 1.5}}, ["key 'router_config.confidence_threshold'", "found 1.5"]),
        ({"router_config": {"confidence_threshold": "high"}}, ["'router_config.confidence_threshold'", "'auto'"]),
        ({"router_config": {"category_thresholds": {"math": 2}}}, ["'router_config.category_thresholds.math'"]),
        ({"router_config": {"threads": 0}}, ["key 'router_config.threads'", "greater than 0"]),
        ({"router_config": {"device": "tpu"}}, ["key 'router_config.device'", "found 'tpu'"]),
        (
            {"model_mappings": {"math": {"model": "m", "generation": {"stop": ["END", ""]}}}},
            ["key 'model_mappings.math.generation.stop.1'", "at least 1 character", "found ''"],
        ),
        ({"categories": "math"}, ["key 'categories'", "valid list", "found 'math'"]),
        ({"categories": ["math"]}, ["key 'categories'", "at least 2"]),
        ({"categories": ["math", "math"]}, ["every category may stand there once"]),
        ({"categories": ["math", "router"]}, ["may not be empty, 'router' or '*'"]),
        ({"categories": ["math", " "]}, ["may not be empty"]),
    ],
)
def test_a_fault_is_named_with_its_key_as_it_stands_in_the_file(data: dict[str, Any], parts: list[str]) -> None:
    message = message_of(data)
    for part in parts:
        assert part in message


def test_all_faults_of_a_file_are_reported_at_once(tmp_path: Path) -> None:
    path = tmp_path / "graph.yaml"
    path.write_text("fallbak: x\nrouter_config: {threads: -1, device: tpu}\ncategories: [a]\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        GraphConfig.load(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    for part in ("'fallbak'", "'router_config.threads'", "'router_config.device'", "'categories'"):
        assert part in message


@pytest.mark.parametrize("device", ["auto", "cpu", "cuda", "cuda:0", "cuda:12"])
def test_devices_are_named_as_torch_names_them(device: str) -> None:
    assert RouterConfig(device=device).device == device


def test_the_onnx_engine_is_refused_on_a_gpu() -> None:
    assert "engine: onnx runs on device: cpu only" in message_of(
        {"router_config": {"engine": "onnx", "device": "cuda"}}
    )


@pytest.mark.parametrize("threshold", [0, 0.5, 1, "auto"])
def test_a_threshold_is_a_probability_or_auto(threshold: float | str) -> None:
    config = GraphConfig.load({"router_config": {"confidence_threshold": threshold}})
    assert config.router_config.confidence_threshold == threshold


@pytest.mark.parametrize("threshold", [0, 0.5, "auto", None])
def test_an_out_of_domain_threshold_is_a_probability_auto_or_nothing(threshold: float | str | None) -> None:
    assert GraphConfig.load({"router_config": {"ood_threshold": threshold}}).router_config.ood_threshold == threshold
    assert "'router_config.ood_threshold'" in message_of({"router_config": {"ood_threshold": 7}})


@pytest.mark.parametrize("name", config_names())
def test_every_configuration_that_ships_can_be_loaded_by_name(name: str) -> None:
    config = GraphConfig.load(name)
    assert config.fallback in config.categories
    assert set(config.model_mappings) == set(config.categories)


def test_a_configuration_is_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        GraphConfig().fallback = "math"  # type: ignore[misc]


def test_a_configuration_survives_being_written_and_read() -> None:
    config = GraphConfig.load({"model_mappings": {"math": "a/b", "code": {"backend": "openai", "model": "c"}}})
    assert GraphConfig.load(config.model_dump(mode="json")) == config


def test_the_schema_for_editors_accepts_what_is_accepted_and_refuses_what_is_refused() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = json_schema()
    good = {"model_mappings": {"math": "a/b", "code": {"backend": "openai", "model": "c"}}, "fallback": "general"}
    jsonschema.validate(good, schema)
    for bad in ({"fallbak": "x"}, {"router_config": {"threads": 0}}, {"model_mappings": {"math": 5}}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(bad, schema)


def test_a_router_without_a_configuration_is_the_one_of_the_default_configuration() -> None:
    assert GraphConfig.load().router_config == RouterConfig()
