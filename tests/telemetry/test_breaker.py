"""Switched off, or beyond its share of the device, a monitor does nothing but count."""

import os
import subprocess
import sys
from pathlib import Path

import driftline
import pytest
from driftline import _breaker
from driftline.testing import MemoryMonitor

from tests.telemetry.conftest import Collector, MakeMonitor


def look(monitor: driftline.Monitor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the worker look at once."""
    monkeypatch.setattr(_breaker, "CHECK_EVERY", 0.0)
    assert monitor._runtime.settle()


def tell(monitor: driftline.Monitor) -> None:
    """Three rows, a batch of two, a truth and a failed inference: 5 predictions and 2 records."""
    for _ in range(3):
        monitor.record({"ink": 1.0}, label="a")
    monitor.record_batch({"ink": [1.0, 2.0]}, ["a", "b"])
    monitor.ground_truth("somebody else's", label="b")
    monitor.deployed("firmware", "1", "2")


DISABLED = """
import os, sys, threading
import driftline
monitor = driftline.Monitor(model="m", version="1", device=driftline.Device(id="d"), spool_dir=sys.argv[1])
handle = monitor.record({"ink": 1.0}, label="a", score=0.5)
assert len(handle.id) == 36
with monitor.inference({"ink": 1.0}) as inference:
    inference.predict("a", score=0.4)
monitor.record_batch({"ink": [1.0, 2.0]})
monitor.ground_truth(handle.id, label="b")
if (child := os.fork()) == 0:
    monitor.record({"ink": 1.0})
    os._exit(monitor.dropped - 5)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1
assert monitor.flush() and monitor.close()
print(monitor.dropped, threading.active_count(), "sqlite3" in sys.modules, "requests" in sys.modules)
"""


def test_switched_off_it_has_no_threads_no_files_and_counts(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", DISABLED, str(tmp_path / "spool")],
        env={**os.environ, "DRIFTLINE_DISABLED": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stdout.split() == ["5", "1", "True", "False"], done.stderr
    assert not (tmp_path / "spool").exists()


@pytest.mark.parametrize("value", ["", "0", "false", "No"])
def test_a_variable_that_means_no_switches_nothing_off(
    value: str, monitor_for: MakeMonitor, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRIFTLINE_DISABLED", value)
    monitor = monitor_for()
    tell(monitor)
    assert monitor.close(timeout=20)
    assert collector.predictions == 5


def test_a_monitor_in_memory_is_never_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRIFTLINE_DISABLED", "1")
    with MemoryMonitor() as monitor:
        tell(monitor)
        assert monitor.labels == {"a": 4, "b": 1}


@pytest.mark.parametrize("what", ["memory", "disk"])
def test_beyond_a_share_it_counts_and_below_it_goes_on(
    what: str, monitor_for: MakeMonitor, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monitor = monitor_for(limits=driftline.Limits(**{what: 0.5}))
    tell(monitor)
    monkeypatch.setattr(_breaker, f"{what}_share", lambda *_: 0.6)
    look(monitor, monkeypatch)
    tell(monitor)
    assert monitor.dropped == 7
    monkeypatch.setattr(_breaker, f"{what}_share", lambda *_: 0.4)
    look(monitor, monkeypatch)
    tell(monitor)
    assert monitor.close(timeout=20)
    assert collector.predictions == 10
    dropped = collector.sums("driftline.sdk.dropped", "driftline.drop.reason")
    assert dropped == {f"{what}_limit": 7}
    end = collector.events("driftline.stream")[-1]
    assert end["driftline.stream.predictions.made"] == 15
    assert end["driftline.stream.predictions.profiled"] == 10


def test_too_much_cpu_makes_it_rest(
    monitor_for: MakeMonitor, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monitor = monitor_for(limits=driftline.Limits(cpu=1e-9))
    tell(monitor)
    look(monitor, monkeypatch)
    tell(monitor)
    assert monitor.dropped == 7
    look(monitor, monkeypatch)
    tell(monitor)
    assert monitor.dropped == 14, "it rests, though it took nothing since"
    monkeypatch.setattr(_breaker, "REST", -1.0)
    engine = monitor._runtime._engine
    assert engine is not None
    engine._breaker._rests_until = 0.0
    look(monitor, monkeypatch)
    tell(monitor)
    assert monitor.close(timeout=20)
    assert collector.predictions == 10


def test_shares_are_read_from_the_system(tmp_path: Path) -> None:
    assert 0 < _breaker.memory_share() < 1
    assert 0 < _breaker.disk_share(tmp_path) < 1
    assert _breaker.disk_share(tmp_path / "nowhere") == 0


@pytest.mark.parametrize("share", [0, -1, 1.1, "half", True])
def test_a_limit_that_is_no_share_is_refused(share: float) -> None:
    with pytest.raises(driftline.ConfigurationError, match=r"limits\.memory is .*; expected a share"):
        driftline.Limits(memory=share)
