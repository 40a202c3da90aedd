"""What was purged stays away: points of windows that were taken away by hand are known when they come again.

Log records and spans need nothing more than their numbers for that, which the ledger keeps.
"""

from collections import Counter

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from driftline_collector.store.intervals import IntervalSet
from driftline_collector.store.points import PointTable


class PurgedPoints:
    """The table `purged`, in memory."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection) -> None:
        self._cursor = cursor
        self.reload()

    def reload(self) -> None:
        """Read it again: something was purged."""
        #: Table and stream → model (None: any) → the intervals; and table → the last ns of all of them.
        self._known: dict[tuple[str, str], dict[str | None, IntervalSet]] = {}
        self._last: dict[str, int] = {}
        rows = self._cursor.execute(
            'SELECT table_name, stream, model, "first", "last" FROM purged WHERE stream <> \'\''
        ).fetchall()
        for table, stream, model, first, last in rows:
            self._known.setdefault((table, stream), {}).setdefault(model, IntervalSet()).add(first, last)
            self._last[table] = max(self._last.get(table, last), last)

    def without(self, kind: PointTable, table: pa.Table) -> tuple[pa.Table, Counter[str]]:
        """The points that were not purged, and how many were, by stream."""
        if kind.name not in self._last or not table.num_rows:
            return table, Counter()
        start = pc.coalesce(table.column(kind.start), table.column(kind.end))
        suspect = np.flatnonzero(np.asarray(pc.less_equal(start, self._last[kind.name])))
        if not len(suspect):  # what comes is later than all that was purged, nearly always
            return table, Counter()
        columns = [table.column("stream"), start, table.column(kind.end)]
        columns.append(table.column("model") if "model" in table.column_names else pa.nulls(table.num_rows))
        rows = zip(suspect.tolist(), *(column.take(suspect).to_pylist() for column in columns), strict=True)
        again = {row: stream for row, *point in rows if self._has(kind.name, *point) for stream in point[:1]}
        if not again:
            return table, Counter()
        keep = np.ones(table.num_rows, np.bool_)
        keep[list(again)] = False
        return table.filter(pa.array(keep)), Counter(again.values())

    def _has(self, table: str, stream: str | None, start: int, end: int, model: str | None) -> bool:
        known = self._known.get((table, stream or ""), {})
        first = min(start, end)
        return any(
            intervals.overlaps(first, max(first, end - 1))
            for of_model, intervals in known.items()
            if of_model is None or of_model == model
        )
