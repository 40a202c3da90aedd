"""What was judged of the fleet in earlier windows: the last one, judged in earnest, over again with noise."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from driftline_collector.alerts import state
from driftline_collector.alerts.state import Alert
from driftline_schemas.segments import Segment

from tests.seeding.fleet import HOUR, SECOND, Fleet


def window(fleet: Fleet, last: pa.Table, start_ns: int) -> pa.Table:
    """The last window's evaluations as they were in the window at `start_ns`: calm before the drift began."""
    rows = last.num_rows
    begun = fleet.closed_ns - fleet.moved_hours * HOUR
    calm = start_ns < begun
    constants = {
        "window_start_ns": start_ns,
        "window_end_ns": start_ns + HOUR,
        "evaluated_ns": start_ns + HOUR + 60 * SECOND,
    }
    table = last
    for name, value in constants.items():
        table = _set(table, name, pa.array(np.full(rows, value)))
    table = _set(table, "details", _began(table, begun, calm=calm))
    if start_ns == fleet.closed_ns - HOUR:
        return _set(table, "since_ns", _since(table, begun))
    # One number for all: what a segment, its features and its devices are said to be must agree.
    noise = fleet.random(20, start_ns // HOUR).uniform(0.8, 1.2)
    drift = np.asarray(pc.is_in(table.column("measure"), pa.array(["drift", "device"])))
    drifted = np.asarray(pc.fill_null(pc.equal(table.column("verdict"), "drifted"), False))
    scale = np.where(drift, noise, 1.0)
    if calm:
        scale = np.where(drift & drifted, 0.005 * noise, scale)
        table = _set(table, "verdict", pc.if_else(pa.array(drifted), "stable", table.column("verdict")))
        table = _set(table, "finding", pa.array(np.zeros(rows, np.bool_)))
        table = _set(table, "since_ns", pa.nulls(rows, pa.int64()))
        table = _set(table, "reason", pc.if_else(pa.array(drifted), None, table.column("reason")))
        whole = np.asarray(pc.is_null(table.column("feature")))
        quiet = [
            json.dumps(json.loads(text) | {"strongest": fleet.feature_names[0], "moved": []})
            if loud
            else text
            for loud, text in zip(drifted & whole, table.column("details").to_pylist(), strict=True)
        ]
        table = _set(table, "details", pa.chunked_array([quiet], pa.string()))
    else:
        table = _set(table, "since_ns", _since(table, begun))
    for name in ("value", "lower", "upper"):
        table = _set(table, name, pc.multiply(table.column(name), pa.array(scale)))
    silent = np.asarray(pc.equal(table.column("measure"), "silent_devices"))
    if start_ns < fleet.closed_ns - 2 * HOUR:
        table = _set(table, "value", pc.if_else(pa.array(silent), 0.0, table.column("value")))
    return table


def _began(table: pa.Table, begun: int, *, calm: bool) -> pa.ChunkedArray:
    """The details, as windows of before would have told when the drift began."""
    onset = {
        "at_ns": begun + 120 * SECOND,
        "earliest_ns": begun - 240 * SECOND,
        "latest_ns": begun + 540 * SECOND,
        "first_ns": begun - 24 * HOUR,
    }
    found = []
    for text in table.column("details").to_pylist():
        if text is None or '"changed":' not in text:
            found.append(text)
            continue
        said = json.loads(text)
        changed = said.pop("changed")
        found.append(json.dumps(said if calm else said | {"changed": changed | {"onset": onset}}))
    return pa.chunked_array([found], pa.string())


def _since(table: pa.Table, begun: int) -> pa.Array:
    return pc.if_else(pc.is_valid(table.column("since_ns")), begun, None).cast(pa.int64())


def _set(table: pa.Table, name: str, column: pa.Array) -> pa.Table:
    field = table.schema.field(name)
    return table.set_column(table.column_names.index(name), field, column.cast(field.type))


def old_alerts(fleet: Fleet) -> pa.Table:
    """Alerts of days gone by, each resolved within hours."""
    alerts = []
    for i in range(fleet.old_alerts):
        start = fleet.start_ns - (i + 1) * 3 * HOUR
        place = {
            "device_type": fleet.type_names[i % fleet.types],
            "region": fleet.region_names[i % fleet.regions],
        }
        alerts.append(
            Alert(
                id=f"alert_old{i:05}",
                rule="drift",
                severity="warning",
                segment=Segment.of({"model": fleet.model_name, **place}),
                measure="drift",
                state="resolved",
                since_ns=start,
                held_since_ns=start,
                window_start_ns=start + HOUR,
                window_end_ns=start + 2 * HOUR,
                started_ns=start + HOUR,
                resolved_ns=start + 2 * HOUR,
            )
        )
    return state.to_rows(alerts, fleet.start_ns - HOUR)
