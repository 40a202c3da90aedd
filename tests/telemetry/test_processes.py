"""Processes that are killed, that fork, that end: what was durable arrives, and the rest is announced."""

import multiprocessing
import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import driftline
import pytest

from tests.telemetry.conftest import Collector, MakeMonitor


def phase(collector: Collector, name: str) -> list[dict[str, Any]]:
    """The stream events of a phase."""
    events = collector.events("driftline.stream")
    return [event for event in events if event["driftline.stream.phase"] == name]


def all_numbers(event: dict[str, Any]) -> list[int]:
    """All the numbers that a stream says it has given to log records."""
    return list(range(1, event["driftline.stream.last_sequence.logs"] + 1))


LOOP = """
import sys, time
import driftline
monitor = driftline.Monitor(
    model="digits", version="1", device=driftline.Device(id="cam-1"), endpoint=sys.argv[1],
    spool_dir=sys.argv[2], flush_interval=0.02, sync_interval=0.02, sample_rate=0.02, strict=True,
)
for i in range(1, 1_000_000):
    handle = monitor.record({"ink": i / 7, "paper": "new"}, label=str(i % 3), score=0.5)
    if i % 50 == 0:
        print(i, flush=True)
        time.sleep(0.001)
"""


def run_until(lines: int, endpoint: str, spool: Path) -> int:
    """Start the loop, kill it after so many lines; how far it said it had come."""
    command = [sys.executable, "-c", LOOP, endpoint, str(spool)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        seen = 0
        for _ in range(lines):
            seen = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read().splitlines()
    return int(rest[-1]) if rest and rest[-1].isdigit() else seen


@pytest.mark.parametrize("away", [False, True], ids=["collector there", "collector away"])
def test_after_kill_9_what_was_durable_arrives_and_the_rest_is_announced(
    away: bool, monitor_for: MakeMonitor, collector: Collector, tmp_path: Path
) -> None:
    rng = random.Random(11)
    endpoint = "http://127.0.0.1:9" if away else collector.endpoint
    said = [run_until(rng.randint(1, 300), endpoint, tmp_path / "spool") for _ in range(2)]
    assert monitor_for().close(timeout=20)
    closed = phase(collector, "closed")
    assert len(closed) == 2
    for event, known in zip(closed, said, strict=True):
        stream = event["driftline.stream.closed.id"]
        made = event["driftline.stream.predictions.made"]
        profiled = event["driftline.stream.predictions.profiled"]
        windows = collector.windows(stream)
        assert known <= made <= known + 50
        assert profiled == sum(count for _, _, count in set(windows)) <= made
        assert set(collector.numbers(stream)) == set(all_numbers(event))
        if windows:
            assert event["driftline.stream.last_window_end"] == windows[-1][1]


def test_a_killed_process_leaves_its_open_window_to_its_successor(
    monitor_for: MakeMonitor, collector: Collector, tmp_path: Path
) -> None:
    said = run_until(200, collector.endpoint, tmp_path / "spool")
    assert monitor_for().close(timeout=20)
    assert said // 10 <= collector.predictions <= said + 50


def test_leftovers_in_a_slot_that_nobody_uses_are_adopted(
    monitor_for: MakeMonitor, collector: Collector, tmp_path: Path
) -> None:
    own = monitor_for(endpoint="http://127.0.0.1:9")
    run_until(20, "http://127.0.0.1:9", tmp_path / "spool")  # in slot 1
    own.close(timeout=0.1)
    first, second = monitor_for(), monitor_for()
    assert first.close(timeout=20)
    assert second.close(timeout=20)
    closed = phase(collector, "closed")
    assert len(closed) == 1
    stream = closed[0]["driftline.stream.closed.id"]
    assert set(collector.numbers(stream)) == set(all_numbers(closed[0]))


def _predict_in_child(monitor: driftline.Monitor, count: int) -> None:
    for _ in range(count):
        monitor.record({"ink": 1.0}, label="child")
    os._exit(0 if monitor.close(timeout=20) else 1)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_has_a_stream_of_its_own_and_the_parent_goes_on(
    monitor: driftline.Monitor, collector: Collector
) -> None:
    context = multiprocessing.get_context("fork")
    for _ in range(100):
        monitor.record({"ink": 1.0}, label="parent")
    children = [context.Process(target=_predict_in_child, args=(monitor, 70)) for _ in range(2)]
    for child in children:
        child.start()
    for _ in range(100):
        monitor.record({"ink": 1.0}, label="parent")
    for child in children:
        child.join(30)
        assert child.exitcode == 0
    assert monitor.close(timeout=20)
    assert collector.sums("driftline.profile.predictions", "driftline.label") == {"parent": 200, "child": 140}
    ends = phase(collector, "end")
    assert sorted(event["driftline.stream.predictions.made"] for event in ends) == [70, 70, 200]
    assert len({event["stream"] for event in ends}) == 3
    for event in ends:
        assert sorted(collector.numbers(event["stream"])) == all_numbers(event)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_child_that_predicts_nothing_leaves_no_trace_and_does_not_hold_the_parents_slot(
    monitor_for: MakeMonitor, collector: Collector, tmp_path: Path
) -> None:
    monitor = monitor_for()
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        os.read(reading, 1)
        os._exit(0)
    assert monitor.close(timeout=20)
    heir = monitor_for()
    assert heir.close(timeout=20)
    os.write(writing, b"x")
    os.waitpid(child, 0)
    os.close(reading)
    os.close(writing)
    assert len({event["stream"] for event in collector.events("driftline.stream")}) == 2
    assert [path.name for path in tmp_path.glob("spool/*/*/*")] == ["0"]


def test_a_process_that_just_ends_sends_all_the_same(collector: Collector, tmp_path: Path) -> None:
    short = LOOP.replace("1_000_000", "1_001")
    command = [sys.executable, "-W", "error", "-c", short, collector.endpoint, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0
    assert done.stderr == ""
    assert collector.predictions == 1000
    assert collector.events("driftline.stream")[-1]["driftline.stream.phase"] == "end"


def test_importing_the_sdk_stays_light() -> None:
    heavy = "duckdb pyarrow pandas scipy streamlit requests google.protobuf opentelemetry.sdk grpc"
    code = f"import driftline, sys; print([name for name in {heavy.split()} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
