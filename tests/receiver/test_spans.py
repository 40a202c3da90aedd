"""Spans → rows, with what they carry read back equal."""

import json
from typing import Any

import numpy as np
from driftline_collector.receiver.batches import batch_of
from driftline_collector.receiver.signals import TRACES
from driftline_schemas import attributes as names
from google.protobuf.message import Message
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.receiver import wire


def rows(*requests: Message) -> list[dict[str, Any]]:
    bodies = [request.SerializeToString() for request in requests]
    batch = batch_of(TRACES, bodies, 5, lambda _binning, _feature: None).batch
    found: list[dict[str, Any]] = batch.rows["spans"].table.to_pylist()
    return found


def test_a_span_is_stored_as_it_was_said() -> None:
    request = wire.spans(
        parent_span_id=b"p" * 8,
        trace_state="vendor=1",
        flags=257,
        kind=Span.SPAN_KIND_SERVER,
        start_time_unix_nano=10,
        end_time_unix_nano=20,
        status=Status(code=Status.STATUS_CODE_ERROR, message="it failed"),
        attributes=wire.pairs({names.PREDICTION_ID: "p1", names.SEQUENCE: 3, "k": [1, 2.0, "x"]}),
    )
    (row,) = rows(request)
    expected = {
        "trace_id": b"t" * 16,
        "span_id": b"s" * 8,
        "parent_span_id": b"p" * 8,
        "trace_state": "vendor=1",
        "flags": 257,
        "name": "work",
        "kind": 2,
        "start_ns": 10,
        "end_ns": 20,
        "status_code": 2,
        "status_message": "it failed",
        "prediction_id": "p1",
        "stream": "a" * 32,
        "sequence": 3,
        "service": "inference",
        "device": "cam-017",
        "tier": "device_edge",
        "events": None,
        "links": None,
    }
    assert {name: row[name] for name in expected} == expected
    assert json.loads(row["attributes"])["k"] == [1, 2.0, "x"]
    assert json.loads(row["resource"]) == wire.DEVICE


def test_events_and_links_are_kept_in_order_and_with_their_span() -> None:
    request = wire.spans()
    spans = request.resource_spans[0].scope_spans[0].spans
    spans.add(name="second")
    for number in range(2):
        spans[0].events.add(
            name=f'e"{number}"', time_unix_nano=2**63 + number, attributes=wire.pairs({"a": {"b": [number]}})
        )
    spans[1].events.add()
    link = spans[1].links.add(trace_id=b"l" * 16, span_id=b"m" * 8, trace_state="x=y", flags=1)
    link.attributes.extend(wire.pairs({"k": b"\x00"}))
    first, second = rows(request)
    assert json.loads(first["events"]) == [
        {"time_ns": 2**63 + number, "name": f'e"{number}"', "attributes": {"a": {"b": [number]}}}
        for number in range(2)
    ]
    assert first["links"] is None
    assert json.loads(second["events"]) == [{}]
    assert json.loads(second["links"]) == [
        {
            "trace_id": (b"l" * 16).hex(),
            "span_id": (b"m" * 8).hex(),
            "trace_state": "x=y",
            "attributes": {"k": {"bytesValue": "AA=="}},
            "flags": 1,
        }
    ]


def test_a_root_span_has_no_parent_and_one_without_status_none() -> None:
    (row,) = rows(wire.spans(parent_span_id=bytes(8)))
    assert row["parent_span_id"] is None
    assert (row["status_code"], row["status_message"]) in ((0, ""), (None, None))


def test_spans_have_numbers_of_their_own() -> None:
    body = wire.spans(attributes=wire.pairs({names.SEQUENCE: 3})).SerializeToString()
    numbers = batch_of(TRACES, [body, body], 5, lambda _binning, _feature: None).batch.numbers
    assert numbers is not None
    assert numbers.signal == "traces"
    assert np.array_equal(numbers.sequence, [3, 3])
