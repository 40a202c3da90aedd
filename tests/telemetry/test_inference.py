"""One inference: span, latency, prediction, escalation, and the trace that goes on in the next tier."""

import pytest
from driftline._inference import parse_traceparent
from driftline.testing import MemoryMonitor, attributes_of
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status


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
