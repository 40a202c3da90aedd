"""`driftline doctor`: against a collector that runs, and against the files of one that does not."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.serving import START, Serving, profile, serving
from tests.cli.command import driftline

#: Opens a store, accepts two windows of which the database holds one, and is killed.
_KILLED = """
import os, sys, signal
from driftline_collector.store.duckdb import DuckDBStore
from tests.store.batches import points
store = DuckDBStore(sys.argv[1])
store.inbox.submit(points("a", 0, 60, {"7": 1})).result()
store.settle()
store.writer._transactions.commit = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
store.inbox.submit(points("a", 60, 120, {"7": 1})).result()
store.settle()
"""


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Serving]:
    with serving(tmp_path) as running:
        yield running


def test_the_exit_status_says_whether_somebody_should_act(collector: Serving) -> None:
    calm = driftline("doctor", "--url", collector.url)
    assert (calm.returncode, calm.stderr) == (0, "")
    assert calm.stdout.splitlines()[0] == "note: Nothing was ever received."
    assert "  → Point a device here" in calm.stdout
    collector.put("refusals", {"signal": "logs", "reason": "made up", "count": 3})
    bad = driftline("doctor", "--url", collector.url)
    assert (bad.returncode, bad.stderr) == (1, "")
    assert bad.stdout.splitlines()[:2] == [
        "WARNING: Refused in the last 24 hours: 3 records.",
        "    logs: made up (3)",
    ]


def test_one_document_holds_findings_what_they_are_made_of_and_coverage(collector: Serving) -> None:
    done = driftline("doctor", "--by", "region", "--by", "hour", "--json", "--url", collector.url)
    told = json.loads(done.stdout)
    assert [finding["code"] for finding in told["findings"]] == ["empty"]
    assert (told["running"], told["journal"]["bytes"], told["groups"]) == (True, 0, [])
    assert told["disk"]["free"] > 0


def test_coverage_and_details_are_tables(collector: Serving) -> None:
    collector.put("profiles", profile("__label__", kind="predictions", start_ns=START, counts=[7]))
    shown = driftline("doctor", "--by", "device", "--details", "--url", collector.url).stdout
    for title in ("on the disk", "in memory", "kept", "read"):
        assert any(line.startswith(title) for line in shown.splitlines()), title
    assert "2026-01-01 00:00:00" in shown


def test_a_collector_that_is_not_there_leaves_its_files_to_look_into() -> None:
    done = driftline("doctor", "--url", "http://127.0.0.1:9")
    assert (done.returncode, done.stdout) == (1, "")
    assert "no collector answers at http://127.0.0.1:9" in done.stderr
    assert "driftline doctor --database FILE" in done.stderr


@pytest.fixture
def killed(tmp_path: Path) -> Path:
    """The database of a collector that was killed while its journal held what the database did not."""
    path = tmp_path / "killed.duckdb"
    done = subprocess.run([sys.executable, "-c", _KILLED, path], check=False, cwd=Path(__file__).parents[2])
    assert done.returncode == -signal.SIGKILL
    return path


def test_the_files_of_a_killed_collector_are_read_and_not_changed(killed: Path) -> None:
    def files() -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in killed.parent.rglob("*") if path.is_file()}

    before = files()
    done = driftline("doctor", "--database", killed, "--by", "stream", "--json")
    told = json.loads(done.stdout)
    assert files() == before
    found = {finding["code"]: finding for finding in told["findings"]}
    assert found["journal_waits"]["advice"] == "Start the collector: it takes them in first."
    assert told["journal"]["bytes"] > 0
    assert {each["table"]: each["rows"] for each in told["kept"]}["profiles"] == 1
    assert (told["running"], told["memory"]["process"]) == (False, None)
    shown = driftline("doctor", "--database", killed).stdout
    assert "As of 20" in shown
    assert "when something last came." in shown


def test_files_that_cannot_be_looked_into_say_why(collector: Serving, tmp_path: Path) -> None:
    held = driftline("doctor", "--database", tmp_path / "api.duckdb")
    assert held.returncode == 1
    assert "a collector holds this database; leave --database out, and ask that" in held.stderr
    absent = driftline("doctor", "--database", tmp_path / "absent.duckdb")
    assert "there is no such database; say where it is with --database" in absent.stderr
    assert not (tmp_path / "absent.duckdb").exists()
    (tmp_path / "other.txt").write_text("hello" * 5000)
    other = driftline("doctor", "--database", tmp_path / "other.txt")
    assert (other.returncode, "this is not a driftline database" in other.stderr) == (1, True)
