"""The read that tells what came and what is missing, by stream: long enough for a file of its own."""

from typing import Any


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


COVERAGE = f"""
WITH windows AS (
    SELECT * FROM stream_windows WHERE end_ns > $start AND start_ns < $end AND stream <> ''
), spoken AS (  -- few keys first: all else of a stream stays as it is
    SELECT stream, model, device, version, any_value(device_type) AS device_type,
           any_value(region) AS region, any_value(tier) AS tier, min(start_ns) AS first_ns,
           max(end_ns) AS at_ns, sum(predictions) AS predictions
    FROM windows GROUP BY stream, model, device, version
), counted AS (
    SELECT stream, sum(predictions) AS predictions, min(first_ns) AS first_ns, max(at_ns) AS last_end_ns
    FROM spoken GROUP BY stream
), resumed AS (  -- windows that begin where none ends: no hole is anywhere else
    SELECT DISTINCT stream, start_ns FROM windows
    ANTI JOIN windows AS before ON before.stream = windows.stream AND before.end_ns = windows.start_ns
), holes AS (
    SELECT stream, sum(start_ns - ended_ns) AS window_holes_ns FROM (
        SELECT resumed.stream, resumed.start_ns, max(windows.end_ns) AS ended_ns
        FROM resumed JOIN counted ON counted.stream = resumed.stream AND counted.first_ns < resumed.start_ns
        JOIN windows ON windows.stream = resumed.stream AND windows.start_ns < resumed.start_ns
        GROUP BY resumed.stream, resumed.start_ns)
    WHERE ended_ns < start_ns GROUP BY stream
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
    SELECT stream, model, version, device, device_type, region, tier, at_ns FROM spoken
    WHERE model IS NOT NULL
    UNION ALL
    SELECT stream, model, version, device, device_type, region, tier, time_ns FROM stream_events
    WHERE time_ns >= $start AND time_ns < $end
), streams AS (
    SELECT stream, arg_max(model, at_ns) AS model, arg_max(version, at_ns) AS version,
           arg_max(device, at_ns) AS device, arg_max(device_type, at_ns) AS device_type,
           arg_max(region, at_ns) AS region, arg_max(tier, at_ns) AS tier
    FROM named WHERE stream IS NOT NULL GROUP BY stream
)
SELECT streams.*, CAST(coalesce(counted.predictions, 0) AS BIGINT) AS predictions,
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
ORDER BY device, last_end_ns, stream
"""
