"""The configurations that ship with the package."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import pytest

from routerkit.config import GraphConfig, config_names, json_schema

CONFIGS = Path(str(files("routerkit"))) / "configs"


def test_the_editor_schema_is_the_one_of_the_code() -> None:
    schema = json.dumps(json_schema(), indent=2) + "\n"
    assert (CONFIGS / "schema.json").read_text(encoding="utf-8") == schema, (
        'write it anew: python -c "import json; from routerkit.config import json_schema; '
        'print(json.dumps(json_schema(), indent=2))" > src/routerkit/configs/schema.json'
    )


def test_the_named_configurations_are_there() -> None:
    assert {"endpoint", "laptop", "llama31", "llama31-lora", "offline"} <= set(config_names())


@pytest.mark.parametrize("name", config_names())
def test_a_shipped_configuration_is_complete_and_points_editors_to_the_schema(name: str) -> None:
    config = GraphConfig.load(name)
    assert set(config.model_mappings) == set(config.categories)
    assert config.fallback in config.categories
    first_line = (CONFIGS / f"{name}.yaml").read_text(encoding="utf-8").splitlines()[0]
    assert first_line == "# yaml-language-server: $schema=./schema.json"


@pytest.mark.parametrize("name", ["laptop", "llama31", "llama31-lora"])
def test_every_model_of_the_hub_is_marked_as_not_downloaded_here(name: str) -> None:
    lines = (CONFIGS / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
    models = [line for line in lines if line.lstrip().startswith("model: ")]
    assert len(models) == 5
    assert all("# not downloaded by the project's tests" in line for line in models)


def test_the_laptop_needs_one_set_of_weights_and_five_prompts() -> None:
    specs = GraphConfig.load("laptop").model_mappings.values()
    assert len({(spec.model, spec.dtype, spec.device) for spec in specs}) == 1
    assert len({spec.system_prompt for spec in specs}) == 5


def test_the_template_for_adapters_shares_one_base_and_names_folders_that_a_user_fills() -> None:
    specs = GraphConfig.load("llama31-lora").model_mappings
    assert len({(spec.model, spec.dtype, spec.device) for spec in specs.values()}) == 1
    assert {name: spec.adapter for name, spec in specs.items()} == {
        "math": "./adapters/math",
        "science": "./adapters/science",
        "code": "./adapters/code",
        "commonsense": "./adapters/commonsense",
        "general": None,
    }
