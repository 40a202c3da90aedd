"""The encoders write the golden bytes that other languages are tested against."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import driftline_schemas
import numpy as np
import pytest
from driftline._columns import Bins
from driftline._encode import Announcement, Escalation, resource, traces
from driftline._encode import Path as Span
from driftline._encode_logs import Event, logs
from driftline._encode_metrics import metrics
from driftline._intake import Deployment, Drops
from driftline._profile import Profile, Profiler
from driftline._settings import Device, Settings, gather
from driftline_schemas.binning import DURATION_EDGES, Binning, FeatureBinning
from driftline_schemas.records import GroundTruth, Prediction
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

GOLDEN = json.loads((Path(driftline_schemas.__file__).parent / "golden" / "otlp.json").read_text())
CASES = {case["name"]: case for case in GOLDEN["cases"]}
EVENTS = [name for name, case in CASES.items() if case["signal"] == "logs"]
STREAM = "0f8fad5bd9cb469fa16570867728950e"


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    monkeypatch.setenv(
        "OTEL_RESOURCE_ATTRIBUTES", "service.version=1.4.2,deployment.environment.name=production"
    )
    monkeypatch.setenv("OTEL_SERVICE_NAME", "sorter")
    device = Device(id="cam-017", type="jetson-orin-nano", region="eu-west", firmware="36.4.3")
    numbers = {
        "timeout": 1.0,
        "window": 60.0,
        "flush_interval": 1.0,
        "sync_interval": 1.0,
        "sample_rate": 0.01,
        "recent": 1,
    }
    return gather(
        model="digits",
        version="2.1.0",
        device=device,
        tier="device_edge",
        segment={"line": "A3"},
        reference=None,
        endpoint=None,
        headers=None,
        trace_sample_rate=None,
        escalate_below=None,
        escalated_sample_rate=1.0,
        privacy=None,
        limits=None,
        drain=None,
        spool_dir=tmp_path,
        max_spool_bytes=2**20,
        max_buffer=1,
        strict=True,
        **numbers,
    )


def plain(value: Mapping[str, Any]) -> Any:
    """An OTLP/JSON value as Python's own."""
    ((kind, content),) = value.items()
    if kind == "arrayValue":
        return [plain(item) for item in content["values"]]
    if kind == "intValue":
        return int(content)
    return float(content) if kind == "doubleValue" else content


def record_of(case: Mapping[str, Any]) -> tuple[Event, int, dict[str, Escalation]]:
    """The event that a golden case speaks of, its number, and its escalation."""
    record = case["json"]["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0]
    found = {pair["key"].removeprefix("driftline."): plain(pair["value"]) for pair in record["attributes"]}
    time_ns, sequence = int(record["timeUnixNano"]), found.pop("sequence")
    name = record["eventName"].removeprefix("driftline.")
    if name == "stream":
        values = {f"driftline.{key}": value for key, value in found.items()}
        return Announcement(time_ns, values), sequence, {}
    if name == "deployment":
        change = Deployment(
            time_ns, found["deployment.kind"], found["deployment.from"], found["deployment.to"]
        )
        return change, sequence, {}
    if name == "ground_truth":
        truth = GroundTruth(
            prediction_id=found["prediction.id"],
            time_ns=time_ns,
            label=found.get("ground_truth.label"),
            source=found.get("ground_truth.source"),
            probability=found.get("ground_truth.probability"),
            sample_probability=found.get("sample.probability"),
        )
        return truth, sequence, {}
    prediction = Prediction(
        id=found["prediction.id"],
        time_ns=time_ns,
        features={key[9:]: value for key, value in found.items() if key.startswith("features.")},
        label=found.get("prediction.label"),
        value=found.get("prediction.value"),
        score=found.get("prediction.score"),
        duration=found.get("prediction.duration"),
        probability=found["sample.probability"],
        reasons=tuple(found["sample.reasons"]),
        trace_id=bytes.fromhex(record.get("traceId", "")),
        span_id=bytes.fromhex(record.get("spanId", "")),
    )
    escalations = {}
    if "escalation.reason" in found:
        asked = found["escalation.reason"], found["escalation.label"], found["escalation.score"]
        escalations[prediction.id] = Escalation(*asked)
    return prediction, sequence, escalations


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_is_encoded_to_the_golden_bytes(name: str, settings: Settings) -> None:
    event, sequence, escalations = record_of(CASES[name])
    who = resource(settings, STREAM).SerializeToString()
    assert logs(who, [event], sequence, escalations).hex() == CASES[name]["protobuf"]


def test_a_span_is_encoded_to_the_golden_bytes(settings: Settings) -> None:
    case = CASES["span of an inference"]
    span = case["json"]["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    values = {pair["key"]: plain(pair["value"]) for pair in span["attributes"]}
    sequence = values.pop("driftline.sequence")
    path = Span(
        trace_id=bytes.fromhex(span["traceId"]),
        span_id=bytes.fromhex(span["spanId"]),
        parent_span_id=b"",
        remote=False,
        start_ns=int(span["startTimeUnixNano"]),
        end_ns=int(span["endTimeUnixNano"]),
        attributes=values,
    )
    assert traces(resource(settings, STREAM), [path], sequence).hex() == case["protobuf"]


def test_a_window_is_encoded_to_the_golden_bytes(settings: Settings) -> None:
    binning, counts = Binning.from_json(GOLDEN["binning"]), GOLDEN["counts"]
    profile = Profile(Profiler(binning, Drops()))
    profile.predictions = 12
    for name in ("ink", "__score__"):
        feature = binning.get(name)
        assert feature is not None
        bins = profile.numeric[name] = Bins(np.asarray(feature.edges))
        bins.counts += counts[name]
    durations = profile.numeric["__duration__"] = Bins(np.asarray(DURATION_EDGES))
    durations.counts[[24, 30]] += [2, 10]
    paper = profile.categorical["paper"] = profile._profiler.categories("paper")
    paper.add(["new"] * 11 + ["torn"])
    profile.labels.add(["1"] * 4 + ["7"] * 7 + ["4"])
    profile.escalations["score"] = 1
    case = CASES["profiles of one window"]
    (sent,) = case["json"]["resourceMetrics"][0]["scopeMetrics"]
    point = sent["metrics"][0]["exponentialHistogram"]["dataPoints"][0]
    body = metrics(
        resource(settings, STREAM),
        profile,
        int(point["startTimeUnixNano"]),
        int(point["timeUnixNano"]),
        dropped={("spool_full", "logs"): 3},
        spool_bytes=4096,
        spool_age=1.5,
    )
    assert body.hex() == case["protobuf"]


def test_durations_on_edges_of_their_own_bring_them_along(settings: Settings) -> None:
    binning = Binning("digits", (FeatureBinning("__duration__", "numeric", edges=(0.001, 0.01)),))
    profile = Profile(Profiler(binning, Drops()))
    profile.predictions = 12
    durations = profile.numeric["__duration__"] = Bins(np.asarray([0.001, 0.01]))
    durations.counts += [2, 10, 0, 0]
    body = metrics(resource(settings, STREAM), profile, 1, 2, dropped={}, spool_bytes=0, spool_age=0.0)
    sent = ExportMetricsServiceRequest.FromString(body).resource_metrics[0].scope_metrics[0].metrics
    (point,) = next(
        metric for metric in sent if metric.name == "driftline.profile.duration"
    ).histogram.data_points
    assert (list(point.explicit_bounds), list(point.bucket_counts)) == ([0.001, 0.01], [2, 10, 0])
    assert "driftline.profile.bins" not in {metric.name for metric in sent}


def test_an_idle_window_has_one_point_of_zero_predictions(settings: Settings) -> None:
    profile = Profile(Profiler(Binning.from_json(GOLDEN["binning"]), Drops()))
    body = metrics(resource(settings, STREAM), profile, 1, 2, dropped={}, spool_bytes=0, spool_age=0.0)
    sent = ExportMetricsServiceRequest.FromString(body).resource_metrics[0].scope_metrics[0].metrics
    golden = ExportMetricsServiceRequest.FromString(
        bytes.fromhex(CASES["profiles of a window without traffic"]["protobuf"])
    )
    (expected,) = golden.resource_metrics[0].scope_metrics[0].metrics
    points = next(metric for metric in sent if metric.name == expected.name).sum.data_points
    assert [(point.as_int, list(point.attributes)) for point in points] == [
        (point.as_int, list(point.attributes)) for point in expected.sum.data_points
    ]


def test_half_a_surrogate_pair_does_not_stop_the_encoder(settings: Settings) -> None:
    event = Prediction(id="x", time_ns=1, features={"torn\ud800": "\udfff"}, label="\ud800")
    who = resource(settings, STREAM).SerializeToString()
    decoded = ExportLogsServiceRequest.FromString(logs(who, [event], 1, {}))
    record = decoded.resource_logs[0].scope_logs[0].log_records[0]
    texts = {pair.key: pair.value.string_value for pair in record.attributes}
    assert texts["driftline.features.torn?"] == "?"
    assert texts["driftline.prediction.label"] == "?"
