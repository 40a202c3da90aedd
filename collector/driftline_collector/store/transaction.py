"""What one commit writes: the new rows of its batches, without repeats, and the books of both."""

import logging
import time
from collections import Counter
from collections.abc import Sequence

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from driftline_collector.store import devices
from driftline_collector.store.batch import Batch, Rows, concatenate
from driftline_collector.store.ledger import Ledger
from driftline_collector.store.opened import WITH_ARCHIVE, Database, transaction
from driftline_collector.store.points import POINT_TABLES, fresh_points
from driftline_collector.store.purged import PurgedPoints
from driftline_collector.store.registered import registered
from driftline_collector.store.seen import REMEMBER_NS, Mask, SeenTable, Sighting, Window

logger = logging.getLogger(__name__)

REPEAT = "repeat"
#: Signal, reason and stream → how many records were refused or came again.
Refused = Counter[tuple[str, str, str | None]]

#: Rows of a batch below which a group's batches are copied together.
_SMALL_PIECE = 256
#: The rows of `arriving`. Of threads that share them each leaves a rest, which is copied once more; to keep
#: an order they copy all rows. One thread does neither. DuckDB takes one for what has an order and no numbers
#: by which parts could be put together: `range` has none, nor a row, and its column is not selected.
_ON_ONE_THREAD = "FROM arriving UNION ALL BY NAME FROM range(0)"
#: What a window of a stream tells beside its counts.
_WHOSE = ("model", "version", "device_type", "region", "tier", "firmware")


class Transactions:
    """Commits batches, one transaction at a time; for one thread.

    Streams of which nothing came for `remember_ns` are forgotten.
    """

    def __init__(self, database: Database, *, remember_ns: int = REMEMBER_NS) -> None:
        self._cursor = database.cursor()
        self._lookups = database.cursor()
        self._lookups.execute(WITH_ARCHIVE)  # what is in the archive has come as well
        self._seen = SeenTable(self._cursor, remember_ns)
        #: To be read again by who purges.
        self.purged = PurgedPoints(self._cursor)
        self._ledger = Ledger(self._seen)
        self._altered = False
        self._columns = _columns(self._cursor)
        self._devices = devices.Changes.restore(self._cursor)
        self._feature_sets: set[int] = set()
        self._received_ns = 0
        #: What tells this database from others, how far it had taken in its journal, its latest commit.
        self.database_id, self.applied, self.committed_ns = self._journal()
        #: The latest that was attempted.
        self.stamped_ns = self.committed_ns
        self._restore()

    def close(self) -> None:
        """Let go of the database."""
        self._lookups.close()
        self._cursor.close()

    def commit(self, batches: Sequence[Batch], applied: int | None = None) -> None:
        """Write all of these batches, durably, or raise and write nothing.

        `applied` is the place in the journal of the last of them that came from there.
        """
        self.stamped_ns = self.stamp()
        held = self._devices
        try:
            with transaction(self._cursor):
                if self._altered:
                    self._ledger.reload()
                    self._altered = False
                sightings, windows, feature_sets = self._write(batches)
                self._cursor.execute(
                    "UPDATE journal SET applied = coalesce(?, applied), received_ns = ?",
                    [applied, self.stamped_ns],
                )
        except BaseException:
            self._devices = held
            self._ledger.settle()
            raise
        for sighting in sightings:
            self._ledger.note(sighting)
        self._ledger.note_windows(windows)
        self._ledger.settle()
        self._feature_sets |= feature_sets
        if self._seen.tidy(self._received_ns):
            self._ledger.reload()

    def altered(self) -> None:
        """What is remembered of streams may have been altered by another hand."""
        self._altered = True

    def stamp(self) -> int:
        """The time that rows of the next transaction bear, ns: strictly ascending, whatever the clock does.

        So who polls for news by it misses nothing. To be called where the writer is paused.
        """
        self._received_ns = max(self._received_ns + 1, time.time_ns())
        return self._received_ns

    def _write(self, batches: Sequence[Batch]) -> tuple[list[Sighting], list[Window], set[int]]:
        refused: Refused = Counter()
        parts: dict[str, list[pa.Table]] = {}
        of_signal: dict[str, list[Batch]] = {}
        for batch in batches:
            if batch.numbers is not None:
                of_signal.setdefault(batch.numbers.signal, []).append(batch)
        sightings = [self._sift(numbered, parts, refused) for numbered in of_signal.values()]
        for batch in batches:
            if batch.numbers is None:
                for name, rows in batch.rows.items():
                    parts.setdefault(name, []).append(rows.table)
            for (signal, reason), count in batch.counted.items():
                refused[signal, reason, None] += count
        tables = {name: self._devices.placed(name, _joined(tables)) for name, tables in parts.items()}
        windows = self._drop_repeated_points(tables, refused)
        feature_sets = self._drop_known_feature_sets(tables)
        for name, table in tables.items():
            self._insert(name, table)
        self._seen.write(self._received_ns, sightings, windows)
        self._insert("refusals", _refusals(refused))
        if devices.TABLE in tables:
            self._devices = devices.apply(self._cursor, tables[devices.TABLE])
        return sightings, windows, feature_sets

    def _sift(self, batches: Sequence[Batch], parts: dict[str, list[pa.Table]], refused: Refused) -> Sighting:
        """Drop the repeated records of one signal's batches."""
        numbers = concatenate([batch.numbers for batch in batches if batch.numbers is not None])
        sighting = self._ledger.look(numbers)
        for stream, count in sighting.repeats.items():
            refused[numbers.signal, REPEAT, stream] += count
        start = 0
        for batch in batches:
            size = 0 if batch.numbers is None else len(batch.numbers)
            fresh = sighting.fresh[start : start + size]
            for name, rows in batch.rows.items():
                parts.setdefault(name, []).append(_kept(rows, fresh))
            for refusal in batch.refusals:
                codes = numbers.stream[start + refusal.record[fresh[refusal.record]]]
                for code, count in Counter(codes.tolist()).items():
                    of_stream = numbers.streams[code] if code >= 0 else None
                    refused[numbers.signal, refusal.reason, of_stream] += count
            start += size
        return sighting

    def _drop_repeated_points(self, tables: dict[str, pa.Table], refused: Refused) -> list[Window]:
        windows: list[Window] = []
        for kind in POINT_TABLES:
            if kind.name in tables:
                arrived, purged = self.purged.without(kind, tables[kind.name])
                points = fresh_points(self._lookups, self._ledger, kind, arrived)
                tables[kind.name] = points.table
                windows += points.windows
                for stream, count in (*points.repeats.items(), *purged.items()):
                    refused["metrics", REPEAT, stream] += count
        if "profiles" in tables:
            tables["stream_windows"] = _stream_windows(tables["profiles"])
        return windows

    def _drop_known_feature_sets(self, tables: dict[str, pa.Table]) -> set[int]:
        if "feature_sets" not in tables:
            return set()
        sets = tables["feature_sets"]
        rows = {row["id"]: row for row in sets.to_pylist() if row["id"] not in self._feature_sets}
        tables["feature_sets"] = pa.Table.from_pylist(list(rows.values()), schema=sets.schema)
        return set(rows)

    def _insert(self, name: str, table: pa.Table) -> None:
        if not table.num_rows:
            return
        target = source = ", ".join(f'"{column}"' for column in table.column_names)
        if "received_ns" in self._columns[name] and "received_ns" not in table.column_names:
            target, source = f"received_ns, {target}", f"{self._received_ns}, {source}"
        with registered(self._cursor, arriving=table):
            self._cursor.execute(f"INSERT INTO {name} ({target}) SELECT {source} FROM ({_ON_ONE_THREAD})")

    def _journal(self) -> tuple[str, int, int]:
        ((database_id, *told),) = self._cursor.execute(
            "SELECT id, applied, received_ns FROM journal"
        ).fetchall()
        applied, committed_ns = told
        return str(database_id), int(applied), int(committed_ns)

    def _restore(self) -> None:
        """Read back which feature sets are known, and when something was received last."""
        sets = self._cursor.execute("SELECT id FROM feature_sets").fetchall()
        self._feature_sets = {row[0] for row in sets}
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


def _kept(rows: Rows, fresh: Mask) -> pa.Table:
    if rows.record is None or fresh.all():
        return rows.table
    return rows.table.filter(pa.array(fresh[rows.record]))


def _joined(parts: Sequence[pa.Table]) -> pa.Table:
    """All parts as one table.

    Each piece costs DuckDB time and memory, be it of one row, so small ones are copied together. To copy
    large ones costs more than they do: half as much again of all that a record costs, in new pages.
    """
    if len(parts) == 1:
        return parts[0]
    joined = pa.concat_tables(parts, promote_options="default")
    return joined.combine_chunks() if joined.num_rows < _SMALL_PIECE * len(parts) else joined


def _stream_windows(profiles: pa.Table) -> pa.Table:
    """One row per stream, window and whose it is: the predictions and escalations that its points count."""
    whose = [name for name in _WHOSE if name in profiles.column_names]
    keys = {
        **{name: profiles.column(name).cast(pa.string()) for name in whose},
        "stream": profiles.column("stream").cast(pa.string()).fill_null(""),
        "device": profiles.column("device").cast(pa.string()),
        "start_ns": profiles.column("start_ns").cast(pa.int64()),
        "end_ns": profiles.column("end_ns").cast(pa.int64()),
    }
    if "received_ns" in profiles.column_names:
        keys["received_ns"] = profiles.column("received_ns")
    sums = {kind: _counted(profiles, kind) for kind in ("predictions", "escalations")}
    told = [(name, "sum") for name in sums]
    segment = profiles.column("segment") if "segment" in profiles.column_names else None
    if segment is None or segment.null_count == len(segment):
        grouped = pa.table({**keys, **sums}).group_by(list(keys)).aggregate(told)
        return grouped.rename_columns({f"{name}_sum": name for name in sums})
    # All points of a stream's window tell the same; Arrow does not compare maps.
    rows = pa.array(np.arange(profiles.num_rows))
    grouped = pa.table({**keys, **sums, "row": rows}).group_by(list(keys)).aggregate([*told, ("row", "min")])
    own = segment.combine_chunks().take(grouped.column("row_min").combine_chunks())
    kept = grouped.drop_columns(["row_min"]).append_column("segment", own)
    return kept.rename_columns({f"{name}_sum": name for name in sums})


def _counted(profiles: pa.Table, kind: str) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    """The count of each row of this kind, which has one; 0 in others."""
    of_kind = np.asarray(pc.equal(profiles.column("kind"), kind))
    result = np.zeros(profiles.num_rows, np.int64)
    result[of_kind] = np.asarray(pc.list_element(profiles.column("counts").filter(pa.array(of_kind)), 0))
    return result


def _refusals(refused: Refused) -> pa.Table:
    signals, reasons, streams = zip(*refused, strict=True) if refused else ((), (), ())
    return pa.table(
        {
            "signal": pa.array(signals, pa.string()),
            "reason": pa.array(reasons, pa.string()),
            "stream": pa.array(streams, pa.string()),
            "count": pa.array(refused.values(), pa.int64()),
        }
    )
