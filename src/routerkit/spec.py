"""Frozen settings objects, and YAML files read into them with errors a person can act on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from routerkit.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic_core import ErrorDetails

Probability = Annotated[float, Field(ge=0.0, le=1.0)]
"""A number in [0, 1]."""


class Spec(BaseModel):
    """Base of all settings: immutable, and strict about unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


S = TypeVar("S", bound=Spec)


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML mapping.

    Raises:
        ConfigError: if the file is missing, is not UTF-8 or YAML, or does not hold a mapping.
    """
    import yaml  # a router without a configuration file starts sooner without it

    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text; save it as UTF-8") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: is not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(data, dict):
        raise ConfigError(f"{path}: expected keys and values, found {type(data).__name__}")
    return data


def parse(spec: type[S], data: Mapping[str, Any], *, source: str) -> S:
    """Validate `data` as `spec`, reporting every fault at once.

    Args:
        spec: the settings class.
        data: keys and values as read from a file or given in Python.
        source: the name that error messages begin with, usually the file.

    Raises:
        ConfigError: naming for each fault the key, what was found and what is allowed.
    """
    try:
        return spec.model_validate(data)
    except ValidationError as error:
        raise ConfigError(f"{source}: {explain(spec, data, error)}") from error


def explain(spec: type[Spec], data: Mapping[str, Any], error: ValidationError) -> str:
    """What is wrong with `data`, every fault in words a person can act on."""
    return "; ".join(_explain(spec, data, fault) for fault in error.errors())


def _explain(spec: type[Spec], data: Mapping[str, Any], fault: ErrorDetails) -> str:
    key = _key(data, fault["loc"]) or "(top level)"
    if fault["type"] == "extra_forbidden":
        import difflib

        known = _known_keys(spec, fault["loc"][:-1])
        close = difflib.get_close_matches(str(fault["loc"][-1]), known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"allowed here: {', '.join(known)}"
        return f"unknown key {key!r}; {hint}"
    if fault["type"] == "missing":
        return f"key {key!r} is required; add it"
    reason = fault["msg"].removeprefix("Value error, ")
    if not fault["loc"] and fault["type"] == "value_error":
        return reason  # about several keys, which it names; what was found would be all settings
    return f"key {key!r}: {reason[:1].lower()}{reason[1:]}, found {fault['input']!r}"


def _key(data: object, path: tuple[int | str, ...]) -> str:
    """The path as it stands in the file: pydantic also puts the tags of variants into it, which are no keys."""
    kept = []
    for depth, part in enumerate(path, start=1):
        if isinstance(data, Mapping) and (part in data or depth == len(path)):
            data = data.get(part)
        elif isinstance(data, list) and isinstance(part, int):
            data = data[part]
        else:
            continue
        kept.append(str(part))
    return ".".join(kept)


def _known_keys(spec: type[Spec], path: tuple[int | str, ...]) -> list[str]:
    """The keys allowed at `path`, as far as the settings classes on the way can be followed."""
    fields = spec.model_fields
    for part in path:
        field = fields.get(str(part))
        inner = field.annotation if field else None
        if not (isinstance(inner, type) and issubclass(inner, Spec)):
            return _variant_keys(path)
        fields = inner.model_fields
    return sorted(fields)


def _variant_keys(path: tuple[int | str, ...]) -> list[str]:
    """The keys of a tagged variant: pydantic puts the tag, which names the variant, into the path."""
    for position, part in enumerate(path):
        for variant in _all_subclasses(Spec):
            field = variant.model_fields.get("backend")
            if field is not None and part in get_args(field.annotation):
                return _known_keys(variant, path[position + 1 :])
    return ["(see the configuration reference)"]


def _all_subclasses(base: type[Spec]) -> list[type[Spec]]:
    found = []
    for child in base.__subclasses__():
        found += [child, *_all_subclasses(child)]
    return found
