"""What an interrupted run leaves behind, so that the next one goes on without losing or repeating a row."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from routerkit.bulk.lines import Mark
from routerkit.errors import ConfigError, DataError

if TYPE_CHECKING:
    from pathlib import Path

SUFFIX = ".progress.json"
_SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A state in which input and outputs agree.

    Attributes:
        mark: how much of the input is done.
        output_bytes: length of the output file.
        errors_bytes: length of the file of bad rows.
        rows: rows written.
        bad: bad rows reported.
        columns: the rows' own fields, where the output format has settled on them.
    """

    mark: Mark = field(default_factory=Mark)
    output_bytes: int = 0
    errors_bytes: int = 0
    rows: int = 0
    bad: int = 0
    columns: list[str] | None = None


class Journal:
    """The file `OUTPUT.progress.json`: there while a run is unfinished, replaced as a whole after every window.

    Args:
        output: the output file.
        job: everything the results depend on besides the input; a run goes on only under the same.
    """

    def __init__(self, output: Path, job: dict[str, Any]) -> None:
        self.path = output.with_name(output.name + SUFFIX)
        self._output = output
        self._job: dict[str, Any] = json.loads(json.dumps(job))

    def begin(self) -> Checkpoint:
        """Start anew.

        Raises:
            DataError: if that would destroy what an interrupted run has done.
        """
        before = self._read()
        if before is not None and (done := before[1].rows + before[1].bad):
            raise DataError(
                self._output,
                None,
                f"an interrupted run got through {done:,} rows; give --resume to go on, or delete {self.path.name} "
                "to start anew",
            )
        return Checkpoint()

    def resume(self) -> Checkpoint:
        """Where the interrupted run stood; the beginning if none has begun.

        Raises:
            ConfigError: if that run had other settings.
            DataError: if the output is complete, or is not what that run wrote.
        """
        before = self._read()
        if before is None:
            if self._output.exists():
                raise DataError(
                    self._output, None, "is complete, or from elsewhere; without --resume it is written anew"
                )
            return Checkpoint()
        job, checkpoint = before
        differing = sorted(key for key in {**job, **self._job} if job.get(key) != self._job.get(key))
        if differing:
            raise ConfigError(
                f"{self.path}: the interrupted run had another {' and '.join(differing)}; use the same settings, or "
                "delete this file to start anew"
            )
        return checkpoint

    def save(self, checkpoint: Checkpoint) -> None:
        """Replace the file; after a power cut it is there whole, old or new.

        Raises:
            DataError: if it cannot be written.
        """
        content = {"schema_version": _SCHEMA_VERSION, "job": self._job, "checkpoint": asdict(checkpoint)}
        draft = self.path.with_name(self.path.name + ".draft")
        try:
            with draft.open("w", encoding="utf-8") as file:
                json.dump(content, file)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self.path)
        except OSError as error:
            raise DataError(
                self._output, None, f"cannot be written, nor can {self.path.name} ({error.strerror})"
            ) from error

    def finish(self) -> None:
        """The run is complete, or has done nothing: there is nothing to go on with."""
        self.path.unlink(missing_ok=True)

    def _read(self) -> tuple[dict[str, Any], Checkpoint] | None:
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
            found = content["checkpoint"]
            checkpoint = Checkpoint(**{**found, "mark": Mark(**found["mark"])})
            job, version = dict(content["job"]), content["schema_version"]
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise DataError(self.path, None, f"cannot be read ({error}); delete it to start anew") from error
        if version != _SCHEMA_VERSION:
            raise DataError(self.path, None, "is of another routerkit version; use that one, or delete it")
        return job, checkpoint
