"""After an outage: at a limited rate, in the order that the user set, live data first, nothing twice over."""

import random
import threading
from collections.abc import Iterator
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, Protocol

import driftline
import pytest
from driftline._drain import BURST, Throttle
from driftline._export import Later, Outcome, Sent
from driftline._intake import Drops
from driftline._sender import Sender
from driftline._spool import Spool
from driftline._spool_schema import PROFILE, SAMPLE, SPAN, STREAM, Batch, Signal, Stream

from tests.telemetry.conftest import OK, Collector, MakeMonitor, Reply

SIGNALS: dict[int, Signal] = {STREAM: "logs", PROFILE: "metrics", SAMPLE: "logs", SPAN: "traces"}
NOBODY = Stream("", 0, 0, 0)


class Line:
    """A sender that is stepped by hand, with a clock that is set by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, drain: driftline.Drain, left: int = 0) -> None:
        self.now = 1000.0
        self.away = False
        self.sent: list[tuple[float, int]] = []
        monkeypatch.setattr("driftline._sender.time", SimpleNamespace(monotonic=lambda: self.now))
        self.spool = Spool(None, 2**30)
        self.put(*[SAMPLE] * left)
        self.sender = Sender(self.spool, self.send, Drops(), drain, rng=random.Random(5))

    def put(self, *priorities: int, size: int = 10_000) -> None:
        made = [Batch(0, "", SIGNALS[p], p, 0, 1, 0, 0, 0, bytes(size)) for p in priorities]
        self.spool.put(made, NOBODY)

    def send(self, batch: Batch) -> Outcome:
        if self.away:
            return Later("away", everywhere=True)
        self.sent.append((self.now, batch.id))
        return Sent()

    def run(self, seconds: float) -> None:
        """Step as the thread does, sleeping included."""
        until = self.now + seconds
        while True:
            wait = self.sender._step()
            if wait is None or self.now + wait > until:
                self.now = until
                return
            self.now += wait and max(wait, 1e-6)  # as far as a clock of this size can tell

    def outage(self, *priorities: int) -> None:
        """The collector is away; meanwhile these are put, and one that finds it back."""
        self.away = True
        self.put(STREAM)
        self.run(5)
        self.put(*priorities)
        self.away = False


class Lines(Protocol):
    def __call__(self, drain: driftline.Drain, left: int = 0) -> Line: ...


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[Lines]:
    """Makes lines, and closes their spools after the test."""
    made: list[Line] = []

    def line(drain: driftline.Drain, left: int = 0) -> Line:
        made.append(Line(monkeypatch, drain, left))
        return made[-1]

    yield line
    for each in made:
        each.spool.close()


@pytest.fixture(autouse=True)
def no_log(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level("ERROR"):
        yield


def test_a_backlog_goes_up_at_the_rate_that_was_set_and_jittered(lines: Lines) -> None:
    line = lines(driftline.Drain(bytes_per_second=10_000))
    line.outage(*[SAMPLE] * 100)
    line.run(60)
    allowed = 60 * 10_000 + 1.25 * BURST
    assert 50 * 10_000 < len(line.sent) * 10_000 <= allowed * 1.1
    times = [time for time, _ in line.sent][-20:]
    gaps = {round(later - earlier, 3) for earlier, later in pairwise(times)}
    assert len(gaps) > 10, "no two devices in step"
    assert min(gaps) >= 0.75 - 1e-3
    assert max(gaps) <= 1.25 + 1e-3
    line.run(120)
    assert len(line.spool) == 0


def test_live_data_does_not_wait_for_the_backlog(lines: Lines) -> None:
    line = lines(driftline.Drain(bytes_per_second=1_000))
    line.outage(*[SAMPLE] * 100)
    line.run(60)
    waiting = len(line.spool)
    assert waiting > 50
    line.put(*[PROFILE] * 200)
    made = line.now
    line.run(0)
    live = [time for time, number in line.sent if number > 101]
    assert live == [made] * 200
    assert len(line.spool) == waiting


def test_what_a_predecessor_left_is_a_backlog(lines: Lines) -> None:
    line = lines(driftline.Drain(bytes_per_second=10_000), left=50)
    line.put(PROFILE)
    line.run(0)
    assert line.sent[0][1] == 51
    assert len(line.sent) <= 2 + BURST // 7_500
    line.run(100)
    assert len(line.spool) == 0


def test_without_an_outage_nothing_is_held_back(lines: Lines) -> None:
    line = lines(driftline.Drain(bytes_per_second=1))
    line.put(*[SAMPLE] * 100)
    line.run(0)
    assert len(line.sent) == 100


@pytest.mark.parametrize(
    ("order", "expected"),
    [("oldest", [2, 3, 4, 5, 6]), ("newest", [6, 5, 4, 3, 2]), ("importance", [5, 4, 3, 6, 2])],
)
def test_a_backlog_goes_in_the_order_that_the_user_set(order: Any, expected: list[int], lines: Lines) -> None:
    line = lines(driftline.Drain(bytes_per_second=1_000, order=order))
    line.outage(SPAN, SAMPLE, PROFILE, STREAM, SAMPLE)
    line.run(600)
    known = [number for _, number in line.sent]
    assert sorted(known) == [1, *expected] if order == "oldest" else sorted(known) == list(range(1, 7))
    assert [number for number in known if number != known[0]] == [n for n in expected if n != known[0]]


def test_a_bucket_never_gives_more_than_its_rate_and_a_burst() -> None:
    throttle = Throttle(1000.0, random.Random(1), now=0.0)
    now, given = 0.0, 0
    for _ in range(500):
        now += throttle.wait(now)
        throttle.spend(700)
        given += 700
    assert given <= 1.05 * (1000 * now + BURST)
    assert given >= 0.95 * 1000 * now


@pytest.mark.usefixtures("quick_backoff")
def test_a_transfer_that_breaks_off_goes_on_at_the_batch(
    monitor_for: MakeMonitor, collector: Collector
) -> None:
    away = monitor_for(endpoint="http://127.0.0.1:9", sample_rate=1.0, flush_interval=3600.0)
    for _ in range(5):
        for _ in range(100):
            away.record({"ink": 1.0}, label="1")
        assert away._runtime.settle()
    away.close(timeout=0.1)
    broken = threading.Event()

    def rule(path: str, number: int) -> Reply:
        if number >= 3 and not broken.is_set():
            return Reply(200, body_length=100)  # the connection breaks in the middle of the answer
        return OK

    collector.rule = rule
    heir = monitor_for()
    collector.wait(lambda: len(collector.requests) >= 5)
    taken = len(collector.kept)
    broken.set()
    assert heir.close(timeout=20)
    stream = collector.events("driftline.stream")[0]["stream"]
    numbers = collector.numbers(stream)
    assert sorted(numbers) == list(range(1, 503)), "each once: what was acknowledged is not sent again"
    assert taken == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"bytes_per_second": 0}, r"drain\.bytes_per_second is 0; expected a number"),
        ({"bytes_per_second": "fast"}, r"drain\.bytes_per_second is 'fast'"),
        ({"order": "random"}, r"drain\.order is 'random'; expected one of oldest, newest, importance"),
    ],
)
def test_a_wrong_argument_is_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(driftline.ConfigurationError, match=message):
        driftline.Drain(**arguments)
