"""Byte lines of a file or a pipe, with a mark from which a later run can go on."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import IO, TYPE_CHECKING

from routerkit.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_LINE_BYTES = 4 << 20
"""Longer lines are bad rows: whoever holds every line whole needs as much memory as the longest one."""

_PIECE_BYTES = 1 << 20
_DIGEST_BYTES = 16


@dataclass(frozen=True, slots=True)
class Mark:
    """How much of an input is done.

    Attributes:
        offset: bytes; rows in a Parquet file.
        line: lines; rows in a Parquet file.
        digest: of the bytes before `offset`, to notice an input that has changed.
    """

    offset: int = 0
    line: int = 0
    digest: str = ""


class Lines:
    """Iterates over the lines of `file`, ends of line included. Goes on after the error about a line too long.

    Args:
        name: the file as error messages name it.
        file: opened for reading bytes.
    """

    def __init__(self, name: str, file: IO[bytes]) -> None:
        self.name = name
        self.number = 0
        self._file = file
        self._offset = 0
        self._digest = blake2b(digest_size=_DIGEST_BYTES)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        line = self._file.readline(MAX_LINE_BYTES)
        if not line:
            raise StopIteration
        self.number += 1
        self._took(line)
        if len(line) == MAX_LINE_BYTES and not line.endswith(b"\n"):
            while (rest := self._file.readline(_PIECE_BYTES)) and not rest.endswith(b"\n"):
                self._took(rest)
            self._took(rest)
            raise DataError(self.name, self.number, f"is longer than {MAX_LINE_BYTES:,} bytes; split it into rows")
        return line

    @property
    def mark(self) -> Mark:
        """Behind the last line given."""
        return Mark(self._offset, self.number, self._digest.hexdigest())

    def skip_to(self, mark: Mark) -> None:
        """Go on behind the line where `mark` was taken.

        Everything before it is read again, which is much faster than routing it, works with pipes, and shows whether
        it is still the same.

        Raises:
            DataError: if the input does not begin as it did when the mark was taken.
        """
        while self._offset < mark.offset:
            piece = self._file.read(min(_PIECE_BYTES, mark.offset - self._offset))
            if not piece:
                break
            self._took(piece)
        self.number = mark.line
        if mark.digest and self.mark != mark:
            raise DataError(
                self.name,
                None,
                f"its first {mark.line:,} lines are not those of the interrupted run; give the same input, or start "
                "anew without --resume",
            )

    def _took(self, piece: bytes) -> None:
        self._offset += len(piece)
        self._digest.update(piece)
