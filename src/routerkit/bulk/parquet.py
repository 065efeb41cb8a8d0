"""Parquet in and out. Needs pyarrow, which is imported when a Parquet file is named."""

from __future__ import annotations

import contextlib
import os
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

from routerkit.bulk.fields import NESTED, nested, own_names
from routerkit.bulk.lines import Mark
from routerkit.bulk.sinks import Row, columns_of, without_column
from routerkit.bulk.sources import QUERY, Item
from routerkit.errors import DataError, require

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa
    import pyarrow.parquet as pq

    from routerkit.decision import Decision

_BATCH_ROWS = 1_024
_BUFFER_BYTES = 1 << 20  # read columns piece by piece, not whole
_FOOTER_BYTES = 1 << 16
_PARTIAL = ".partial"


class ParquetSource:
    """The rows of a Parquet file. See `Source`; offsets are rows."""

    def __init__(self, name: str, file: pq.ParquetFile) -> None:
        self.schema: pa.Schema = file.schema_arrow
        self.columns: list[str] | None = list(self.schema.names)
        self.total: int | None = file.metadata.num_rows
        self._name = name
        self._file = file
        self._done = 0
        self._digest = _digest(Path(name))
        if QUERY not in self.columns:
            raise DataError(name, None, f"has no column {QUERY!r}, found {self.columns}")

    @classmethod
    @contextlib.contextmanager
    def opened(cls, name: str) -> Iterator[ParquetSource]:
        """Open a file.

        Raises:
            DataError: if it is a pipe, cannot be read or has no column `query`.
            MissingExtraError: if pyarrow is not installed.
        """
        if name == "-":
            raise DataError(name, None, "Parquet cannot be read from a pipe; give a file, or pipe JSONL or CSV")
        require("parquet", "pyarrow")
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            file = pq.ParquetFile(name, buffer_size=_BUFFER_BYTES)
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise DataError(name, None, f"cannot be read ({reason}); check --input-file") from error
        except pa.ArrowInvalid as error:
            raise DataError(name, None, f"is not a Parquet file ({error})") from error
        with file:
            yield cls(name, file)

    @property
    def mark(self) -> Mark:
        """Behind the last row given."""
        return Mark(self._done, self._done, self._digest)

    def skip_to(self, mark: Mark) -> None:
        """Go on where `mark` was taken.

        Raises:
            DataError: if the file has changed since.
        """
        if mark.digest and mark.digest != self._digest:
            raise DataError(
                self._name,
                None,
                "is not the file of the interrupted run; give the same one, or start anew without --resume",
            )
        self._done = mark.offset

    def __iter__(self) -> Iterator[Item]:
        """Every row, once."""
        seen = 0
        for group in range(self._file.num_row_groups):
            rows = self._file.metadata.row_group(group).num_rows
            if seen + rows > self._done:
                for batch in self._file.iter_batches(_BATCH_ROWS, row_groups=[group]):
                    for row in batch.slice(min(batch.num_rows, max(0, self._done - seen))).to_pylist():
                        self._done += 1
                        yield Item(self._done, row, len(str(row[QUERY])))
                    seen += batch.num_rows
            else:
                seen += rows


class ParquetSink:
    """A Parquet file, complete only when it is closed: until then it stands beside its place. See `Sink`.

    Args:
        path: the file to write.
        categories: the router's labels, in its order.
        schema: the type of the rows' own fields, where the input has one; else the first rows settle it.
    """

    def __init__(self, path: Path, categories: Sequence[str], schema: pa.Schema | None = None) -> None:
        require("parquet", "pyarrow")
        import pyarrow as pa

        self._path = path
        self._partial = path.with_name(path.name + _PARTIAL)
        self._own = schema
        probabilities = pa.struct([(name, pa.float64()) for name in categories])
        types = [pa.string(), pa.float64(), pa.string(), pa.string(), pa.float64(), probabilities]
        self._found = pa.schema(list(zip(NESTED, types, strict=True)))
        self._writer: pq.ParquetWriter | None = None

    @property
    def columns(self) -> list[str] | None:
        """Names of the rows' own fields, once they are settled."""
        return None if self._own is None else list(self._own.names)

    def unfit(self, rows: Sequence[Row]) -> dict[int, str]:
        """Rows with a field that has no column, or a value of another type than the first rows."""
        import pyarrow as pa

        if self._own is None:
            self._own = _schema_of(self._path, rows)
        found = without_column(rows, self._own.names)
        try:
            pa.Table.from_pylist(list(rows), schema=self._own)
        except (pa.ArrowException, OverflowError):
            found |= self._wrong_types(rows)
        return found

    def write(self, rows: Sequence[Row], decisions: Sequence[Decision]) -> None:
        """Append rows, each with its decision."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        own = pa.Table.from_pylist(list(rows), schema=self._own)
        own = own.rename_columns(list(own_names(own.column_names, NESTED).values()))
        table = pa.Table.from_pylist([nested(decision) for decision in decisions], schema=self._found)
        for name in reversed(own.column_names):
            table = table.add_column(0, own.schema.field(name), own.column(name))
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._partial, table.schema)
        self._writer.write_table(table)

    def close(self) -> None:
        """Write the end of the file and move it to its place."""
        if self._writer is not None:
            self._writer.close()
            self._partial.replace(self._path)

    def _wrong_types(self, rows: Sequence[Row]) -> dict[int, str]:
        import pyarrow as pa

        found = {}
        for position, row in enumerate(rows):
            try:
                pa.Table.from_pylist([row], schema=self._own)
            except (pa.ArrowException, OverflowError) as error:
                found[position] = f"does not fit the types of the first rows ({error}); write JSONL instead"
        return found


def _schema_of(path: Path, rows: Sequence[Row]) -> pa.Schema:
    import pyarrow as pa

    columns = columns_of(rows)
    try:
        schema = pa.Table.from_pylist([{name: row.get(name) for name in columns} for row in rows]).schema
    except pa.ArrowException as error:
        raise DataError(
            path, None, f"no Parquet type fits the input's fields ({error}); write JSONL instead"
        ) from error
    # A field that is null in all the first rows has no type yet; text can hold most of what may follow.
    return pa.schema([pa.field(f.name, pa.string() if pa.types.is_null(f.type) else f.type) for f in schema])


def _digest(path: Path) -> str:
    """Of the end of the file, where Parquet keeps the position and extent of everything else."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _FOOTER_BYTES))
        return blake2b(size.to_bytes(8, "big") + file.read(), digest_size=16).hexdigest()
