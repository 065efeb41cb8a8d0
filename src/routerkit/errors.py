"""The error family. Every message says what failed, what was found, what is allowed and what to do next.

RouterkitError
├── ConfigError            a YAML file or a setting is wrong
│   └── GraphConfigError   categories, specialists and fallback do not fit together
├── InputError             a query cannot be classified, or an input file cannot be read
├── ArtefactError          a router folder is missing, incomplete, damaged or of another version
├── DataError              labelled rows cannot be used for training or evaluation
├── MissingExtraError      an optional dependency is not installed
└── SpecialistError        a specialist model could not be loaded or could not answer
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class RouterkitError(Exception):
    """Base of all errors that routerkit raises on purpose."""


class ConfigError(RouterkitError):
    """A configuration file, or a value in it, cannot be used."""


class GraphConfigError(ConfigError):
    """Categories, specialists and fallback do not fit together.

    Attributes:
        faults: every fault found, one sentence each.
    """

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        super().__init__(f"the routing graph cannot be built, {count}: " + "; ".join(faults))


class InputError(RouterkitError):
    """A query cannot be classified, or an input file cannot be read."""


class ArtefactError(RouterkitError):
    """A router folder cannot be read.

    Attributes:
        path: the folder or file at fault.
    """

    def __init__(self, path: Path, problem: str) -> None:
        self.path = path
        super().__init__(f"{path}: {problem}")


class DataError(RouterkitError):
    """Labelled rows cannot be used.

    Attributes:
        path: the file at fault.
        line: its line number, counted from 1, or None if the whole file is at fault.
    """

    def __init__(self, path: Path | str, line: int | None, problem: str) -> None:
        self.path = path
        self.line = line
        where = f"{path}" if line is None else f"{path}, line {line}"
        super().__init__(f"{where}: {problem}")


class MissingExtraError(RouterkitError):
    """An optional dependency is not installed."""


class SpecialistError(RouterkitError):
    """A specialist could not be loaded or could not answer.

    Attributes:
        route: the node that failed.
        retryable: whether the same call may succeed when tried again.
    """

    def __init__(self, route: str, problem: str, *, retryable: bool = False) -> None:
        self.route = route
        self.retryable = retryable
        super().__init__(f"specialist {route!r}: {problem}")


def require(extra: str, *modules: str) -> None:
    """Check that the modules of an extra can be imported, without importing them.

    Raises:
        MissingExtraError: naming the missing modules and the extra to install.
    """
    missing = [name for name in modules if find_spec(name) is None]
    if missing:
        raise MissingExtraError(
            f"this needs {', '.join(missing)}, which is not installed; "
            f'install it with: pip install "routerkit[{extra}]"'
        )
