"""The settings of a routing graph: one YAML file, keys as a user would guess them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, NonNegativeInt, PositiveFloat, field_validator, model_validator

from routerkit.errors import ConfigError
from routerkit.fan_out import FanOutConfig
from routerkit.log.settings import LogSetting
from routerkit.router_config import RouterConfig
from routerkit.spec import Probability, Spec, parse, read_yaml
from routerkit.specialists import (
    DEFAULT_RETRIES,
    ChatSpecialist,
    GenerationConfig,
    HuggingFaceSpecialist,
    LoraSpecialist,
    OpenAISpecialist,
    Specialist,
)
from routerkit.tracing.settings import TracingConfig

__all__ = [
    "CATEGORIES",
    "DEFAULT_CONFIG",
    "ChatSpecialist",
    "FanOutConfig",
    "GenerationConfig",
    "GraphConfig",
    "HuggingFaceSpecialist",
    "LoraSpecialist",
    "OpenAISpecialist",
    "RouterConfig",
    "Specialist",
    "config_names",
    "json_schema",
]

CATEGORIES = ["math", "science", "code", "general", "commonsense"]
"""The categories of the starter router."""

DEFAULT_CONFIG = "offline"


class GraphConfig(Spec):
    """The whole routing graph.

    Attributes:
        categories: the labels of the router; checked against it when it is loaded.
        router_config: see `RouterConfig`.
        model_mappings: the specialist of each category.
        fallback: the category whose specialist is the general model.
        retries: for specialists that name none, how often a call that may succeed the next time is tried again.
        timeout_s: for specialists that name none, longest wait for an answer, in seconds; None waits for ever.
        confirm_below: decisions with a lower confidence wait for a person, see `RoutingContext`; None asks nobody.
        fan_out: see `FanOutConfig`; None always asks one specialist.
        tracing: see `TracingConfig`.
        decision_log: where decisions are kept, a path or a `LogConfig`; None keeps none.
        shadow: a candidate router, a folder or a hub id, that decides silently beside the live one; its decisions go
            into the decision log.
    """

    categories: list[str] = Field(default=CATEGORIES, min_length=2)
    router_config: RouterConfig = RouterConfig()
    model_mappings: dict[str, Specialist] = Field(default_factory=dict)
    fallback: str = "general"
    retries: NonNegativeInt = DEFAULT_RETRIES
    timeout_s: PositiveFloat | None = None
    confirm_below: Probability | None = None
    fan_out: FanOutConfig | None = None
    tracing: TracingConfig = TracingConfig()
    decision_log: LogSetting | None = None
    shadow: str | None = None

    @model_validator(mode="after")
    def _a_shadow_needs_a_log(self) -> GraphConfig:
        if self.shadow is not None and self.decision_log is None:
            raise ValueError("shadow needs decision_log, where its decisions are kept; set both")
        return self

    @field_validator("categories")
    @classmethod
    def _names_are_usable(cls, categories: list[str]) -> list[str]:
        if len(set(categories)) != len(categories):
            raise ValueError("every category may stand there once")
        if any(not name.strip() or name in {"router", "*"} for name in categories):
            raise ValueError("a category may not be empty, 'router' or '*'")
        return categories

    @classmethod
    def load(cls, source: GraphConfig | Mapping[str, Any] | str | Path | None = None) -> GraphConfig:
        """Take a configuration from wherever it is.

        Args:
            source: a path, the name of a configuration that ships with routerkit (see `config_names`), a mapping,
                a ready `GraphConfig`, or None for the demonstration configuration `offline`.

        Raises:
            ConfigError: naming file and key, what was found and what is allowed.
        """
        if isinstance(source, GraphConfig):
            return source
        if isinstance(source, Mapping):
            return parse(cls, source, source="configuration")
        path = find_config(DEFAULT_CONFIG if source is None else source)
        return parse(cls, read_yaml(path), source=str(path))


def config_names() -> list[str]:
    """Names of the configurations that ship with routerkit."""
    return sorted(path.stem for path in _shipped().glob("*.yaml"))


def json_schema() -> dict[str, Any]:
    """The JSON schema of a configuration file, for editors."""
    return GraphConfig.model_json_schema()


def _shipped() -> Path:
    return Path(__file__).with_name("configs")


def find_config(source: str | Path) -> Path:
    """The file that `source`, a path or the name of a shipped configuration, means.

    Raises:
        ConfigError: if it is neither.
    """
    if not isinstance(source, str | Path):
        raise ConfigError(
            f"a configuration is no {type(source).__name__}; give a path, a shipped name, a mapping or a GraphConfig"
        )
    path = Path(source)
    if path.suffix in {".yaml", ".yml"} or path.is_file():
        return path
    shipped = _shipped() / f"{source}.yaml"
    if not shipped.is_file():
        raise ConfigError(
            f"there is no configuration {str(source)!r}; give a .yaml file, or one of: {', '.join(config_names())}"
        )
    return shipped
