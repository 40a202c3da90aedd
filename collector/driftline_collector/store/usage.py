"""How much room each kind of data takes, how fast that grows, and when there will be none left."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import duckdb

from driftline_collector.store.kinds import ARCHIVED, DAY_NS, KINDS, TABLES, Kind

#: The growth of so many days tells that of the next.
_DAYS = 7
_REMEMBERED_DAYS = 35
#: A growth that was seen for less than this tells nothing.
_SHORTEST_NS = 3_600 * 10**9
#: A disk of any size has room for a checkpoint and for what queries write while they run, in this.
_MOST_RESERVED = 2**30

_HOT = "SELECT count(*), min({moment}), max({moment}) FROM main.{table}"
_BLOCKS = """
    SELECT count(DISTINCT block) FROM (
        SELECT block_id AS block FROM pragma_storage_info('main.{table}') WHERE persistent
        UNION ALL
        SELECT unnest(additional_block_ids) FROM pragma_storage_info('main.{table}') WHERE persistent)
    WHERE block >= 0
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class KindUsage:
    """Rows and bytes of a kind, in the database (`hot_`) and in the archive, and how fast they grow.

    Bytes in the database are those of the blocks that hold its rows; what came last may not be in one yet.
    The growth a day is None where it is not known yet.
    """

    kind: Kind
    hot_rows: int
    hot_bytes: int
    archived_rows: int
    archived_bytes: int
    files: int
    oldest_ns: int | None
    newest_ns: int | None
    rows_a_day: float | None
    bytes_a_day: float | None


State = Literal["ample", "low", "full"]


class Space:
    """The disk under the database. Some of it is kept back, so that reading and deleting go on.

    `low` below the reserve, when kinds that may be given up are; `full` below half of it: nothing is taken.
    """

    def __init__(self, folder: Path, reserve: int | None = None) -> None:
        self._folder = folder
        self._reserve = reserve

    @property
    def reserve(self) -> int:
        """Bytes kept back: as set, else a twentieth of the disk, at most 1 GiB."""
        if self._reserve is not None:
            return self._reserve
        return min(shutil.disk_usage(self._folder).total // 20, _MOST_RESERVED)

    @property
    def free(self) -> int:
        """Bytes free on the disk."""
        return shutil.disk_usage(self._folder).free

    @property
    def state(self) -> State:
        """How it stands now."""
        free, reserve = self.free, self.reserve
        return "ample" if free >= reserve else "low" if free >= reserve // 2 else "full"


def note_usage(cursor: duckdb.DuckDBPyConnection, now_ns: int) -> None:
    """Write down how much each kind takes now."""
    for kind in KINDS:
        hot_rows, hot_bytes, oldest, newest = _hot(cursor, kind)
        cursor.execute(
            """
            INSERT INTO disk_usage
            SELECT ?, ?, ?, ?, coalesce(sum(rows), 0), coalesce(sum(bytes), 0), ?, ?
            FROM archive_files WHERE state = 'kept' AND list_contains(?, table_name)
            """,
            [now_ns, kind, hot_rows, hot_bytes, oldest, newest, _tables(kind)],
        )
    cursor.execute("DELETE FROM disk_usage WHERE time_ns < ?", [now_ns - _REMEMBERED_DAYS * DAY_NS])


def usage(cursor: duckdb.DuckDBPyConnection) -> list[KindUsage]:
    """How much each kind took when that was last written down; nothing before the first time."""
    rows = cursor.execute(
        """
        WITH last AS (SELECT max(time_ns) AS time_ns FROM disk_usage),
        recent AS (SELECT * FROM disk_usage WHERE time_ns >= (SELECT time_ns FROM last) - $span),
        growth AS (
            SELECT kind, max(time_ns) - min(time_ns) AS seen_ns,
                   regr_slope(hot_rows + archived_rows, time_ns) * $day AS rows_a_day,
                   regr_slope(hot_bytes + archived_bytes, time_ns) * $day AS bytes_a_day
            FROM recent GROUP BY kind
        )
        SELECT kind, hot_rows, hot_bytes, archived_rows, archived_bytes, oldest_ns, newest_ns,
               CASE WHEN seen_ns >= $shortest THEN rows_a_day END,
               CASE WHEN seen_ns >= $shortest THEN bytes_a_day END
        FROM disk_usage JOIN growth USING (kind) WHERE time_ns = (SELECT time_ns FROM last)
        """,
        {"span": _DAYS * DAY_NS, "day": DAY_NS, "shortest": _SHORTEST_NS},
    ).fetchall()
    told = {row[0]: row[1:] for row in rows}
    return [_usage(cursor, kind, told[kind]) for kind in KINDS if kind in told]


def free_in_database(cursor: duckdb.DuckDBPyConnection) -> int:
    """Bytes of the file that hold nothing, and are used before it grows."""
    ((block_size, free),) = cursor.execute(
        "SELECT block_size, free_blocks FROM pragma_database_size()"
    ).fetchall()[:1]
    return int(block_size * free)


def days_left(usages: Sequence[KindUsage], available: int) -> float | None:
    """Days until `available` bytes are used up; None where nothing grows, or its growth is not known."""
    growth = sum(each.bytes_a_day or 0.0 for each in usages)
    return max(0, available) / growth if growth > 0 else None


def _usage(cursor: duckdb.DuckDBPyConnection, kind: Kind, told: Sequence[int | None]) -> KindUsage:
    hot_rows, hot_bytes, rows, size, oldest, newest, rows_a_day, bytes_a_day = told
    ((files, first),) = cursor.execute(
        "SELECT count(*), min(least(first_ns, received_ns)) FROM archive_files"
        " WHERE state = 'kept' AND list_contains(?, table_name)",
        [_tables(kind)],
    ).fetchall()
    known = [each for each in (oldest, first) if each is not None]
    return KindUsage(
        kind=kind,
        hot_rows=hot_rows or 0,
        hot_bytes=hot_bytes or 0,
        archived_rows=rows or 0,
        archived_bytes=size or 0,
        files=files,
        oldest_ns=min(known, default=None),
        newest_ns=newest,
        rows_a_day=rows_a_day,
        bytes_a_day=bytes_a_day,
    )


def _hot(cursor: duckdb.DuckDBPyConnection, kind: Kind) -> tuple[int, int, int | None, int | None]:
    """Rows, bytes, and the oldest and newest time of a kind in the database."""
    rows = blocks = 0
    oldest: list[int] = []
    newest: list[int] = []
    for table in _tables(kind):
        if table in TABLES:
            query = _HOT.format(table=table, moment=TABLES[table].moment)
        else:
            query = f"SELECT count(*), min(window_start_ns), max(window_end_ns) FROM main.{table}"
        ((count, first, last),) = cursor.execute(query).fetchall()
        ((used,),) = cursor.execute(_BLOCKS.format(table=table)).fetchall()
        rows, blocks = rows + count, blocks + used
        oldest += [first] if count else []
        newest += [last] if count else []
    ((size,),) = cursor.execute("SELECT block_size FROM pragma_database_size()").fetchall()[:1]
    return rows, blocks * size, min(oldest, default=None), max(newest, default=None)


def _tables(kind: Kind) -> list[str]:
    return [table.name for table in ARCHIVED if table.kind == kind] or [kind]
