-- `segment`: which of the user's own segments each window is of, as profiles tell it; NULL in those that are
-- archived already. Laid out anew: DuckDB 1 does not alter a table that an earlier migration has written in the
-- same transaction.
CREATE TABLE stream_windows_next (
    received_ns BIGINT NOT NULL, stream VARCHAR NOT NULL, device VARCHAR NOT NULL,
    start_ns BIGINT NOT NULL, end_ns BIGINT NOT NULL, predictions BIGINT NOT NULL,
    escalations BIGINT, model VARCHAR, version VARCHAR, device_type VARCHAR, region VARCHAR, tier VARCHAR,
    firmware VARCHAR, purged BIGINT, segment MAP(VARCHAR, VARCHAR)
);
INSERT INTO stream_windows_next BY NAME
SELECT stream_windows.*, told.segment
FROM stream_windows LEFT JOIN (
    SELECT coalesce(stream, '') AS stream, device, start_ns, end_ns, any_value(segment) AS segment
    FROM profiles WHERE segment IS NOT NULL GROUP BY ALL
) AS told USING (stream, device, start_ns, end_ns);
DROP TABLE stream_windows;
ALTER TABLE stream_windows_next RENAME TO stream_windows;

-- Its keys are the own dimensions that cells were told apart by when a window was gathered; NULL: by none.
ALTER TABLE window_counts ADD COLUMN segment MAP(VARCHAR, VARCHAR);
