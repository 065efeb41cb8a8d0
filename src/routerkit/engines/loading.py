"""Which engine runs an artefact, given the settings."""

from __future__ import annotations

from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING

from routerkit.engines.cores import usable_cores
from routerkit.engines.onnx import OnnxEngine
from routerkit.engines.sessions import Sessions
from routerkit.errors import ArtefactError, require

if TYPE_CHECKING:
    from routerkit.artefact import Artefact
    from routerkit.engines import Engine
    from routerkit.manifest import Precision
    from routerkit.router_config import RouterConfig


def load_engine(artefact: Artefact, config: RouterConfig) -> Engine:
    """Load the engine that `config.engine`, `config.device` and `config.precision` ask for.

    `engine: auto` means ONNX Runtime on a CPU and torch on anything else; `device: auto` means a GPU if torch is
    installed and sees one, else the CPU; `precision: auto` means int8 if the artefact has it.

    Raises:
        ArtefactError: if the artefact has no graph of the wanted precision.
        ConfigError: if torch has no such device.
        MissingExtraError: if torch is needed and not installed.
    """
    device = _find_device() if config.device == "auto" else config.device
    if config.engine == "torch" or device != "cpu":
        require("local", "torch", "transformers", "onnx")
        from routerkit.engines.torch import TorchEngine

        return TorchEngine(artefact, device=device)
    precision = _pick_precision(artefact, config)
    graph = artefact.manifest.graphs[precision]
    return OnnxEngine(artefact.path / graph.path, name=f"onnx {precision}", threads=config.threads)


def open_sessions(artefact: Artefact, config: RouterConfig) -> tuple[Engine, Sessions]:
    """Load the first engine, and prepare for as many more as `config.sessions` allows.

    Raises:
        ArtefactError: as `load_engine` does, and so `ConfigError` and `MissingExtraError`.
    """
    first = load_engine(artefact, config)
    if not isinstance(first, OnnxEngine):
        return first, Sessions(first, max_queue=config.max_queue)
    size = max(1, usable_cores() // config.threads) if config.sessions == "auto" else config.sessions
    load = partial(load_engine, artefact, config)
    return first, Sessions(first, load=load, size=size, max_queue=config.max_queue)


def _find_device() -> str:
    if find_spec("torch") is None:
        return "cpu"
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _pick_precision(artefact: Artefact, config: RouterConfig) -> Precision:
    graphs = artefact.manifest.graphs
    order: tuple[Precision, ...] = ("int8", "fp32") if config.precision == "auto" else (config.precision,)
    for precision in order:
        if precision in graphs:
            return precision
    raise ArtefactError(
        artefact.path,
        f"has no ONNX graph of precision {config.precision!r}, only {sorted(graphs) or 'none'}; "
        "write one with `routerkit export`, or set precision: auto",
    )
