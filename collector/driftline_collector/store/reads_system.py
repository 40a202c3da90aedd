"""Named reads of the collector about itself."""

import pyarrow as pa

from driftline_collector.store.queries import Queries


class SystemReads(Queries):
    """See `driftline_collector.store.shown.Shown`."""

    def refused(self) -> pa.Table:
        """See `Shown.refused`."""
        return self._read("""
            SELECT signal, reason, CAST(sum(count) AS BIGINT) AS count FROM refusals WHERE reason <> 'repeat'
            GROUP BY signal, reason ORDER BY count DESC, signal, reason LIMIT 200
        """)

    def bounds(self) -> pa.Table:
        """See `Shown.bounds`."""
        return self._read("""
            SELECT min(start_ns) AS oldest_ns, max(end_ns) AS latest_ns, max(received_ns) AS received_ns,
                   CAST(max(received_ns) - arg_max(end_ns, received_ns) AS DOUBLE) / 1e9 AS behind_s
            FROM stream_windows
        """)

    def made(self) -> pa.Table:
        """See `Shown.made`."""
        return self._read("""
            SELECT CAST((SELECT coalesce(sum(made), 0) FROM (
                       SELECT max(made) AS made FROM stream_events GROUP BY stream)) AS BIGINT) AS made,
                   CAST((SELECT coalesce(sum(predictions), 0) FROM stream_windows) AS BIGINT) AS counted
        """)
