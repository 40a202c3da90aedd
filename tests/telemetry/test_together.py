"""Samples and spans wait for others and go up with them; what somebody waits for does not."""

import gzip
import random
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from driftline._drain import Drain
from driftline._encode import gzip as gzip_of
from driftline._export import Outcome, Refused, Sent
from driftline._intake import Drops
from driftline._sender import Sender
from driftline._spool import Spool
from driftline._spool_schema import PROFILE, SAMPLE, SPAN, STREAM, Batch, Signal, Stream
from driftline._together import ENOUGH, LONGER
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

SIGNALS: dict[int, Signal] = {STREAM: "logs", PROFILE: "metrics", SAMPLE: "logs", SPAN: "traces"}
PATIENCE = 60.0
LONG = LONGER * PATIENCE


def request(signal: Signal, name: bytes) -> bytes:
    """A request of one record of this name."""
    if signal == "metrics":
        return name
    if signal == "logs":
        logs = ExportLogsServiceRequest()
        logs.resource_logs.add().scope_logs.add().log_records.add(event_name=name.decode())
        return logs.SerializeToString()
    traces = ExportTraceServiceRequest()
    traces.resource_spans.add().scope_spans.add().spans.add(name=name.decode())
    return traces.SerializeToString()


def told(signal: Signal, body: bytes) -> bytes:
    """The names in a request, in which who speaks stands once."""
    if signal == "metrics":
        return body
    if signal == "logs":
        (logs,) = ExportLogsServiceRequest.FromString(body).resource_logs
        (events,) = logs.scope_logs
        return "".join(record.event_name for record in events.log_records).encode()
    (traces,) = ExportTraceServiceRequest.FromString(body).resource_spans
    (spans,) = traces.scope_spans
    return "".join(span.name for span in spans.spans).encode()


class Line:
    """A sender that is stepped by hand, with a clock that is set by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        self.sent: list[tuple[str, bytes]] = []
        self.answers: list[Outcome] = []
        monkeypatch.setattr(
            "driftline._sender.time", SimpleNamespace(monotonic=lambda: self.now, time_ns=lambda: 1)
        )
        self.spool = Spool(None, 2**30)
        self.sender = Sender(self.spool, self.send, Drops(), Drain(), patience=PATIENCE, rng=random.Random(5))

    def put(self, priority: int, body: bytes, records: int = 1) -> None:
        packed = gzip_of(request(SIGNALS[priority], body))
        batch = Batch(0, "", SIGNALS[priority], priority, 0, records, 1, 1, 0, packed)
        self.spool.put([batch], Stream("", 0, 0, 0))

    def send(self, batch: Batch) -> Outcome:
        try:
            body = told(batch.signal, gzip.decompress(batch.body))
        except OSError:
            body = b"no gzip"
        self.sent.append((batch.signal, body))
        return self.answers.pop(0) if self.answers else Sent()

    def step(self, seconds: float = 0.0) -> float | None:
        """Go on by so many seconds and send what is due; how long the sender would sleep then."""
        self.now += seconds
        while (wait := self.sender._step()) == 0.0:
            pass
        return wait


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    made = Line(monkeypatch)
    yield made
    made.spool.close()


def test_samples_wait_for_others_and_go_up_as_one(line: Line) -> None:
    line.put(SAMPLE, b"first ")
    assert line.step() == pytest.approx(LONG)
    line.put(SAMPLE, b"second ")
    line.put(SPAN, b"span")
    assert line.step(LONG - 10) == pytest.approx(10)
    assert line.sent == []
    assert line.step(10) == pytest.approx(LONG - 10)
    assert line.sent == [("logs", b"first second ")]
    line.step(LONG - 10)
    assert line.sent[1:] == [("traces", b"span")]
    assert len(line.spool) == 0


def test_samples_that_are_worth_a_request_wait_less_long(line: Line) -> None:
    line.put(SAMPLE, b"many ", records=ENOUGH - 1)
    assert line.step() == pytest.approx(LONG)
    line.put(SAMPLE, b"and one")
    assert line.step(10) == pytest.approx(PATIENCE - 10)
    assert line.step(PATIENCE - 10) is None
    assert line.sent == [("logs", b"many and one")]


def test_windows_go_at_once_and_let_samples_wait(line: Line) -> None:
    line.put(SAMPLE, b"sample")
    line.put(PROFILE, b"window")
    line.step()
    assert line.sent == [("metrics", b"window")]


def test_a_truth_goes_at_once_and_takes_along_what_was_told_before(line: Line) -> None:
    line.put(SAMPLE, b"prediction ")
    line.put(STREAM, b"truth")
    line.step()
    assert line.sent == [("logs", b"prediction truth")]


def test_a_whole_request_of_samples_waits_for_nothing(line: Line) -> None:
    line.put(SAMPLE, b"many ", records=200)
    line.step()
    assert line.sent == []
    line.put(SAMPLE, b"more", records=56)
    line.put(SAMPLE, b"and one")
    line.step()
    assert line.sent == [("logs", b"many more")]
    line.step(LONG)
    assert line.sent[1:] == [("logs", b"and one")]


def test_nothing_waits_while_somebody_waits_for_it(line: Line) -> None:
    line.put(SAMPLE, b"sample")
    line.sender._together.hurry(line.now + 5)
    line.step()
    assert line.sent == [("logs", b"sample")]
    line.put(SAMPLE, b"later")
    line.step(6)
    assert len(line.sent) == 1


def test_what_is_refused_together_is_asked_for_one_by_one(line: Line) -> None:
    for body in (b"good", b"bad", b"fine"):
        line.put(SAMPLE, body)
    line.answers = [Refused(400, "no"), Sent(), Refused(400, "no"), Sent()]
    line.step()
    line.step(LONG)
    assert [body for _, body in line.sent] == [b"goodbadfine", b"good", b"bad", b"fine"]
    assert line.spool._one("SELECT count(*) FROM quarantine") == 1
    assert len(line.spool) == 0


def test_a_body_that_the_disk_has_spoilt_goes_by_itself(line: Line) -> None:
    line.put(SAMPLE, b"good")
    line.put(SAMPLE, b"spoilt")
    line.spool._db.execute("UPDATE batches SET body = ? WHERE id = 2", (gzip_of(b"spoilt")[:-4] + b"oops",))
    line.step()
    line.step(LONG)
    assert line.sent == [("logs", b"good"), ("logs", b"no gzip")]


def test_what_goes_up_together_is_safe_from_the_need_for_room(line: Line) -> None:
    for body in (b"a" * 100, b"b" * 100):
        line.put(SAMPLE, body)
    batch = line.spool.next()
    assert batch is not None
    line.spool.followers(batch, 255)
    line.spool.limit = 1
    assert line.spool.put([], Stream("", 0, 0, 0)) == []


def test_what_waits_in_a_backlog_is_not_counted_for_what_is_new(line: Line) -> None:
    for _ in range(300):
        line.put(SAMPLE, b"old")
    last = line.spool.last_id()
    line.put(SAMPLE, b"new")
    assert line.spool.waiting("logs", after=0, limit=256) == (256, SAMPLE)
    assert line.spool.waiting("logs", after=last, limit=256) == (1, SAMPLE)
    assert line.sender._together.wait("logs", line.now, after=last) == pytest.approx(LONG)
