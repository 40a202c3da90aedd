"""Power cuts and kills at any instant: what was synced arrives, and what is missing is known."""

import itertools
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import driftline
import numpy as np
import pytest
from driftline._handle import Handle
from driftline._snapshot import OpenWindow, Snapshot, sync

from tests.telemetry.conftest import Collector, MakeMonitor


class Medium:
    """What is on the disk for certain: each file as it was when it was last synced."""

    def __init__(self, spool: Path, folder: Path) -> None:
        self.spool = spool
        self.folder = folder
        self.synced = threading.Condition()
        self.times = 0

    def sync(self, file: int) -> None:
        sync(file)
        path = Path(f"/proc/self/fd/{file}").readlink()
        if path.is_relative_to(self.spool):
            with self.synced:
                self._keep(path)
                if path.name == "spool.db-wal":  # SQLite itself syncs the file that the log belongs to
                    self._keep(path.with_name("spool.db"))
                self.times += 1
                self.synced.notify_all()

    def _keep(self, path: Path) -> None:
        to = self.folder / path.relative_to(self.spool)
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, to)

    def wait(self, monitor: driftline.Monitor) -> None:
        """Until a whole tick has come and gone."""
        assert monitor._runtime.settle()

    def cut(self, to: Path) -> Path:
        """The power goes: what is there when it comes back."""
        with self.synced:
            return shutil.copytree(self.folder, to)


@pytest.fixture
def medium(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Medium:
    made = Medium(tmp_path / "spool", tmp_path / "medium")
    monkeypatch.setattr("driftline._snapshot.sync", made.sync)
    monkeypatch.setattr("driftline._spool.sync", made.sync)
    return made


def heir_of(cut: Path, monitor_for: MakeMonitor, monkeypatch: pytest.MonkeyPatch) -> driftline.Monitor:
    """The machine has been started again."""
    monkeypatch.setattr("driftline._snapshot._boot", lambda: b"after power cut.")
    return monitor_for(spool_dir=cut)


def closed(collector: Collector) -> list[dict[str, Any]]:
    """Each once: who is killed between an answer and its note of it sends again, with the same number."""
    events = collector.events("driftline.stream")
    once = {(event["stream"], event["driftline.sequence"]): event for event in events}
    return [event for event in once.values() if event["driftline.stream.phase"] == "closed"]


def test_what_was_synced_survives_a_power_cut_and_the_rest_is_known_to_be_possible(
    medium: Medium,
    monitor_for: MakeMonitor,
    collector: Collector,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monitor = monitor_for(endpoint="http://127.0.0.1:9", sample_rate=1.0, flush_interval=3600.0)
    for _ in range(300):
        monitor.record({"ink": 1.0}, label="a")
    medium.wait(monitor)
    for _ in range(40):
        monitor.record({"ink": 1.0}, label="a")  # of the last interval
    cut = medium.cut(tmp_path / "cut")
    assert heir_of(cut, monitor_for, monkeypatch).close(timeout=20)
    (event,) = closed(collector)
    stream = event["driftline.stream.closed.id"]
    assert sum(count for _, _, count in collector.windows(stream)) == 300
    assert event["driftline.stream.predictions.made"] == 300
    assert event["driftline.stream.predictions.profiled"] == 300
    assert event["driftline.stream.predictions.reserved"] >= 340
    assert set(collector.numbers(stream)) == set(range(1, event["driftline.stream.last_sequence.logs"] + 1))
    assert len(collector.events("driftline.prediction")) == 300


def test_a_burst_within_one_interval_stays_below_what_was_reserved(
    medium: Medium,
    monitor_for: MakeMonitor,
    collector: Collector,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monitor = monitor_for(endpoint="http://127.0.0.1:9", flush_interval=3600.0)
    monitor.record({"ink": 1.0}, label="a")
    medium.wait(monitor)
    before = medium.times
    for _ in range(20_000):
        monitor.record({"ink": 1.0}, label="a")
    with medium.synced:  # no tick is due for an hour: the burst itself asks for a larger reserve
        assert medium.synced.wait_for(lambda: medium.times > before, 20)
    cut = medium.cut(tmp_path / "cut")
    assert heir_of(cut, monitor_for, monkeypatch).close(timeout=20)
    (event,) = closed(collector)
    assert 1000 < event["driftline.stream.predictions.made"] < event["driftline.stream.predictions.reserved"]


def test_rows_that_come_faster_than_they_are_taken_up_are_synced_in_between(
    medium: Medium,
    monitor_for: MakeMonitor,
    collector: Collector,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The worker's clock goes on by a tenth of the interval at each look: a tick takes many."""
    monitor = monitor_for(
        endpoint="http://127.0.0.1:9", sample_rate=1.0, flush_interval=3600.0, sync_interval=1000.0
    )
    medium.wait(monitor)
    steps = itertools.count(time.monotonic(), 100.0)
    monkeypatch.setattr("driftline._pipeline.time", _Rushing(lambda: next(steps)))
    engine = monitor._runtime._engine
    assert engine is not None
    cuts: list[Path] = []
    written = engine._outbox.open_window

    def look(*arguments: Any, **options: Any) -> bool:
        done = written(*arguments, **options)
        cuts.append(medium.cut(tmp_path / f"cut{len(cuts)}"))
        return done

    monkeypatch.setattr(engine._outbox, "open_window", look)
    for _ in range(40 * 512):
        monitor._intake.rows.append(Handle(time.time_ns(), (1.0,), "a", 0.5, monitor._recent))
    medium.wait(monitor)
    assert len(cuts) >= 4
    heirs = [heir_of(cut, monitor_for, monkeypatch) for cut in cuts[:3]]
    assert all(heir.close(timeout=20) for heir in heirs)
    kept = [event["driftline.stream.predictions.profiled"] for event in closed(collector)]
    assert kept == sorted(set(kept)), "each cut has more than the last"
    assert 0 < kept[0] <= 12 * 512


class _Rushing:
    """The module time, but for its monotonic clock."""

    sleep = staticmethod(time.sleep)

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self.monotonic = monotonic


def test_where_every_record_is_synced_a_power_cut_takes_none(
    medium: Medium,
    monitor_for: MakeMonitor,
    collector: Collector,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monitor = monitor_for(
        endpoint="http://127.0.0.1:9", sample_rate=1.0, flush_interval=3600.0, sync_interval=0
    )
    for count in range(1, 4):
        monitor.record({"ink": 1.0}, label="a")
        monitor.record_batch({"ink": [1.0, 2.0]}, ["a", "b"])
        monitor.ground_truth("somebody else's", label="b")
        cut = medium.cut(tmp_path / f"cut{count}")
        heir = heir_of(cut, monitor_for, monkeypatch)
        assert heir.close(timeout=20)
        assert closed(collector)[-1]["driftline.stream.predictions.profiled"] == 3 * count
        assert closed(collector)[-1]["driftline.stream.predictions.made"] == 3 * count
    assert len(collector.events("driftline.ground_truth")) == 1 + 2 + 3


def test_the_count_never_goes_back_though_the_kernel_never_wrote_it(
    medium: Medium,
    monitor_for: MakeMonitor,
    collector: Collector,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = monitor_for(flush_interval=3600.0)
    for _ in range(500):
        first.record({"ink": 1.0}, label="a")
    assert first.flush()
    assert first.close()
    second = monitor_for(endpoint="http://127.0.0.1:9", flush_interval=3600.0)
    for _ in range(20):
        second.record({"ink": 1.0}, label="a")
    medium.wait(second)
    cut = medium.cut(tmp_path / "cut")
    assert not list(cut.rglob("predictions.made"))
    assert heir_of(cut, monitor_for, monkeypatch).close(timeout=20)
    (event,) = closed(collector)
    assert event["driftline.stream.predictions.made"] == 20
    assert event["driftline.stream.predictions.profiled"] == 20


def test_a_kill_is_no_power_cut(monitor_for: MakeMonitor, collector: Collector, tmp_path: Path) -> None:
    Killed(collector.endpoint, tmp_path / "spool", "0.05").after(2.0)
    assert monitor_for().close(timeout=20)
    assert all("driftline.stream.predictions.reserved" not in event for event in closed(collector))


def test_each_tick_writes_little_more_than_what_is_new(
    monitor_for: MakeMonitor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []
    monkeypatch.setattr("driftline._snapshot._put", lambda path, content, flags: written.append(len(content)))
    rng = random.Random(3)
    monitor = monitor_for(flush_interval=3600.0, sync_interval=0, sample_rate=0.0)
    for _ in range(100):
        monitor.record({f"feature {i}": rng.gauss(0, 1) for i in range(10)}, label="a", score=rng.random())
    assert len(written) >= 102  # and twice, at least, the words by which the others are deflated
    assert max(written) <= 2048
    assert sum(written) / 100 <= 1024


def test_whenever_a_kill_comes_the_words_of_the_last_open_window_are_there(tmp_path: Path) -> None:
    rng = random.Random(5)
    body = bytearray(rng.randbytes(3000))
    folder = tmp_path / "slot"
    folder.mkdir()
    snapshot = Snapshot(folder)
    learnt = 0
    for made in range(1, 60):
        at = rng.randrange(2900)
        body[at : at + 100] = rng.randbytes(100)
        known = {path: path.read_bytes() for path in folder.iterdir() if ".words." in path.name}
        snapshot.save(OpenWindow("s" * 32, 1, 2, made, made, made, bytes(body)))
        latest = Snapshot(folder).load()
        assert latest is not None
        assert (latest.made, latest.body) == (made, bytes(body))
        changed = [path for path, content in known.items() if path.read_bytes() != content]
        if changed and made > 1:  # killed after these were written, and before the window itself was
            learnt += 1
            torn = tmp_path / f"killed at {made}"
            shutil.copytree(folder, torn)
            torn.joinpath(("open-window.a", "open-window.b")[made % 2]).write_bytes(b"half of it")
            before = Snapshot(torn).load()
            assert before is not None
            assert before.made == made - 1
    assert learnt > 5


CHILD = """
import os, sys, time
import driftline
monitor = driftline.Monitor(
    model="digits", version="1", device=driftline.Device(id="cam-1"), endpoint=sys.argv[1],
    spool_dir=sys.argv[2], flush_interval=0.02, sync_interval=float(sys.argv[3]), sample_rate=0.1,
    strict=True,
)
os.write(1, monitor._runtime._engine._outbox.stream.id.encode())
while True:
    monitor.record({"ink": 1.0, "paper": "new"}, label="a", score=0.5)
    os.write(1, time.monotonic_ns().to_bytes(8, "little"))
    time.sleep(0.0002)  # the model
"""


class Killed:
    """A process that records some thousand times a second, and says its stream and the time of each."""

    def __init__(self, endpoint: str, spool: Path, sync_interval: str) -> None:
        command = [sys.executable, "-c", CHILD, endpoint, str(spool), sync_interval]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def after(self, seconds: float) -> tuple[str, list[float]]:
        """Kill it; its stream, and how many seconds before its death each `record` had returned."""
        said: list[bytes] = []
        assert self.process.stdout is not None
        stdout = self.process.stdout.fileno()

        def read() -> None:
            while part := os.read(stdout, 65536):
                said.append(part)

        reader = threading.Thread(target=read)
        reader.start()
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGKILL)
        died = time.monotonic()
        reader.join(30)
        self.process.wait(30)
        assert self.process.stderr is not None
        complaint = self.process.stderr.read().decode()
        self.process.stdout.close()
        self.process.stderr.close()
        assert "Traceback" not in complaint, complaint
        stream, times = b"".join(said)[:32], np.frombuffer(b"".join(said)[32:], dtype="<u8") / 1e9
        return stream.decode(), (died - times).tolist()


def killed_again_and_again(
    times: int, monitor_for: MakeMonitor, collector: Collector, spool: Path
) -> dict[str, list[float]]:
    """Kill as many processes at random instants, their start and the opening of the spool included; each is
    the heir of the last. Then everything must add up. Seconds before its death from which on each process
    has lost what it recorded, by sync interval."""
    rng = random.Random(times)
    intervals = ("0", "0.02", "1")
    recorded: dict[str, tuple[str, list[float]]] = {}
    for round_ in range(times):
        interval = intervals[round_ % len(intervals)]
        endpoint = "http://127.0.0.1:9" if rng.random() < 0.3 else collector.endpoint
        name, ages = Killed(endpoint, spool, interval).after(rng.uniform(0.2, 2.0))
        recorded[name] = interval, ages
    assert monitor_for().close(timeout=60)
    found = closed(collector)
    streams = [event["driftline.stream.closed.id"] for event in found]
    assert len(set(streams)) == len(streams), "nobody is declared dead twice"
    assert {name for name in recorded if name} <= set(streams), "each death is announced"
    lost: dict[str, list[float]] = {}
    for event, stream in zip(found, streams, strict=True):
        interval, ages = recorded.get(stream, ("?", []))  # killed before it could say its name: made nothing
        made = event["driftline.stream.predictions.made"]
        profiled = event["driftline.stream.predictions.profiled"]
        assert 0 <= made - len(ages) <= 1, "a record may be counted whose time was not said"
        assert profiled == sum(count for _, _, count in set(collector.windows(stream)))
        assert profiled <= made
        numbers = range(1, event["driftline.stream.last_sequence.logs"] + 1)
        assert set(collector.numbers(stream)) == set(numbers)
        lost.setdefault(interval, []).append(ages[profiled] if profiled < len(ages) else 0.0)
    # Where every record is synced, all but the one under way are in windows that arrived.
    assert not any(lost.get("0", ()))
    return lost


def test_six_kills_at_random_instants_lose_nothing_unknown(
    monitor_for: MakeMonitor, collector: Collector, tmp_path: Path
) -> None:
    killed_again_and_again(6, monitor_for, collector, tmp_path / "spool")


@pytest.mark.soak
def test_two_hundred_kills_at_random_instants_lose_nothing_unknown(
    monitor_for: MakeMonitor, collector: Collector, tmp_path: Path
) -> None:
    lost = killed_again_and_again(200, monitor_for, collector, tmp_path / "spool")
    for interval, ages in lost.items():
        print(
            f"sync_interval {interval} s: {len(ages)} killed; seconds lost, median "
            f"{statistics.median(ages):.3f}, most {max(ages):.3f}"
        )
