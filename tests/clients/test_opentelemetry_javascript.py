"""OpenTelemetry's JavaScript SDK, over each transport: what it sends is read back equal."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.clients import node, stored
from tests.receiver.serving import serving

TEXT = "Zürich 東京 🚗\0 end"
FLAT: dict[str, Any] = {
    "text": TEXT,
    "empty": "",
    "truth": False,
    "whole": -(2**53 - 1),
    "double": 0.1,
    "huge": -1.7976931348623157e308,
    "nan": stored.NAN,
    "texts": ["a", ""],
    "doubles": [0.5, -1.5e-300],
    "none": [],
}
NESTED = FLAT | {
    "mixed": [1, "a", 2.5, True, None, [], {}],
    "deep": {"er": {"est": [{"a": None}]}},
    "bytes": {"bytesValue": "AP8="},
    "cut": "\ufffd",
}
BODIES = [TEXT, "", None, 0, [1, {"a": None}], {"k": [stored.NAN]}]
START = 1_763_000_000_123_456_789


@pytest.mark.parametrize("compression", ["none", "gzip"])
@pytest.mark.parametrize("transport", ["json", "protobuf", "grpc"])
def test_everything_is_read_back_equal(tmp_path: Path, transport: str, compression: str) -> None:
    with serving(tmp_path) as served:
        ids = json.loads(node.run("everything.mjs", transport, served.url, served.grpc, compression))
        spans, logs, metrics = stored.spans(served), stored.logs(served), stored.metrics(served)
    _same_spans(spans, ids)
    assert [row["body"] for row in logs] == BODIES
    for place, row in enumerate(logs):
        assert row["attributes"] == NESTED
        assert (row["time_ns"], row["observed_ns"]) == (START + place, START + 100)
        assert (row["severity_number"], row["severity_text"]) == (14, "Wärn")
        assert row["event_name"] == f"event.{place}"
        assert row["trace_id"] is None
    _same_metrics(metrics)


def _same_spans(found: dict[str, dict[str, Any]], ids: dict[str, Any]) -> None:
    assert found.keys() == {"parent", "Kind 東京"}
    parent, row = found["parent"], found["Kind 東京"]
    assert (row["trace_id"], row["span_id"]) == (ids["child"]["traceId"], ids["child"]["spanId"])
    assert (parent["trace_id"], parent["span_id"]) == (ids["parent"]["traceId"], ids["parent"]["spanId"])
    assert (row["parent_span_id"], parent["parent_span_id"]) == (ids["parent"]["spanId"], None)
    assert (row["start_ns"], row["end_ns"]) == (START, START + 7)
    assert (row["kind"], parent["kind"]) == (1, 2)
    assert row["attributes"] == FLAT
    assert row["events"] == [{"time_ns": START + 1, "name": "began", "attributes": {"n": 1}}]
    (link,) = row["links"]
    assert (link["trace_id"], link["span_id"]) == ("80" * 16, "01" * 8)
    assert link["attributes"] == {"why": "because"}
    assert (row["status_code"], row["status_message"]) == (2, "falsch ☠")
    resource = {"service.name": "page", "device.id": "camera-7", "flat": TEXT, "list": ["a", "b"]}
    assert row["resource"].items() >= resource.items()
    assert (row["scope"]["name"], row["scope"]["version"]) == ("scope", "1.2")


def _same_metrics(found: dict[str, dict[str, Any]]) -> None:
    assert found.keys() == {"counted", "explicit", "exponential", "gauge", "level", "none"}
    counted = found["counted"]
    assert (counted["kind"], counted["monotonic"], counted["temporality"]) == ("sum", True, 2)
    assert (counted["unit"], counted["value"]) == ("1", 2**53 - 1)
    assert counted["attributes"] == {"where": TEXT, "list": ["a"]}
    point = found["explicit"]["point"]
    assert (point["count"], point["sum"], point["min"], point["max"]) == (3, 50.55, 0.05, 50.0)
    assert (point["bucket_counts"], point["explicit_bounds"]) == ([1, 1, 1], [0.1, 1.0])
    point = found["exponential"]["point"]
    assert (point["count"], point["sum"], point["zero_count"]) == (4, 50.55, 1)
    assert sum(point["positive"]["bucket_counts"]) == 3
    assert (found["gauge"]["value"], found["level"]["value"], found["none"]["value"]) == (-0.5, -3.0, "NaN")
