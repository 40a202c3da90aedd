"""Metric points are one of a kind by stream, what they speak of, start and end. What comes again is dropped.

Most points belong to a window that was never seen, and need no look at the store. Where a window was seen
(a client that sends again, or a window whose points came in two requests) each point is looked up.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from driftline_collector.store.ledger import Ledger
from driftline_collector.store.registered import registered
from driftline_collector.store.seen import Window


@dataclass(frozen=True, slots=True)
class PointTable:
    """What tells two points of a table apart. `start` and `end` name the columns of their window."""

    name: str
    start: str
    end: str
    identity: tuple[str, ...]


POINT_TABLES = (
    PointTable(
        "profiles",
        "start_ns",
        "end_ns",
        ("model", "version", "binning", "feature", "kind", "category"),
    ),
    PointTable("sdk_health", "time_ns", "time_ns", ("metric", "reason", "signal")),
    PointTable("metrics", "start_ns", "time_ns", ("name", "kind", "attributes")),
)
#: Points that were summed with others are known by their window, where that was there to be summed.
_SUMMED = """
    UNION
    SELECT arrived.row_min FROM arrived
    SEMI JOIN suspects USING (stream, "start", "end")
    JOIN archive_files AS summed
      ON summed.table_name = 'profiles' AND summed.state = 'kept' AND summed.width_ns > 0
     AND summed.model IS NOT DISTINCT FROM arrived.model
     AND arrived."start" BETWEEN summed.first_ns AND summed.last_end_ns
    JOIN stream_windows AS stored
      ON stored.stream = arrived.stream AND stored.start_ns = arrived."start"
     AND stored.end_ns = arrived."end" AND stored.received_ns <= summed.received_ns
    WHERE stored.end_ns BETWEEN $first AND $last
"""


@dataclass(frozen=True, slots=True, eq=False)
class FreshPoints:
    """The points that are new, the windows of these, and the repeats by stream."""

    table: pa.Table
    windows: list[Window]
    repeats: dict[str, int]


def fresh_points(
    cursor: duckdb.DuckDBPyConnection, ledger: Ledger, kind: PointTable, table: pa.Table
) -> FreshPoints:
    """Drop the points that are in the store, or twice in `table`. Points without a stream are all kept.

    The store is read by `cursor`, which is to see the archive as well.
    """
    numbered = np.flatnonzero(np.asarray(table.column("stream").is_valid()))
    if not len(numbered):
        return FreshPoints(table, [], {})
    keys = _keys(table, kind).take(numbered).append_column("row", pa.array(numbered))
    firsts = keys.group_by(keys.column_names[:-1]).aggregate([("row", "min")])
    windows = _windows(kind, firsts)
    keep = np.ones(table.num_rows, np.bool_)
    keep[numbered] = False
    rows = np.asarray(firsts.column("row_min"))
    keep[rows] = True
    if suspects := ledger.suspects(windows):
        keep[_stored(cursor, kind, firsts, suspects)] = False
        windows = _windows(kind, firsts.filter(pa.array(keep[rows])))
    if keep.all():
        return FreshPoints(table, windows, {})
    # As text: a dictionary may hold a stream more than once, and would be counted by its last place.
    repeated = table.column("stream").filter(pa.array(~keep)).cast(pa.string())
    repeats = {entry["values"]: entry["counts"] for entry in pc.value_counts(repeated).to_pylist()}
    return FreshPoints(table.filter(pa.array(keep)), windows, repeats)


def _windows(kind: PointTable, points: pa.Table) -> list[Window]:
    windows = points.group_by(["stream", "start", "end"]).aggregate([])
    columns = (windows.column(name).to_pylist() for name in ("stream", "start", "end"))
    return [(kind.name, stream, start, end) for stream, start, end in zip(*columns, strict=True)]


def _keys(table: pa.Table, kind: PointTable) -> pa.Table:
    """The columns that tell points apart, stream, start and end first, without dictionaries."""
    start = pc.coalesce(table.column(kind.start), table.column(kind.end))
    columns = {"stream": table.column("stream"), "start": start, "end": table.column(kind.end)}
    columns |= {name: table.column(name) for name in kind.identity if name in table.column_names}
    return pa.table(
        {
            name: column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
            for name, column in columns.items()
        }
    )


def _stored(
    cursor: duckdb.DuckDBPyConnection, kind: PointTable, points: pa.Table, suspects: Sequence[Window]
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The rows of those points in suspect windows that the store holds."""
    _, streams, starts, ends = zip(*suspects, strict=True)
    # What the table lacks is NULL.
    arrived = {name: f"arrived.{name}" if name in points.column_names else "NULL" for name in kind.identity}
    same = " AND ".join(f"stored.{name} IS NOT DISTINCT FROM {value}" for name, value in arrived.items())
    start = f"coalesce(stored.{kind.start}, stored.{kind.end})"
    windows = pa.table({"stream": streams, "start": starts, "end": ends})
    with registered(cursor, arrived=points, suspects=windows):
        found = cursor.execute(
            f"""
            SELECT DISTINCT arrived.row_min
            FROM arrived
            SEMI JOIN suspects USING (stream, "start", "end")
            JOIN {kind.name} AS stored
              ON stored.stream = arrived.stream AND {start} = arrived."start"
             AND stored.{kind.end} = arrived."end" AND {same}
            WHERE stored.{kind.end} BETWEEN $first AND $last
            {_SUMMED if kind.name == "profiles" else ""}
            """,
            {"first": min(ends), "last": max(ends)},
        ).fetchnumpy()["row_min"]
    return np.asarray(found, np.int64)
