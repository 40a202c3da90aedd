"""Named reads of single cases: samples, one prediction, its truth, its trace; and latency."""

import pyarrow as pa

from driftline_collector.store import own_columns
from driftline_collector.store.identifiers import made_ns
from driftline_collector.store.kinds import DAY_NS
from driftline_collector.store.queries import Queries
from driftline_collector.store.shown import Samples, Where

_SAMPLE = """id, time_ns, trace_id, model, version, device, device_type, region, tier, label, value, score,
    probability, reasons, escalation_label, received_ns, feature_set, numbers, texts"""
_CLOUDS = "('regional_cloud', 'cloud')"
_LAST_NS = 2**63 - 1
#: How far apart in time a prediction, its answer from a cloud and the spans of their trace are, at most.
ANSWER_NS = 3600 * 10**9


class CaseReads(Queries):
    """See `driftline_collector.store.shown.Shown`."""

    def samples(self, wanted: Samples) -> pa.Table:
        """See `Shown.samples`. Repeats of an id stand next to each other, so twice the limit is enough."""
        return self._read(
            f"""
            WITH found AS (
                SELECT {_SAMPLE} FROM predictions
                WHERE time_ns >= $start AND time_ns < $end AND ($model IS NULL OR model = $model)
                  AND ($version IS NULL OR version = $version)
                  AND ($device_type IS NULL OR device_type = $device_type)
                  AND ($region IS NULL OR region = $region) AND ($tier IS NULL OR tier = $tier)
                  AND ($device IS NULL OR device = $device) AND ($label IS NULL OR label = $label)
                  AND {own_columns.MATCHES}
                  AND ($min_score IS NULL OR score >= $min_score)
                  AND ($max_score IS NULL OR score <= $max_score)
                  AND ($feature IS NULL OR feature_set IN (
                        SELECT id FROM feature_sets WHERE list_contains(names, $feature)))
                  AND ($before_ns IS NULL OR time_ns < $before_ns
                       OR (time_ns = $before_ns AND id > $before_id))
                ORDER BY time_ns DESC, id, received_ns LIMIT 2 * $limit
            ), page AS (
                SELECT * FROM found QUALIFY row_number() OVER (PARTITION BY id ORDER BY received_ns) = 1
                ORDER BY time_ns DESC, id LIMIT $limit
            ), truth AS (
                SELECT prediction_id, label AS true_label FROM labels
                WHERE prediction_id IN (SELECT id FROM page) AND received_ns >= $start - $day
                QUALIFY row_number() OVER (
                    PARTITION BY prediction_id ORDER BY time_ns DESC, received_ns DESC) = 1
            ), answers AS (
                SELECT parent_id, arg_min(label, time_ns) AS label FROM predictions
                WHERE parent_id IN (SELECT id FROM page)
                  AND time_ns >= $start - $apart AND time_ns < $end + $apart
                GROUP BY parent_id
            ), traced AS (
                SELECT trace_id, arg_min(label, time_ns) AS label FROM predictions
                WHERE trace_id IN (SELECT trace_id FROM page WHERE trace_id IS NOT NULL) AND tier IN {_CLOUDS}
                  AND time_ns >= $start - $apart AND time_ns < $end + $apart
                GROUP BY trace_id
            )
            SELECT page.* EXCLUDE (received_ns, trace_id, escalation_label), truth.true_label,
                   coalesce(page.escalation_label, answers.label, traced.label) AS cloud_label
            FROM page LEFT JOIN truth ON truth.prediction_id = page.id
            LEFT JOIN answers ON answers.parent_id = page.id
            LEFT JOIN traced ON traced.trace_id = page.trace_id AND page.tier NOT IN {_CLOUDS}
            ORDER BY page.time_ns DESC, page.id
            """,
            wanted.where.own_parameters()
            | {
                "label": wanted.label,
                "min_score": wanted.min_score,
                "max_score": wanted.max_score,
                "feature": wanted.feature,
                "before_ns": None if wanted.before is None else wanted.before[0],
                "before_id": None if wanted.before is None else wanted.before[1],
                "limit": wanted.limit,
                "apart": ANSWER_NS,
                "day": DAY_NS,
            },
        )

    def prediction(self, prediction: str) -> pa.Table:
        """See `Shown.prediction`."""
        made = made_ns(prediction)
        if made is not None:
            # Where the id tells the truth, this is all that must be read.
            found = self._prediction(prediction, made - DAY_NS, made + DAY_NS)
            if found.num_rows:
                return found
        return self._prediction(prediction, 0, _LAST_NS)

    def _prediction(self, prediction: str, start_ns: int, end_ns: int) -> pa.Table:
        return self._read(
            """
            SELECT predictions.* EXCLUDE (segment), feature_sets.names, feature_sets.types FROM predictions
            LEFT JOIN feature_sets ON feature_sets.id = predictions.feature_set
            WHERE predictions.id = $id AND time_ns >= $start AND time_ns < $end
            ORDER BY received_ns LIMIT 1
            """,
            {"id": prediction, "start": start_ns, "end": end_ns},
        )

    def truth(self, prediction: str) -> pa.Table:
        """See `Shown.truth`."""
        return self._read(
            """
            SELECT time_ns, label, value, source FROM labels WHERE prediction_id = ?
            ORDER BY time_ns DESC, received_ns DESC LIMIT 1
            """,
            prediction,
        )

    def answers_to(self, prediction: str, trace: bytes | None, made_ns: int) -> pa.Table:
        """See `Shown.answers_to`."""
        return self._read(
            f"""
            SELECT id, model, version, tier, label, value, score, duration, time_ns FROM predictions
            WHERE id <> $id AND time_ns >= $made - $apart AND time_ns < $made + $apart AND (
                parent_id = $id OR (
                $trace IS NOT NULL AND trace_id = $trace AND parent_id IS NULL AND tier IN {_CLOUDS}))
            ORDER BY time_ns, id LIMIT 1
            """,
            {"id": prediction, "trace": trace, "made": made_ns, "apart": ANSWER_NS},
        )

    def trace(self, trace: bytes, made_ns: int) -> pa.Table:
        """See `Shown.trace`."""
        return self._read(
            """
            SELECT DISTINCT ON (span_id) span_id, parent_span_id, name, tier, service, device, start_ns,
                   end_ns, status_code
            FROM spans WHERE trace_id = $trace AND start_ns >= $made - $apart AND start_ns < $made + $apart
            ORDER BY start_ns, span_id LIMIT 1000
            """,
            {"trace": trace, "made": made_ns, "apart": ANSWER_NS},
        )

    def sampling(self, around_ns: int) -> pa.Table:
        """See `Shown.sampling`."""
        return self._read(
            """
            WITH bounds AS (  -- files tell theirs
                SELECT min(time_ns) AS oldest_ns, max(time_ns) AS latest_ns FROM main.predictions
                UNION ALL
                SELECT min(first_ns), max(last_ns) FROM archive_files
                WHERE state = 'kept' AND table_name = 'predictions'
            )
            SELECT min(oldest_ns) AS oldest_ns, max(latest_ns) AS latest_ns, (
                SELECT median(probability) FROM predictions
                WHERE time_ns >= $around - $day AND time_ns <= $around + $day
                  AND list_contains(reasons, 'random') AND len(reasons) = 1) AS typical
            FROM bounds
            """,
            {"around": around_ns, "day": DAY_NS},
        )

    def latencies(self, where: Where) -> pa.Table:
        """See `Shown.latencies`."""
        return self._read(
            f"""
            WITH bins AS (
                SELECT tier, binning, bounds, unnest(counts) AS amount, generate_subscripts(counts, 1) AS bin
                FROM profiles
                WHERE feature = '__duration__' AND kind = 'numeric' AND start_ns >= $start AND start_ns < $end
                  AND ($model IS NULL OR model = $model) AND ($version IS NULL OR version = $version)
                  AND ($device_type IS NULL OR device_type = $device_type)
                  AND ($region IS NULL OR region = $region) AND ($tier IS NULL OR tier = $tier)
                  AND ($device IS NULL OR device = $device) AND {own_columns.MATCHES}
            ), sums AS (
                SELECT tier, binning, bounds, bin, CAST(sum(amount) AS BIGINT) AS amount
                FROM bins GROUP BY tier, binning, bounds, bin
            )
            SELECT tier, binning, bounds, list(amount ORDER BY bin) AS counts FROM sums
            GROUP BY tier, binning, bounds ORDER BY tier, binning
            """,
            where.own_parameters(),
        )

    def span_latencies(self, where: Where) -> pa.Table:
        """See `Shown.span_latencies`."""
        return self._read(
            f"""
            SELECT tier, count(*) AS n, quantile_cont((end_ns - start_ns) / 1e9, 0.5) AS p50,
                   quantile_cont((end_ns - start_ns) / 1e9, 0.95) AS p95,
                   quantile_cont((end_ns - start_ns) / 1e9, 0.99) AS p99
            FROM spans
            WHERE tier IS NOT NULL AND start_ns >= $start AND start_ns < $end AND trace_id IN (
                SELECT trace_id FROM predictions
                WHERE trace_id IS NOT NULL AND time_ns >= $start - 3600000000000 AND time_ns < $end
                  AND ($model IS NULL OR model = $model) AND ($version IS NULL OR version = $version)
                  AND ($device_type IS NULL OR device_type = $device_type)
                  AND ($region IS NULL OR region = $region) AND ($device IS NULL OR device = $device)
                  AND {own_columns.MATCHES})
              AND ($tier IS NULL OR tier = $tier)
            GROUP BY tier ORDER BY tier
            """,
            where.own_parameters(),
        )
