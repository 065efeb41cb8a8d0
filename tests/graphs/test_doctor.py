"""`routerkit doctor`: one line for each part, and for each what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml
from click.testing import CliRunner
from routerkit_graphs.doctor import doctor

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("peft")


def lines(config: str) -> dict[str, str]:
    """The lines about the configuration, by what they are about."""
    output = CliRunner().invoke(doctor, ["--config", config], standalone_mode=False).output
    found = [line.strip().split(maxsplit=1) for line in output.splitlines() if line.startswith("  ok ")]
    found += [line.strip().split(maxsplit=1) for line in output.splitlines() if line.startswith("  MISSING")]
    return {text.partition(":")[0]: f"{state} {text.partition(':')[2].strip()}" for state, text in found}


def test_each_missing_adapter_of_the_template_is_named() -> None:
    found = lines("llama31-lora")
    for name in ("math", "science", "code", "commonsense"):
        assert found[name].startswith("MISSING")
        assert f"the adapter folder ./adapters/{name} does not exist" in found[name]
    # The base is asked for too, and named beside the adapter.
    assert "meta-llama/Llama-3.1-8B-Instruct" in found["math"]
    assert "adapter" not in found["general"].partition("meta-llama")[0].removeprefix("MISSING specialist")


def test_adapters_that_are_there_are_described(tmp_path: Path) -> None:
    from tests.graphs.backends.adapters import entry, write_adapter

    folder = write_adapter(tmp_path / "math", 1)
    mappings = dict.fromkeys(("science", "code", "general", "commonsense"), entry(None))
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump({"model_mappings": {"math": entry(folder), **mappings}}), encoding="utf-8")
    found = lines(str(config))
    assert found["math"].startswith(f"ok adapter {folder}, 0.1 MiB, on miniature:general")
    assert found["general"].startswith("ok no adapter, on miniature:general")


def test_endpoints_and_providers_are_named_and_not_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("langchain_openai")
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    hosted = {"backend": "openai", "model": "m"}
    mappings = dict.fromkeys(("science", "code", "general", "commonsense"), hosted)
    config = tmp_path / "config.yaml"
    chosen = {"math": {"backend": "chat", "model": "openai:m"}, **mappings}
    config.write_text(yaml.safe_dump({"model_mappings": chosen}), encoding="utf-8")
    found = lines(str(config))
    assert found["math"] == "ok openai:m, ChatOpenAI; not called"
    assert found["code"] == "ok m at the hosted service, OPENAI_API_KEY is set; not called"
