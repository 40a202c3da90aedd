"""Named reads of what operators said of devices."""

import pyarrow as pa

from driftline_collector.store.queries import Queries


class DeviceReads(Queries):
    """See `driftline_collector.store.shown.Shown`."""

    def device_changes(self, device: str | None = None) -> pa.Table:
        """See `Shown.device_changes`."""
        return self._read(
            """
            WITH said AS (
                SELECT device_changes.*, coalesce(device_names.name, device_changes.device) AS name
                FROM device_changes LEFT JOIN device_names ON device_names.device = device_changes.device
            )
            SELECT * FROM said
            WHERE $device IS NULL
               OR name = coalesce((SELECT name FROM device_names WHERE device = $device), $device)
            ORDER BY changed_ns DESC, device, dimension
            """,
            {"device": device},
        )
