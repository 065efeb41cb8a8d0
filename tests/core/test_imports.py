"""What is loaded when, seen from a new process."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

import pytest

import routerkit

HEAVY = {"torch", "transformers", "onnx", "sklearn", "datasets", "peft", "accelerate", "huggingface_hub"}
FRAMEWORKS = {"langchain", "langchain_core", "langgraph", "langsmith"}


def loaded_by(code: str) -> set[str]:
    """Top-level modules that are loaded after `code` ran in a new process."""
    script = f"{code}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_importing_the_package_loads_almost_nothing() -> None:
    loaded = loaded_by("import routerkit; routerkit.__version__")
    assert not loaded & (HEAVY | FRAMEWORKS | {"numpy", "onnxruntime", "tokenizers", "pydantic", "yaml"})


def test_the_router_loads_neither_torch_nor_any_framework() -> None:
    loaded = loaded_by("import routerkit; routerkit.Router; routerkit.GraphConfig")
    assert not loaded & (HEAVY | FRAMEWORKS)
    assert {"onnxruntime", "tokenizers"} <= loaded


def test_routing_one_query_loads_nothing_it_can_do_without() -> None:
    routed = "Router.from_pretrained().route_query('hello')"
    loaded = loaded_by(f"from routerkit import Router; {routed}")
    assert not loaded & {"asyncio", "yaml", "click", "rich", "sqlite3", "concurrent"}
    command = (
        "import sys; sys.argv = ['routerkit', 'route', 'hello']; from routerkit import cli; cli._status_of(cli.cli)"
    )
    assert not loaded_by(command) & {"asyncio", "yaml", "rich", "sqlite3", *FRAMEWORKS, *HEAVY}


def test_the_runnable_loads_langchain_core_and_no_torch() -> None:
    loaded = loaded_by("import routerkit; routerkit.RouterRunnable")
    assert "langchain_core" in loaded
    assert not loaded & (HEAVY | {"langgraph"})


def test_importing_build_graph_loads_neither_torch_nor_transformers() -> None:
    assert not loaded_by("from routerkit import build_graph") & HEAVY


def test_everything_that_is_promised_is_there() -> None:
    for name in routerkit.__all__:
        if routerkit._EXPORTS[name].startswith("routerkit_graphs") and find_spec("routerkit_graphs.builder") is None:
            continue
        assert getattr(routerkit, name) is not None


def test_the_promised_names_are_complete_and_sorted() -> None:
    assert list(routerkit.__all__) == sorted(routerkit.__all__)
    assert set(routerkit.__all__) == set(routerkit._EXPORTS)
    assert set(routerkit.__all__) <= set(dir(routerkit))


def test_an_unknown_name_is_answered_with_the_names_there_are() -> None:
    with pytest.raises(AttributeError, match=r"module 'routerkit' has no attribute 'Ruoter'; it has .*Router"):
        routerkit.Ruoter  # noqa: B018 - looking it up is the test
    assert not hasattr(routerkit, "nothing")


def test_routing_imports_opentelemetry_only_if_the_application_does() -> None:
    code = "import routerkit.watch; routerkit.watch.Watch(routerkit.Router.from_pretrained()).route('hello')"
    assert "opentelemetry" not in loaded_by(code)
