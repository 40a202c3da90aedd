"""What the main job starts has ended when it has, whatever ends it."""

import contextlib
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from examples.digits_fleet.counters import Counters
from examples.digits_fleet.processes import Child, StartError

ROOT = Path(__file__).parents[2]


def processes_of(folder: Path) -> list[str]:
    """The command lines of all processes that were started for a folder."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            with contextlib.suppress(OSError):  # it has just ended
                line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                if str(folder) in line:
                    found.append(line)
    return found


def test_a_run_that_is_told_to_end_leaves_no_process_behind(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    command = [sys.executable, "-m", "examples.digits_fleet", "--headless", "--folder", str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as run:
        assert run.stderr is not None
        for line in run.stderr:
            if "devices in" in line:
                break
        assert len(processes_of(folder)) >= 6  # itself, the collector, the cloud, four of the fleet less one
        run.send_signal(signal.SIGTERM)
        rest = run.stderr.read()
        assert run.wait(timeout=60) == 130, rest
    assert "Traceback" not in rest
    assert processes_of(folder) == []


def test_a_child_that_breaks_down_at_once_is_told_with_its_own_words(tmp_path: Path) -> None:
    child = Child("part", ["examples.digits_fleet.fleet", str(tmp_path / "missing.json")], tmp_path / "log")
    with pytest.raises(StartError, match=r"(?s)part ended at once.*missing\.json"):
        child.wait_ready(30)
    assert child.wait(10)
    child.tell(do="stop")  # nobody is there to hear it, and that is no error
    assert child.returncode == 1


def test_counts_survive_the_process_that_made_them(tmp_path: Path) -> None:
    path = tmp_path / "counters.bin"
    counters = Counters.create(path, rows=2)
    script = (
        "import os, pathlib, sys; from examples.digits_fleet.counters import Counters\n"
        "counters = Counters(pathlib.Path(sys.argv[1]))\n"
        "for _ in range(3): counters.begin(1); counters.done(1)\n"
        "counters.begin(1); os.kill(os.getpid(), 9)"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(path)], cwd=ROOT, check=False, timeout=30)
    assert killed.returncode == -9
    assert (counters.made, counters.in_doubt) == (3, 1)
