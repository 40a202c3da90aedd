"""OTLP over HTTP in JSON: stored as protobuf would be, and answered in JSON."""

import gzip
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from driftline_schemas import attributes as names

from tests.conformance.payloads import ordinary_json
from tests.conformance.registry import SignalName
from tests.receiver.serving import Serving, serving

JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("json"), max_body_bytes=2**20) as running:
        yield running


def post(served: Serving, signal: SignalName, document: Any, **headers: str) -> httpx.Response:
    content = document if isinstance(document, bytes) else json.dumps(document).encode()
    return httpx.post(f"{served.url}/v1/{signal}", content=content, headers=JSON | headers)


@pytest.mark.parametrize(("signal", "table"), [("traces", "spans"), ("metrics", "metrics"), ("logs", "logs")])
def test_each_signal_is_stored_and_answered_in_json(served: Serving, signal: SignalName, table: str) -> None:
    before = served.count(table)
    answer = post(served, signal, ordinary_json(signal))
    assert (answer.status_code, answer.headers["content-type"], answer.json()) == (
        200,
        "application/json",
        {},
    )
    packed = gzip.compress(json.dumps(ordinary_json(signal)).encode())
    assert post(served, signal, packed, **{"content-encoding": "gzip"}).status_code == 200
    assert served.count(table) == before + 2


def test_large_json_is_read_aside_and_stored(served: Serving) -> None:
    before = served.count("logs")
    document = ordinary_json("logs")
    document["resourceLogs"] *= 300
    assert len(json.dumps(document)) > 100_000
    assert post(served, "logs", document).status_code == 200
    assert served.count("logs") == before + 300


def test_what_is_wrong_is_told_in_json_with_its_path(served: Serving) -> None:
    answer = post(served, "logs", {"resourceLogs": [{"scopeLogs": 5}]})
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/json")
    message = "resourceLogs[0].scopeLogs: expected a list, found 5"
    assert answer.json() == {
        "code": 3,
        "message": message,
        "details": [
            {
                "@type": "type.googleapis.com/google.rpc.BadRequest",
                "fieldViolations": [{"field": "resourceLogs[0].scopeLogs", "description": message}],
            }
        ],
    }


def test_a_request_that_is_too_large_is_told_in_json(served: Serving) -> None:
    answer = post(served, "logs", b"{" + b" " * 2**20 + b"}")
    assert answer.status_code == 413
    assert answer.json()["code"] == 8


def test_a_wrong_path_or_method_is_told_in_json(served: Serving) -> None:
    assert httpx.post(f"{served.url}/v1/none", headers=JSON).json()["code"] == 12
    answer = httpx.request("PUT", f"{served.url}/v1/logs", headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (405, 12)


def test_another_content_type_is_told_in_protobuf_with_what_is_taken(served: Serving) -> None:
    answer = httpx.post(f"{served.url}/v1/logs", content=b"{}", headers={"content-type": "text/plain"})
    assert (answer.status_code, answer.headers["content-type"]) == (415, "application/x-protobuf")
    assert answer.headers["accept"] == "application/x-protobuf, application/json"


def test_partial_success_is_told_in_json(served: Serving) -> None:
    record = {"timeUnixNano": "1", "eventName": names.EVENT_PREDICTION}
    answer = post(served, "logs", {"resourceLogs": [{"scopeLogs": [{"logRecords": [record, {}]}]}]})
    assert answer.status_code == 200
    partial = answer.json()["partialSuccess"]
    assert partial["rejectedLogRecords"] == "1"
    assert partial["errorMessage"] == f"1 log records refused: 1 with no {names.PREDICTION_ID}"


def test_a_data_point_without_a_time_is_refused_and_the_others_are_kept(served: Serving) -> None:
    before = served.count("metrics")
    points = [{"timeUnixNano": "5", "asDouble": 1}, {"asDouble": 2}]
    metric = {"name": "m", "gauge": {"dataPoints": points}}
    answer = post(served, "metrics", {"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]})
    assert answer.json() == {
        "partialSuccess": {
            "rejectedDataPoints": "1",
            "errorMessage": "1 data points refused: 1 with no time",
        }
    }
    assert served.count("metrics") == before + 1
