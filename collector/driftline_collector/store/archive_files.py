"""Parquet files of the archive: where each lies, and how one is written so that it is whole or not there."""

import logging
import secrets
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import quote

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from driftline_collector.store.durable import sync
from driftline_collector.store.kinds import TABLES, ArchivedTable

logger = logging.getLogger(__name__)

#: A folder that Hive, Spark and Arrow pass by.
_COLUMNS = ".columns"
#: What Hive, Spark and Arrow take for NULL.
_NO_MODEL = "__HIVE_DEFAULT_PARTITION__"
#: Rows and bytes of a row group, which is in memory while it is written or read: a sixth of DuckDB's own.
_GROUP_ROWS = 20_480
_GROUP_BYTES = 8 * 2**20
_BATCH_ROWS = 2_048
#: A file's name may have 255 bytes on most systems.
_LONGEST_NAME = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveFile:
    """A row of `archive_files`, whose columns it has; those after `width_ns` are known once it is written."""

    id: str
    table: ArchivedTable
    day: str
    model: str | None
    schema_version: int
    width_ns: int = 0
    rows: int = 0
    bytes: int = 0
    first_ns: int = 0
    last_ns: int = 0
    last_end_ns: int | None = None
    received_ns: int = 0
    predictions: int = 0

    @classmethod
    def new(
        cls, table: str, day: str, model: str | None, schema_version: int, width_ns: int
    ) -> "ArchiveFile":
        """A file that is still to be written."""
        return cls(
            id=secrets.token_hex(8),
            table=TABLES[table],
            day=day,
            model=model,
            schema_version=schema_version,
            width_ns=width_ns,
        )

    @property
    def place(self) -> Path:
        """Within the archive's folder. The values of `day` and `model` are in it, as Hive writes them."""
        folder = Path(self.table.name) / f"day={self.day}"
        if self.table.by_model:
            folder /= _partition(self.model)
        return folder / f"{self.id}.parquet"


def has_place(model: str | None) -> bool:
    """Whether a model's name fits into the name of a folder."""
    return len(_partition(model).encode()) <= _LONGEST_NAME


def _partition(model: str | None) -> str:
    if model is None:
        return f"model={_NO_MODEL}"
    name = quote(model, safe="")
    if name.upper() in ("NULL", _NO_MODEL):  # unless encoded, DuckDB 1.5 takes either for no name
        name = f"%{ord(name[0]):02X}{name[1:]}"
    return f"model={name}"


def scan(folder: Path, files: "list[ArchiveFile]", columns: Path | None = None) -> str:
    """SQL that reads these files of one table as rows of it. All have the same columns.

    Whoever asks learns them from the first file, whether or not it is read then: from `columns`, where given.
    """
    first = [] if columns is None else [columns]
    paths = ", ".join(_text(str(path)) for path in [*first, *(folder / file.place for file in files)])
    types = "{'day': VARCHAR, 'model': VARCHAR}" if files[0].table.by_model else "{'day': VARCHAR}"
    return (
        f"SELECT * EXCLUDE (day) FROM read_parquet([{paths}], hive_partitioning = true,"
        f" hive_types = {types}, explicit_cardinality = {sum(file.rows for file in files)})"
    )


def columns_of(folder: Path, file: ArchiveFile) -> Path | None:
    """A file without rows that has the columns of this one, made where it is not there.

    A large file's columns take milliseconds to learn, in each query that names it. It lies where nobody who
    reads the folders of tables looks. None where it cannot be made; that costs time only.
    """
    place = folder / _COLUMNS / file.table.name / "day=0"
    if file.table.by_model:
        place /= "model=0"
    path = place / f"{file.schema_version}.parquet"
    try:
        if not path.exists():
            _make(place, folder.parent)
            partial = path.with_suffix(".partial")
            pq.write_table(pq.read_schema(folder / file.place).empty_table(), partial)
            sync(partial)
            partial.replace(path)
    except (OSError, pa.ArrowException) as error:
        logger.warning("%s: reads of the archive take longer without it: %s", path, error)
        return None
    return path


def forget_columns(folder: Path) -> None:
    """Have them made anew: whatever a crash, or somebody, did to them."""
    shutil.rmtree(folder / _COLUMNS, ignore_errors=True)


def read(cursor: duckdb.DuckDBPyConnection, query: str, values: Any = None) -> Iterator[pa.RecordBatch]:
    """The rows of a query, a few at a time; it is asked when the first are wanted."""
    yield from cursor.sql(query, params=values).to_arrow_reader(_BATCH_ROWS)


def write(
    cursor: duckdb.DuckDBPyConnection, folder: Path, file: ArchiveFile, rows: Iterable[pa.RecordBatch]
) -> ArchiveFile:
    """Write rows of the file's table, durably; the file with what it holds. Without rows none is made."""
    path = folder / file.place
    _make(path.parent, folder.parent)
    partial = path.with_name(f".{path.name}.partial")
    if not _write_rows(partial, rows, ["model"] if file.table.by_model else []):
        return file
    sync(partial)
    written = _described(cursor, file, partial)
    partial.replace(path)
    sync(path.parent)
    return replace(written, bytes=path.stat().st_size)


def _write_rows(path: Path, rows: Iterable[pa.RecordBatch], but: Sequence[str]) -> bool:
    """Without the columns `but`; whether there were any rows."""
    groups = (group.drop_columns(but) for group in _row_groups(rows))
    first = next(groups, None)
    if first is None:
        return False
    with pq.ParquetWriter(path, first.schema, compression="zstd", compression_level=3) as writer:
        for group in chain([first], groups):
            writer.write_table(group)
    return True


def _row_groups(rows: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """One at a time: DuckDB's own COPY holds many of them in memory, to keep them in order."""
    group: list[pa.RecordBatch] = []
    for batch in rows:
        group.append(batch)
        large = sum(each.nbytes for each in group) >= _GROUP_BYTES
        if large or sum(each.num_rows for each in group) >= _GROUP_ROWS:
            yield pa.Table.from_batches(group)
            group.clear()
    if sum(each.num_rows for each in group):
        yield pa.Table.from_batches(group)


def remove(folder: Path, file: ArchiveFile) -> None:
    """Remove the file, whole or half written, and folders that are empty then."""
    path = folder / file.place
    path.unlink(missing_ok=True)
    path.with_name(f".{path.name}.partial").unlink(missing_ok=True)
    for parent in list(file.place.parents)[:-1]:
        try:
            (folder / parent).rmdir()
        except OSError:  # not empty, or never made
            return


def _described(cursor: duckdb.DuckDBPyConnection, file: ArchiveFile, path: Path) -> ArchiveFile:
    table = file.table
    end = table.end or "NULL"
    counted = "sum(predictions + coalesce(purged, 0))"
    predictions = counted if table.name == "stream_windows" else "0"
    ((rows, first, last, last_end, received, counted),) = cursor.execute(
        f"SELECT count(*), min({table.time}), max({table.time}), max({end}), max(received_ns),"
        f" CAST(coalesce({predictions}, 0) AS BIGINT)"
        f" FROM read_parquet({_text(str(path))}, hive_partitioning = false)"
    ).fetchall()
    return replace(
        file,
        rows=rows,
        first_ns=first,
        last_ns=last,
        last_end_ns=last_end,
        received_ns=received,
        predictions=counted,
    )


def _make(folder: Path, above: Path) -> None:
    """Make a folder so that it is there after a power cut, too; `above` is there already."""
    missing = [folder, *(parent for parent in folder.parents if above in parent.parents)]
    for each in reversed(missing):
        if not each.is_dir():
            each.mkdir()
            sync(each.parent)


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
