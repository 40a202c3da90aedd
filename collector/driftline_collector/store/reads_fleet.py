"""Named reads of the fleet: who reports, how much, what of it is lost. From windows, not from profiles."""

from collections.abc import Sequence
from functools import cached_property

import pyarrow as pa

from driftline_collector.store import own_columns
from driftline_collector.store.catalogue import Catalogue
from driftline_collector.store.coverage import coverage_by, missing
from driftline_collector.store.queries import Queries
from driftline_collector.store.shown import Where

#: The filters of `Where`, on tables that name the dimensions.
_MATCHES = """($model IS NULL OR model = $model) AND ($version IS NULL OR version = $version)
    AND ($device_type IS NULL OR device_type = $device_type) AND ($region IS NULL OR region = $region)
    AND ($tier IS NULL OR tier = $tier) AND ($device IS NULL OR device = $device)"""


class FleetReads(Queries):
    """See `driftline_collector.store.shown.Shown`."""

    def catalogue(self) -> pa.Table:
        """See `Shown.catalogue`."""
        return self._catalogue.table(self._read)

    def models(self) -> pa.Table:
        """See `Store.models`."""
        return self._catalogue.models(self._read)

    @cached_property
    def _catalogue(self) -> Catalogue:
        return Catalogue()

    def forget_catalogue(self) -> None:
        """Read again, not only what is new: something was taken away."""
        self._catalogue.forget()

    def fleet(self, where: Where) -> pa.Table:
        """See `Shown.fleet`."""
        return self._read(
            f"""
            WITH streams AS (  -- few keys first: all else of a stream stays as it is
                SELECT stream, model, device, version, any_value(tier) AS tier,
                       any_value(device_type) AS device_type, any_value(region) AS region,
                       any_value(firmware) AS firmware, min(start_ns) AS first_ns, max(end_ns) AS last_ns,
                       max(end_ns - start_ns) AS window_ns, sum(predictions) AS predictions,
                       sum(escalations) AS escalations
                FROM stream_windows
                WHERE model IS NOT NULL AND end_ns > $start AND start_ns < $end AND {_MATCHES}
                  AND {own_columns.MATCHES}
                GROUP BY stream, model, device, version
            ), reported AS (
                SELECT model, device, version, tier, arg_max(device_type, last_ns) AS device_type,
                       arg_max(region, last_ns) AS region, arg_max(firmware, last_ns) AS firmware,
                       arg_max(stream, last_ns) AS stream, min(first_ns) AS first_ns, max(last_ns) AS last_ns,
                       max(window_ns) AS window_ns, CAST(sum(predictions) AS BIGINT) AS predictions,
                       CAST(coalesce(sum(escalations), 0) AS BIGINT) AS escalations
                FROM streams GROUP BY model, device, version, tier
            )
            SELECT reported.*, retired_devices.since_ns AS retired_ns, stream IN (
                SELECT stream FROM stream_events WHERE phase = 'end' AND time_ns < $end) AS ended
            FROM reported LEFT JOIN retired_devices
                ON retired_devices.device = reported.device AND retired_devices.since_ns <= $end
            ORDER BY model, device, tier, last_ns DESC, version
            """,
            where.own_parameters(),
        )

    def volume(self, where: Where, bucket_ns: int) -> pa.Table:
        """See `Shown.volume`."""
        return self._read(
            f"""
            SELECT start_ns - start_ns % $bucket AS time_ns, CAST(sum(predictions) AS BIGINT) AS predictions,
                   CAST(coalesce(sum(escalations), 0) AS BIGINT) AS escalations,
                   max(end_ns - start_ns) AS window_ns
            FROM stream_windows
            WHERE end_ns > $start AND start_ns < $end AND {_MATCHES} AND {own_columns.MATCHES}
            GROUP BY time_ns ORDER BY time_ns
            """,
            where.own_parameters() | {"bucket": bucket_ns},
        )

    def losses(self, where: Where) -> pa.Table:
        """See `Shown.losses`."""
        return self._read(
            f"""
            WITH told AS (
                SELECT stream, arg_max(model, time_ns) AS model, arg_max(device, time_ns) AS device,
                       max(last_log) AS last_log, max(last_span) AS last_span,
                       max(CASE WHEN phase IN ('closed', 'end') THEN made - profiled END) AS announced_lost,
                       flatten(list(tombstones_logs)) AS dropped_logs,
                       flatten(list(tombstones_spans)) AS dropped_spans
                FROM stream_events WHERE {_MATCHES} AND {own_columns.STREAM_MATCHES}
                GROUP BY stream HAVING max(time_ns) >= $start AND min(time_ns) < $end
            ), numbers AS (
                SELECT stream, signal, highest, seen FROM stream_numbers
                WHERE stream IN (SELECT stream FROM told)
            ), missing AS (
                SELECT told.stream, {missing("logs", "told.last_log", "told.dropped_logs")}
                     + {missing("spans", "told.last_span", "told.dropped_spans")} AS missing
                FROM told
                LEFT JOIN numbers AS logs ON logs.stream = told.stream AND logs.signal = 'logs'
                LEFT JOIN numbers AS spans ON spans.stream = told.stream AND spans.signal = 'traces'
            )
            SELECT model, device, CAST(sum(coalesce(announced_lost, 0)) AS BIGINT) AS announced_lost,
                   CAST(sum(missing) AS BIGINT) AS missing
            FROM told JOIN missing USING (stream) GROUP BY model, device ORDER BY model, device
            """,
            where.own_parameters(),
        )

    def coverage_by(self, where: Where, keys: Sequence[str]) -> pa.Table:
        """See `Shown.coverage_by`."""
        if not where.own:
            return self._read(coverage_by(keys, _MATCHES), where.parameters())
        matches = f"{_MATCHES} AND {own_columns.STREAM_MATCHES}"
        return self._read(coverage_by(keys, matches), where.own_parameters())

    def streams(self, where: Where) -> pa.Table:
        """See `Shown.streams`."""
        return self._read(
            f"""
            WITH windows AS (
                SELECT stream, arg_max(version, end_ns) AS version, min(start_ns) AS first_ns,
                       max(end_ns) AS last_ns, sum(predictions + coalesce(purged, 0)) AS counted
                FROM stream_windows WHERE stream <> '' AND {_MATCHES} GROUP BY stream
            ), told AS (
                SELECT stream, arg_max(version, time_ns) AS version,
                       min(CASE WHEN phase = 'start' THEN time_ns END) AS started_ns,
                       max(CASE WHEN phase IN ('end', 'closed') THEN time_ns END) AS ended_ns,
                       max(made) AS made, greatest(max(reserved) - max(made), 0) AS in_doubt,
                       max(last_log) AS last_log, max(last_span) AS last_span,
                       max(CASE WHEN phase IN ('closed', 'end') THEN made - profiled END) AS announced_lost,
                       flatten(list(tombstones_logs)) AS dropped_logs,
                       flatten(list(tombstones_spans)) AS dropped_spans
                FROM stream_events WHERE {_MATCHES} GROUP BY stream
            ), known AS (SELECT stream FROM windows UNION SELECT stream FROM told),
            numbers AS (
                SELECT stream, signal, highest, seen FROM stream_numbers
                WHERE stream IN (SELECT stream FROM known)
            ), repeats AS (
                SELECT stream, sum(count) AS repeated FROM refusals
                WHERE reason = 'repeat' AND stream IN (SELECT stream FROM known) GROUP BY stream
            )
            SELECT known.stream, coalesce(told.version, windows.version) AS version,
                   coalesce(told.started_ns, windows.first_ns) AS started_ns, told.ended_ns,
                   windows.last_ns, told.made, CAST(coalesce(windows.counted, 0) AS BIGINT) AS counted,
                   CAST(coalesce(told.announced_lost, 0) AS BIGINT) AS announced_lost,
                   CAST(coalesce(told.in_doubt, 0) AS BIGINT) AS in_doubt,
                   CAST({missing("logs", "told.last_log", "told.dropped_logs")}
                      + {missing("spans", "told.last_span", "told.dropped_spans")} AS BIGINT) AS missing,
                   CAST(coalesce(repeats.repeated, 0) AS BIGINT) AS repeated
            FROM known LEFT JOIN windows USING (stream) LEFT JOIN told USING (stream)
            LEFT JOIN numbers AS logs ON logs.stream = known.stream AND logs.signal = 'logs'
            LEFT JOIN numbers AS spans ON spans.stream = known.stream AND spans.signal = 'traces'
            LEFT JOIN repeats ON repeats.stream = known.stream
            WHERE coalesce(windows.last_ns, told.ended_ns, told.started_ns, 0) >= $start
              AND coalesce(told.started_ns, windows.first_ns, 0) < $end
            ORDER BY started_ns DESC NULLS LAST, known.stream
            """,
            where.parameters(),
        )

    def spools(self, where: Where) -> pa.Table:
        """See `Shown.spools`."""
        return self._read(
            """
            SELECT device, arg_max(value, time_ns) AS age_s, max(time_ns) AS time_ns FROM sdk_health
            WHERE metric = 'driftline.sdk.spool.age' AND time_ns >= $start AND time_ns < $end
              AND ($device IS NULL OR device = $device)
            GROUP BY device ORDER BY device
            """,
            {name: where.parameters()[name] for name in ("start", "end", "device")},
        )

    def changes(self, where: Where) -> pa.Table:
        """See `Shown.changes`."""
        return self._read(
            f"""
            WITH told AS (
                SELECT kind, from_version, to_version, device, time_ns, time_ns - lag(time_ns) OVER (
                    PARTITION BY kind, from_version, to_version ORDER BY time_ns, device) AS gap
                FROM deployments WHERE time_ns >= $start AND time_ns < $end AND {_MATCHES}
                  AND {own_columns.DEVICE_MATCHES}
            ), waves AS (
                SELECT *, sum(CASE WHEN gap < $hour THEN 0 ELSE 1 END) OVER (
                    PARTITION BY kind, from_version, to_version ORDER BY time_ns, device) AS wave
                FROM told
            )
            SELECT kind, from_version, to_version, min(time_ns) AS time_ns, count(DISTINCT device) AS devices
            FROM waves GROUP BY kind, from_version, to_version, wave
            ORDER BY time_ns, kind, from_version, to_version LIMIT 200
            """,
            where.own_parameters() | {"hour": 3600 * 10**9},
        )
