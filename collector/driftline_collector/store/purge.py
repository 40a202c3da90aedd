"""Taking rows away for good, on an operator's word: from database and archive, in one transaction.

What is left behind is made so that nothing else is counted wrongly: a window that was received stays known as
one without traffic, so that it is no hole and its device not silent; what comes again of what was taken away
is a repeat; and verdicts on it are reckoned anew.
"""

import json
import logging
import threading
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from functools import partial

import duckdb
from driftline_schemas.segments import Segment

from driftline_collector.errors import StoreError
from driftline_collector.store.archive import Archive
from driftline_collector.store.archive_files import ArchiveFile
from driftline_collector.store.database import vacuum
from driftline_collector.store.islands import islands
from driftline_collector.store.kinds import HOUR_NS
from driftline_collector.store.kinds import TABLES as ARCHIVED
from driftline_collector.store.opened import Database
from driftline_collector.store.points import POINT_TABLES
from driftline_collector.store.scopes import IDS, STREAMS, TABLES, Scope, ScopedTable, described, tables
from driftline_collector.store.writer import Writer

logger = logging.getLogger(__name__)

_FOUND = "purged_found"
#: While days are moved to the archive, a purge waits, but not for ever.
_PATIENCE_S = 20.0
#: What a window becomes whose points go and which stays known.
_IDLE = """
    SELECT max(received_ns) AS received_ns, start_ns, end_ns, stream, model, version, device, device_type,
           region, tier, firmware, segment, CAST(NULL AS VARCHAR) AS binning, '__label__' AS feature,
           'predictions' AS kind, CAST(NULL AS VARCHAR) AS category, [CAST(0 AS BIGINT)] AS counts,
           CAST(NULL AS DOUBLE[]) AS bounds, CAST(NULL AS JSON) AS exponential
    FROM {rows} WHERE {matches} AND kind = 'predictions' GROUP BY ALL
"""
_EMPTIED = "purged = coalesce(purged, 0) + predictions, predictions = 0, escalations = 0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Purged:
    """How many rows of a table are in the scope, and from when to when they are, in ns."""

    table: str
    rows: int
    first_ns: int | None
    last_ns: int | None


@dataclass(frozen=True, slots=True)
class _Entry:
    """Of the audit log: when, who and why."""

    time_ns: int
    author: str
    reason: str | None


def plan(database: Database, scope: Scope) -> list[Purged]:
    """What a purge would take away now."""
    with closing(database.cursor()) as cursor:
        note_keys(cursor, scope)
        return [
            counted(cursor, scope, table, f"{'kept' if table.name in ARCHIVED else 'main'}.{table.name}")
            for table in tables(scope)
        ]


class Purge:
    """Purges of one store, one at a time. `checkpoints` is held by who must not have one made."""

    def __init__(
        self, database: Database, archive: Archive, writer: Writer, checkpoints: threading.Lock
    ) -> None:
        self._database = database
        self._archive = archive
        self._writer = writer
        self._checkpoints = checkpoints

    def __call__(self, scope: Scope, author: str, reason: str | None) -> list[Purged]:
        """Take away what is in the scope; what that was. Raises StoreError, and then nothing is gone."""
        if not self._archive.lock.acquire(timeout=_PATIENCE_S):
            raise StoreError("days are being moved to the archive; try again when that is done")
        new: list[ArchiveFile] = []
        old: list[ArchiveFile] = []
        gone: list[Purged] = []
        try:
            # The archive first, which nobody else changes meanwhile: commits shall not wait for it.
            self._prepare(scope)
            for table in tables(scope):
                for file in self._archive.files(table.name) if table.name in ARCHIVED else ():
                    if (found := self._in_file(scope, table, file)).rows:
                        gone.append(found)
                        new.append(self._rewritten(scope, table, file))
                        old.append(file)
            with self._writer.paused() as transactions:
                entry = _Entry(transactions.stamp(), author, reason)
                self._archive.swap(new, old, partial(_take_away, scope, entry, gone))
                new = []
                transactions.purged.reload()
                self._make_room()
        except duckdb.Error as error:
            raise StoreError(f"nothing was purged: {error}") from error
        finally:
            self._archive.discard(new)
            self._archive.lock.release()
        return summed(scope, gone)

    def _prepare(self, scope: Scope) -> None:
        cursor = self._archive.cursor
        note_keys(cursor, scope)
        cursor.execute(
            f"CREATE OR REPLACE TEMP TABLE {_FOUND} (table_name VARCHAR, stream VARCHAR, model VARCHAR,"
            ' "first" BIGINT, "last" BIGINT)'
        )

    def _in_file(self, scope: Scope, table: ScopedTable, file: ArchiveFile) -> Purged:
        """What of the file is in the scope; where points are, that is noted."""
        if scope.model is not None and table.has_model and file.model != scope.model:
            return Purged(table=table.name, rows=0, first_ns=None, last_ns=None)
        rows = f"({self._archive.scan(file)})"
        found = counted(self._archive.cursor, scope, table, rows)
        if found.rows:
            _note_points(self._archive.cursor, scope, table, rows)
        return found

    def _rewritten(self, scope: Scope, table: ScopedTable, file: ArchiveFile) -> ArchiveFile:
        """The file without the rows in the scope."""
        rows = f"({self._archive.scan(file)})"
        matches = table.matches(scope)
        query = f"SELECT * FROM {rows} WHERE NOT {matches}"
        if table.name == "profiles" and not scope.whole:
            query += f" UNION ALL BY NAME {_IDLE.format(rows=rows, matches=matches)}"
        if table.name == "stream_windows" and not scope.whole:
            query = f"""
                SELECT * REPLACE (
                    CASE WHEN {matches} THEN coalesce(purged, 0) + predictions ELSE purged END AS purged,
                    CASE WHEN {matches} THEN 0 ELSE predictions END AS predictions,
                    CASE WHEN {matches} THEN 0 ELSE escalations END AS escalations)
                FROM {rows}
            """
        values = scope.values(query)
        return self._archive.write(table.name, file.day, file.model, query, values, width_ns=file.width_ns)

    def _make_room(self) -> None:
        """Have the space of what is gone used again; a checkpoint that cannot be made now comes by itself."""
        if not self._checkpoints.acquire(blocking=False):
            return
        try:
            with closing(self._database.cursor()) as cursor:
                vacuum(cursor)
        except duckdb.Error as error:
            logger.info("what was purged leaves room at the next checkpoint: %s", error)
        finally:
            self._checkpoints.release()


def note_keys(cursor: duckdb.DuckDBPyConnection, scope: Scope) -> None:
    """Note which streams and predictions are in the scope: others' rows go with them."""
    streams = "SELECT '' AS stream WHERE false"
    if scope.devices is not None:
        of_device = "list_contains($devices::VARCHAR[], device)"
        streams = f"""
            SELECT stream FROM kept.stream_windows WHERE {of_device} AND stream <> ''
            UNION SELECT stream FROM stream_events WHERE {of_device}
        """
    predictions = f"SELECT id FROM kept.predictions WHERE {TABLES[0].matches(scope)}"
    for name, query in ((STREAMS, streams), (IDS, predictions)):
        cursor.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {query}", scope.values(query))


def counted(cursor: duckdb.DuckDBPyConnection, scope: Scope, table: ScopedTable, rows: str) -> Purged:
    """What of these rows of a table is in the scope; after `note_keys`."""
    last = table.end or table.time
    query = f"SELECT count(*), min({table.time}), max({last}) FROM {rows} WHERE {table.matches(scope)}"
    ((count, first, latest),) = cursor.execute(query, scope.values(query)).fetchall()
    return Purged(table=table.name, rows=count, first_ns=first, last_ns=latest)


def summed(scope: Scope, found: Iterable[Purged]) -> list[Purged]:
    """One for each table."""
    of_table: dict[str, list[Purged]] = {table.name: [] for table in tables(scope)}
    for each in found:
        if each.rows:
            of_table[each.table].append(each)
    return [
        Purged(
            table=name,
            rows=sum(each.rows for each in parts),
            first_ns=min((each.first_ns for each in parts if each.first_ns is not None), default=None),
            last_ns=max((each.last_ns for each in parts if each.last_ns is not None), default=None),
        )
        for name, parts in of_table.items()
    ]


def _note_points(cursor: duckdb.DuckDBPyConnection, scope: Scope, table: ScopedTable, rows: str) -> None:
    kind = next((kind for kind in POINT_TABLES if kind.name == table.name), None)
    if kind is None:
        return
    model = "model" if table.has_model else "NULL"
    first = f"least(coalesce({kind.start}, {kind.end}), {kind.end})"
    query = f"""
        INSERT INTO {_FOUND}
        SELECT DISTINCT '{table.name}', coalesce(stream, ''), {model},
               {first}, greatest({first}, {kind.end} - 1)
        FROM {rows} WHERE {table.matches(scope)}
    """
    cursor.execute(query, scope.values(query))


def _take_away(scope: Scope, entry: _Entry, gone: list[Purged], cursor: duckdb.DuckDBPyConnection) -> None:
    """All that is done in the one transaction; what goes from the database is added to `gone`."""
    note_keys(cursor, scope)
    for table in tables(scope):
        rows = f"main.{table.name}"
        found = counted(cursor, scope, table, rows)
        if found.rows:
            gone.append(found)
            _note_points(cursor, scope, table, rows)
            _delete(cursor, scope, table)
    _forget_device(cursor, scope)
    forget_sums(scope, cursor)
    cursor.execute(_ISLANDS, {"now": entry.time_ns})
    rows_by_table = {each.table: each.rows for each in summed(scope, gone) if each.rows}
    cursor.execute(
        "INSERT INTO audit VALUES (?, 'purge', ?, ?, ?, ?)",
        [entry.time_ns, entry.author, entry.reason, json.dumps(described(scope)), json.dumps(rows_by_table)],
    )
    for name in (STREAMS, IDS, _FOUND):
        cursor.execute(f"DROP TABLE {name}")


def _delete(cursor: duckdb.DuckDBPyConnection, scope: Scope, table: ScopedTable) -> None:
    matches = table.matches(scope)
    statements = [f"DELETE FROM main.{table.name} WHERE {matches}"]
    if table.name == "stream_windows" and not scope.whole:
        statements = [f"UPDATE main.stream_windows SET {_EMPTIED} WHERE {matches}"]
    if table.name == "profiles" and not scope.whole:
        # Those that are idle do not match, so the new ones may stand beside the old before these go.
        idle = _IDLE.format(rows="main.profiles", matches=matches)
        statements.insert(0, f"INSERT INTO main.profiles BY NAME {idle}")
    for statement in statements:
        cursor.execute(statement, scope.values(statement))


def _forget_device(cursor: duckdb.DuckDBPyConnection, scope: Scope) -> None:
    """Verdicts about the device itself, which nothing will reckon anew."""
    if not scope.whole or scope.devices is None:
        return
    own = [str(Segment.of({"device": name})).rpartition(",")[2] for name in scope.devices]
    cursor.execute(
        "DELETE FROM evaluations WHERE measure = 'device' AND list_has_any(string_split(segment, ','), $own)"
        " AND ($model IS NULL OR model = $model)",
        {"own": own, "model": scope.model},
    )


def forget_sums(scope: Scope, cursor: duckdb.DuckDBPyConnection) -> None:
    """Delete counts by cell that what is purged, or came late, may be in: they are gathered anew."""
    query = """
        DELETE FROM window_counts WHERE ($model IS NULL OR model = $model)
            AND ($start IS NULL OR end_ns > $start) AND ($end IS NULL OR start_ns < $end)
    """
    cursor.execute(query, scope.values(query))


#: Points that touch or overlap, as one; other than profiles also where no more than an hour lies between.
_ISLANDS = """
    INSERT INTO purged (purged_ns, table_name, stream, model, "first", "last")
    SELECT $now, table_name, stream, model, min("first"), max("last") FROM ({islands})
    GROUP BY table_name, stream, model, island
""".format(
    islands=islands(
        f"(SELECT DISTINCT * FROM {_FOUND})",
        by="table_name, stream, model",
        gap=f"CASE WHEN table_name = 'profiles' THEN 1 ELSE {HOUR_NS} END",
    )
)


def drop_revisions(
    model: str, start_ns: int, end_ns: int, before: int, cursor: duckdb.DuckDBPyConnection
) -> None:
    """Delete what was judged of a window while it held what is purged now."""
    cursor.execute(
        "DELETE FROM evaluations"
        " WHERE model = ? AND window_start_ns = ? AND window_end_ns = ? AND revision < ?",
        [model, start_ns, end_ns, before],
    )
