"""The error family. Every message says what failed, what was found, what is allowed and what to do next.

RouterkitError
├── ConfigError            a YAML file or a setting is wrong
│   └── GraphConfigError   categories, specialists and fallback do not fit together
├── InputError             a query cannot be classified, or an input file cannot be read
├── ArtefactError          a router folder is missing, incomplete, damaged or of another version
├── DataError              labelled rows cannot be used for training or evaluation
├── MissingExtraError      an optional dependency is not installed
├── OverloadError          too many queries wait already
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


class OverloadError(RouterkitError):
    """More queries arrive than can be answered.

    Attributes:
        waiting: how many wait already.
        retryable: always true: the same call may succeed a little later.
    """

    retryable = True

    def __init__(self, waiting: int) -> None:
        self.waiting = waiting
        super().__init__(
            f"{waiting:,} queries wait for this router already, as many as router_config.max_queue allows; "
            "try again later, or answer on more cores or machines"
        )


class SpecialistError(RouterkitError):
    """A specialist could not be loaded or could not answer.

    Attributes:
        route: the node that failed.
        problem: what went wrong, without the node's name.
        retryable: whether the same call may succeed when tried again.
        cause: class name of the foreign error that this one translates; None if the fault was found here.
        retry_after_s: the pause that the other side asked for before the next try, in seconds; None if it did not.
    """

    def __init__(
        self,
        route: str,
        problem: str,
        *,
        retryable: bool = False,
        cause: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        self.route = route
        self.problem = problem
        self.retryable = retryable
        self.cause = cause
        self.retry_after_s = retry_after_s
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
