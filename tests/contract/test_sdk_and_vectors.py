"""The SDK's own encoder makes what the golden vectors hold, but for the order of attributes."""

import json
from importlib.resources import files
from typing import Any

import pytest
from driftline._encode import Announcement, Escalation, Path, attributes, traces
from driftline._encode_logs import Event, logs
from driftline._intake import Deployment
from driftline_schemas import attributes as a
from driftline_schemas.records import GroundTruth, Prediction
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from tests.schemas.golden_records import EVENTS, NOON, PREDICTION_ID, RESOURCE, SPAN_ID, TRACE_ID

VECTORS = {
    case["name"]: bytes.fromhex(case["protobuf"])
    for case in json.loads((files("driftline_schemas") / "golden" / "otlp.json").read_text("ascii"))["cases"]
}
WHO = Resource(attributes=attributes(RESOURCE))


def sorted_attributes(request: Any) -> Any:
    """The request with its attributes in the order of their keys, as the vectors have them."""
    for resource in (*getattr(request, "resource_logs", ()), *getattr(request, "resource_spans", ())):
        resource.resource.attributes.sort(key=lambda attribute: attribute.key)
        for scope in (*getattr(resource, "scope_logs", ()), *getattr(resource, "scope_spans", ())):
            for record in (*getattr(scope, "log_records", ()), *getattr(scope, "spans", ())):
                record.attributes.sort(key=lambda attribute: attribute.key)
    return request


def record(name: str) -> Event:
    """The record behind an event of the vectors."""
    event_name, time_ns, values, traced = EVENTS[name]
    if event_name == a.EVENT_STREAM:
        return Announcement(time_ns, {key: value for key, value in values.items() if key != a.SEQUENCE})
    if event_name == a.EVENT_DEPLOYMENT:
        return Deployment(
            time_ns=time_ns,
            kind=values[a.DEPLOYMENT_KIND],
            from_=values[a.DEPLOYMENT_FROM],
            to=values[a.DEPLOYMENT_TO],
        )
    if event_name == a.EVENT_GROUND_TRUTH:
        return GroundTruth(
            prediction_id=values[a.PREDICTION_ID],
            time_ns=time_ns,
            label=values[a.GROUND_TRUTH_LABEL],
            source=values[a.GROUND_TRUTH_SOURCE],
            probability=values[a.GROUND_TRUTH_PROBABILITY],
            sample_probability=values[a.SAMPLE_PROBABILITY],
        )
    return Prediction(
        id=values[a.PREDICTION_ID],
        time_ns=time_ns,
        features={
            key.removeprefix(a.FEATURE_PREFIX): value
            for key, value in values.items()
            if key.startswith(a.FEATURE_PREFIX)
        },
        label=values.get(a.PREDICTION_LABEL),
        value=values.get(a.PREDICTION_VALUE),
        score=values.get(a.PREDICTION_SCORE),
        duration=values.get(a.PREDICTION_DURATION),
        probability=values[a.SAMPLE_PROBABILITY],
        reasons=tuple(values[a.SAMPLE_REASONS]),
        trace_id=bytes.fromhex(TRACE_ID) if traced else b"",
        span_id=bytes.fromhex(SPAN_ID) if traced else b"",
    )


@pytest.mark.parametrize("name", EVENTS)
def test_the_sdk_encodes_an_event_as_the_vectors_have_it(name: str) -> None:
    escalations = {PREDICTION_ID: Escalation("score", "1", 0.99)} if "classifier" in name else {}
    body = logs(WHO.SerializeToString(), [record(name)], EVENTS[name][2][a.SEQUENCE], escalations)
    request = sorted_attributes(ExportLogsServiceRequest.FromString(body))
    assert request == ExportLogsServiceRequest.FromString(VECTORS[name])
    assert request.SerializeToString(deterministic=True) == VECTORS[name]


def test_the_sdk_encodes_a_span_as_the_vectors_have_it() -> None:
    path = Path(
        trace_id=bytes.fromhex(TRACE_ID),
        span_id=bytes.fromhex(SPAN_ID),
        parent_span_id=b"",
        remote=False,
        start_ns=NOON + 1_495_800_000,
        end_ns=NOON + 1_500_000_000,
        attributes={
            a.PREDICTION_ID: PREDICTION_ID,
            a.PREDICTION_LABEL: "7",
            a.PREDICTION_SCORE: 0.53,
            a.TIER: "device_edge",
            a.MODEL_NAME: "digits",
            a.MODEL_VERSION: "2.1.0",
        },
    )
    request = sorted_attributes(ExportTraceServiceRequest.FromString(traces(WHO, [path], 1)))
    assert request.SerializeToString(deterministic=True) == VECTORS["span of an inference"]
