"""The entries of `model_mappings`."""

from __future__ import annotations

from typing import Any

import pytest

from routerkit import ConfigError
from routerkit.config import ChatSpecialist, GraphConfig, LoraSpecialist


def read(entry: Any, **more: Any) -> Any:
    return GraphConfig.load({"model_mappings": {"math": entry}, **more}).model_mappings["math"]


def test_an_adapter_belongs_to_a_base() -> None:
    spec = read({"backend": "lora", "model": "some/base", "adapter": "./adapters/math"})
    assert isinstance(spec, LoraSpecialist)
    assert (spec.model, spec.adapter, spec.max_batch) == ("some/base", "./adapters/math", 16)
    assert read({"backend": "lora", "model": "some/base"}).adapter is None


def test_a_provider_takes_options_of_its_own() -> None:
    spec = read({"backend": "chat", "model": "some-provider:some:model", "options": {"top_k": 3}})
    assert isinstance(spec, ChatSpecialist)
    assert spec.options == {"top_k": 3}


def test_patience_is_the_graphs_unless_a_specialist_has_its_own() -> None:
    assert read("some/model").retries is None
    assert read({"model": "some/model", "retries": 0, "timeout_s": 2.5}).timeout_s == 2.5
    assert GraphConfig.load({}).retries == 2
    assert GraphConfig.load({}).timeout_s is None


@pytest.mark.parametrize(
    ("entry", "parts"),
    [
        ({"backend": "chat", "model": "no-provider"}, ["model_mappings.math.model", "found 'no-provider'"]),
        (
            {"backend": "lora", "model": "b", "adaptor": "a"},
            ["'model_mappings.math.adaptor'", "did you mean 'adapter'"],
        ),
        ({"backend": "lora", "model": "b", "max_batch": 0}, ["model_mappings.math.max_batch", "greater than 0"]),
        ({"model": "m", "retries": -1}, ["model_mappings.math.retries", "greater than or equal to 0"]),
        ({"model": "m", "timeout_s": 0}, ["model_mappings.math.timeout_s", "greater than 0"]),
    ],
)
def test_a_fault_is_named_with_its_key(entry: dict[str, Any], parts: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        read(entry)
    for part in parts:
        assert part in str(caught.value)
