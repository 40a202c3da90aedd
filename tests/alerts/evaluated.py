"""Evaluations for the tests of alerts, as analysis stores them."""

from typing import Any

import pyarrow as pa

MINUTE = 60 * 10**9
#: A moment that windows of a minute align to.
START = 1_767_225_600 * 10**9
FLEET = "model=digits,version=*,device_type=*,region=*"
CAMERA_A = "model=digits,version=*,device_type=camera-a,region=*"
CAMERA_A_EU = "model=digits,version=*,device_type=camera-a,region=eu"
COLUMNS = {
    "window_start_ns": pa.int64(),
    "window_end_ns": pa.int64(),
    "revision": pa.int32(),
    "model": pa.string(),
    "segment": pa.string(),
    "measure": pa.string(),
    "feature": pa.string(),
    "verdict": pa.string(),
    "finding": pa.bool_(),
    **dict.fromkeys(("value", "lower", "upper", "p", "q", "n", "n_eff", "coverage"), pa.float64()),
    "devices": pa.int64(),
    "since_ns": pa.int64(),
    "details": pa.string(),
}


def row(window: int, segment: str = CAMERA_A, **columns: Any) -> dict[str, Any]:
    """One evaluation of the window number `window`, a minute long; stable unless said."""
    start = START + window * MINUTE
    return {
        "window_start_ns": start,
        "window_end_ns": start + MINUTE,
        "revision": 0,
        "model": "digits",
        "segment": segment,
        "measure": "drift",
        "verdict": "stable",
        "finding": False,
        **columns,
    }


def drifted(window: int, segment: str = CAMERA_A, **columns: Any) -> dict[str, Any]:
    """A finding."""
    return row(
        window, segment, **{"verdict": "drifted", "finding": True, "value": 0.4, "lower": 0.3} | columns
    )


def table(*rows: dict[str, Any]) -> pa.Table:
    """Rows with the columns of the table `evaluations`."""
    return pa.Table.from_pylist(list(rows), schema=pa.schema(COLUMNS.items()))
