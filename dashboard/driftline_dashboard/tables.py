"""Devices as a table of thousands of rows, and as a file."""

from collections.abc import Callable, Sequence

import pandas as pd
from driftline_collector.client import Device

from driftline_dashboard import words


def frame(devices: Sequence[Device], *, state: Callable[[Device], str]) -> pd.DataFrame:
    """Devices as a table, a row for each; `state` says how its state is written."""
    return pd.DataFrame(
        {
            "Device": [each.device for each in devices],
            "State": [state(each) for each in devices],
            "Type": [each.device_type for each in devices],
            "Region": [each.region for each in devices],
            "Version": [each.version for each in devices],
            "Firmware": [each.firmware for each in devices],
            "Last seen (UTC)": pd.to_datetime(
                pd.Series([each.last_seen for each in devices], dtype="object"), utc=True, format="ISO8601"
            ),
            "Predictions": [each.predictions for each in devices],
            "Lost": [each.lost for each in devices],
            "p95 (ms)": [None if each.p95 is None else each.p95 * 1000 for each in devices],
            "Worst feature": [each.worst_feature and words.feature(each.worst_feature) for each in devices],
            "Effect (PSI)": [each.worst_effect for each in devices],
            "Coverage": [each.coverage for each in devices],
        }
    )


def csv(table: pd.DataFrame) -> str:
    """The table as a file; a text that a spreadsheet would take for a formula begins with an apostrophe."""
    safe = table.copy()
    for name in safe.columns[safe.dtypes.map(pd.api.types.is_string_dtype)]:
        safe[name] = [
            f"'{text}"
            if isinstance(text, str) and text.startswith(("=", "+", "-", "@", "\t", "\r"))
            else text
            for text in safe[name]
        ]
    text: str = safe.to_csv(index=False, date_format="%Y-%m-%dT%H:%M:%SZ")
    return text
