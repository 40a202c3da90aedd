"""Named reads of what devices counted: windows, and the profiles in them."""

from collections.abc import Sequence

import pyarrow as pa
from driftline_schemas.segments import UNKNOWN

from driftline_collector.store.own_columns import OwnColumns
from driftline_collector.store.queries import Queries
from driftline_collector.store.summing import summed

_WHOSE = ("version", "device_type", "region", "tier", "device")
_WHAT = ("binning", "feature", "kind", "category")
_COUNTS = {"bounds": pa.list_(pa.float64()), "counts": pa.list_(pa.int64())}


class ProfileReads(Queries):
    """See `driftline_collector.store.base.Store`."""

    def device_counts(
        self,
        model: str,
        start_ns: int,
        end_ns: int,
        ahead_ns: int | None = None,
        own: Sequence[str] = (),
    ) -> pa.Table:
        """See `Store.device_counts`. Without a binning there are no counts that could be summed."""
        columns = OwnColumns(own)
        texts = {name: pa.string() for name in (*_WHOSE, *_WHAT, *columns.names)}
        counted = pa.schema(texts | _COUNTS)
        found = self._read_by_parts(
            f"""
            SELECT {", ".join((*_WHOSE, *_WHAT))} {columns.read()}, {", ".join(_COUNTS)} FROM profiles
            WHERE model = $model AND start_ns >= $start AND start_ns < $end AND len(counts) > 0
              AND ($ahead IS NULL OR end_ns <= received_ns + $ahead)
            """,
            {"model": model, "start": start_ns, "end": end_ns, "ahead": ahead_ns, **columns.parameters},
            lambda parts: summed((part.cast(counted) for part in parts), counted),
        )
        return columns.named(found)

    def features(self, model: str, version: str, start_ns: int, end_ns: int) -> pa.Table:
        """See `Store.features`."""
        return self._read(
            """
            SELECT DISTINCT feature, kind FROM profiles
            WHERE model = $model AND version = $version AND start_ns >= $start AND start_ns < $end
              AND len(counts) > 0
            """,
            {"model": model, "version": version, "start": start_ns, "end": end_ns},
        )

    def counted_cells(
        self,
        model: str,
        binning: str,
        starts_ns: Sequence[int],
        width_ns: int,
        own: Sequence[str] = (),
    ) -> pa.Table:
        """See `Store.counted_cells`."""
        columns = OwnColumns(own)
        found = self._read(
            f"""
            SELECT DISTINCT start_ns, version, device_type, region {columns.read()}, tier FROM (
                SELECT * EXCLUDE (counts) FROM window_counts
                WHERE model = $model AND binning = $binning AND end_ns = start_ns + $width
                  AND list_contains($starts::BIGINT[], start_ns) {columns.told}
                QUALIFY gathered_ns = max(gathered_ns) OVER (PARTITION BY start_ns))
            """,
            {
                "model": model,
                "binning": binning,
                "starts": list(starts_ns),
                "width": width_ns,
                **columns.parameters,
            },
        )
        return columns.named(found)

    def cell_counts(
        self, model: str, binning: str, start_ns: int, end_ns: int, own: Sequence[str] = ()
    ) -> pa.Table:
        """See `Store.cell_counts`."""
        columns = OwnColumns(own)
        found = self._read(
            f"""
            SELECT version, device_type, region, tier {columns.read()}, counts FROM window_counts
            WHERE model = $model AND binning = $binning AND start_ns = $start AND end_ns = $end {columns.told}
            QUALIFY gathered_ns = max(gathered_ns) OVER ()
            """,
            {"model": model, "binning": binning, "start": start_ns, "end": end_ns, **columns.parameters},
        )
        return columns.named(found)

    def progress(
        self,
        model: str,
        start_ns: int,
        end_ns: int,
        ahead_ns: int | None = None,
        own: Sequence[str] = (),
    ) -> pa.Table:
        """See `Store.progress`."""
        columns = OwnColumns(own)
        found = self._read(
            f"""
            WITH devices AS (
                SELECT version, device_type, region, tier, device {columns.read()},
                       min(start_ns) AS first_start_ns, max(end_ns) AS last_end_ns,
                       arg_max(stream, end_ns) AS stream
                FROM stream_windows
                WHERE model = $model AND end_ns > $start AND start_ns < $end
                  AND ($ahead IS NULL OR end_ns <= received_ns + $ahead)
                GROUP BY version, device_type, region, tier, device {columns.listed}
            )
            SELECT * EXCLUDE (stream), EXISTS (
                SELECT 1 FROM stream_events AS gone
                WHERE gone.phase = 'end' AND gone.stream = devices.stream AND NOT EXISTS (
                    SELECT 1 FROM stream_events AS again
                    WHERE again.phase = 'start' AND again.model = $model AND again.device = devices.device
                      AND again.tier = devices.tier AND again.time_ns >= gone.time_ns
                      AND again.time_ns < $end))
                OR device IN (SELECT device FROM retired_devices WHERE since_ns < $end) AS ended
            FROM devices ORDER BY version, device_type, region, tier, device {columns.listed}
            """,
            {"model": model, "start": start_ns, "end": end_ns, "ahead": ahead_ns, **columns.parameters},
        )
        return columns.named(found)

    def own_dimensions(self, model: str, start_ns: int, end_ns: int, sampled_ns: int) -> pa.Table:
        """See `Store.own_dimensions`."""
        return self._read(
            f"""
            WITH told AS (
                SELECT tier, segment FROM stream_windows
                WHERE model = $model AND end_ns > $start AND start_ns < $end
                UNION  -- each once
                SELECT tier, segment FROM predictions
                WHERE model = $model AND time_ns >= $sampled AND time_ns < $end AND segment IS NOT NULL
            ), entries AS (
                SELECT tier, key, coalesce(nullif(value, ''), '{UNKNOWN}') AS value FROM (
                    SELECT tier, unnest(map_entries(segment), recursive := true) FROM told)
            ), tiers AS (SELECT tier, count(*) AS told FROM told GROUP BY tier),
            of_tiers AS (
                SELECT key AS name, count(DISTINCT nullif(value, '{UNKNOWN}'))
                    + CAST(count(nullif(value, '{UNKNOWN}')) < any_value(tiers.told) AS INTEGER) AS different
                FROM entries JOIN tiers USING (tier) WHERE key <> '' GROUP BY tier, name
            )
            SELECT name, CAST(max(different) AS BIGINT) AS different FROM of_tiers GROUP BY name ORDER BY name
            """,
            {"model": model, "start": start_ns, "end": end_ns, "sampled": sampled_ns},
        )

    def count_cells(self, model: str, start_ns: int, end_ns: int, sampled_ns: int, own: Sequence[str]) -> int:
        """See `Store.count_cells`."""
        columns = OwnColumns(own)
        found = self._read(
            f"""
            SELECT count(*) AS cells FROM (
                SELECT version, device_type, region {columns.read()} FROM stream_windows
                WHERE model = $model AND end_ns > $start AND start_ns < $end
                UNION
                SELECT version, device_type, region {columns.read()} FROM predictions
                WHERE model = $model AND time_ns >= $sampled AND time_ns < $end AND segment IS NOT NULL)
            """,
            {
                "model": model,
                "start": start_ns,
                "end": end_ns,
                "sampled": sampled_ns,
                **columns.parameters,
            },
        )
        return int(found.column("cells")[0].as_py())

    def firmwares(self, model: str, start_ns: int, end_ns: int) -> pa.Table:
        """See `Store.firmwares`."""
        return self._read(
            """
            SELECT tier, device, arg_max(firmware, end_ns) AS firmware FROM stream_windows
            WHERE model = $model AND end_ns > $start AND start_ns < $end AND firmware IS NOT NULL
            GROUP BY tier, device ORDER BY tier, device
            """,
            {"model": model, "start": start_ns, "end": end_ns},
        )

    def doubtful(self, model: str, start_ns: int, end_ns: int, own: Sequence[str] = ()) -> pa.Table:
        """See `Store.doubtful`."""
        columns = OwnColumns(own)
        found = self._read(
            f"""
            WITH alike AS (
                SELECT version, device_type, region, tier, device {columns.read()}, len(numbers) >= 3 AS wide,
                       count(DISTINCT id) AS n,
                       count(DISTINCT CASE WHEN isfinite(score) THEN id END) AS scored,
                       count(DISTINCT CASE WHEN isfinite(score) AND (score < 0 OR score > 1) THEN id END)
                           AS impossible
                FROM predictions WHERE model = $model AND time_ns >= $start AND time_ns < $end
                GROUP BY version, device_type, region, tier, device {columns.listed}, wide,
                         hash(feature_set, numbers, texts)
            )
            SELECT version, device_type, region, tier, device {columns.listed},
                   CAST(sum(scored) AS BIGINT) AS scored,
                   CAST(sum(impossible) AS BIGINT) AS impossible,
                   CAST(coalesce(sum(n) FILTER (wide), 0) AS BIGINT) AS wide,
                   CAST(coalesce(sum(n - 1) FILTER (wide), 0) AS BIGINT) AS repeated
            FROM alike GROUP BY version, device_type, region, tier, device {columns.listed}
            ORDER BY version, device_type, region, tier, device {columns.listed}
            """,
            {"model": model, "start": start_ns, "end": end_ns, **columns.parameters},
        )
        return columns.named(found)

    def touched(self, since_received_ns: int, width_ns: int) -> pa.Table:
        """See `Store.touched`."""
        return self._read(
            """
            WITH touched AS (
                SELECT model, start_ns - start_ns % $width AS window_start_ns, received_ns, false AS purged
                FROM stream_windows WHERE model IS NOT NULL AND received_ns > $since
                UNION ALL
                SELECT model, time_ns - time_ns % $width, received_ns, false
                FROM main.predictions  -- what was just received is archived by nobody
                WHERE received_ns > $since AND NOT coalesce(stream IN (
                    SELECT stream FROM stream_intervals WHERE signal = 'profiles'), false)
                UNION ALL
                SELECT model, unnest(range("first" - "first" % $width, "last" + 1, $width)), purged_ns, true
                FROM purged WHERE table_name = 'profiles' AND purged_ns > $since
            )
            SELECT model, window_start_ns, max(received_ns) AS received_ns, bool_or(purged) AS purged
            FROM touched GROUP BY model, window_start_ns ORDER BY window_start_ns, model
            """,
            {"width": width_ns, "since": since_received_ns},
        )
