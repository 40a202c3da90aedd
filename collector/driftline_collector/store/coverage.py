"""What came of what was made, and what is missing: by stream, and by whatever devices have in common."""

from collections.abc import Sequence
from typing import Any

from driftline_schemas.segments import UNKNOWN

from driftline_collector.store.kinds import HOUR_NS
from driftline_collector.store.own_columns import OwnColumns

#: What coverage can be told by; `hour` is the start of the hour, in ns.
KEYS = ("model", "version", "device_type", "region", "tier", "device", "stream", "hour")
_PLACE = ("model", "version", "device_type", "region", "tier")


def missing(numbers: str, last: str, dropped: str) -> str:
    """SQL: the numbers up to the last one known of, less those that came and those that the device dropped.

    `numbers` has highest and seen; `last` is what was announced; `dropped` are intervals, as first, last,
    first, last. A stream that goes on may still send what is missing now. What a device says of itself may
    be absurd: at most what a BIGINT holds is missing.
    """
    told: dict[str, Any] = {"n": numbers, "last": last, "dropped": dropped}
    return """least(9223372036854775807, greatest(0,
        greatest(coalesce({last}, 0), coalesce({n}.highest, 0)) - coalesce({n}.seen, 0)
        - coalesce(list_sum({dropped}[2:len({dropped}):2]) - list_sum({dropped}[1:len({dropped}):2])
                   + len({dropped}) // 2, 0)))""".format(**told)


def _chunks(matches: str) -> str:
    """SQL: `chunks` say what came in an hour of a stream, and `gaps` are the holes in the chains of streams.

    In the few numbers of a chunk it shows whether each window begins where another ends; windows are looked
    at one by one only where one does not. Those of whole days of a large fleet are too many for memory.
    """
    windows = f"FROM stream_windows WHERE end_ns > $start AND start_ns < $end AND stream <> '' AND {matches}"
    dimensions = ", ".join(f"coalesce({name}, 'unknown') AS {name}" for name in _PLACE)
    return f"""chunks AS (
    SELECT stream, device, {dimensions}, start_ns - start_ns % {HOUR_NS} AS hour,
           sum(predictions + coalesce(purged, 0)) AS received,  -- what was purged had come
           sum(end_ns - start_ns) AS covered_ns, min(start_ns) AS first_ns, max(end_ns) AS last_ns,
           sum(CAST(hash(end_ns) AS HUGEINT)) - sum(CAST(hash(start_ns) AS HUGEINT))
               = CAST(hash(max(end_ns)) AS HUGEINT) - hash(min(start_ns)) AS unbroken
    {windows} GROUP BY ALL
), within AS (
    SELECT stream, ended_ns, start_ns FROM (
        SELECT stream, start_ns, max(end_ns) OVER (
            PARTITION BY stream, hour ORDER BY start_ns, end_ns
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS ended_ns
        FROM (SELECT stream, start_ns - start_ns % {HOUR_NS} AS hour, start_ns, end_ns {windows})
        SEMI JOIN (SELECT stream, hour FROM chunks WHERE NOT unbroken) AS broken USING (stream, hour))
    WHERE ended_ns < start_ns
), between AS (
    SELECT stream, ended_ns, first_ns AS start_ns FROM (
        SELECT stream, first_ns, max(last_ns) OVER (
            PARTITION BY stream ORDER BY first_ns, last_ns
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS ended_ns
        FROM chunks)
    WHERE ended_ns < first_ns
), gaps AS (SELECT * FROM within UNION ALL SELECT * FROM between)"""


def coverage_of_streams(own: OwnColumns) -> str:
    """SQL: what came of each stream and what is missing, and the dimensions of the user's own."""
    told = "".join(f", coalesce({name}, '{UNKNOWN}') AS {name}" for name in own.names)
    latest = ", ".join(f"arg_max({name}, end_ns) AS {name}" for name in own.names)
    joined = ""
    if own.names:
        joined = f"""LEFT JOIN (
    SELECT stream, {latest} FROM (SELECT stream, end_ns{own.read()} FROM stream_windows
    WHERE end_ns > $start AND start_ns < $end) GROUP BY stream) AS own ON own.stream = streams.stream"""
    return f"""
WITH {_chunks("true")}, counted AS (
    SELECT stream, sum(received) AS predictions, min(first_ns) AS first_ns, max(last_ns) AS last_end_ns
    FROM chunks GROUP BY stream
), holes AS (
    SELECT stream, sum(start_ns - ended_ns) AS window_holes_ns FROM gaps GROUP BY stream
), said AS (
    SELECT stream, max(last_log) AS last_log, max(last_span) AS last_span, max(made) AS made,
           max(CASE WHEN phase IN ('closed', 'end') THEN made - profiled END) AS announced_lost,
           bool_or(phase = 'end') AS ended,
           flatten(list(tombstones_logs)) AS logs, flatten(list(tombstones_spans)) AS spans
    FROM stream_events GROUP BY stream
), numbers AS (
    SELECT stream, signal, highest, seen FROM stream_numbers
), repeats AS (
    SELECT stream, sum(count) AS repeated FROM refusals
    WHERE reason = 'repeat' AND stream IS NOT NULL GROUP BY stream
), named AS (
    SELECT stream, model, version, device, device_type, region, tier, last_ns AS at_ns FROM chunks
    WHERE model <> 'unknown'
    UNION ALL
    SELECT stream, model, version, device, device_type, region, tier, time_ns FROM stream_events
    WHERE time_ns >= $start AND time_ns < $end
), streams AS (
    SELECT stream, arg_max(model, at_ns) AS model, arg_max(version, at_ns) AS version,
           arg_max(device, at_ns) AS device, arg_max(device_type, at_ns) AS device_type,
           arg_max(region, at_ns) AS region, arg_max(tier, at_ns) AS tier
    FROM named WHERE stream IS NOT NULL GROUP BY stream
)
SELECT streams.*{told}, CAST(coalesce(counted.predictions, 0) AS BIGINT) AS predictions,
       CAST(coalesce(holes.window_holes_ns, 0) AS BIGINT) AS window_holes_ns,
       said.made, CAST(coalesce(said.announced_lost, 0) AS BIGINT) AS announced_lost,
       CAST({missing("logs", "said.last_log", "said.logs")} AS BIGINT) AS missing_logs,
       CAST({missing("spans", "said.last_span", "said.spans")} AS BIGINT) AS missing_spans,
       CAST(coalesce(repeats.repeated, 0) AS BIGINT) AS repeated,
       counted.last_end_ns, coalesce(said.ended, false) AS ended
FROM streams
LEFT JOIN counted USING (stream) LEFT JOIN holes USING (stream) LEFT JOIN said USING (stream)
LEFT JOIN numbers AS logs ON logs.stream = streams.stream AND logs.signal = 'logs'
LEFT JOIN numbers AS spans ON spans.stream = streams.stream AND spans.signal = 'traces'
LEFT JOIN repeats ON repeats.stream = streams.stream
{joined}
ORDER BY device, last_end_ns, stream
"""


def coverage_by(keys: Sequence[str], matches: str) -> str:
    """SQL: predictions that came and that are lost, summed by some of `KEYS`; `matches` says whose.

    Of a stream that is over, and lies in the interval as a whole, it is known how many it made. Of others are
    lost those that it announced as lost, or those that stand in its holes, if these are more: as many as it
    made in as much time elsewhere. What is lost lies in the holes, the rest at the end of the stream.
    """
    if unknown := set(keys) - set(KEYS):
        raise ValueError(f"coverage is not told by {min(unknown)}")
    dimensions = ", ".join(key for key in KEYS if key != "hour")
    by_hour = "hour" in keys
    hour = "hour" if by_hour else "0"
    chosen = "".join(f"{key}, " for key in keys)
    return f"""
WITH {_chunks(matches)}, counted AS (
    SELECT stream, sum(received) AS received, sum(covered_ns) AS covered_ns, max(last_ns) AS last_ns
    FROM chunks GROUP BY stream
), said AS (
    SELECT stream, max(made) AS made, min(CASE WHEN phase = 'start' THEN time_ns END) AS started_ns,
           max(CASE WHEN phase IN ('closed', 'end') THEN time_ns END) AS over_ns,
           max(CASE WHEN phase IN ('closed', 'end') THEN made - profiled END) AS announced
    FROM stream_events WHERE {matches} GROUP BY stream
), streams AS (
    SELECT stream, {_latest("last_ns")} FROM (
        SELECT {dimensions}, last_ns FROM chunks
        UNION ALL
        SELECT {dimensions}, time_ns FROM stream_events
        WHERE {matches} AND phase IN ('closed', 'end') AND time_ns >= $start AND time_ns < $end)
    GROUP BY stream
), estimated AS (
    SELECT gaps.stream, sum(gaps.start_ns - gaps.ended_ns) AS holes_ns,
           sum(gaps.start_ns - gaps.ended_ns) * (any_value(received) / any_value(covered_ns)) AS predictions
    FROM gaps JOIN counted USING (stream) WHERE covered_ns > 0 GROUP BY gaps.stream
), lost AS (
    SELECT streams.*, coalesce(counted.last_ns, said.over_ns) AS last_ns, estimated.holes_ns,
           least(1.0, lost / estimated.predictions) * estimated.predictions / estimated.holes_ns AS of_a_ns,
           lost - least(lost, coalesce(estimated.predictions, 0.0)) AS at_end
    FROM (
        SELECT streams.stream, CAST(greatest(0, CASE
            WHEN said.made IS NOT NULL AND said.started_ns >= $start AND said.over_ns < $end
            THEN said.made - coalesce(counted.received, 0)
            ELSE greatest(coalesce(said.announced, 0), coalesce(estimated.predictions, 0)) END)
            AS DOUBLE) AS lost
        FROM streams LEFT JOIN counted USING (stream) LEFT JOIN said USING (stream)
        LEFT JOIN estimated USING (stream)) AS losses
    JOIN streams USING (stream) LEFT JOIN counted USING (stream) LEFT JOIN said USING (stream)
    LEFT JOIN estimated USING (stream)
), placed AS (
    SELECT {dimensions}, {hour} AS hour, CAST(received AS DOUBLE) AS received, 0.0 AS lost, 0 AS holes_ns
    FROM chunks
    UNION ALL
    SELECT {dimensions}, {_hour("last_ns", by_hour=by_hour)}, 0.0, at_end, 0 FROM lost WHERE at_end > 0
    UNION ALL
    {_in_holes(dimensions, by_hour=by_hour)}
)
SELECT {chosen}CAST(sum(received) AS BIGINT) AS received, CAST(round(sum(lost)) AS BIGINT) AS lost,
       CAST(sum(holes_ns) AS BIGINT) AS holes_ns, count(DISTINCT device) AS devices,
       count(DISTINCT stream) AS streams
FROM placed {"GROUP BY " + ", ".join(keys) + " ORDER BY " + ", ".join(keys) if keys else ""}
"""


def _in_holes(dimensions: str, *, by_hour: bool) -> str:
    """SQL: what is lost in holes, each cut at hours if need be."""
    if not by_hour:
        return f"""SELECT {dimensions}, 0, 0.0, coalesce(holes_ns * of_a_ns, 0.0), coalesce(holes_ns, 0)
    FROM lost WHERE holes_ns > 0"""
    return f"""SELECT {dimensions}, hour, 0.0,
           (least(start_ns, hour + {HOUR_NS}) - greatest(ended_ns, hour)) * coalesce(of_a_ns, 0.0),
           least(start_ns, hour + {HOUR_NS}) - greatest(ended_ns, hour)
    FROM (
        SELECT lost.*, ended_ns, start_ns,
               unnest(range(ended_ns - ended_ns % {HOUR_NS}, start_ns, {HOUR_NS})) AS hour
        FROM lost JOIN (
            SELECT stream, greatest(ended_ns, $start) AS ended_ns, least(start_ns, $end) AS start_ns FROM gaps
        ) AS gaps USING (stream))"""


def _hour(column: str, *, by_hour: bool) -> str:
    return f"{column} - {column} % {HOUR_NS}" if by_hour else "0"


def _latest(by: str) -> str:
    names = [key for key in KEYS if key not in {"stream", "hour"}]
    return ", ".join(f"arg_max({name}, {by}) AS {name}" for name in names)
