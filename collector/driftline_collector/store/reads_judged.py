"""Named reads of what was judged: one window across segments, or one segment across windows."""

from collections.abc import Sequence

import pyarrow as pa

from driftline_collector.store.queries import Queries
from driftline_collector.store.shown import Where

_COLUMNS = """window_start_ns, window_end_ns, segment, measure, feature, verdict, reason, finding,
    value, "lower", "upper", p, q, n, n_eff, phi, phi_source, coverage, devices, reference, since_ns"""
# Taken apart here: two thousand documents are read in a tenth of the time that Python needs.
_TOLD = """json_extract_string(details, '$.strongest') AS strongest,
    CAST(json_extract(details, '$.latency_p95') AS DOUBLE) AS latency_p95"""
_LATEST = """QUALIFY row_number() OVER (
    PARTITION BY segment, measure, feature, window_start_ns, window_end_ns
    ORDER BY revision DESC, evaluated_ns DESC) = 1"""

#: So many windows before the latest one count as recent: models need not be judged at once.
_BACK = 3


class JudgedReads(Queries):
    """See `driftline_collector.store.shown.Shown`."""

    def drifted(self, model: str, start_ns: int, end_ns: int) -> pa.Table:
        """See `Store.drifted`."""
        return self._read(
            """
            WITH latest AS (  -- narrow: the details of all are many times the rest
                SELECT rowid AS place, segment, window_start_ns, verdict FROM evaluations
                WHERE model = $model AND measure = 'drift' AND feature IS NULL
                  AND window_start_ns >= $start AND window_end_ns <= $end
                QUALIFY row_number() OVER (
                    PARTITION BY segment, window_start_ns ORDER BY revision DESC, evaluated_ns DESC) = 1
            ), told AS (
                SELECT place, verdict FROM latest WHERE verdict IN ('drifted', 'stable')
                QUALIFY row_number() OVER (PARTITION BY segment ORDER BY window_start_ns DESC) = 1
            )
            SELECT segment, coalesce(since_ns, window_start_ns) AS since_ns, finding,
                CAST(json_extract(details, '$.moved') AS VARCHAR[]) AS moved
            FROM evaluations WHERE rowid IN (SELECT place FROM told WHERE verdict = 'drifted')
            """,
            {"model": model, "start": start_ns, "end": end_ns},
        )

    def incidents(self, model: str, start_ns: int, end_ns: int, reference: str) -> tuple[str, ...]:
        """See `Store.incidents`."""
        found = self._read(
            """
            SELECT DISTINCT segment FROM (
                SELECT segment, finding, reference FROM evaluations
                WHERE model = $model AND measure = 'drift' AND feature IS NULL
                  AND window_start_ns >= $start AND window_start_ns < $end
                QUALIFY row_number() OVER (PARTITION BY segment, window_start_ns, window_end_ns
                    ORDER BY revision DESC, evaluated_ns DESC) = 1)
            WHERE finding AND starts_with(reference, $reference) ORDER BY segment
            """,
            {"model": model, "start": start_ns, "end": end_ns, "reference": reference},
        )
        return tuple(found.column("segment").to_pylist())

    def outdated(self, since_ns: int, width_ns: int) -> pa.Table:
        """See `Store.outdated`."""
        return self._read(
            """
            WITH judged AS (
                SELECT model, window_start_ns, window_end_ns, max(evaluated_ns) AS evaluated_ns
                FROM evaluations
                WHERE measure IN ('drift', 'coverage') AND feature IS NULL AND window_start_ns >= $since
                  AND window_end_ns = window_start_ns + $width
                GROUP BY model, window_start_ns, window_end_ns
            )
            SELECT DISTINCT judged.model, window_start_ns
            FROM judged JOIN model_references AS later
              ON later.model = judged.model AND later.registered_ns > judged.evaluated_ns
            WHERE EXISTS (
                SELECT 1 FROM stream_windows AS reported
                WHERE reported.model = later.model AND reported.version = later.version
                  AND reported.start_ns < window_end_ns AND reported.end_ns > window_start_ns)
            ORDER BY window_start_ns, model
            """,
            {"since": since_ns, "width": width_ns},
        )

    def judged_against(self, since_ns: int, width_ns: int) -> pa.Table:
        """See `Store.judged_against`."""
        return self._read(
            """
            WITH compared AS (
                SELECT model, window_start_ns, max(split_part(reference, ',', 1)) FILTER (
                    split_part(reference, ',', 1) IN ('hour_of_week', 'rolling')) AS past
                FROM evaluations
                WHERE measure = 'drift' AND feature IS NULL AND window_start_ns >= $since
                  AND window_end_ns = window_start_ns + $width
                GROUP BY model, window_start_ns
            ), told AS (
                SELECT model, window_start_ns,
                       arg_max(json_extract_string(details, '$.against'), revision) AS against
                FROM evaluations
                WHERE measure = 'coverage' AND feature IS NULL AND window_start_ns >= $since
                  AND window_end_ns = window_start_ns + $width
                GROUP BY model, window_start_ns
            )
            -- What earlier collectors judged says it by its references alone.
            SELECT model, window_start_ns, coalesce(against, past, 'registered') AS against
            FROM told JOIN compared USING (model, window_start_ns) ORDER BY window_start_ns, model
            """,
            {"since": since_ns, "width": width_ns},
        )

    def overtaken(self, since_ns: int, width_ns: int, merged: int) -> pa.Table:
        """See `Store.overtaken`."""
        return self._read(
            """
            WITH judged AS (
                SELECT model, window_start_ns, max(evaluated_ns) AS evaluated_ns FROM evaluations
                WHERE measure = 'coverage' AND feature IS NULL AND window_start_ns >= $since
                  AND window_end_ns = window_start_ns + $width
                GROUP BY model, window_start_ns
            ), came AS (
                SELECT model, start_ns - start_ns % $width AS start_ns, max(received_ns) AS received_ns
                FROM stream_windows
                WHERE start_ns > $since - $merged * $width
                  AND received_ns > (SELECT min(evaluated_ns) FROM judged)
                GROUP BY ALL
            )
            SELECT judged.model, window_start_ns, max(received_ns) AS received_ns
            FROM judged JOIN came ON came.model = judged.model AND came.start_ns <= window_start_ns
              AND came.start_ns > window_start_ns - $merged * $width AND received_ns > evaluated_ns
            GROUP BY ALL ORDER BY window_start_ns, judged.model
            """,
            {"since": since_ns, "width": width_ns, "merged": merged},
        )

    def judged_until(self, model: str | None = None) -> pa.Table:
        """See `Store.judged_until`."""
        return self._read(
            """
            SELECT max(window_end_ns) AS window_end_ns, max(evaluated_ns) AS evaluated_ns FROM evaluations
            WHERE $model IS NULL OR model = $model HAVING count(*) > 0
            """,
            {"model": model},
        )

    def latest_window(self, model: str, measure: str, at_ns: int | None = None) -> pa.Table:
        """See `Shown.latest_window`."""
        return self._read(
            """
            SELECT window_start_ns, window_end_ns FROM evaluations
            WHERE model = $model AND measure = $measure AND ($at IS NULL OR window_start_ns <= $at)
            ORDER BY window_start_ns DESC, window_end_ns DESC LIMIT 1
            """,
            {"model": model, "measure": measure, "at": at_ns},
        )

    def own_segments(self) -> pa.Table:
        """See `Shown.own_segments`."""
        latest = self._read(
            """
            SELECT window_start_ns, window_end_ns FROM evaluations
            WHERE measure = 'coverage' ORDER BY window_start_ns DESC LIMIT 1
            """
        ).to_pylist()
        since_ns = 0
        for row in latest:
            since_ns = row["window_start_ns"] - _BACK * (row["window_end_ns"] - row["window_start_ns"])
        return self._read(
            """
            SELECT DISTINCT model, segment FROM evaluations
            WHERE measure = 'coverage' AND window_start_ns >= $since
              AND contains(segment, ',version=*,device_type=*,region=*,segment.')
            """,
            {"since": since_ns},
        )

    def judged(
        self,
        model: str,
        window_start_ns: int,
        measures: Sequence[str],
        *,
        features: bool,
        told: bool = False,
    ) -> pa.Table:
        """See `Shown.judged`."""
        columns = f"{_COLUMNS}, {_TOLD}" if told else _COLUMNS
        return self._read(
            f"""
            SELECT {columns} FROM evaluations
            WHERE model = $model AND window_start_ns = $start AND list_contains($measures::VARCHAR[], measure)
              AND ($features OR feature IS NULL)
            {_LATEST} ORDER BY segment, measure, feature NULLS FIRST
            """,
            {"model": model, "start": window_start_ns, "measures": list(measures), "features": features},
        )

    def course(
        self, where: Where, segment: str, measure: str, feature: str | None, bucket_ns: int
    ) -> pa.Table:
        """See `Shown.course`."""
        return self._read(
            f"""
            WITH latest AS (
                SELECT window_start_ns, window_end_ns, verdict, value, "lower", "upper", n FROM evaluations
                WHERE model = $model AND segment = $segment AND measure = $measure
                  AND feature IS NOT DISTINCT FROM $feature
                  AND window_end_ns > $start AND window_start_ns < $end
                {_LATEST}
            )
            SELECT min(window_start_ns) AS time_ns, max(window_end_ns) AS end_ns, min(value) AS "min",
                   avg(value) AS mean, max(value) AS "max", min("lower") AS "lower", max("upper") AS "upper",
                   sum(n) AS n, list(DISTINCT verdict ORDER BY verdict) AS verdicts
            FROM latest GROUP BY window_start_ns - window_start_ns % $bucket ORDER BY time_ns
            """,
            {
                "model": where.model,
                "segment": segment,
                "measure": measure,
                "feature": feature,
                "start": where.start_ns,
                "end": where.end_ns,
                "bucket": bucket_ns,
            },
        )

    def device_course(self, where: Where, segments: str, bucket_ns: int) -> pa.Table:
        """See `Shown.device_course`."""
        return self._read(
            f"""
            WITH latest AS (
                SELECT segment, window_start_ns, value, details FROM evaluations
                WHERE model = $model AND measure = 'device' AND starts_with(segment, $segments)
                  AND window_end_ns > $start AND window_start_ns < $end
                {_LATEST}
            ), told AS (
                SELECT segment, window_start_ns - window_start_ns % $bucket AS time_ns, value,
                       json_extract_string(details, '$.strongest') AS feature,
                       CAST(json_extract(details, '$.latency_p95') AS DOUBLE) AS p95
                FROM latest
            ), devices AS (
                SELECT segment, time_ns, max(value) AS effect, arg_max(feature, value) AS feature,
                       max(p95) AS p95
                FROM told GROUP BY segment, time_ns
            )
            SELECT time_ns, max(CASE WHEN segment = $own THEN effect END) AS effect,
                   max(CASE WHEN segment = $own THEN feature END) AS feature,
                   max(CASE WHEN segment = $own THEN p95 END) AS p95,
                   median(effect) AS segment_median_effect, median(p95) AS segment_p95
            FROM devices GROUP BY time_ns ORDER BY time_ns
            """,
            {
                "model": where.model,
                "segments": segments,
                "own": where.device,
                "start": where.start_ns,
                "end": where.end_ns,
                "bucket": bucket_ns,
            },
        )
