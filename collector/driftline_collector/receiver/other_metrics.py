"""The SDK's metrics about itself, and everybody else's, → rows.

Few next to profiles, so their points become JSON one by one.
"""

import base64
import json
import math
from typing import Any

import numpy as np
import pyarrow as pa
from driftline_schemas import attributes as names
from driftline_schemas.segments import UNKNOWN

from driftline_collector.receiver import json_text
from driftline_collector.receiver.columns import Mask, constant
from driftline_collector.receiver.dimensions import Sources
from driftline_collector.receiver.points import Points

#: Fields of a point that have columns of their own.
_COLUMNS = {"attributes", "start_time_unix_nano", "time_unix_nano"}


def health_rows(points: Points, sources: Sources) -> tuple[pa.Table, dict[str, Mask]]:
    """Rows of `sdk_health`, and which points are refused, by reason."""
    size = len(points)
    number = points.kind in ("gauge", "sum")
    value = points.value() if number else pa.nulls(size, pa.float64())
    columns = {
        "time_ns": pa.array(points.time_ns),
        "stream": sources.optional(names.STREAM_ID, points.resource),
        "device": sources.optional(names.DEVICE_ID, points.resource).cast(pa.string()).fill_null(UNKNOWN),
        "metric": points.name,
        "reason": points.own.text(names.DROP_REASON),
        "signal": points.own.text(names.DROP_SIGNAL),
        "value": value,
    }
    return pa.table(columns), {"no number; send a sum or a gauge": np.asarray(value.is_null())}


def rows(points: Points, sources: Sources) -> tuple[pa.Table, dict[str, Mask]]:
    """Rows of `metrics`: the number in `value`, all else that a point says in `point`. None is refused."""
    size = len(points)
    number = points.kind in ("gauge", "sum")
    columns = {
        "start_ns": pa.array(points.start_ns, mask=points.start_ns == 0),
        "time_ns": pa.array(points.time_ns),
        "stream": sources.optional(names.STREAM_ID, points.resource),
        "service": sources.optional(names.SERVICE_NAME, points.resource),
        "device": sources.optional(names.DEVICE_ID, points.resource),
        "name": points.name,
        "unit": points.unit,
        "kind": constant(points.kind, size, pa.string()),
        "temporality": pa.array(points.temporality, mask=points.temporality == 0),
        "monotonic": points.monotonic,
        "attributes": json_text.objects(points.own),
        "value": points.value() if number else pa.nulls(size, pa.float64()),
        "point": _points_json(points.points),
        "resource": sources.text(points.resource),
        "scope": sources.scope(points.scope),
    }
    return pa.table(columns), {}


def _points_json(points: pa.StructArray) -> pa.Array:
    fields = [field for field in points.type if field.name not in _COLUMNS]
    kept = pa.StructArray.from_arrays([points.field(field.name) for field in fields], fields=fields)
    optional = {field.name for field in fields if field.nullable}
    return pa.array([_point_json(point, optional) for point in kept.to_pylist()], pa.string())


def _point_json(point: dict[str, Any], optional: set[str]) -> str | None:
    """The fields of a point that are set; null for a plain double, which `value` says in full."""
    told = {
        name: _plain(name, value)
        for name, value in point.items()
        if (value is not None if name in optional else value)
    }
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")) if set(told) - {"as_double"} else None


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(key, item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        if name == "filtered_attributes":
            return {pair["key"]: _any_value(pair["value"]) for pair in value}
        return [_plain(name, item) for item in value]
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, float) and not math.isfinite(value):
        return json_text.non_finite(value)
    return value


def _any_value(members: dict[str, Any] | None) -> Any:
    for member, value in (members or {}).items():
        if value is None:
            continue
        if member == "array_value":
            return json.loads(json_text.array_json(value))
        if member == "kvlist_value":
            return json.loads(json_text.kvlist_json(value))
        if member == "bytes_value":
            return {"bytesValue": base64.b64encode(value).decode()}
        if member == "double_value" and not math.isfinite(value):
            return {"doubleValue": json_text.non_finite(value)}
        return value
    return None
