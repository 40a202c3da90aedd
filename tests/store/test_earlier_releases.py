"""Files and journals of earlier releases are opened: nothing is lost, and repeats are known."""

import gzip
import json
import tarfile
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest
from driftline_collector.store import database, transaction
from driftline_collector.store.database import migrate, migrations
from driftline_collector.store.duckdb import DuckDBStore

from tests.fixtures import wire
from tests.fixtures.rows import answers, contents, only
from tests.fixtures.rows import rows as rows_of
from tests.receiver.serving import serving

FIXTURES = Path(__file__).parent.parent / "fixtures"
RELEASES = sorted(path.name.partition(".")[0] for path in (FIXTURES / "store").glob("*.tar.gz"))
RECORDED = [name for name in RELEASES if (FIXTURES / "requests" / f"driftline-{name}.http").exists()]
#: How repeats are known is the store's own affair: what comes again is tried below.
OWN = "stream_intervals"

#: Release, read and field of what is answered otherwise since, and on purpose.
OTHERWISE = {
    # A device that has started again, under another version, has not ended: its windows are waited for.
    ("0001", "progress", "ended"),
}

Rows = dict[str, list[dict[str, Any]]]


@pytest.fixture(params=RELEASES)
def release(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def left_behind(release: str, tmp_path: Path) -> Path:
    """What was on the disk when that release's collector was killed."""
    with tarfile.open(FIXTURES / "store" / f"{release}.tar.gz") as archive:
        for member in archive:  # one by one: Debian 12's Python has no filters for all at once
            if (file := archive.extractfile(member)) is not None:
                place = tmp_path / member.name
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(file.read())
    return tmp_path / "driftline.duckdb"


@pytest.fixture
def found(release: str) -> dict[str, Any]:
    """What that release itself found in there, and when: `rows` by table, `answers` by read, `killed_ns`."""
    text = gzip.decompress((FIXTURES / "store" / f"{release}.json.gz").read_bytes())
    document: dict[str, Any] = json.loads(text)
    return document


def held(store: DuckDBStore, tables: Rows, killed_ns: int = 0) -> Rows:
    """The rows of these tables, of the columns that they have there."""
    store.settle()
    with store._database.cursor() as cursor:
        return {
            name: contents(cursor, name, columns=list(before[0]), until_ns=killed_ns)
            for name, before in tables.items()
            if before and name != OWN
        }


def test_files_of_all_earlier_releases_are_kept() -> None:
    assert set(RELEASES) >= {"0001", "0002", "0003", "0004", "0013"}
    assert set(RECORDED) >= {"0002", "0003", "0004", "0013"}


def test_some_of_it_was_in_log_or_journal_alone(left_behind: Path, found: dict[str, Any]) -> None:
    log, journal = Path(f"{left_behind}.wal"), Path(f"{left_behind}.journal")
    log.rename(left_behind.with_name("elsewhere"))
    in_file = predictions_in(left_behind)
    left_behind.with_name("elsewhere").rename(log)
    with_log = predictions_in(left_behind)
    assert 0 < in_file < with_log
    assert (with_log < len(found["rows"]["predictions"])) == journal.is_dir()


def predictions_in(path: Path) -> int:
    with duckdb.connect(path, read_only=True) as connection:
        ((count,),) = connection.execute("SELECT count(*) FROM predictions").fetchall()
    return int(count)


def test_all_that_was_in_it_is_there_with_what_was_only_in_log_and_journal(
    left_behind: Path, found: dict[str, Any]
) -> None:
    store = DuckDBStore(left_behind)
    now = held(store, found["rows"], found["killed_ns"])
    store.close()
    assert len(now["predictions"]) >= 40
    for name, rows in now.items():
        assert rows == found["rows"][name], name


def test_windows_are_of_the_line_that_profiles_told(left_behind: Path) -> None:
    store = DuckDBStore(left_behind)
    store.settle()
    with store._database.cursor() as cursor:
        told = cursor.execute(
            "SELECT DISTINCT device, segment['line'] FROM stream_windows ORDER BY ALL"
        ).fetchall()
    store.close()
    assert told == [("cam-1", "north"), ("cloud-1", None)]


def test_it_answers_as_it_did_before(left_behind: Path, found: dict[str, Any], release: str) -> None:
    store = DuckDBStore(left_behind)
    now = answers(store)
    store.close()
    for name, before in found["answers"].items():
        fields = [field for field in (before[0] if before else ()) if (release, name, field) not in OTHERWISE]
        assert only(now[name], fields) == only(before, fields), name


@pytest.mark.parametrize("release", RECORDED, indirect=True)
def test_what_is_sent_again_after_the_upgrade_is_known(
    left_behind: Path, found: dict[str, Any], release: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own SDK's requests, all of which it had answered before it was killed."""
    recording = FIXTURES / "requests" / f"driftline-{release}.http"
    # Streams are forgotten in the end: it is the evening of that day.
    clock = SimpleNamespace(time_ns=lambda: found["killed_ns"] + 3600 * 10**9)
    monkeypatch.setattr(transaction, "time", clock)
    left_behind.rename(left_behind.with_name("served.duckdb"))
    for beside in left_behind.parent.glob("driftline.duckdb.*"):
        beside.rename(beside.with_name(beside.name.replace("driftline", "served", 1)))
    with serving(left_behind.parent) as served:
        repeated = served.store.totals()["repeated"]
        before = held(served.store, found["rows"])
        requests = wire.split(recording.read_bytes())
        assert wire.send(served.url, requests) == [200] * len(requests)
        now = held(served.store, found["rows"])
        assert served.store.totals()["repeated"] > repeated + len(requests)
    del before["refusals"], now["refusals"]  # where repeats are counted
    assert now == before


def test_no_migration_loses_a_row(left_behind: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = migrations()
    with duckdb.connect(left_behind) as connection:
        ((present,),) = connection.execute("SELECT max(version) FROM schema_versions").fetchall()
        for version in sorted(number for number in known if number > present):
            before = {name: rows for name, rows in rows_of(connection).items() if rows}
            upto = {number: known[number] for number in known if number <= version}
            monkeypatch.setattr(database, "migrations", lambda upto=upto: upto)
            migrate(connection, left_behind, copy_first=False)
            for name, rows in before.items():
                # A column without a value may be given them.
                told = [column for column in rows[0] if any(row[column] is not None for row in rows)]
                now = contents(connection, name, columns=told)
                lost = Counter(json.dumps({c: row[c] for c in told}) for row in rows)
                lost -= Counter(map(json.dumps, now))
                assert not lost, f"{known[version][0]} loses rows of {name}"
