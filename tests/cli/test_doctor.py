"""`driftline doctor`: against a collector that runs, and against the files of one that does not."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from driftline_collector.errors import StoreError
from driftline_collector.store.duckdb import DuckDBStore
from driftline_collector.store.readonly import ReadOnlyStore

from tests.api.serving import START, Serving, serving
from tests.cli.command import driftline, here
from tests.store.batches import points

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
    calm = here("doctor", "--url", collector.url)
    assert (calm.returncode, calm.stderr) == (0, "")
    assert calm.stdout.splitlines()[0] == "note: Nothing was ever received."
    assert "  → Point a device here" in calm.stdout
    collector.put("refusals", {"signal": "logs", "reason": "made up", "count": 3})
    bad = here("doctor", "--url", collector.url)
    assert (bad.returncode, bad.stderr) == (1, "")
    assert bad.stdout.splitlines()[:2] == [
        "WARNING: Refused in the last 24 hours: 3 records.",
        "    logs: made up (3)",
    ]


def test_one_document_holds_findings_what_they_are_made_of_and_coverage(collector: Serving) -> None:
    done = here("doctor", "--by", "region", "--by", "hour", "--json", "--url", collector.url)
    told = json.loads(done.stdout)
    assert [finding["code"] for finding in told["findings"]] == ["empty"]
    assert (told["running"], told["journal"]["bytes"], told["groups"]) == (True, 0, [])
    assert told["disk"]["free"] > 0


def test_coverage_and_details_are_tables_also_of_files(tmp_path: Path) -> None:
    store = DuckDBStore(tmp_path / "a.duckdb")
    store.inbox.submit(points("a", START, START + 60 * 10**9, {"7": 7})).result()
    store.close()
    shown = here("doctor", "--by", "device", "--details", "--database", tmp_path / "a.duckdb").stdout
    for title in ("on the disk", "kind", "all files", "kept"):
        assert any(line.startswith(title) for line in shown.splitlines()), title
    assert "2026-01-01 00:00:00" in shown
    assert "UTC, when something last came." in shown


def test_a_collector_that_is_not_there_leaves_its_files_to_look_into() -> None:
    done = here("doctor", "--url", "http://127.0.0.1:9")
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


def test_files_that_cannot_be_looked_into_say_why(collector: Serving, tmp_path: Path) -> None:
    held = driftline("doctor", "--database", tmp_path / "api.duckdb")
    assert held.returncode == 1
    assert "a collector holds this database; leave --database out, and ask that" in held.stderr
    absent = tmp_path / "absent.duckdb"
    with pytest.raises(StoreError, match="there is no such database; say where it is with --database"):
        ReadOnlyStore(absent)
    assert not absent.exists()
    (tmp_path / "other.txt").write_text("hello" * 5000)
    (tmp_path / "m.reference.json").write_text("{}")
    for foreign in ("other.txt", "m.reference.json"):
        with pytest.raises(StoreError, match="this is not a driftline database"):
            ReadOnlyStore(tmp_path / foreign)
    with duckdb.connect(tmp_path / "old.duckdb") as old:
        old.execute("CREATE TABLE schema_versions AS SELECT 4 AS version, 'a' AS name")
    with pytest.raises(StoreError, match="start the collector once, which brings them forward"):
        ReadOnlyStore(tmp_path / "old.duckdb")
