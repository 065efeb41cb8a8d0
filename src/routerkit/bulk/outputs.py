"""Files that a run appends to, cut back to a known length when it goes on."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING

from routerkit.errors import DataError

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self


class Output:
    """A file or standard output, closed with the block.

    A file that goes on is opened and cut at once, a new one by the first access to `file`.

    Args:
        name: a path, or `-`.
        keep: bytes of the file that are kept; what stands behind them was written after the last checkpoint.
        option: the command-line option that error messages name.
    """

    def __init__(self, name: str, *, keep: int = 0, option: str) -> None:
        self.name = name
        self._keep = keep
        self._option = option
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Self:
        if self._keep:
            self._file = self._opened()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is None or self.name == "-":
            return
        # A disk that is full was reported already; closing would report it once more, in place of the reason.
        with contextlib.nullcontext() if error is None else contextlib.suppress(OSError):
            self._file.close()

    @property
    def file(self) -> IO[bytes]:
        """For appending bytes.

        Raises:
            DataError: if it cannot be opened, or is shorter than what is kept.
        """
        if self._file is None:
            self._file = sys.stdout.buffer if self.name == "-" else self._opened()
        return self._file

    def commit(self) -> int:
        """Hand everything written to the disk or to the reader; the length of the file, 0 for a pipe."""
        if self._file is None:
            return self._keep
        self._file.flush()
        if not is_regular(self.name):
            return 0
        os.fsync(self._file.fileno())
        return self._file.tell()

    def _opened(self) -> IO[bytes]:
        path = Path(self.name)
        try:
            file = path.open("r+b" if self._keep else "wb")
        except OSError as error:
            raise DataError(self.name, None, f"cannot be written ({error.strerror}); check {self._option}") from error
        if self._keep:
            if file.seek(0, os.SEEK_END) < self._keep:
                file.close()
                raise DataError(
                    self.name, None, "is shorter than the interrupted run left it; start anew without --resume"
                )
            file.truncate(self._keep)
            file.seek(self._keep)
        return file


def is_regular(name: str) -> bool:
    """Whether a name stands for a file on a disk, or for one that is still to be written."""
    return name != "-" and (not Path(name).exists() or Path(name).is_file())
