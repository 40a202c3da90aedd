-- What was seen of a stream's windows stands beside its numbers, so that a start need not read the windows.
-- `signal`: logs | traces (`first` and `last` are numbers), or the table of points: profiles | sdk_health | metrics
-- (ns, and roughly: where less than an hour lies between two windows, it is as if that had been seen as well).
INSERT INTO stream_intervals (received_ns, stream, signal, "first", "last")
WITH seen AS (
    SELECT received_ns, stream, 'profiles' AS signal, start_ns AS "first", greatest(start_ns, end_ns - 1) AS "last"
    FROM stream_windows WHERE stream <> ''
    UNION ALL
    SELECT received_ns, stream, 'sdk_health', time_ns, time_ns FROM sdk_health WHERE stream <> ''
    UNION ALL
    SELECT received_ns, stream, 'metrics', least(coalesce(start_ns, time_ns), time_ns), time_ns FROM metrics WHERE stream <> ''
), parted AS (
    SELECT *, CASE WHEN "first" <= 3600000000000 + max("last") OVER (
        PARTITION BY stream, signal ORDER BY "first", "last"
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) THEN 0 ELSE 1 END AS begins
    FROM seen
), numbered AS (
    SELECT *, sum(begins) OVER (
        PARTITION BY stream, signal ORDER BY "first", "last"
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS island
    FROM parted
)
SELECT max(received_ns), stream, signal, min("first"), max("last") FROM numbered GROUP BY stream, signal, island;

-- How many numbers came of streams whose intervals are forgotten.
CREATE TABLE stream_totals (
    received_ns BIGINT NOT NULL, stream VARCHAR NOT NULL, signal VARCHAR NOT NULL,
    highest BIGINT NOT NULL, seen BIGINT NOT NULL
);

-- By stream and signal the highest number that came, and how many came.
CREATE VIEW stream_numbers AS
SELECT stream, signal, max(highest) AS highest, CAST(sum(seen) AS HUGEINT) AS seen
FROM (
    SELECT stream, signal, "last" AS highest, CAST("last" AS HUGEINT) - "first" + 1 AS seen
    FROM stream_intervals WHERE signal IN ('logs', 'traces')
    UNION ALL
    SELECT stream, signal, highest, seen FROM stream_totals
)
GROUP BY stream, signal;

-- When the latest commit was stamped: after a fault it tells whether that was durable.
ALTER TABLE journal ADD COLUMN received_ns BIGINT DEFAULT 0;
