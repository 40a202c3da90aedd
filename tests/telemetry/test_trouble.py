"""Disks that are full, faults of our own, a collector that is away at the end: counted, logged, survived."""

import logging
import sqlite3
import threading
from pathlib import Path
from typing import Any

import driftline
import pytest
from driftline._engine import Engine
from driftline._snapshot import OpenWindow, Snapshot

from tests.telemetry.conftest import Collector, MakeMonitor, Reply


def engine(monitor: driftline.Monitor) -> Engine:
    assert monitor._runtime._engine is not None
    return monitor._runtime._engine


def test_while_the_disk_is_full_records_wait_in_memory_and_are_numbered_later(
    monitor_for: MakeMonitor, collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    monitor = monitor_for(sample_rate=1.0, flush_interval=3600.0)
    assert monitor.flush()
    db = engine(monitor)._held.spool._db
    pages = db.execute("PRAGMA page_count").fetchone()[0]
    db.execute(f"PRAGMA max_page_count = {pages}")
    for i in range(3000):
        monitor.record({"ink": i / 7}, label=str(i))
    monitor.flush()
    assert "trouble with its spool" in caplog.text
    db.execute("PRAGMA max_page_count = 1000000")
    for _ in range(10):
        monitor.record({"ink": 1.0}, label="later")
    assert monitor.close(timeout=20)
    assert collector.predictions == 3010
    assert len(collector.events("driftline.prediction")) == 3010
    end = collector.events("driftline.stream")[-1]
    assert sorted(collector.numbers(end["stream"])) == list(range(1, 3013))
    assert monitor.dropped == 0


def test_what_waits_for_a_full_disk_is_bounded_and_counted(
    monitor_for: MakeMonitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("driftline._outbox.MAX_WAITING", 400)
    monitor = monitor_for(sample_rate=1.0, flush_interval=3600.0)
    assert monitor.flush()
    spool = engine(monitor)._held.spool

    def fail(*_: Any, **__: Any) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(spool, "put", fail)
    for _ in range(5000):
        monitor.record({"ink": 1.0}, label="a")
    monitor.flush()
    assert monitor.dropped >= 4900 - 1
    monkeypatch.undo()


def test_a_fault_in_one_tick_is_logged_and_the_next_one_goes_on(
    monitor_for: MakeMonitor,
    collector: Collector,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monitor = monitor_for(flush_interval=3600.0)
    worker = engine(monitor)._worker
    with monkeypatch.context() as broken, caplog.at_level(logging.ERROR, "driftline"):
        broken.setattr(worker._pipeline, "_absorb", lambda frame: 1 / 0)
        monitor.record({"ink": 1.0}, label="a")
        monitor.flush()
    assert "stumbled" in caplog.text
    monitor.record({"ink": 1.0}, label="a")
    assert monitor.close()
    assert collector.predictions == 1
    end = collector.events("driftline.stream")[-1]
    assert end["driftline.stream.predictions.made"] == 2
    assert collector.sums("driftline.sdk.dropped", "driftline.drop.reason") == {"internal_error": 1}


@pytest.mark.timeout(30)  # it would be 500 seconds
def test_nobody_waits_for_a_collector_that_said_not_to_come_back_before_then(
    monitor_for: MakeMonitor, collector: Collector
) -> None:
    collector.rule = lambda path, number: Reply(503, headers={"Retry-After": "600"})
    monitor = monitor_for()
    monitor.record({"ink": 1.0}, label="a")
    assert not monitor.flush(timeout=500.0)
    assert not monitor.close(timeout=500.0)
    assert len(collector.requests) <= 3  # one for each signal


def test_a_slot_is_given_back_when_the_request_under_way_at_close_is_over(
    monitor_for: MakeMonitor, collector: Collector, tmp_path: Path
) -> None:
    gate = threading.Event()
    collector.rule = lambda path, number: Reply(hang=gate) if number == 0 else Reply()
    monitor = monitor_for(timeout=30.0)
    monitor.record({"ink": 1.0}, label="a")
    collector.wait(lambda: collector.requests)
    assert not monitor.close(timeout=0.05)
    gate.set()
    assert join_closers() == 1
    assert monitor_for().close()
    assert collector.predictions == 1
    assert [path.name for path in tmp_path.glob("spool/*/*/*")] == ["0"]


def test_a_living_process_takes_over_what_another_left(
    monitor_for: MakeMonitor, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("driftline._held_spool.ADOPT_EVERY", 0.0)
    living = monitor_for(flush_interval=3600.0)
    other = monitor_for(endpoint="http://127.0.0.1:9")
    other.record({"ink": 1.0}, label="a")
    assert not other.close(timeout=0.05)
    join_closers()
    assert living.flush(timeout=20)
    assert collector.predictions == 1
    phases = [event["driftline.stream.phase"] for event in collector.events("driftline.stream")]
    assert sorted(phases) == ["end", "start", "start"]


def join_closers() -> int:
    """Wait until the monitors that could not end in time have ended; how many these were."""
    closers = [thread for thread in threading.enumerate() if thread.name == "driftline-closer"]
    for thread in closers:
        thread.join(20)
    return len(closers)


def test_a_full_spool_announces_what_it_dropped_and_the_stream_goes_on(
    monitor_for: MakeMonitor, collector: Collector
) -> None:
    away = monitor_for(sample_rate=1.0, max_spool_bytes=65_536, endpoint="http://127.0.0.1:9")
    for i in range(8000):
        away.record({"ink": i / 7, "damp": i / 11}, label=str(i % 7))
        if i % 1000 == 0:
            away.flush(timeout=0.2)
    away.close(timeout=0.2)
    join_closers()
    dropped = away.dropped
    assert dropped > 0
    assert monitor_for().close(timeout=20)
    stream = collector.events("driftline.stream")[0]["stream"]
    buried = [
        event["driftline.stream.tombstones.logs"]
        for event in collector.events("driftline.stream")
        if "driftline.stream.tombstones.logs" in event
    ]
    gone = {
        number
        for flat in buried
        for first, last in zip(flat[::2], flat[1::2], strict=True)
        for number in range(first, last + 1)
    }
    assert len(gone) == dropped
    (end,) = [
        event
        for event in collector.events("driftline.stream")
        if event["driftline.stream.phase"] == "end" and event["stream"] == stream
    ]
    there = set(collector.numbers(stream))
    assert there | gone == set(range(1, end["driftline.stream.last_sequence.logs"] + 1))
    assert not there & gone
    assert (
        sum(count for _, _, count in collector.windows(stream)) == 8000
    )  # profiles are not dropped for samples


def test_days_without_a_collector_fill_the_spool_with_no_words_about_what_was_dropped(
    monitor_for: MakeMonitor, collector: Collector
) -> None:
    away = monitor_for(
        sample_rate=1.0, max_spool_bytes=65_536, flush_interval=3600.0, endpoint="http://127.0.0.1:9"
    )
    for i in range(4000):
        away.record({"ink": i / 7, "damp": i / 11}, label=str(i % 7))
        if i % 20 == 0:
            assert engine(away).settle(20)
    spool = engine(away)._held.spool
    assert away.dropped > 1000
    assert spool._one("SELECT count(*) FROM batches WHERE priority = 0") <= 2
    # What is on its way, and the words about the first, stand between them.
    assert spool._one("SELECT count(*) FROM tombstones") <= 4
    assert away.flush(timeout=0.0) is False
    stream = engine(away)._outbox.stream
    away.close(timeout=0.2)
    join_closers()
    assert monitor_for().close(timeout=20)
    gone = set()
    for event in collector.events("driftline.stream"):
        flat = event.get("driftline.stream.tombstones.logs", [])
        for first, last in zip(flat[::2], flat[1::2], strict=True):
            gone |= set(range(first, last + 1))
    there = set(collector.numbers(stream.id))
    assert there | gone == set(range(1, stream.logs + 1))
    assert not there & gone
    assert sum(count for _, _, count in collector.windows(stream.id)) == 4000


def test_a_successor_may_have_fewer_words(tmp_path: Path) -> None:
    for body in (b"many words " * 40, b"few words"):
        Snapshot(tmp_path).save(OpenWindow("s" * 32, 1, 2, 3, 7, 9, body))
        left = Snapshot(tmp_path).load()
        assert left is not None
        assert left.body == body


def test_of_two_open_windows_the_latest_whole_one_counts(tmp_path: Path) -> None:
    snapshot = Snapshot(tmp_path)
    assert snapshot.load() is None
    windows = [OpenWindow("s" * 32, 1, 2 + n, n, 7, 9, b"x" * (50 - n)) for n in range(3)]
    for window in windows:
        snapshot.save(window)
    assert Snapshot(tmp_path).load() == windows[2]
    newest = tmp_path / "open-window.b"  # the third
    written = newest.read_bytes()
    newest.write_bytes(written[:100] + b"\0" * (len(written) - 100))  # killed in the middle of writing it
    assert Snapshot(tmp_path).load() == windows[1]
    for path in tmp_path.iterdir():
        path.write_bytes(b"\0" * 100)
    assert Snapshot(tmp_path).load() is None
