-- Which of the user's own segments each window is of, as profiles tell it; NULL in those that are archived already.
ALTER TABLE stream_windows ADD COLUMN segment MAP(VARCHAR, VARCHAR);
UPDATE stream_windows SET segment = told.segment
FROM (
    SELECT stream, device, start_ns, end_ns, any_value(segment) AS segment
    FROM profiles WHERE segment IS NOT NULL GROUP BY stream, device, start_ns, end_ns
) AS told
WHERE told.stream IS NOT DISTINCT FROM nullif(stream_windows.stream, '') AND told.device = stream_windows.device
  AND told.start_ns = stream_windows.start_ns AND told.end_ns = stream_windows.end_ns;

-- Its keys are the own dimensions that cells were told apart by when a window was gathered; NULL: by none.
ALTER TABLE window_counts ADD COLUMN segment MAP(VARCHAR, VARCHAR);
