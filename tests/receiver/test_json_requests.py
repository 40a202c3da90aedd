"""OTLP's JSON is read as the message that it stands for, or refused with the path to what is wrong."""

import json
import math
from typing import Any

import pytest
from driftline_collector.receiver.answers import BadDataError
from driftline_collector.receiver.json_requests import to_protobuf
from driftline_collector.receiver.signals import LOGS, METRICS, SIGNALS, TRACES, Signal
from google.protobuf.message import Message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.logs.v1.logs_pb2 import ResourceLogs
from opentelemetry.proto.metrics.v1.metrics_pb2 import NumberDataPoint

from tests.conformance.payloads import to_json
from tests.conformance.rich import rich
from tests.receiver.messages import requests


def read(signal: Signal, document: Any) -> Any:
    return signal.request.FromString(to_protobuf(signal, json.dumps(document).encode()))


def value_of(value: Any) -> AnyValue:
    """An attribute value of JSON, read."""
    attributes = [{"key": "k", "value": value}]
    request = read(LOGS, {"resourceLogs": [{"resource": {"attributes": attributes}}]})
    made: AnyValue = request.resource_logs[0].resource.attributes[0].value
    return made


def point_of(point: Any) -> NumberDataPoint:
    metric = {"name": "m", "gauge": {"dataPoints": [point]}}
    request = read(METRICS, {"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]})
    made: NumberDataPoint = request.resource_metrics[0].scope_metrics[0].metrics[0].gauge.data_points[0]
    return made


def said_of(signal: Signal, body: bytes | str) -> str:
    with pytest.raises(BadDataError) as caught:
        to_protobuf(signal, body if isinstance(body, bytes) else body.encode())
    return caught.value.message


@pytest.mark.parametrize("signal", SIGNALS, ids=lambda signal: signal.name)
def test_every_part_of_the_data_model_is_read_back_equal(signal: Signal) -> None:
    message = rich(signal.name)  # type: ignore[arg-type]
    assert to_protobuf(signal, json.dumps(to_json(message)).encode()) == message.SerializeToString()


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.data())
def test_any_message_is_read_back_equal(data: st.DataObject) -> None:
    signal = data.draw(st.sampled_from(SIGNALS))
    message: Message = data.draw(requests(signal.request))
    assert to_protobuf(signal, json.dumps(to_json(message)).encode()) == message.SerializeToString()


@pytest.mark.parametrize(
    ("written", "number"),
    [
        (5, 5),
        ("5", 5),
        (5.0, 5),
        ("1e2", 100),
        (1e2, 100),
        ("-9223372036854775808", -(2**63)),
        (2**63 - 1, 2**63 - 1),
    ],
)
def test_an_integer_may_be_a_number_or_text(written: Any, number: int) -> None:
    assert value_of({"intValue": written}).int_value == number


@pytest.mark.parametrize("written", [2**63, -1e300])
def test_a_number_without_a_fraction_may_be_too_large_for_an_integer(written: float) -> None:
    assert value_of({"intValue": written}).double_value == written


@pytest.mark.parametrize(
    "written", ["9223372036854775808", "9" * 30, "1.5", "", "x", "1_000", " 1", "٣", True, [], {}]
)
def test_what_is_no_integer_of_64_bits_is_refused(written: Any) -> None:
    body = json.dumps(
        {"resourceLogs": [{"resource": {"attributes": [{"key": "k", "value": {"intValue": written}}]}}]}
    )
    assert said_of(LOGS, body).startswith(
        "resourceLogs[0].resource.attributes[0].value.intValue: expected a whole number from"
    )


@pytest.mark.parametrize(
    ("written", "number"),
    [(1, 1.0), (0.1, 0.1), ("1.5", 1.5), ("2e-3", 0.002), ("Infinity", math.inf), ("-Infinity", -math.inf)],
)
def test_a_double_may_be_a_number_or_text(written: Any, number: float) -> None:
    assert value_of({"doubleValue": written}).double_value == number


@pytest.mark.parametrize("written", ["nan", "inf", "1e999", 10**400, "1_0", "0x1", True, "", [1]])
def test_what_is_no_double_is_refused(written: Any) -> None:
    attributes = [{"key": "k", "value": {"doubleValue": written}}]
    body = json.dumps({"resourceLogs": [{"resource": {"attributes": attributes}}]})
    assert "expected a number of 64 bits" in said_of(LOGS, body)


def test_null_is_what_javascript_makes_of_a_double_that_is_no_number() -> None:
    assert math.isnan(value_of({"doubleValue": None}).double_value)
    assert math.isnan(point_of({"asDouble": None, "timeUnixNano": 1}).as_double)


def test_null_is_nothing_where_another_member_tells_the_value() -> None:
    assert value_of({"doubleValue": None, "stringValue": "x"}).string_value == "x"
    assert value_of({"stringValue": None, "doubleValue": None}).WhichOneof("value") is None
    assert point_of({"asDouble": None, "asInt": "3"}).as_int == 3


@pytest.mark.parametrize("field", ["stringValue", "intValue", "boolValue", "arrayValue", "bytesValue"])
def test_null_is_an_absent_field(field: str) -> None:
    assert value_of({field: None}).WhichOneof("value") is None


def test_an_empty_message_is_there_all_the_same() -> None:
    assert value_of({"arrayValue": {}}).WhichOneof("value") == "array_value"


@pytest.mark.parametrize("written", ["+/8=", "-_8=", "+/8", "-_8"])
def test_bytes_are_base64_of_either_alphabet(written: str) -> None:
    assert value_of({"bytesValue": written}).bytes_value == b"\xfb\xff"


@pytest.mark.parametrize("written", ["é", "a", "ab c", "a===b", 5])
def test_what_is_no_base64_is_refused(written: Any) -> None:
    attributes = [{"key": "k", "value": {"bytesValue": written}}]
    body = json.dumps({"resourceLogs": [{"resource": {"attributes": attributes}}]})
    assert "expected bytes in base64" in said_of(LOGS, body)


def test_ids_are_hex_and_nothing_else() -> None:
    def span(trace_id: Any) -> dict[str, Any]:
        return {"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": trace_id}]}]}]}

    for spelled in ("5b8efff798038103d269b633813fc60c", "5B8EFFF798038103D269B633813FC60C"):
        made = read(TRACES, span(spelled)).resource_spans[0].scope_spans[0].spans[0].trace_id
        assert made.hex() == spelled.lower()
    for wrong in ("W47/95gDgQPSabYzgT/GDA==", "5b8", "5b 8e", 5):
        said = said_of(TRACES, json.dumps(span(wrong)))
        assert said.startswith("resourceSpans[0].scopeSpans[0].spans[0].traceId: expected an id in hex")


def test_an_enum_is_a_number_or_a_name_that_it_has() -> None:
    def kind(written: Any) -> dict[str, Any]:
        return {"resourceSpans": [{"scopeSpans": [{"spans": [{"kind": written}]}]}]}

    for written in (2, "SPAN_KIND_SERVER"):
        assert read(TRACES, kind(written)).resource_spans[0].scope_spans[0].spans[0].kind == 2
    assert read(TRACES, kind(77)).resource_spans[0].scope_spans[0].spans[0].kind == 77
    assert "kind: expected a whole number" in said_of(TRACES, json.dumps(kind("SERVER")))


def test_half_a_surrogate_pair_becomes_a_replacement_character() -> None:
    assert value_of({"stringValue": "cut \ud83d"}).string_value == "cut \ufffd"
    assert value_of({"stringValue": "\ude97 cut"}).string_value == "\ufffd cut"
    assert value_of({"stringValue": "\ud83dx\ude97é"}).string_value == "\ufffdx\ufffdé"


def test_unknown_and_original_names_are_ignored() -> None:
    made = read(LOGS, {"resource_logs": "x", "later": {"resourceLogs": 5}, "resourceLogs": [{"x": [None]}]})
    assert made == ExportLogsServiceRequest(resource_logs=[ResourceLogs()])


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "the body is not JSON"),
        (b"{} {}", "the body is not JSON"),
        (b"\xff", "the body is not UTF-8 (invalid start byte at byte 0)"),
        (b'{"a": "\xed\xa0\xbd"}', "the body is not UTF-8"),
        (b"[]", "expected an object, found a list"),
        (b'{"resourceLogs": {}}', "resourceLogs: expected a list, found an object"),
        (b'{"resourceLogs": [null]}', "resourceLogs[0]: expected an object, found null"),
        (b'{"resourceLogs": [{"resource": "x"}]}', 'resourceLogs[0].resource: expected an object, found "x"'),
        (b'{"a": NaN}', 'NaN is not JSON; write "NaN", in quotes'),
        (b'{"a": ' + b"9" * 5000 + b"}", "the body has a number that cannot be read"),
        (b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "the body is nested too deeply"),
    ],
)
def test_what_is_no_request_is_refused_with_what_is_wrong(body: bytes, said: str) -> None:
    assert said_of(LOGS, body).startswith(said)


def test_values_are_taken_as_deep_as_protobuf_reads_them_and_no_deeper() -> None:
    def body(levels: int) -> str:
        value: dict[str, Any] = {"stringValue": "x"}
        for _ in range(levels):
            value = {"arrayValue": {"values": [value]}}
        return json.dumps({"resourceLogs": [{"resource": {"attributes": [{"key": "k", "value": value}]}}]})

    LOGS.request.FromString(to_protobuf(LOGS, body(48).encode()))
    assert "nested too deeply" in said_of(LOGS, body(49))
    assert "nested too deeply" in said_of(LOGS, body(300))


def test_what_is_said_of_a_huge_mistake_is_short() -> None:
    assert len(said_of(LOGS, json.dumps({"resourceLogs": "x" * 10**6}))) < 200
    deep: Any = {"intValue": "x" * 10**6}
    for _ in range(40):
        deep = {"kvlistValue": {"values": [{"key": "k", "value": deep}]}}
    document = {"resourceLogs": [{"resource": {"attributes": [{"key": "k", "value": deep}]}}]}
    assert len(said_of(LOGS, json.dumps(document))) < 400
