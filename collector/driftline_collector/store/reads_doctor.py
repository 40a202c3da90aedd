"""Named reads that tell whether something is wrong."""

import pyarrow as pa

from driftline_collector.store.kinds import HOUR_NS
from driftline_collector.store.queries import Queries
from driftline_collector.store.shown import Where

#: Table → the column of when a row was measured.
_MEASURED = {
    "predictions": "time_ns",
    "labels": "time_ns",
    "profiles": "start_ns",
    "spans": "start_ns",
    "logs": "time_ns",
    "metrics": "time_ns",
    "evaluations": "window_start_ns",
}


class DoctorReads(Queries):
    """See `driftline_collector.store.shown.Shown`."""

    def kept(self) -> pa.Table:
        """See `Shown.kept`. Of the archive its list of files tells, so that none need be read."""
        tables = " UNION ALL ".join(
            f"SELECT '{table}' AS \"table\", count(*) AS rows, min({time}) AS oldest_ns,"
            f" max({time}) AS newest_ns,"
            f" max({'evaluated_ns' if table == 'evaluations' else 'received_ns'}) AS received_ns"
            f" FROM main.{table}"
            for table, time in _MEASURED.items()
        )
        return self._read(f"""
            WITH parts AS (
                {tables}
                UNION ALL
                SELECT table_name, rows, first_ns, last_ns, received_ns FROM main.archive_files
                WHERE state = 'kept'
            )
            SELECT "table", CAST(sum(rows) AS BIGINT) AS rows, min(oldest_ns) AS oldest_ns,
                   max(newest_ns) AS newest_ns, max(received_ns) AS received_ns
            FROM parts WHERE list_contains({list(_MEASURED)!r}, "table")
            GROUP BY "table" ORDER BY "table"
        """)

    def clocks(self, where: Where, tolerance_ns: int) -> pa.Table:
        """See `Shown.clocks`."""
        return self._read(
            """
            WITH recent AS (
                SELECT device, end_ns, received_ns FROM stream_windows
                WHERE received_ns >= $start AND received_ns < $end AND ($device IS NULL OR device = $device)
            )
            SELECT device,
                   CAST(max(CASE WHEN received_ns > (SELECT max(received_ns) FROM recent) - $hour
                                 THEN end_ns - received_ns END) AS DOUBLE) / 1e9 AS offset_s,
                   CAST(count_if(end_ns - received_ns > $tolerance) AS BIGINT) AS future_windows
            FROM recent GROUP BY device ORDER BY device
            """,
            {
                "start": where.start_ns,
                "end": where.end_ns,
                "device": where.device,
                "hour": HOUR_NS,
                "tolerance": tolerance_ns,
            },
        )

    def refused_since(self, received_ns: int) -> pa.Table:
        """See `Shown.refused_since`."""
        return self._read(
            """
            SELECT signal, reason, CAST(sum(count) AS BIGINT) AS count FROM refusals
            WHERE reason <> 'repeat' AND received_ns >= ?
            GROUP BY signal, reason ORDER BY count DESC, signal, reason LIMIT 200
            """,
            received_ns,
        )

    def memory(self) -> pa.Table:
        """See `Shown.memory`."""
        return self._read("""
            SELECT CAST((SELECT sum(memory_usage_bytes) FROM duckdb_memory()) AS BIGINT) AS used,
                   current_setting('memory_limit') AS "limit"
        """)
