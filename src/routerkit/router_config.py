"""The settings of a router: the part `router_config` of a configuration file.

Apart from `routerkit.config`, so that a router alone does not wait for the settings of every kind of specialist.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, PositiveInt, model_validator

from routerkit.conversation.history import Mode
from routerkit.engines.sessions import MAX_QUEUE
from routerkit.query import MAX_QUERY_CHARS
from routerkit.spec import Probability, Spec


class RouterConfig(Spec):
    """How queries are classified.

    Attributes:
        model_path: `starter`, a folder that `routerkit train` wrote, or a Hugging Face hub id (`id@revision`).
        device: `cpu`, `cuda`, `cuda:0` ..., or `auto`: a GPU if torch sees one, else the CPU.
        engine: `onnx`, `torch`, or `auto`: ONNX Runtime on a CPU, torch elsewhere.
        precision: `int8`, `fp32` (exact), or `auto`: int8 if the router has it. For the ONNX engine.
        threads: threads that one query may use.
        sessions: copies of the model that work side by side, in bulk and behind `aroute_query`; `auto`: one for every
            `threads` cores. For the ONNX engine; each takes the memory of the model once more.
        max_queue: most queries that wait in `aroute_query`; a further one raises `OverloadError`.
        confidence_threshold: least confidence for a specialist; `auto` takes the one chosen during training.
        category_thresholds: thresholds of single categories; these win over the common one.
        ood_threshold: queries with an out-of-domain score above it go to the fallback; `auto` takes the one chosen
            during training, null switches this off.
        max_query_chars: longer queries are refused.
        conversation: what of a conversation is routed: `last`, the last turn alone; `previous`, with the turn before;
            `sticky`, follow-ups that say nothing by themselves stay with their specialist.
    """

    model_path: str = "starter"
    device: str = Field(default="cpu", pattern=r"^(auto|cpu|cuda(:\d+)?)$")
    engine: Literal["auto", "onnx", "torch"] = "auto"
    precision: Literal["auto", "int8", "fp32"] = "auto"
    threads: PositiveInt = 1
    sessions: PositiveInt | Literal["auto"] = "auto"
    max_queue: PositiveInt = MAX_QUEUE
    confidence_threshold: Probability | Literal["auto"] = "auto"
    category_thresholds: dict[str, Probability] = Field(default_factory=dict)
    ood_threshold: Probability | Literal["auto"] | None = "auto"
    max_query_chars: PositiveInt = MAX_QUERY_CHARS
    conversation: Mode = "last"

    @model_validator(mode="after")
    def _onnx_runs_on_the_cpu(self) -> RouterConfig:
        if self.engine == "onnx" and self.device != "cpu":
            raise ValueError("engine: onnx runs on device: cpu only; use engine: auto")
        return self
