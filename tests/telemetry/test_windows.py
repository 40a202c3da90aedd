"""Windows: aligned, a chain, each row by its own time, and what happens when somebody sets the clock."""

from itertools import pairwise

import driftline
import pytest
from driftline._clock import Clock
from driftline._pipeline import Pipeline

from tests.telemetry.conftest import Collector, MakeMonitor

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
NOON = 1_767_268_800 * SECOND


class Hands:
    """A clock that is moved by hand: the wall's, and the machine's own."""

    def __init__(self, wall: int) -> None:
        self.wall = wall
        self.monotonic = 0

    def pass_time(self, ns: int) -> None:
        self.wall += ns
        self.monotonic += ns

    def clock(self) -> Clock:
        return Clock(lambda: self.wall, lambda: self.monotonic)


@pytest.fixture
def hands() -> Hands:
    return Hands(NOON + 10 * SECOND)


@pytest.fixture
def slow(monitor_for: MakeMonitor, hands: Hands) -> driftline.Monitor:
    """A monitor that ticks only when it is told to."""
    return monitor_for(clock=hands.clock(), flush_interval=3600.0, sample_rate=1.0)


def pipeline(monitor: driftline.Monitor) -> Pipeline:
    assert monitor._runtime._engine is not None
    return monitor._runtime._engine._worker._pipeline


def predict(monitor: driftline.Monitor, count: int) -> None:
    for _ in range(count):
        monitor.record({"ink": 1.0}, label="1")


def test_windows_are_aligned_and_each_row_is_in_that_of_its_own_time(
    slow: driftline.Monitor, hands: Hands, collector: Collector
) -> None:
    for _ in range(10):
        predict(slow, 1)
        hands.pass_time(10 * SECOND)
    assert slow.flush()
    # At :10 to :50, at 1:00 to 1:40, closed by flush at 1:50.
    assert collector.windows() == [
        (NOON + 10 * SECOND, NOON + MINUTE, 5),
        (NOON + MINUTE, NOON + MINUTE + 50 * SECOND, 5),
    ]


def test_idle_windows_are_sent_and_the_chain_has_no_hole(
    slow: driftline.Monitor, hands: Hands, collector: Collector
) -> None:
    predict(slow, 2)
    hands.pass_time(4 * MINUTE)
    predict(slow, 3)
    assert slow.close()
    windows = collector.windows()
    assert [count for _, _, count in windows] == [2, 0, 0, 0, 3] or [count for _, _, count in windows] == [
        2,
        0,
        0,
        0,
        3,
        0,
    ]
    assert all(end == start for (_, end, _), (start, _, _) in pairwise(windows))


def test_a_process_that_was_stopped_for_long_sends_one_empty_window(
    slow: driftline.Monitor, hands: Hands, collector: Collector
) -> None:
    predict(slow, 1)
    assert slow.flush()
    hands.pass_time(30 * MINUTE)
    predict(slow, 1)
    hands.pass_time(MINUTE)
    assert slow.flush()
    windows = collector.windows()
    assert [count for _, _, count in windows] == [1, 0, 1]
    assert windows[1][1] == NOON + 30 * MINUTE
    assert all(end == start for (_, end, _), (start, _, _) in pairwise(windows))


def test_a_clock_set_forward_cuts_the_window_and_no_window_holds_times_of_both(
    slow: driftline.Monitor, hands: Hands, collector: Collector
) -> None:
    predict(slow, 2)
    hands.pass_time(5 * SECOND)
    hands.wall += 3600 * SECOND
    predict(slow, 3)
    hands.pass_time(SECOND)
    assert slow.close()
    start, jump = NOON + 10 * SECOND, NOON + 16 * SECOND
    assert collector.windows() == [
        (start, jump, 2),
        (jump, start + 3600 * SECOND, 0),
        (start + 3600 * SECOND, jump + 3600 * SECOND, 3),
    ]
    assert len({event["stream"] for event in collector.events("driftline.stream")}) == 1


def test_a_clock_set_back_ends_the_stream_and_starts_another(
    slow: driftline.Monitor, hands: Hands, collector: Collector
) -> None:
    predict(slow, 2)
    hands.pass_time(5 * SECOND)
    hands.wall -= 3600 * SECOND
    predict(slow, 3)
    hands.pass_time(SECOND)
    assert slow.close()
    events = collector.events("driftline.stream")
    assert [event["driftline.stream.phase"] for event in events] == ["start", "end", "start", "end"]
    first, second = events[1], events[3]
    assert first["stream"] != second["stream"]
    for event, count in ((first, 2), (second, 3)):
        assert event["driftline.stream.predictions.made"] == count
        assert event["driftline.stream.predictions.profiled"] == count
    start = NOON + 10 * SECOND
    assert collector.windows(first["stream"]) == [(start, start + 6 * SECOND, 2)]
    assert collector.windows(second["stream"]) == [(start - 3600 * SECOND, start - 3594 * SECOND, 3)]
    assert sorted(collector.numbers(first["stream"])) == [1, 2, 3, 4]
    assert sorted(collector.numbers(second["stream"])) == [1, 2, 3, 4, 5]


def test_slewing_is_no_jump(slow: driftline.Monitor, hands: Hands, collector: Collector) -> None:
    for step in (0.4, -0.9, 0.9):
        predict(slow, 1)
        hands.pass_time(5 * SECOND)
        hands.wall += round(step * SECOND)
        pipeline(slow).tick()
    assert slow.close()
    assert len(collector.windows()) == 1
    assert collector.predictions == 3


def test_a_row_whose_window_is_closed_counts_in_the_open_one(
    slow: driftline.Monitor, hands: Hands, collector: Collector
) -> None:
    handle = slow.record({"ink": 1.0}, label="1")
    rows = slow._intake.take_rows(1)  # its thread was put to sleep between the clock and the buffer
    hands.pass_time(MINUTE)
    assert slow.flush()
    hands.pass_time(SECOND)
    slow._intake.rows.extend(rows)
    assert slow.close()
    assert handle.time_ns < NOON + MINUTE
    assert [count for _, _, count in collector.windows()] == [0, 1]


def test_flushing_over_and_over_makes_no_empty_windows(
    slow: driftline.Monitor, hands: Hands, collector: Collector
) -> None:
    predict(slow, 1)
    hands.pass_time(SECOND)
    for _ in range(3):
        assert slow.flush()
    assert len(collector.windows()) == 1
