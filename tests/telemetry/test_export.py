"""A batch is deleted only after a decoded answer; whatever else comes, nothing is lost and nothing blocks."""

import threading

import driftline
import pytest
from driftline._export import Later, Refused, Sent, judge, retry_after
from driftline._spool_schema import Batch
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsPartialSuccess,
    ExportLogsServiceResponse,
)

from tests.telemetry.conftest import JUNK, OK, PROTOBUF, Collector, MakeMonitor, Reply

pytestmark = pytest.mark.usefixtures("quick_backoff")

PORTAL = Reply(200, "text/html", b"<html>Please accept our terms</html>")


def batch(attempts: int = 0) -> Batch:
    return Batch(1, "s", "logs", 0, 0, 1, 1, 1, attempts, b"")


@pytest.mark.parametrize(
    ("status", "kind", "body", "expected"),
    [
        (200, PROTOBUF, b"", Sent),
        (202, f"{PROTOBUF}; charset=utf-8", b"", Sent),
        (200, "text/html", b"<html>", Later),
        (200, "", b"", Later),
        (204, "", b"", Later),
        (200, PROTOBUF, JUNK, Later),
        (302, "text/html", b"", Later),
        (429, PROTOBUF, b"", Later),
        (502, "text/html", b"", Later),
        (503, "", b"", Later),
        (504, "", b"", Later),
        (500, "", b"", Later),
        (401, "", b"", Later),
        (403, "", b"", Later),
        (404, "", b"", Later),
        (400, PROTOBUF, b"", Refused),
        (413, PROTOBUF, b"", Refused),
        (415, "", b"", Refused),
        (422, "", b"", Refused),
    ],
)
def test_each_answer_has_its_meaning(status: int, kind: str, body: bytes, expected: type) -> None:
    assert type(judge(batch(), status, {"Content-Type": kind}, body)) is expected


def test_a_500_is_refused_only_when_it_comes_again_and_again() -> None:
    assert isinstance(judge(batch(attempts=1), 500, {}, b""), Later)
    assert isinstance(judge(batch(attempts=2), 500, {}, b"oops"), Refused)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("2", 2.0),
        ("1.5", 1.5),
        ("-3", 0.0),
        ("999999", 3600.0),
        ("nan", None),
        ("soon", None),
        ("Thu, 01 Jan 1970 00:01:40 GMT", 90.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, now=10.0) == seconds


@pytest.mark.parametrize(
    "bad",
    [
        Reply(503, body=b"busy"),
        Reply(429),
        Reply(502, "text/html"),
        PORTAL,
        Reply(200, None),
        Reply(200, PROTOBUF, JUNK),
        Reply(200, PROTOBUF, b"", body_length=100),
        Reply(302, "text/html", headers={"Location": "http://portal.example/"}),
        Reply(401),
        Reply(500),
    ],
    ids=str,
)
def test_what_was_not_acknowledged_is_sent_again(
    bad: Reply, monitor_for: MakeMonitor, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("driftline._export.MAX_BACKOFF", 0.01)
    collector.rule = lambda path, number: bad if number < 2 else OK
    monitor = monitor_for(sample_rate=1.0)
    for _ in range(20):
        monitor.record({"ink": 1.0}, label="1")
    assert monitor.close(timeout=20)
    assert collector.predictions == 20
    assert len(collector.events("driftline.prediction")) == 20
    stream = collector.events("driftline.stream")[0]["stream"]
    assert sorted(collector.numbers(stream)) == list(range(1, 23))
    assert monitor.dropped == 0


def test_a_collector_that_never_answers_blocks_nobody(monitor_for: MakeMonitor, collector: Collector) -> None:
    gate = threading.Event()
    collector.rule = lambda path, number: Reply(hang=gate, status=503) if number == 0 else OK
    monitor = monitor_for(timeout=0.2)
    collector.wait(lambda: collector.requests)
    for _ in range(10_000):
        monitor.record({"ink": 1.0}, label="1")
    assert not monitor.flush(timeout=0.01)
    collector.wait(lambda: collector.predictions == 10_000)
    gate.set()
    assert monitor.dropped == 0


def test_an_answer_without_end_is_given_up(monitor_for: MakeMonitor, collector: Collector) -> None:
    collector.rule = lambda path, number: Reply(200, PROTOBUF, b"x" * 100_000) if number == 0 else OK
    monitor = monitor_for()
    assert monitor.close(timeout=20)
    assert [event["driftline.stream.phase"] for event in collector.events("driftline.stream")][-1] == "end"


def test_retry_after_is_honoured(monitor_for: MakeMonitor, collector: Collector) -> None:
    busy = Reply(503, headers={"Retry-After": "0.3"})
    collector.rule = lambda path, number: busy if number == 0 else OK
    monitor_for()
    collector.wait(lambda: len(collector.requests) >= 2)
    (_, first), (_, second) = collector.requests[:2]
    assert second - first >= 0.3


def test_a_refused_window_is_told_from_one_that_arrived(
    monitor_for: MakeMonitor, collector: Collector
) -> None:
    monitor = monitor_for(flush_interval=3600.0)
    collector.rule = lambda path, number: Reply(400) if path == "/v1/metrics" else OK
    for _ in range(5):
        monitor.record({"ink": 1.0}, label="1")
    assert monitor.flush()
    collector.rule = lambda path, number: OK
    for _ in range(3):
        monitor.record({"ink": 1.0}, label="1")
    assert monitor.close()
    end = collector.events("driftline.stream")[-1]
    assert end["driftline.stream.predictions.made"] == 8
    assert end["driftline.stream.predictions.profiled"] == collector.predictions == 3


def test_partial_success_is_counted_and_not_sent_again(
    monitor_for: MakeMonitor, collector: Collector
) -> None:
    partial = ExportLogsPartialSuccess(rejected_log_records=2, error_message="too old")
    answer = ExportLogsServiceResponse(partial_success=partial).SerializeToString()
    monitor = monitor_for(sample_rate=1.0, flush_interval=3600.0)
    assert monitor.flush()
    collector.rule = lambda path, number: Reply(200, PROTOBUF, answer) if path == "/v1/logs" else OK
    for _ in range(5):
        monitor.record({"ink": 1.0})
    assert monitor.flush()
    assert monitor.dropped == 2
    assert len(collector.events("driftline.prediction")) == 5


def test_a_signal_that_is_refused_for_now_does_not_hold_up_the_others(
    monitor_for: MakeMonitor, collector: Collector
) -> None:
    collector.rule = lambda path, number: Reply(503) if path == "/v1/logs" else OK
    monitor = monitor_for()
    monitor.record({"ink": 1.0}, label="1")
    assert not monitor.flush(timeout=0.05)
    collector.wait(lambda: collector.predictions == 1)
    assert collector.events("driftline.stream") == []
    collector.rule = lambda path, number: OK
    assert monitor.close(timeout=20)


def test_without_a_collector_it_waits_on_disk_for_the_next_process(
    monitor_for: MakeMonitor, collector: Collector
) -> None:
    away = monitor_for(endpoint="http://127.0.0.1:9")
    for _ in range(5):
        away.record({"ink": 1.0}, label="1")
    assert not away.close(timeout=0.2)
    heir = monitor_for()
    assert heir._runtime._engine is not None
    second = heir._runtime._engine._outbox.stream.id
    assert heir.close(timeout=20)
    (first,) = {event["stream"] for event in collector.events("driftline.stream")} - {second}
    assert sum(count for _, _, count in collector.windows(first)) == 5
    for stream in (first, second):
        events = [event for event in collector.events("driftline.stream") if event["stream"] == stream]
        assert {event["driftline.stream.phase"] for event in events} == {"start", "end"}
    assert sorted(collector.numbers(second)) == [1, 2]


def test_headers_are_sent_and_kept_out_of_repr(
    monitor_for: MakeMonitor, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-fleet=north%20sea,authorization=old")
    monitor: driftline.Monitor = monitor_for(headers={"Authorization": "Bearer s3cret"})
    assert monitor.flush()
    sent = {name.lower(): value for name, value in collector.headers[0].items()}
    assert sent["x-fleet"] == "north sea"
    assert sent["authorization"] == "Bearer s3cret"
    assert sent["content-encoding"] == "gzip"
    assert "s3cret" not in repr(monitor._settings)
