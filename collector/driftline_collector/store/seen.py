"""The table of what was seen of each stream: written with the data it speaks of, made small, forgotten.

A row is an interval of one commit. Streams that go on get many, which `compact` joins; streams that have been
silent for as long as any device may keep its data unsent are forgotten, and their sums kept.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from driftline_collector.store.islands import islands
from driftline_collector.store.opened import transaction
from driftline_collector.store.registered import registered

logger = logging.getLogger(__name__)

Mask = npt.NDArray[np.bool_]
Hashes = npt.NDArray[np.uint64]
#: The window of points in a table: table, stream, start and end in ns.
Window = tuple[str, str, int, int]
#: What is told apart by numbers; other signals are tables of points, and their intervals are windows in ns.
NUMBERED = ("logs", "traces")
#: Windows of a stream that are no further apart than this are kept as one, so that points of an instant do
#: not leave an interval each. What falls between is looked up, as is what falls into a window that was seen.
GAP_NS = 3600 * 10**9
#: How long a stream is remembered after its last word: longer than any device keeps its data unsent.
REMEMBER_NS = 30 * 86400 * 10**9
FORGET_EVERY_NS = 3600 * 10**9
#: Intervals that are appended before they are joined.
SCATTERED_ROWS = 100_000

_MANY = "(SELECT stream, signal FROM stream_intervals GROUP BY ALL HAVING count(*) > 1)"
_ISLANDS = islands(
    f"stream_intervals SEMI JOIN {_MANY} USING (stream, signal)",
    by="stream, signal",
    gap=f"CASE WHEN signal IN {NUMBERED} THEN 1 ELSE {GAP_NS} END",
)
_COMPACT = f"""
    CREATE OR REPLACE TEMP TABLE compacted AS
    SELECT max(received_ns) AS received_ns, stream, signal, min("first") AS "first", max("last") AS "last"
    FROM ({_ISLANDS}) GROUP BY stream, signal, island ORDER BY received_ns
"""


@dataclass(frozen=True, slots=True, eq=False)
class Sighting:
    """What a look at numbers tells: which records are new, the intervals they fill, the repeats by stream."""

    fresh: Mask
    signal: str
    streams: list[str] = field(default_factory=list)
    first: list[int] = field(default_factory=list)
    last: list[int] = field(default_factory=list)
    repeats: dict[str, int] = field(default_factory=dict)


def last_of(window: Window) -> int:
    """The last instant that belongs to a window; a point of an instant has that one."""
    return max(window[2], window[3] - 1)


class SeenTable:
    """`stream_intervals` and `stream_totals`, on the writer's cursor.

    Streams of which nothing came for `remember_ns` are forgotten.
    """

    def __init__(self, cursor: duckdb.DuckDBPyConnection, remember_ns: int = REMEMBER_NS) -> None:
        self._cursor = cursor
        self._remember_ns = remember_ns
        self._forget_at_ns = 0
        self._scattered = 0
        #: Streams of which nothing came since then may have been forgotten.
        self.forgotten_ns = 0

    def known(self) -> Hashes:
        """The hash of each stream of which anything is remembered; some more than once."""
        return self._hashes("SELECT hash(stream) AS h FROM stream_intervals GROUP BY stream")

    def hashes(self, streams: Sequence[str]) -> Hashes:
        """The hash of each of these, as `known` makes them."""
        return self._hashes("SELECT hash(unnest(?::VARCHAR[])) AS h", [streams])

    def _hashes(self, query: str, *parameters: Any) -> Hashes:
        return np.asarray(self._cursor.execute(query, *parameters).fetchnumpy()["h"], np.uint64)

    def read(self, streams: Sequence[str]) -> list[tuple[str, str, int, int]]:
        """Stream, signal, first and last of each interval of these."""
        return self._cursor.execute(
            """
            SELECT stream, signal, "first", "last" FROM stream_intervals
            WHERE stream IN (SELECT unnest(?::VARCHAR[])) ORDER BY ALL
            """,
            [streams],
        ).fetchall()

    def write(self, received_ns: int, sightings: Iterable[Sighting], windows: Iterable[Window]) -> None:
        """Write what was seen, within the transaction of the data it speaks of."""
        rows = [
            (stream, sighting.signal, first, last)
            for sighting in sightings
            for stream, first, last in zip(sighting.streams, sighting.first, sighting.last, strict=True)
        ]
        rows += [(window[1], window[0], window[2], last_of(window)) for window in windows]
        if rows:
            self._scattered += len(rows)
            self._insert(received_ns, *map(list, zip(*rows, strict=True)))

    def _insert(self, received_ns: int, *columns: list[Any]) -> None:
        into = 'INSERT INTO stream_intervals (received_ns, stream, signal, "first", "last")'
        if len(columns[0]) < 500:  # as parameters: for few a table costs DuckDB twice as much
            kinds = ("VARCHAR", "VARCHAR", "BIGINT", "BIGINT")
            lists = ", ".join(f"unnest(?::{kind}[])" for kind in kinds)
            self._cursor.execute(f"{into} SELECT ?, {lists}", [received_ns, *columns])
        else:
            arriving = pa.table(list(columns), names=["stream", "signal", "first", "last"])
            with registered(self._cursor, arriving=arriving):
                self._cursor.execute(f"{into} SELECT ?, * FROM arriving", [received_ns])

    def tidy(self, received_ns: int) -> bool:
        """Between transactions: keep it small. Whether streams were forgotten.

        Where that fails it is tried again later; what was committed before is committed.
        """
        try:
            if self._scattered >= SCATTERED_ROWS:
                self._scattered = 0
                with transaction(self._cursor):
                    self.compact()
            if received_ns < self._forget_at_ns:
                return False
            self._forget_at_ns = received_ns + FORGET_EVERY_NS
            self.forgotten_ns = received_ns - self._remember_ns
            with transaction(self._cursor):
                return self.forget(self.forgotten_ns) > 0
        except duckdb.Error as error:
            logger.warning("what was seen of streams could not be tidied up: %s", error)
            return True

    def compact(self) -> int:
        """Join the intervals that touch; how many rows there are less."""
        self._cursor.execute(_COMPACT)
        deleted = self._cursor.execute(
            "DELETE FROM stream_intervals WHERE (stream, signal) IN (SELECT (stream, signal) FROM compacted)"
        ).fetchall()[0][0]
        written = self._cursor.execute(
            "INSERT INTO stream_intervals BY NAME SELECT * FROM compacted"
        ).fetchall()[0][0]
        self._cursor.execute("DROP TABLE compacted")
        return int(deleted - written)

    def forget(self, before_ns: int) -> int:
        """Forget the streams of which nothing was received since; how many they are."""
        self._cursor.execute(
            """
            CREATE OR REPLACE TEMP TABLE forgotten AS
            SELECT stream FROM stream_intervals GROUP BY stream HAVING max(received_ns) < ?
            """,
            [before_ns],
        )
        ((count,),) = self._cursor.execute("SELECT count(*) FROM forgotten").fetchall()
        if count:
            self._cursor.execute(
                f"""
                INSERT INTO stream_totals (received_ns, stream, signal, highest, seen)
                SELECT max(received_ns), stream, signal, max("last"), sum("last" - "first" + 1)
                FROM stream_intervals SEMI JOIN forgotten USING (stream)
                WHERE signal IN {NUMBERED} GROUP BY stream, signal
                """
            )
            self._cursor.execute("DELETE FROM stream_intervals WHERE stream IN (FROM forgotten)")
        self._cursor.execute("DROP TABLE forgotten")
        return int(count)
