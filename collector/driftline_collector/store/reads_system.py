"""Named reads of the collector about itself."""

import pyarrow as pa

from driftline_collector.store.queries import Queries
from driftline_collector.store.usage import ARCHIVED_BYTES, FREE_IN_DATABASE, USAGE


class SystemReads(Queries):
    """See `driftline_collector.store.shown.Shown`."""

    def refused(self) -> pa.Table:
        """See `Shown.refused`."""
        return self._read("""
            SELECT signal, reason, CAST(sum(count) AS BIGINT) AS count FROM refusals WHERE reason <> 'repeat'
            GROUP BY signal, reason ORDER BY count DESC, signal, reason LIMIT 200
        """)

    def names(self) -> pa.Table:
        """See `Shown.names`."""
        return self._read("""
            WITH recent AS (
                SELECT * FROM stream_windows
                WHERE model IS NOT NULL
                  AND received_ns > (SELECT max(received_ns) FROM main.stream_windows) - 86400000000000
            ), counted AS (
                SELECT DISTINCT model, feature, category FROM profiles
                WHERE received_ns > (SELECT max(received_ns) FROM main.profiles) - 3600000000000
            )
            SELECT DISTINCT 'model' AS kind, NULL AS model, NULL AS feature, model AS name FROM recent
            UNION ALL SELECT DISTINCT 'device', NULL, NULL, device FROM recent
            UNION ALL SELECT DISTINCT 'version', model, NULL, version FROM recent
            UNION ALL SELECT DISTINCT 'device_type', model, NULL, device_type FROM recent
            UNION ALL SELECT DISTINCT 'region', model, NULL, region FROM recent
            UNION ALL SELECT DISTINCT 'tier', model, NULL, tier FROM recent
            UNION ALL SELECT DISTINCT 'feature', model, NULL, feature FROM counted
            UNION ALL SELECT 'category', model, feature, category FROM counted WHERE category IS NOT NULL
        """)

    def bounds(self) -> pa.Table:
        """See `Shown.bounds`."""
        return self._read("""
            WITH latest AS (
                SELECT received_ns - end_ns AS behind_ns FROM main.stream_windows
                ORDER BY received_ns DESC LIMIT 1000
            ), archived AS (  -- what its files hold is written down: none is opened
                SELECT * FROM archive_files WHERE state = 'kept' AND table_name = 'stream_windows'
            )
            SELECT least(min(start_ns), (SELECT min(first_ns) FROM archived)) AS oldest_ns,
                   greatest(max(end_ns), (SELECT max(last_end_ns) FROM archived)) AS latest_ns,
                   (SELECT CAST(median(behind_ns) AS DOUBLE) / 1e9 FROM latest) AS behind_s
            FROM main.stream_windows
        """)

    def audit(self, limit: int) -> pa.Table:
        """See `Shown.audit`."""
        return self._read("SELECT * FROM audit ORDER BY changed_ns DESC LIMIT ?", limit)

    def made(self) -> pa.Table:
        """See `Shown.made`."""
        return self._read("""
            WITH told AS (
                SELECT max(made) AS made, max(reserved) AS reserved FROM stream_events GROUP BY stream
            )
            SELECT CAST((SELECT coalesce(sum(made), 0) FROM told) AS BIGINT) AS made,
                   CAST((SELECT coalesce(sum(greatest(reserved - made, 0)), 0) FROM told) AS BIGINT)
                       AS in_doubt,
                   CAST((SELECT coalesce(sum(predictions + coalesce(purged, 0)), 0) FROM main.stream_windows)
                      + (SELECT coalesce(sum(predictions), 0) FROM archive_files WHERE state = 'kept')
                      + (SELECT coalesce(sum(predictions), 0) FROM retention_log) AS BIGINT) AS counted
        """)

    def keeping(self) -> pa.Table:
        """See `Shown.keeping`."""
        return self._read(USAGE)

    def free_in_database(self) -> int:
        """See `Shown.free_in_database`."""
        return int(self._read(FREE_IN_DATABASE).column("bytes")[0].as_py())

    def archived_bytes(self) -> int:
        """See `Shown.archived_bytes`."""
        return int(self._read(ARCHIVED_BYTES).column("bytes")[0].as_py())
