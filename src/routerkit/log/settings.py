"""The settings `decision_log:` of a graph's configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, PositiveFloat, PositiveInt

from routerkit.privacy import Content
from routerkit.spec import Spec


class LogConfig(Spec):
    """Where decisions are kept, and how many.

    Attributes:
        path: the SQLite file; made if it is not there, readable by its owner only.
        text: what is kept of the query; reviewing and learning need `full`.
        max_days: decisions older than this many days are deleted, reviewed or not.
        max_rows: only so many decisions are kept, the latest ones.
        max_mb: size of the file, in millions of bytes, above which the oldest decisions are deleted.
    """

    path: Path
    text: Content = "full"
    max_days: PositiveFloat = 90.0
    max_rows: PositiveInt = 100_000
    max_mb: PositiveFloat = 1_000.0


def _from_shorthand(value: object) -> object:
    """A bare string is the path."""
    return {"path": value} if isinstance(value, str) else value


LogSetting = Annotated[LogConfig, BeforeValidator(_from_shorthand, json_schema_input_type=str | LogConfig)]
"""A path, or a mapping of all settings."""
