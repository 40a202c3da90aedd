"""Tables and series as Arrow say what the JSON says."""

import io
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from driftline_collector.client import ARROW, Client, ClientError

from tests.api.seeded import Seeded

MOVED = "model=digits,version=*,device_type=camera-b,region=*"


def table(data: bytes) -> pa.Table:
    return pa.ipc.open_stream(io.BytesIO(data)).read_all()


def as_json(value: Any) -> Any:
    """A value of Arrow as the JSON has it."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03}Z"
    return value


@pytest.mark.parametrize(
    ("path", "parameters", "rows"),
    [
        ("/devices", {}, "items"),
        ("/segments", {"model": "digits"}, "items"),
        ("/samples", {"feature": "stroke_0", "limit": 20}, "items"),
        ("/latency", {"from": "24h"}, "items"),
        ("/series", {"segment": MOVED, "measure": "drift"}, "points"),
        ("/series", {"segment": MOVED, "measure": "predictions"}, "points"),
        ("/devices/cam-0001/series", {}, "points"),
        ("/evaluations/heatmap", {"model": "digits"}, "cells"),
        ("/distributions", {"segment": MOVED, "feature": "sharpness"}, "bins"),
    ],
)
def test_arrow_says_what_json_says(small: Seeded, path: str, parameters: dict[str, Any], rows: str) -> None:
    told = small.http.get(path, params=parameters).json()[rows]
    found = table(small.client.arrow(path, **parameters)).to_pylist()
    assert told
    assert [{name: as_json(value) for name, value in row.items()} for row in found] == told


def test_times_are_times_and_types_hold_without_rows(small: Seeded, empty: Client) -> None:
    full = table(small.client.arrow("/devices")).schema
    assert full.field("last_seen").type == pa.timestamp("ms", "UTC")
    assert full.field("predictions").type == pa.int64()
    assert table(empty.arrow("/devices")).schema == full
    series = table(empty.arrow("/series", segment=MOVED, measure="drift"))
    assert (series.num_rows, series.schema.field("time").type) == (0, pa.timestamp("ms", "UTC"))


def test_the_cursor_of_a_table_stands_in_a_header(small: Seeded) -> None:
    answer = small.http.get("/devices", params={"limit": 3}, headers={"accept": f"text/html, {ARROW};q=0.9"})
    assert answer.headers["content-type"] == ARROW
    rest = small.client.devices(limit=3, cursor=answer.headers["driftline-next"])
    assert table(answer.content)["device"].to_pylist() + [device.device for device in rest] == [
        device.device for device in small.client.devices()
    ]
    assert "driftline-next" not in small.http.get("/devices", headers={"accept": ARROW}).headers


def test_errors_are_problems_whatever_was_asked_for(small: Seeded) -> None:
    answer = small.http.get("/devices", params={"sort": "colour"}, headers={"accept": ARROW})
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")


def test_what_has_no_table_is_said_to_have_none(small: Seeded) -> None:
    with pytest.raises(ClientError, match="has no Arrow for /overview; ask for JSON"):
        small.client.arrow("/overview")
