"""The one thread that writes: takes what is queued, commits it as a group, then says so.

While a group is committed the next one gathers, so groups grow with the load and a lone batch waits for
nobody. Nobody is told before the commit. A batch that fails is tried alone, so that it fails for itself.
"""

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Sequence
from concurrent.futures import Future

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from driftline_collector.errors import StoreError
from driftline_collector.store.batch import Batch, Rows, concatenate
from driftline_collector.store.ledger import Ledger, Sighting, Window
from driftline_collector.store.points import POINT_TABLES, fresh_points

logger = logging.getLogger(__name__)

#: Rows in a group commit, at most, unless one batch alone has more.
GROUP_ROWS = 10_000
REPEAT = "repeat"


class Unstorable(StoreError):
    """Rows that the database will not take, however often they are sent."""


class Writer:
    """Commits batches in groups, drops repeats, keeps the books of both."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._cursor = connection.cursor()
        self._ledger = Ledger()
        self._columns = _columns(self._cursor)
        self._feature_sets: set[int] = set()
        self._received_ns = 0
        self._restore()
        self._queue: deque[tuple[Batch, Future[None]]] = deque()
        self._arrived = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="driftline-writer", daemon=True)
        self._thread.start()

    def submit(self, batch: Batch) -> "Future[None]":
        """Queue a batch. The future is done after the commit, or fails with Unstorable or another StoreError."""
        future: Future[None] = Future()
        with self._arrived:
            if self._closing:
                future.set_exception(StoreError("the store is closing; send again to the next collector"))
                return future
            self._queue.append((batch, future))
            self._arrived.notify()
        return future

    def close(self) -> None:
        """Commit what is queued, then stop."""
        with self._arrived:
            self._closing = True
            self._arrived.notify()
        self._thread.join()
        self._cursor.close()

    def _run(self) -> None:
        while group := self._next_group():
            try:
                self._commit([batch for batch, _ in group])
            except Exception as error:
                self._retry_alone(group, error)
            else:
                for _, future in group:
                    future.set_result(None)

    def _next_group(self) -> list[tuple[Batch, "Future[None]"]]:
        """What is queued, up to a group; waits for the first. Empty when closing."""
        with self._arrived:
            while not self._queue and not self._closing:
                self._arrived.wait()
            group = []
            rows = 0
            while self._queue and (not group or rows + self._queue[0][0].size <= GROUP_ROWS):
                group.append(self._queue.popleft())
                rows += group[-1][0].size
            return group

    def _retry_alone(self, group: Sequence[tuple[Batch, "Future[None]"]], error: Exception) -> None:
        for batch, future in group:
            fault = error
            if len(group) > 1:
                try:
                    self._commit([batch])
                except Exception as own:
                    fault = own
                else:
                    future.set_result(None)
                    continue
            logger.error("a batch of %d rows could not be committed: %s", batch.size, fault)
            future.set_exception(_explained(fault))

    # -- one transaction -------------------------------------------------------------------------------
    def _commit(self, batches: Sequence[Batch]) -> None:
        self._received_ns = max(self._received_ns + 1, time.time_ns())
        self._cursor.execute("BEGIN")
        try:
            sightings, windows, feature_sets = self._write(batches)
            self._cursor.execute("COMMIT")
        except BaseException:
            self._roll_back()
            raise
        for sighting in sightings:
            self._ledger.note(sighting)
        self._ledger.note_windows(windows)
        self._feature_sets |= feature_sets

    def _roll_back(self) -> None:
        try:
            self._cursor.execute("ROLLBACK")
        except duckdb.Error as error:  # the failure that led here is the one worth telling
            logger.debug("no transaction to roll back: %s", error)

    def _write(self, batches: Sequence[Batch]) -> tuple[list[Sighting], list[Window], set[int]]:
        refused: Counter[tuple[str, str, str | None]] = Counter()
        tables: dict[str, list[pa.Table]] = {}
        sightings = []
        for signal in ("logs", "traces", None):
            of_signal = [b for b in batches if (b.numbers.signal if b.numbers else None) == signal]
            if signal and of_signal:
                sightings.append(self._sift(of_signal, tables, refused))
            elif of_signal:
                for batch in of_signal:
                    for name, rows in batch.rows.items():
                        tables.setdefault(name, []).append(rows.table)
        for batch in batches:
            for (signal_name, reason), count in batch.counted.items():
                refused[signal_name, reason, None] += count
        joined = {name: _joined(parts) for name, parts in tables.items()}
        windows = self._drop_repeated_points(joined, refused)
        feature_sets = self._drop_known_feature_sets(joined)
        for name, table in joined.items():
            self._insert(name, table)
        for sighting in sightings:
            self._insert("stream_intervals", sighting.table())
        self._insert("refusals", _refusals(refused))
        return sightings, windows, feature_sets

    def _sift(
        self,
        batches: Sequence[Batch],
        tables: dict[str, list[pa.Table]],
        refused: Counter[tuple[str, str, str | None]],
    ) -> Sighting:
        """Drop the repeated records of one signal's batches."""
        numbers = concatenate([batch.numbers for batch in batches if batch.numbers])
        sighting = self._ledger.look(numbers)
        for stream, count in sighting.repeats.items():
            refused[numbers.signal, REPEAT, stream] += count
        start = 0
        for batch in batches:
            assert batch.numbers is not None  # the caller has picked those that are numbered
            fresh = sighting.fresh[start : start + len(batch.numbers)]
            for name, rows in batch.rows.items():
                tables.setdefault(name, []).append(_kept(rows, fresh))
            for refusal in batch.refusals:
                streams = numbers.stream[start + refusal.record[fresh[refusal.record]]]
                for stream, count in Counter(streams.tolist()).items():
                    refused[
                        numbers.signal, refusal.reason, numbers.streams[stream] if stream >= 0 else None
                    ] += count
            start += len(batch.numbers)
        return sighting

    def _drop_repeated_points(
        self, tables: dict[str, pa.Table], refused: Counter[tuple[str, str, str | None]]
    ) -> list[Window]:
        windows: list[Window] = []
        for kind in POINT_TABLES:
            if kind.name in tables:
                points = fresh_points(self._cursor, self._ledger, kind, tables[kind.name])
                tables[kind.name] = points.table
                windows += points.windows
                for stream, count in points.repeats.items():
                    refused["metrics", REPEAT, stream] += count
        if "profiles" in tables:
            tables["stream_windows"] = _stream_windows(tables["profiles"])
        return windows

    def _drop_known_feature_sets(self, tables: dict[str, pa.Table]) -> set[int]:
        if "feature_sets" not in tables:
            return set()
        rows = {
            row["id"]: row
            for row in tables["feature_sets"].to_pylist()
            if row["id"] not in self._feature_sets
        }
        tables["feature_sets"] = pa.Table.from_pylist(
            list(rows.values()), schema=tables["feature_sets"].schema
        )
        return set(rows)

    def _insert(self, name: str, table: pa.Table) -> None:
        if not table.num_rows:
            return
        columns = ", ".join(f'"{column}"' for column in table.column_names)
        stamped = "received_ns" in self._columns[name] and "received_ns" not in table.column_names
        target, source = (
            (f"received_ns, {columns}", f"{self._received_ns}, {columns}") if stamped else (columns, columns)
        )
        self._cursor.register("arriving", table)
        try:
            self._cursor.execute(f"INSERT INTO {name} ({target}) SELECT {source} FROM arriving")
        finally:
            self._cursor.unregister("arriving")

    def _restore(self) -> None:
        """Read back what has been seen."""
        intervals = """
            SELECT signal, stream, min("first") AS "first", max("last") AS "last" FROM (
                SELECT *, sum(gap) OVER (PARTITION BY signal, stream ORDER BY "first", "last") AS island FROM (
                    SELECT *, CASE WHEN "first" <= 1 + max("last") OVER (
                        PARTITION BY signal, stream ORDER BY "first", "last"
                        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) THEN 0 ELSE 1 END AS gap
                    FROM stream_intervals))
            GROUP BY signal, stream, island ORDER BY signal, stream, "first"
        """
        self._ledger.restore(self._cursor.sql(intervals).to_arrow_table())
        for kind in POINT_TABLES:
            table = "stream_windows" if kind.name == "profiles" else kind.name
            rows = self._cursor.execute(
                f"SELECT DISTINCT stream, coalesce({kind.start}, {kind.end}), {kind.end} FROM {table}"
                " WHERE stream <> '' ORDER BY ALL"
            ).fetchall()
            self._ledger.note_windows((kind.name, *row) for row in rows)
        self._feature_sets = {
            row[0] for row in self._cursor.execute("SELECT id FROM feature_sets").fetchall()
        }
        stamped = [name for name, columns in self._columns.items() if "received_ns" in columns]
        latest = " UNION ALL ".join(f"SELECT max(received_ns) AS latest FROM {name}" for name in stamped)
        row = self._cursor.execute(f"SELECT coalesce(max(latest), 0) FROM ({latest})").fetchone()
        self._received_ns = int(row[0]) if row else 0


def _columns(cursor: duckdb.DuckDBPyConnection) -> dict[str, set[str]]:
    columns: dict[str, set[str]] = {}
    query = "SELECT table_name, column_name FROM duckdb_columns() WHERE NOT internal"
    for table, column in cursor.execute(query).fetchall():
        columns.setdefault(table, set()).add(column)
    return columns


def _kept(rows: Rows, fresh: "np.ndarray[tuple[int], np.dtype[np.bool_]]") -> pa.Table:
    if rows.record is None or fresh.all():
        return rows.table
    return rows.table.filter(pa.array(fresh[rows.record]))


def _joined(parts: Sequence[pa.Table]) -> pa.Table:
    return parts[0] if len(parts) == 1 else pa.concat_tables(parts, promote_options="default")


def _stream_windows(profiles: pa.Table) -> pa.Table:
    """One row per stream and window: whose it is, and how many predictions and escalations its new points count."""
    keys = {
        "stream": profiles.column("stream").cast(pa.string()).fill_null(""),
        "device": profiles.column("device").cast(pa.string()),
        "start_ns": profiles.column("start_ns").cast(pa.int64()),
        "end_ns": profiles.column("end_ns").cast(pa.int64()),
    }
    sums = {kind: _counted(profiles, kind) for kind in ("predictions", "escalations")}
    grouped = (
        pa.table({**keys, **sums, "row": np.arange(profiles.num_rows)})
        .group_by(list(keys))
        .aggregate([(name, "sum") for name in sums] + [("row", "min")])
    )
    first = profiles.select(list(_WHOSE)).take(grouped.column("row_min"))
    columns = {name: grouped.column(name) for name in keys} | {n: grouped.column(f"{n}_sum") for n in sums}
    return pa.table(columns | {name: first.column(name) for name in _WHOSE})


_WHOSE = ("model", "version", "device_type", "region", "tier", "firmware")


def _counted(profiles: pa.Table, kind: str) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    """The count of each row of this kind, which has one; 0 in others."""
    of_kind = np.asarray(pc.equal(profiles.column("kind"), kind))
    result = np.zeros(profiles.num_rows, np.int64)
    result[of_kind] = np.asarray(pc.list_element(profiles.column("counts").filter(pa.array(of_kind)), 0))
    return result


def _refusals(refused: Counter[tuple[str, str, str | None]]) -> pa.Table:
    signals, reasons, streams = zip(*refused, strict=True) if refused else ((), (), ())
    return pa.table(
        {
            "signal": pa.array(signals, pa.string()),
            "reason": pa.array(reasons, pa.string()),
            "stream": pa.array(streams, pa.string()),
            "count": pa.array(refused.values(), pa.int64()),
        }
    )


def _explained(fault: Exception) -> StoreError:
    """Whether it is the rows' fault, which no repetition cures, or the store's."""
    if isinstance(fault, (duckdb.DataError, duckdb.IntegrityError, duckdb.ProgrammingError, pa.ArrowInvalid)):
        return Unstorable(f"the database does not take these rows: {fault}")
    return StoreError(f"the database could not commit: {fault}")
