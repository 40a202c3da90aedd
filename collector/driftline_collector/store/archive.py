"""Closed days in Parquet, beside the database: moved there, read with it as one, replaced and dropped.

A file counts from the transaction on that names it and removes its rows from the database; another that is
replaced or dropped counts until then. So a crash at any instant neither loses a row nor doubles one. What
another process reads (Spark, Arrow) is the folder as it stands: it may see a file before or after that.
"""

import datetime as dt
import logging
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from driftline_collector.errors import StoreError
from driftline_collector.store.archive_files import (
    ArchiveFile,
    columns_of,
    forget_columns,
    read,
    remove,
    scan,
    write,
)
from driftline_collector.store.kinds import ARCHIVED, DAY_NS, TABLES, ArchivedTable
from driftline_collector.store.opened import Cursor, Database, transaction

logger = logging.getLogger(__name__)

_COLUMNS = """id, table_name, day, model, schema_version, width_ns, rows, bytes, first_ns, last_ns,
    last_end_ns, received_ns, predictions"""
#: SQL: archived rows under the names that devices have now. Only where there are any: it reads the column.
_NAMED = """SELECT archived.* REPLACE (coalesce(device_names.name, archived.device) AS device)
    FROM ({rows}) AS archived LEFT JOIN main.device_names ON device_names.device = archived.device"""
#: Statements for the transaction in which files change.
Within = Callable[[duckdb.DuckDBPyConnection], None]


def nothing(_cursor: duckdb.DuckDBPyConnection) -> None:
    """No further statements."""


class ChangedMeanwhileError(StoreError):
    """Rows came or went between reading and removing them; nothing was changed, and it may be tried again."""


class Archive:
    """The Parquet files of one database. Each method may be called from any thread.

    Who reads files and then replaces them holds `lock` meanwhile.
    """

    def __init__(self, database: Database, folder: Path) -> None:
        self.folder = folder.absolute()
        self.lock = database.lock
        self._database = database
        self._own = Cursor(database)
        newest = "SELECT max(version) FROM schema_versions"
        ((self._schema_version,),) = self.cursor.execute(newest).fetchall()
        #: Files that the database names and that are not there: their rows are missing from all answers.
        self.missing: list[ArchiveFile] = []
        self._pins = 0
        #: Goes up with each change, after which files that a reader was about to open may be gone.
        self.changes = 0
        self._tidy()
        self._show(table.name for table in ARCHIVED)

    def show_names(self) -> None:
        """Show what is archived of devices that were renamed under the names that they have now."""
        with self.lock:
            self._show(table.name for table in ARCHIVED)

    def close(self) -> None:
        """Let go of the database."""
        self._own.close()

    @property
    def cursor(self) -> duckdb.DuckDBPyConnection:
        """That of who holds the lock."""
        return self._own()

    def files(self, table: str | None = None) -> list[ArchiveFile]:
        """Those that count and are there, by table, day and model."""
        cursor = self._database.cursor()  # not that of the lock, which may be busy for long
        try:
            return self._present(cursor, table)
        finally:
            cursor.close()

    def pin(self) -> list[ArchiveFile]:
        """The files that count now. Until `unpin` none is removed, also where it does not count any more."""
        with self.lock:
            self._pins += 1
            return self._present(self.cursor, None)

    def unpin(self) -> None:
        """Remove what would have been removed since `pin`, unless another one holds it."""
        with self.lock:
            self._pins -= 1
            if not self._pins:
                self._forget(_files(self.cursor, "leaving"))

    def scan(self, *files: ArchiveFile) -> str:
        """SQL that reads files of one table, with all its columns: files from before may lack some."""
        parts = [f"SELECT * FROM main.{files[0].table.name} WHERE false"]
        return " UNION ALL BY NAME ".join([*parts, *(scan(self.folder, [file]) for file in files)])

    def move(self, table: ArchivedTable, day: str, model: str | None, received_ns: int) -> int:
        """Move the rows of a day and model that were received by then to a file; how many there were.

        A row is of the day of its time, or of its receipt where that is earlier: clocks run ahead.
        """
        start_ns = day_start(day)
        which = f"""{table.moment} >= $start AND {table.moment} < $end
            AND received_ns >= $start AND received_ns <= $received"""
        values: dict[str, Any] = {"start": start_ns, "end": start_ns + DAY_NS, "received": received_ns}
        if table.by_model:
            which += " AND model IS NOT DISTINCT FROM $model"
            values["model"] = model
        rows = f"FROM main.{table.name} WHERE {which}"
        with self.lock:
            file = self.write(table.name, day, model, f"SELECT * {rows}", values)

            def delete(cursor: duckdb.DuckDBPyConnection) -> None:
                ((gone,),) = cursor.execute(f"DELETE {rows}", values).fetchall()
                if gone != file.rows:
                    what = f"{table.name} of {day}: {file.rows} rows were read, {gone} removed"
                    raise ChangedMeanwhileError(what)

            self.swap([file], [], delete)
            return file.rows

    def write(
        self, table: str, day: str, model: str | None, query: str, values: Any = None, *, width_ns: int = 0
    ) -> ArchiveFile:
        """Write the rows of a query, in the table's columns, to a file that does not count before `swap`."""
        return self.write_rows(table, day, model, read(self.cursor, query, values), width_ns=width_ns)

    def write_rows(
        self, table: str, day: str, model: str | None, rows: Iterable[pa.RecordBatch], *, width_ns: int = 0
    ) -> ArchiveFile:
        """The same with rows that are there; they may be read by `cursor` meanwhile."""
        file = ArchiveFile.new(table, day, model, self._schema_version, width_ns)
        with self.lock:
            self.cursor.execute(
                f"INSERT INTO archive_files ({_COLUMNS}, state)"
                " VALUES (?, ?, ?, ?, ?, ?, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'writing')",
                [file.id, table, day, model, file.schema_version, width_ns],
            )
            try:
                return write(self.cursor, self.folder, file, rows)
            except BaseException:
                self._forget([file])
                raise

    def swap(self, new: Sequence[ArchiveFile], old: Sequence[ArchiveFile], within: Within = nothing) -> None:
        """In one transaction: `within`, `new` files count, `old` ones do not. Then the old ones are removed.

        Whatever fails, nothing is changed and the new files are removed.
        """
        with self.lock:
            try:
                self._transact(new, old, within)
            except BaseException:
                self._forget(new)
                raise
            self.changes += 1
            if not self._pins:
                self._forget([*old, *_empty(new)])

    def discard(self, files: Sequence[ArchiveFile]) -> None:
        """Remove files that were written and are not to count after all."""
        with self.lock:
            self._forget(files)

    # -- how it is done --------------------------------------------------------------------------------
    def _transact(self, new: Sequence[ArchiveFile], old: Sequence[ArchiveFile], within: Within) -> None:
        with transaction(self.cursor):
            within(self.cursor)
            self._mark(new, old)
            self._show({file.table.name for file in [*new, *old]})

    def _mark(self, new: Sequence[ArchiveFile], old: Sequence[ArchiveFile]) -> None:
        for file in new:
            self.cursor.execute(
                "UPDATE archive_files SET state = 'kept', rows = ?, bytes = ?, first_ns = ?, last_ns = ?,"
                " last_end_ns = ?, received_ns = ?, predictions = ? WHERE id = ?",
                [
                    *(file.rows, file.bytes, file.first_ns, file.last_ns),
                    *(file.last_end_ns, file.received_ns, file.predictions, file.id),
                ],
            )
        leave = "UPDATE archive_files SET state = 'leaving' WHERE state = 'kept' AND list_contains(?, id)"
        going = [file.id for file in [*old, *_empty(new)]]
        ((gone,),) = self.cursor.execute(leave, [going]).fetchall()
        if gone != len(going):
            raise ChangedMeanwhileError(f"{len(going) - gone} files were replaced by another hand")

    def _forget(self, files: Sequence[ArchiveFile]) -> None:
        """Remove files that do not count. What fails is done when the store is opened again."""
        try:
            for file in files:
                remove(self.folder, file)
            ids = [file.id for file in files]
            self.cursor.execute("DELETE FROM archive_files WHERE list_contains(?, id)", [ids])
        except (OSError, duckdb.Error) as error:
            logger.warning("%s: files that nothing reads now could not be removed: %s", self.folder, error)

    def _tidy(self) -> None:
        """Remove what a crash left. Files that the database does not name are left alone: whose are they?"""
        self._forget([*_files(self.cursor, "writing"), *_files(self.cursor, "leaving")])
        forget_columns(self.folder)
        kept = _files(self.cursor, "kept")
        self.missing = [file for file in kept if not (self.folder / file.place).is_file()]
        for file in self.missing:
            logger.error(
                "%s is not there: its %d rows are missing from all answers until it is put back and the"
                " collector started again",
                *(self.folder / file.place, file.rows),
            )

    def _present(self, cursor: duckdb.DuckDBPyConnection, table: str | None) -> list[ArchiveFile]:
        missing = {file.id for file in self.missing}
        return [file for file in _files(cursor, "kept", table) if file.id not in missing]

    def _show(self, tables: Iterable[str]) -> None:
        """Make the views of these tables anew."""
        ((renamed,),) = self.cursor.execute("SELECT count(*) FROM main.device_names").fetchall()
        for table in sorted(tables):
            alike = _alike(self._present(self.cursor, table))
            archived = [
                f"{scan(self.folder, files, columns_of(self.folder, files[0]))} WHERE {_bounds(files)}"
                for files in alike
            ]
            if renamed and table != "labels":  # which name no device
                archived = [_NAMED.format(rows=rows) for rows in archived]
            both = " UNION ALL BY NAME ".join([f"SELECT * FROM main.{table}", *archived])
            self.cursor.execute(f"CREATE OR REPLACE VIEW kept.{table} AS {both}")


def day_start(day: str) -> int:
    """The first nanosecond of a day in UTC, written YYYY-MM-DD."""
    return (dt.date.fromisoformat(day) - dt.date(1970, 1, 1)).days * DAY_NS


def _files(cursor: duckdb.DuckDBPyConnection, state: str, table: str | None = None) -> list[ArchiveFile]:
    rows = cursor.execute(
        f"SELECT {_COLUMNS} FROM archive_files"
        " WHERE state = $state AND ($table IS NULL OR table_name = $table)"
        " ORDER BY table_name, day, model, id",
        {"state": state, "table": table},
    ).fetchall()
    return [_file(row) for row in rows]


def _file(row: Sequence[Any]) -> ArchiveFile:
    names = [name.strip() for name in _COLUMNS.split(",")]
    told = {name: value for name, value in zip(names, row, strict=True) if value is not None}
    table = TABLES[told.pop("table_name")]
    return ArchiveFile(**{"model": None, **told, "table": table})


def _empty(files: Iterable[ArchiveFile]) -> list[ArchiveFile]:
    return [file for file in files if not file.rows]


def _alike(files: Iterable[ArchiveFile]) -> Iterable[list[ArchiveFile]]:
    """Files with the same columns: the last two months each by itself, told from the rest by their bounds.

    Few groups, as DuckDB gives each of them memory of its own where it sorts what it reads.
    """
    files = list(files)
    latest = sorted({file.day[:7] for file in files})[-2:]

    def key(file: ArchiveFile) -> tuple[str, int]:
        month = file.day[:7]
        return month if month in latest else "", file.schema_version

    return (list(group) for _, group in groupby(sorted(files, key=key), key))


def _bounds(files: Sequence[ArchiveFile]) -> str:
    """A condition that is true for each row of these files: where it rules a query out, none is opened."""
    time, end = files[0].table.time, files[0].table.end
    first = min(file.first_ns for file in files)
    last = max(file.last_ns for file in files)
    bounds = f"{time} BETWEEN {first} AND {last} AND received_ns <= {max(f.received_ns for f in files)}"
    if end is not None:
        bounds += f" AND {end} <= {max(file.last_end_ns or 0 for file in files)}"
    return bounds
