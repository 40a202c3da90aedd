"""What a process meets on a device: full and read-only disks, event loops, workers that are forked and
killed, neighbours, and an end in the middle."""

import asyncio
import contextlib
import multiprocessing
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import driftline
import pytest

from tests.telemetry.conftest import OK, Collector, MakeMonitor, Reply

AWAY = "http://127.0.0.1:9"
FORKED = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts a file system of 1 MiB, where we may."""
    path = tmp_path / "disk"
    path.mkdir()

    def mount(options: str) -> Path:
        command = ["mount", "-t", "tmpfs", "-o", options, "driftline-test", str(path)]
        if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("may not mount a file system")
        return path

    yield mount
    subprocess.run(["umount", "--lazy", str(path)], capture_output=True, check=False)


def phase(collector: Collector, name: str) -> list[dict[str, Any]]:
    events = collector.events("driftline.stream")
    return [event for event in events if event["driftline.stream.phase"] == name]


@pytest.mark.usefixtures("quick_backoff")
def test_a_disk_that_fills_up_costs_nothing_that_is_not_counted(
    small_disk: Callable[[str], Path],
    monitor_for: MakeMonitor,
    collector: Collector,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("driftline._outbox.MAX_WAITING", 800)
    monkeypatch.setattr("driftline._sender.MAX_BACKOFF", 0.05)
    disk = small_disk("size=1m")
    rng = random.Random(5)
    collector.rule = lambda path, number: Reply(503)
    monitor = monitor_for(spool_dir=disk, sample_rate=1.0)
    for number in range(2200):
        # Five hundred bytes each that cannot be packed: more than the disk takes.
        monitor.record({f"pixel {i}": rng.random() for i in range(60)}, label=str(number % 10))
        if number % 200 == 0:
            assert monitor._runtime.settle()
    assert "database or disk is nearly full" in caplog.text
    with (disk / "somebody else's").open("wb", 0) as other, contextlib.suppress(OSError):
        while True:
            other.write(bytes(4096))
    assert os.statvfs(disk).f_bavail == 0
    collector.rule = lambda path, number: OK
    engine = monitor._runtime._engine
    assert engine is not None
    collector.wait(lambda: not engine._held.spool.signals())  # sent, though nothing can be deleted
    (disk / "somebody else's").unlink()
    assert monitor.close(timeout=60)
    (end,) = phase(collector, "end")
    made, profiled = (end[f"driftline.stream.predictions.{name}"] for name in ("made", "profiled"))
    assert (made, profiled, collector.predictions) == (2200, 2200, 2200)
    samples = collector.events("driftline.prediction")
    assert 300 < len(samples) == len({event["driftline.prediction.id"] for event in samples})
    assert len(samples) + monitor.dropped == 2200


def test_a_read_only_disk_is_refused_where_it_was_named(
    small_disk: Callable[[str], Path], monitor_for: MakeMonitor
) -> None:
    with pytest.raises(driftline.ConfigurationError, match=r"cannot be used: .*Read-only file system"):
        monitor_for(spool_dir=small_disk("ro,size=1m"))


def test_a_read_only_disk_is_done_without_where_it_is_the_default(
    small_disk: Callable[[str], Path],
    monitor_for: MakeMonitor,
    collector: Collector,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DRIFTLINE_SPOOL_DIR", str(small_disk("ro,size=1m")))
    monitor = monitor_for(spool_dir=None)
    monitor.record({"ink": 1.0}, label="1")
    assert monitor.close(timeout=20)
    assert collector.predictions == 1


def test_a_disk_that_turns_read_only_and_back_loses_nothing(
    monitor_for: MakeMonitor, collector: Collector
) -> None:
    monitor = monitor_for(sample_rate=1.0, flush_interval=3600.0)
    assert monitor.flush()
    engine = monitor._runtime._engine
    assert engine is not None
    db = engine._held.spool._db
    db.execute("PRAGMA query_only = 1")
    for _ in range(100):
        monitor.record({"ink": 1.0}, label="1")
    assert monitor._runtime.settle()
    db.execute("PRAGMA query_only = 0")
    assert monitor.close(timeout=20)
    assert collector.predictions == len(collector.events("driftline.prediction")) == 100
    assert monitor.dropped == 0


def test_tasks_of_an_event_loop_do_not_mix_and_are_not_held_up(
    monitor_for: MakeMonitor, collector: Collector
) -> None:
    gate = threading.Event()
    collector.rule = lambda path, number: Reply(hang=gate, status=503) if not gate.is_set() else OK
    device = monitor_for(trace_sample_rate=1.0, sample_rate=1.0)
    cloud = monitor_for(model="cloud", tier="cloud", trace_sample_rate=1.0, sample_rate=1.0)

    async def ask(number: int) -> None:
        with device.inference({"number": number}) as asking:
            await asyncio.sleep(0)
            with cloud.inference({"number": number}, headers=asking.headers()) as answering:
                await asyncio.sleep(0)
                answering.predict(str(number))
            await asyncio.sleep(0)
            asking.predict(str(number), score=0.1)

    async def main() -> None:
        await asyncio.gather(*map(ask, range(200)))

    asyncio.run(main())  # while the collector holds each request: nobody here waits for it
    gate.set()
    assert device.close(timeout=20)
    assert cloud.close(timeout=20)
    samples = collector.events("driftline.prediction")
    labels = {event["driftline.prediction.id"]: event["driftline.prediction.label"] for event in samples}
    answers = [event for event in samples if "driftline.prediction.parent_id" in event]
    assert (len(labels), len(answers)) == (400, 200)
    for event in answers:
        assert labels[event["driftline.prediction.parent_id"]] == event["driftline.prediction.label"]


def _work(monitor: driftline.Monitor, started: Any, die: bool) -> None:
    for _ in range(50):
        monitor.record({"ink": 1.0}, label="worker")
    if die:
        assert monitor._runtime.settle()
        started.set()
        signal.pause()
    os._exit(0 if monitor.close(timeout=20) else 1)


@FORKED
def test_of_forked_workers_one_may_be_killed_and_its_successor_speaks_for_it(
    monitor: driftline.Monitor, monitor_for: MakeMonitor, collector: Collector
) -> None:
    """As gunicorn does: one monitor before the fork, workers that predict, one that dies and is replaced."""
    context = multiprocessing.get_context("fork")
    started = context.Event()
    workers = [context.Process(target=_work, args=(monitor, started, number == 0)) for number in range(3)]
    for worker in workers:
        worker.start()
    assert started.wait(60)
    workers[0].kill()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [-signal.SIGKILL, 0, 0]
    replaced = context.Process(target=_work, args=(monitor, started, False))
    replaced.start()
    replaced.join(60)
    assert replaced.exitcode == 0
    assert monitor.close(timeout=20)
    assert collector.predictions == 200
    (dead,) = phase(collector, "closed")
    assert dead["driftline.stream.predictions.made"] == 50
    assert dead["driftline.stream.predictions.profiled"] == 50


NEIGHBOUR = """
import sys
import driftline
with driftline.Monitor(
    model="digits", version="1", device=driftline.Device(id="cam-1"), endpoint=sys.argv[1],
    spool_dir=sys.argv[2], flush_interval=0.02, sample_rate=1.0, strict=True,
) as monitor:
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(500):
        monitor.record({"ink": 1.0}, label="1")
    assert monitor.flush(timeout=30)
"""


def test_processes_that_share_a_spool_directory_have_a_slot_each(
    collector: Collector, tmp_path: Path
) -> None:
    command = [sys.executable, "-W", "error", "-c", NEIGHBOUR, collector.endpoint, str(tmp_path / "spool")]
    pipe = subprocess.PIPE
    running = [subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) for _ in range(3)]
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in running:
        _, complaint = process.communicate("go\n", timeout=60)
        assert (process.returncode, complaint) == (0, "")
    assert collector.predictions == 1500
    ends = phase(collector, "end")
    assert len({event["stream"] for event in ends}) == 3
    for event in ends:
        assert sorted(collector.numbers(event["stream"])) == list(range(1, 503))
    slots = sorted((tmp_path / "spool" / "digits" / "cam-1").iterdir())
    assert [slot.name for slot in slots] == ["0", "1", "2"]
    for slot in slots:
        with sqlite3.connect(slot / "spool.db") as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        db.close()


def test_a_process_ends_though_the_collector_never_answers_and_the_next_one_sends(
    monitor_for: MakeMonitor, collector: Collector, tmp_path: Path
) -> None:
    gate = threading.Event()
    collector.rule = lambda path, number: OK if gate.is_set() else Reply(hang=gate, status=503)
    ends = NEIGHBOUR.replace("with driftline", "monitor = driftline").replace(") as monitor:", ")")
    ends = ends.replace("\n    ", "\n").replace("for number in range(500):\n", "for number in range(500):")
    ends = ends.replace("assert monitor.flush(timeout=30)", "")
    command = [sys.executable, "-W", "error", "-c", ends, collector.endpoint, str(tmp_path / "spool")]
    done = subprocess.run(command, input="go\n", capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert collector.predictions == 0
    gate.set()
    assert monitor_for().close(timeout=20)
    assert collector.predictions == 500
