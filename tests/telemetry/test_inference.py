"""One inference: span, latency, prediction, escalation, and the trace that goes on in the next tier."""

from collections import Counter
from typing import Any

import pytest
from driftline._w3c import pairs, parse_traceparent, tracestate
from driftline.testing import MemoryMonitor, attributes_of
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.telemetry.conftest import Collector, MakeMonitor


def test_an_inference_is_a_prediction_with_its_duration_and_a_span() -> None:
    with MemoryMonitor() as monitor:
        with monitor.inference({"ink": 0.5}) as inference:
            inference.predict("7", score=0.9)
        (prediction,) = monitor.predictions
        (span,) = monitor.spans
    assert prediction.id == inference.id
    assert (prediction.label, prediction.score, prediction.features) == ("7", 0.9, {"ink": 0.5})
    assert prediction.trace_id.hex() == inference.trace_id == span.trace_id.hex()
    assert prediction.span_id == span.span_id
    assert prediction.duration is not None
    assert 0 < prediction.duration <= (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9
    assert (span.name, span.kind) == ("driftline.inference", Span.SPAN_KIND_INTERNAL)
    values = attributes_of(span)
    assert values["driftline.prediction.id"] == inference.id
    assert values["driftline.tier"] == "device_edge"
    assert values["driftline.sequence"] == 1


def test_an_escalation_joins_the_two_tiers_in_one_trace_and_by_prediction_id() -> None:
    edge = MemoryMonitor(escalate_below=0.6, sample_rate=0.0)
    cloud = MemoryMonitor(tier="cloud", sample_rate=1.0)
    with edge, cloud:
        with edge.inference({"ink": 0.5}) as asking:
            asking.predict("7", score=0.3)
            assert asking.should_escalate()
            arriving = {name.title(): value for name, value in asking.headers().items()}
            with cloud.inference({"ink": 0.5}, headers=arriving) as answering:
                answering.predict("1", score=0.99)
            asking.escalated(label="1", score=0.99)
        (prediction,) = edge.predictions
        (answer,) = cloud.predictions
        (outer,), (inner,) = edge.spans, cloud.spans
        assert answer.parent_id == prediction.id == asking.id
        assert answer.trace_id == prediction.trace_id
        assert inner.parent_span_id == outer.span_id
        assert inner.kind == Span.SPAN_KIND_SERVER
        assert prediction.probability == 1.0
        assert prediction.reasons == ("escalated",)
        for record in (outer, edge._logs("driftline.prediction")[0]):
            values = attributes_of(record)
            assert values["driftline.escalation.reason"] == "score"
            assert values["driftline.escalation.label"] == "1"
            assert values["driftline.escalation.score"] == 0.99
        assert edge.escalations == {"score": 1}


def test_the_caller_may_escalate_for_a_reason_of_its_own() -> None:
    with MemoryMonitor(sample_rate=0.0) as monitor:
        with monitor.inference() as inference:
            inference.predict("7", score=0.99)
            assert not inference.should_escalate()
            inference.escalated(label="1", reason="never seen")
        assert monitor.escalations == {"never seen": 1}
        assert monitor.predictions[0].reasons == ("escalated",)


def test_a_sure_answer_does_not_escalate() -> None:
    with MemoryMonitor(escalate_below=0.6, sample_rate=0.0) as monitor:
        with monitor.inference({"ink": 0.5}) as inference:
            assert not inference.should_escalate()  # not answered yet
            inference.predict("7", score=0.6)
            assert not inference.should_escalate()
        assert monitor.escalations == {}
        assert monitor.labels == {"7": 1}
        assert (monitor.predictions, monitor.spans) == ([], [])


def test_an_inference_without_an_answer_is_no_prediction_but_its_span_tells_the_error() -> None:
    with MemoryMonitor() as monitor:
        with pytest.raises(KeyError), monitor.inference({"ink": 0.5}):
            raise KeyError("model")
        (span,) = monitor.spans
        assert (span.status.code, span.status.message) == (Status.STATUS_CODE_ERROR, "KeyError")
        assert (monitor.labels, monitor.predictions) == ({}, [])


def test_a_prediction_whose_code_fails_afterwards_is_counted() -> None:
    with MemoryMonitor() as monitor:

        def work() -> None:
            with monitor.inference({"ink": 0.5}) as inference:
                inference.predict("7")
                raise OSError("uplink")

        with pytest.raises(OSError, match="uplink"):
            work()
        assert monitor.labels == {"7": 1}
        assert monitor.spans[0].status.message == "OSError"


def test_a_late_truth_finds_an_inference_whose_id_was_told_before_its_end() -> None:
    with MemoryMonitor(sample_rate=0.0, trace_sample_rate=0.0) as monitor:
        with monitor.inference({"ink": 0.5}) as inference:
            told = inference.id
            inference.predict("7")
        monitor.ground_truth(told, "1")
        (prediction,) = monitor.predictions
        assert (prediction.id, prediction.label) == (told, "7")
        assert inference.id == told


def test_the_callers_decision_to_trace_is_followed() -> None:
    ids = f"{'ab' * 16}-{'cd' * 8}"
    with MemoryMonitor(sample_rate=1.0) as monitor:
        for flags in ("00", "01"):
            with monitor.inference(headers={"traceparent": f"00-{ids}-{flags}"}) as inference:
                inference.predict("7")
            assert inference.headers()["traceparent"].startswith(f"00-{'ab' * 16}-")
            assert inference.headers()["traceparent"].endswith(flags)
        assert len(monitor.spans) == 1
    with MemoryMonitor(sample_rate=0.0) as monitor, monitor.inference() as inference:
        assert inference.headers()["traceparent"].endswith("-00")


GOOD = f"00-{'1' * 32}-{'2' * 16}-01"


@pytest.mark.parametrize(
    ("value", "sampled"),
    [
        (GOOD, True),
        (f" {GOOD} ", True),
        (GOOD[:-2] + "00", False),
        (GOOD[:-2] + "03", True),
        ("cc" + GOOD[2:] + "-what-the-future-brings", True),
        (None, None),
        ("", None),
        ("ff" + GOOD[2:], None),
        (GOOD + "-more", None),
        (GOOD.upper().replace("1", "A"), None),
        (f"00-{'0' * 32}-{'2' * 16}-01", None),
        (f"00-{'1' * 32}-{'0' * 16}-01", None),
        (GOOD[:-1], None),
        ("garbage", None),
    ],
)
def test_a_traceparent_is_read_as_w3c_says(value: str | None, sampled: bool | None) -> None:
    parsed = parse_traceparent(value)
    assert (parsed and parsed[2]) == sampled


CARRIERS: list[Any] = [
    {"TraceParent": GOOD, "driftline-prediction-id": "asked", "TraceState": "a=1,b=2"},  # HTTP
    {"traceparent": [GOOD], "driftline-prediction-id": ["asked"], "tracestate": ["a=1", "b=2"]},
    (("traceparent", GOOD), ("driftline-prediction-id", "asked"), ("tracestate", "a=1,b=2")),  # gRPC
    [
        ("traceparent", GOOD),
        ("tracestate", "a=1"),
        ("driftline-prediction-id", "asked"),
        ("tracestate", "b=2"),
    ],
    [(b"traceparent", GOOD.encode()), (b"driftline-prediction-id", b"asked"), (b"tracestate", b"a=1, b=2")],
    iter([("traceparent", GOOD), ("driftline-prediction-id", "asked"), ("tracestate", "a=1,b=2,,c")]),
]


@pytest.mark.parametrize("carrier", CARRIERS, ids=["HTTP", "lists", "gRPC", "MQTT", "ASGI", "iterator"])
def test_a_trace_goes_on_whatever_carries_it(carrier: Any) -> None:
    with MemoryMonitor() as monitor:
        with monitor.inference(headers=carrier) as inference:
            inference.predict("7")
            onward = inference.headers()
        (prediction,), (span,) = monitor.predictions, monitor.spans
        assert prediction.parent_id == "asked"
        assert (span.trace_id.hex(), span.parent_span_id.hex()) == ("1" * 32, "2" * 16)
        assert span.trace_state == onward["tracestate"] == "a=1,b=2"
        assert onward["driftline-prediction-id"] == inference.id
        assert onward["traceparent"] == f"00-{'1' * 32}-{span.span_id.hex()}-01"


def test_two_parents_are_none() -> None:
    with MemoryMonitor() as monitor:
        with monitor.inference(
            headers=[("traceparent", GOOD), ("traceparent", GOOD[:-2] + "00")]
        ) as inference:
            inference.predict("7")
        assert monitor.spans[0].parent_span_id == b""


def test_what_carries_nothing_is_no_reason_to_fail() -> None:
    with MemoryMonitor(strict=False) as monitor:
        for nonsense in (5, [1, 2], "text", {"traceparent": 7, 3: "x"}):
            with monitor.inference(headers=nonsense) as inference:  # type: ignore[arg-type]
                inference.predict("7")
        assert monitor.labels == {"7": 4}


def test_a_tracestate_that_is_too_long_loses_its_last_members() -> None:
    long = ",".join(f"key{number}={'x' * 90}" for number in range(9))
    kept = tracestate(pairs({"tracestate": long}))
    assert long.startswith(kept)
    assert kept.count("=") == 5
    assert (
        tracestate(pairs({"tracestate": ",".join(f"k{number}=1" for number in range(40))})).count("=") == 32
    )


def test_an_inference_that_escalates_without_an_answer_of_its_own_is_a_prediction_without_a_label() -> None:
    with MemoryMonitor(sample_rate=0.0) as monitor:
        with monitor.inference({"ink": 0.5}) as inference:
            inference.escalate("updating")
            assert inference.headers()["traceparent"].endswith("-01"), "before anybody is asked"
            inference.escalated(label="1", score=0.9)
        (prediction,), (span,) = monitor.predictions, monitor.spans
        assert (prediction.label, prediction.score) == (None, None)
        assert monitor.escalations == {"updating": 1}
        values = attributes_of(span)
        assert values["driftline.escalation.reason"] == "updating"
        assert values["driftline.escalation.label"] == "1"


def test_what_changed_on_a_device_is_announced() -> None:
    with MemoryMonitor() as monitor:
        monitor.deployed("firmware", "1.0", "1.1")
        (event,) = monitor._logs("driftline.deployment")
    values = attributes_of(event)
    named = {name: values[f"driftline.deployment.{name}"] for name in ("kind", "from", "to")}
    assert named == {"kind": "firmware", "from": "1.0", "to": "1.1"}


def test_two_versions_that_run_during_an_update_are_kept_apart(
    monitor_for: MakeMonitor, collector: Collector
) -> None:
    old, new = monitor_for(version="1"), monitor_for(version="2")
    for monitor, rows in ((old, 30), (new, 20)):
        for _ in range(rows):
            monitor.record({"ink": 1.0}, label=str(rows))
    assert old.close(timeout=20)
    assert new.close(timeout=20)
    counted: Counter[str] = Counter()
    for path, body in collector.kept:
        for resource in body.resource_metrics if path == "/v1/metrics" else ():
            version = attributes_of(resource.resource)["driftline.model.version"]
            for metric in resource.scope_metrics[0].metrics:
                if metric.name == "driftline.profile.predictions":
                    counted[version] += sum(point.as_int for point in metric.sum.data_points)
    assert counted == {"1": 30, "2": 20}
