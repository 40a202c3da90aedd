"""What the store holds, as a client would say it."""

import json
import math
from typing import Any

from tests.receiver.serving import Serving

NAN = {"doubleValue": "NaN"}


def spans(served: Serving) -> dict[str, dict[str, Any]]:
    """Spans by name; ids in hex, JSON read."""
    rows = served.rows("SELECT * FROM spans")
    assert len({row["span_id"] for row in rows}) == len(rows), "a span is there twice"
    return {row["name"]: readable(row) for row in rows}


def logs(served: Serving) -> list[dict[str, Any]]:
    """Log records in order of time."""
    return [readable(row) for row in served.rows("SELECT * FROM logs ORDER BY time_ns")]


def metrics(served: Serving) -> dict[str, dict[str, Any]]:
    """Points by the name of their metric; each metric must have one."""
    rows = served.rows("SELECT * FROM metrics")
    assert len({row["name"] for row in rows}) == len(rows), "a point is there twice"
    return {row["name"]: readable(row) for row in rows}


def readable(row: dict[str, Any]) -> dict[str, Any]:
    """A row with ids in hex and JSON read."""
    read = {name: value.hex() if isinstance(value, bytes) else value for name, value in row.items()}
    for name in ("attributes", "events", "links", "resource", "scope", "body", "point"):
        if isinstance(read.get(name), str):
            read[name] = json.loads(read[name])
    value = read.get("value")
    if isinstance(value, float) and math.isnan(value):
        read["value"] = "NaN"
    return read
