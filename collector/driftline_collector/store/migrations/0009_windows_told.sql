-- Whose windows are is told of all of them, so that nobody has to read profiles for it, which are 40 times as many.
UPDATE stream_windows SET model = told.model, version = told.version, device_type = told.device_type,
    region = told.region, tier = told.tier, firmware = told.firmware, escalations = told.escalations
FROM (
    SELECT stream, device, start_ns, end_ns, min(model) AS model, min(version) AS version,
           min(device_type) AS device_type, min(region) AS region, min(tier) AS tier, min(firmware) AS firmware,
           CAST(coalesce(sum(CASE WHEN kind = 'escalations' THEN counts[1] END), 0) AS BIGINT) AS escalations
    FROM profiles GROUP BY stream, device, start_ns, end_ns
) AS told
WHERE stream_windows.model IS NULL AND told.stream = stream_windows.stream AND told.device = stream_windows.device
  AND told.start_ns = stream_windows.start_ns AND told.end_ns = stream_windows.end_ns;
