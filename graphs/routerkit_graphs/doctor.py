"""`routerkit doctor`: what is installed, what would be loaded, and what is missing."""

from __future__ import annotations

import os
import platform
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import TYPE_CHECKING

import click

from routerkit.config import ChatSpecialist, GraphConfig, LoraSpecialist, OpenAISpecialist
from routerkit.errors import RouterkitError, SpecialistError, require
from routerkit.router import Router
from routerkit.version import __version__
from routerkit_graphs.wiring import wire

if TYPE_CHECKING:
    from collections.abc import Callable

    from routerkit.config import HuggingFaceSpecialist, Specialist

_EXTRAS = {
    "local": ["torch", "transformers", "langchain_huggingface", "peft", "accelerate", "onnx", "safetensors", "psutil"],
    "openai": ["langchain_openai"],
    "agents": ["langchain"],
    "train": ["torch", "transformers", "datasets", "sklearn", "accelerate", "onnx", "safetensors"],
}
_PACKAGES = ["onnxruntime", "tokenizers", "langchain-core", "langgraph", "torch", "transformers"]
_OK, _BAD = "ok     ", "MISSING"


@click.command()
@click.option("--config", help="A YAML file, or the name of a shipped one such as offline.")
def doctor(config: str | None) -> int:
    """Report what is installed, what would be loaded, where, how big, and what is missing; nothing is downloaded."""
    click.echo(f"routerkit {__version__}, Python {platform.python_version()}, {os.cpu_count()} cores")
    click.echo("  " + ", ".join(f"{name} {_version(name)}" for name in _PACKAGES))
    for extra, modules in _EXTRAS.items():
        absent = [name for name in modules if find_spec(name) is None]
        hint = f', lacks {", ".join(absent)}: pip install "routerkit[{extra}]"' if absent else ""
        click.echo(f"  extra {extra}{hint}")
    faults = _check(GraphConfig.load(config))
    click.echo("everything is in place" if not faults else f"{faults} of these would fail; see above")
    return 1 if faults else 0


def _check(config: GraphConfig) -> int:
    """Print one line for the router, the wiring and each specialist; returns how many would fail."""
    faults = _line("router", lambda: repr(Router.from_config(config.router_config, fallback=config.fallback)))
    faults += _line("wiring", lambda: _wiring(config))
    for category, spec in sorted(config.model_mappings.items()):
        faults += _line(category, partial(_specialist, category, spec))
    return faults


def _line(name: str, check: Callable[[], str]) -> int:
    try:
        click.echo(f"  {_OK} {name}: {check()}")
    except RouterkitError as error:
        click.echo(f"  {_BAD} {name}: {' '.join(str(error).split())}")
        return 1
    return 0


def _wiring(config: GraphConfig) -> str:
    return f"{len(wire(config, {}, None).seats)} specialists, fallback {config.fallback!r}"


def _specialist(category: str, spec: Specialist) -> str:
    if isinstance(spec, LoraSpecialist):
        return _lora(category, spec)
    if isinstance(spec, OpenAISpecialist):
        return _endpoint(spec)
    return _provider(category, spec) if isinstance(spec, ChatSpecialist) else _local(category, spec)


def _local(category: str, spec: HuggingFaceSpecialist | LoraSpecialist) -> str:
    require("local", *_EXTRAS["local"])
    from routerkit_graphs.backends.huggingface import sources
    from routerkit_graphs.backends.huggingface.memory import check_fits, free_bytes, readable, resolve_device

    source = sources.find(category, spec.model, spec.dtype)
    device = resolve_device(category, spec.device)
    check_fits(category, spec.model, source.weights_bytes, device)
    return f"{spec.model}, {readable(source.weights_bytes)} on {device}, {readable(free_bytes(device))} free"


def _lora(category: str, spec: LoraSpecialist) -> str:
    """Adapter and base; if both are missing, both are named."""
    found, faults = [], []
    for check in (_adapter, _local):
        try:
            found.append(check(category, spec))
        except SpecialistError as error:
            faults.append(error.problem)
    if faults:
        raise SpecialistError(category, "; ".join(faults))
    return ", on ".join(found)


def _adapter(category: str, spec: LoraSpecialist) -> str:
    require("local", *_EXTRAS["local"])
    from routerkit_graphs.backends.huggingface.memory import readable
    from routerkit_graphs.backends.lora import adapters

    if spec.adapter is None:
        return "no adapter"
    return f"adapter {spec.adapter}, {readable(adapters.find(category, spec.adapter).weights_bytes)}"


def _provider(category: str, spec: ChatSpecialist) -> str:
    from routerkit_graphs.backends import chat

    return f"{spec.model}, {type(chat.load(category, spec)).__name__}; not called"


def _endpoint(spec: OpenAISpecialist) -> str:
    require("openai", "langchain_openai")
    key = "is set" if os.environ.get(spec.api_key_env) else "is not set"
    return f"{spec.model} at {spec.base_url or 'the hosted service'}, {spec.api_key_env} {key}; not called"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "-"
