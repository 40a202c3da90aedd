"""What `javascript/everything.mjs` sends, as the store must hold it, be it sent by Node.js or by a browser.

There are no exemplars: OpenTelemetry's JavaScript does not send them. The tests of its Python SDK do.
"""

from typing import Any

from tests.clients import stored
from tests.receiver.serving import Serving

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
RESOURCE = {"service.name": "page", "device.id": "camera-7", "flat": TEXT, "list": ["a", "b"]}
START = 1_763_000_000_123_456_789


def assert_everything_is_there(served: Serving, told: dict[str, Any]) -> None:
    """Hold the store against what was sent; `told` is what the script gave."""
    _same_spans(stored.spans(served), told)
    _same_logs(stored.logs(served), told["child"])
    _same_metrics(stored.metrics(served), told["exponential"])


def _same_spans(found: dict[str, dict[str, Any]], told: dict[str, Any]) -> None:
    assert found.keys() == {"parent", "Kind 東京"}
    parent, row = found["parent"], found["Kind 東京"]
    assert (row["trace_id"], row["span_id"]) == (told["child"]["traceId"], told["child"]["spanId"])
    assert (parent["trace_id"], parent["span_id"]) == (told["parent"]["traceId"], told["parent"]["spanId"])
    assert (row["parent_span_id"], parent["parent_span_id"]) == (told["parent"]["spanId"], None)
    assert (row["start_ns"], row["end_ns"], parent["end_ns"]) == (START, START + 7, START + 9)
    assert (row["kind"], parent["kind"]) == (1, 2)
    assert (row["attributes"], parent["attributes"]) == (FLAT, None)
    assert row["events"] == [
        {"time_ns": START + 1, "name": "began", "attributes": FLAT},
        {"time_ns": START + 2},  # no name and no attributes: protobuf does not tell empty from absent
    ]
    (link,) = row["links"]
    assert (link["trace_id"], link["span_id"]) == ("80" * 16, "01" * 8)
    assert (link["trace_state"], link["attributes"]) == ("vendor=1", {"why": "because"})
    assert (row["status_code"], row["status_message"]) == (2, "falsch ☠")
    assert row["resource"].items() >= RESOURCE.items()
    assert (row["scope"]["name"], row["scope"]["version"]) == ("scope", "1.2")


def _same_logs(found: list[dict[str, Any]], child: dict[str, Any]) -> None:
    assert [row["body"] for row in found] == BODIES
    assert (found[0]["trace_id"], found[0]["span_id"]) == (child["traceId"], child["spanId"])
    for place, row in enumerate(found):
        assert row["attributes"] == NESTED
        assert (row["time_ns"], row["observed_ns"]) == (START + place, START + 100)
        assert (row["severity_number"], row["severity_text"]) == (14, "Wärn")
        assert row["event_name"] == f"event.{place}"
        assert place == 0 or (row["trace_id"], row["span_id"]) == (None, None)
        assert row["resource"].items() >= RESOURCE.items()


def _same_metrics(found: dict[str, dict[str, Any]], exponential: dict[str, Any]) -> None:
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
    assert (point["min"], point["max"], point["scale"]) == (0.0, 50.0, exponential["scale"])
    assert point["positive"] == {
        "offset": exponential["positive"]["offset"],
        "bucket_counts": exponential["positive"]["bucketCounts"],
    }
    assert (found["gauge"]["value"], found["level"]["value"], found["none"]["value"]) == (-0.5, -3.0, "NaN")
    assert (found["gauge"]["unit"], found["level"]["monotonic"]) == ("Cel", False)
    assert all(row["time_ns"] >= row["start_ns"] > START for row in found.values())
