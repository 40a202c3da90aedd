"""How much room each kind of data takes, how fast that grows, and when there will be none left."""

import math
import shutil
import time
from pathlib import Path
from typing import Literal

import duckdb

from driftline_collector.store.amounts import size
from driftline_collector.store.kinds import ARCHIVED, DAY_NS, KINDS, TABLES, Kind

#: The growth of so many days tells that of the next.
_DAYS = 7
_REMEMBERED_DAYS = 35
#: A growth that was seen for less than this tells nothing.
_SHORTEST_NS = 3_600 * 10**9
#: A disk of any size has room for a checkpoint and for what queries write while they run, in this.
_MOST_RESERVED = 2**30
_LOOK_S = 1.0

#: How much each kind took when that was last written down, how fast it grows, and what of it was dropped.
#: A growth that was seen for less than an hour tells nothing, and is NULL.
USAGE = f"""
    WITH last AS (SELECT max(time_ns) AS time_ns FROM disk_usage),
    growth AS (
        SELECT kind, max(time_ns) - min(time_ns) AS seen_ns,
               regr_slope(hot_rows + archived_rows, time_ns) * {DAY_NS} AS rows_a_day,
               regr_slope(hot_bytes + archived_bytes, time_ns) * {DAY_NS} AS bytes_a_day
        FROM disk_usage WHERE time_ns >= (SELECT time_ns FROM last) - {_DAYS * DAY_NS} GROUP BY kind
    ), files AS (
        SELECT CASE {{kinds}} END AS kind, count(*) AS files, min(least(first_ns, received_ns)) AS first_ns
        FROM archive_files WHERE state = 'kept' GROUP BY 1
    ), dropped AS (
        SELECT kind, CAST(sum(rows) AS BIGINT) AS dropped_rows,
               CAST(sum(rows) FILTER (WHERE reason IN ('size', 'total')
                   AND time_ns > (SELECT time_ns FROM last) - {DAY_NS}) AS BIGINT) AS evicted_rows
        FROM retention_log WHERE reason <> 'merged' GROUP BY kind
    )
    SELECT kind, hot_rows, hot_bytes, archived_rows, archived_bytes, coalesce(files, 0) AS files,
           least(oldest_ns, first_ns) AS oldest_ns, newest_ns, coalesce(dropped_rows, 0) AS dropped_rows,
           coalesce(evicted_rows, 0) AS evicted_rows,
           CASE WHEN seen_ns >= {_SHORTEST_NS} THEN rows_a_day END AS rows_a_day,
           CASE WHEN seen_ns >= {_SHORTEST_NS} THEN bytes_a_day END AS bytes_a_day
    FROM disk_usage JOIN growth USING (kind) LEFT JOIN files USING (kind) LEFT JOIN dropped USING (kind)
    WHERE time_ns = (SELECT time_ns FROM last) ORDER BY hot_bytes + archived_bytes DESC, kind
""".format(kinds=" ".join(f"WHEN table_name = '{table.name}' THEN '{table.kind}'" for table in ARCHIVED))
ARCHIVED_BYTES = (
    "SELECT CAST(coalesce(sum(bytes), 0) AS BIGINT) AS bytes FROM archive_files WHERE state = 'kept'"
)
FREE_IN_DATABASE = "SELECT block_size * free_blocks AS bytes FROM pragma_database_size() LIMIT 1"

_HOT = "SELECT count(*), min({moment}), max({moment}) FROM main.{table}"
_BLOCKS = """
    SELECT count(DISTINCT block) FROM (
        SELECT block_id AS block FROM pragma_storage_info('main.{table}') WHERE persistent
        UNION ALL
        SELECT unnest(additional_block_ids) FROM pragma_storage_info('main.{table}') WHERE persistent)
    WHERE block >= 0
"""


State = Literal["ample", "low", "full"]


class Space:
    """The disk under the database. Some of it is kept back, so that reading and deleting go on.

    `low` below the reserve, when kinds that may be given up are; `full` below half of it: nothing is taken.
    """

    def __init__(self, folder: Path, reserve: int | None = None) -> None:
        self._folder = folder.absolute()
        self._reserve = reserve
        self._looked = -math.inf
        self._total = self._free = 0

    def __str__(self) -> str:
        what = {"ample": "", "low": ": it is running out", "full": ": nothing more is taken"}[self.state]
        return (
            f"{self._folder}: {size(self.free)} are free, of which {size(self.reserve)} are kept back{what}"
        )

    @property
    def reserve(self) -> int:
        """Bytes kept back: as set, else a twentieth of the disk, at most 1 GiB."""
        if self._reserve is not None:
            return self._reserve
        self._look()
        return min(self._total // 20, _MOST_RESERVED)

    @property
    def free(self) -> int:
        """Bytes free on the disk, a second ago at most."""
        self._look()
        return self._free

    @property
    def state(self) -> State:
        """How it stands now."""
        if self.free >= (reserve := self.reserve):
            return "ample"
        return "low" if self.free >= reserve // 2 else "full"

    def _look(self) -> None:
        """At most once a second: each request asks, more than once."""
        if time.monotonic() - self._looked >= _LOOK_S:
            disk = shutil.disk_usage(self._folder)
            self._total, self._free = disk.total, disk.free
            self._looked = time.monotonic()


def files_bytes(path: Path, archived: int) -> dict[str, int]:
    """Bytes on the disk, by part, of the store whose database is at `path`; `archived` in closed days."""
    return {
        "database": _size(path),
        "log": _size(Path(f"{path}.wal")),
        "journal": _size(Path(f"{path}.journal")),
        "archive": archived,
    }


def _size(path: Path) -> int:
    """Bytes of a file, or of all files in a folder; 0 where there is none."""
    try:
        if path.is_dir():
            return sum(file.stat().st_size for file in path.iterdir())
        return path.stat().st_size
    except OSError:  # not there, or one that has just gone
        return 0


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


def hot_bytes(cursor: duckdb.DuckDBPyConnection, kind: Kind) -> int:
    """Bytes of the blocks that hold the rows of a kind in the database."""
    return _hot(cursor, kind)[1]


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
    ((block,),) = cursor.execute("SELECT block_size FROM pragma_database_size()").fetchall()[:1]
    return rows, blocks * block, min(oldest, default=None), max(newest, default=None)


def _tables(kind: Kind) -> list[str]:
    return [table.name for table in ARCHIVED if table.kind == kind] or [kind]
