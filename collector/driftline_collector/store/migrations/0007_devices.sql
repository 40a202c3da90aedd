-- What operators said of devices: `retire` and `return`, `rename` (before: the old name, after: the new one), `move`
-- (of `dimension` device_type or region, from `before` to `after`). Append-only; holds from `since_ns` on.
CREATE TABLE device_changes (
    changed_ns BIGINT NOT NULL, device VARCHAR NOT NULL, kind VARCHAR NOT NULL, dimension VARCHAR,
    before VARCHAR, after VARCHAR, since_ns BIGINT NOT NULL, author VARCHAR NOT NULL, reason VARCHAR NOT NULL
);

-- Each name that a device had once, and the one that it has now; kept by the transaction that renames.
CREATE TABLE device_names (device VARCHAR NOT NULL, name VARCHAR NOT NULL);

-- The devices that are retired, under their names of now.
CREATE VIEW retired_devices AS
SELECT device, since_ns, changed_ns, author, reason FROM (
    SELECT coalesce(device_names.name, device_changes.device) AS device, kind, since_ns, changed_ns, author, reason
    FROM device_changes LEFT JOIN device_names ON device_names.device = device_changes.device
    WHERE kind IN ('retire', 'return')
    QUALIFY row_number() OVER (
        PARTITION BY coalesce(device_names.name, device_changes.device) ORDER BY changed_ns DESC) = 1)
WHERE kind = 'retire';
