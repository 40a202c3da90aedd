"""Before its tables are brought forward a file is copied, to go back to; and a failure changes nothing."""

import logging
import os
import shutil
import signal
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import duckdb
import pytest
from driftline_collector.errors import StoreError
from driftline_collector.store import database
from driftline_collector.store.database import migrations, open_database
from driftline_collector.store.duckdb import DuckDBStore
from driftline_collector.store.transaction import Transactions

from tests.store.batches import predictions

LATER = {
    9001: ("9001_later.sql", "ALTER TABLE predictions ADD COLUMN later INTEGER"),
    9002: (
        "9002_moved.sql",
        "CREATE TABLE moved AS SELECT id FROM predictions; UPDATE predictions SET later = 1",
    ),
}
BROKEN = {**LATER, 9003: ("9003_broken.sql", "DROP TABLE moved; SELECT no_such_thing()")}

DIES = """
import os, sys
from pathlib import Path
import duckdb
from driftline_collector.store import database
path = Path(sys.argv[1])
known = database.migrations()
later = {9001: ("9001_later.sql", "DROP TABLE predictions; CREATE TABLE half (a INTEGER); SELECT die()")}
database.migrations = lambda: known | later
connection = duckdb.connect(path)
connection.create_function("die", lambda: os.kill(os.getpid(), 9), [], int, side_effects=True)
database.migrate(connection, path)
"""


@pytest.fixture
def filled(path: Path) -> Path:
    """A file with three predictions."""
    store = DuckDBStore(path)
    store.inbox.submit(predictions("a", [1, 2, 3])).result(60)
    store.settle()
    store.close()
    return path


def come(monkeypatch: pytest.MonkeyPatch, later: dict[int, tuple[str, str]]) -> None:
    """A driftline with these migrations more."""
    known = migrations() | later
    monkeypatch.setattr(database, "migrations", lambda: known)


def beside(path: Path) -> set[str]:
    return {each.name.removeprefix(path.name) for each in path.parent.iterdir()}


def count(path: Path, table: str = "predictions") -> int:
    with duckdb.connect(path, read_only=True) as connection:
        ((rows,),) = connection.execute(f"SELECT count(*) FROM {table}").fetchall()
    return int(rows)


def test_a_copy_of_the_file_as_it_was_is_kept_and_told(
    filled: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    newest = max(migrations())
    come(monkeypatch, LATER)
    with caplog.at_level(logging.WARNING):
        open_database(filled).close()
    copy = Path(f"{filled}.before-9001")
    assert f"bringing its tables forward from version {newest} to 9002" in caplog.text
    assert f"brought forward from version {newest} to 9002" in caplog.text
    assert f"is kept in {copy}, for going back: remove that once you will not" in caplog.text
    assert count(filled, "moved") == 3
    monkeypatch.undo()
    shutil.move(copy, filled)
    store = DuckDBStore(filled)  # the driftline from before goes on with it
    store.inbox.submit(predictions("a", [3, 4])).result(60)
    assert sorted(store.predictions("digits", 0, 1 << 62).column("sequence").to_pylist()) == [1, 2, 3, 4]
    store.close()


def test_no_copy_is_made_of_a_new_file_nor_where_nothing_is_to_be_done(path: Path) -> None:
    for _ in range(2):
        open_database(path).close()
        assert beside(path) == {""}


def test_what_was_accepted_and_not_taken_in_is_in_the_copy_too(
    filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Transactions, batches: object, applied: int | None = None) -> None:
        raise duckdb.IOException("no space left on device")

    with monkeypatch.context() as patch:
        store = DuckDBStore(filled)
        patch.setattr(Transactions, "commit", broken)
        store.inbox.submit(predictions("a", [4])).result(60)
        store.close()
    with monkeypatch.context() as patch:
        come(patch, LATER)
        DuckDBStore(filled).close()
    assert count(filled) == 4
    copy = Path(f"{filled}.before-9001")
    assert count(copy) == 3
    store = DuckDBStore(copy)
    assert store.predictions("digits", 0, 1 << 62).num_rows == 4
    store.close()


def test_only_the_latest_copy_stays(filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    older = Path(f"{filled}.before-0003")
    Path(f"{older}.journal").mkdir()
    other = filled.with_name("other.duckdb.before-0003")
    for path in (older, Path(f"{older}.wal"), other, Path(f"{filled}.before-noon")):
        path.write_bytes(b"earlier")
    come(monkeypatch, LATER)
    open_database(filled).close()
    assert beside(filled) == {"", ".before-9001", ".before-noon", other.name}


def test_a_migration_that_fails_leaves_the_file_to_the_driftline_from_before(
    filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        come(patch, BROKEN)
        for _ in range(2):  # started again and again
            with pytest.raises(StoreError, match=r"9003_broken\.sql failed, nothing was changed"):
                open_database(filled)
    assert beside(filled) == {"", ".before-9001"}
    store = DuckDBStore(filled)
    assert store.predictions("digits", 0, 1 << 62).num_rows == 3
    store.close()


def test_a_process_killed_amid_a_migration_leaves_the_file_as_it_was(filled: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", DIES, str(filled)], check=False, timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert ".before-9001" in beside(filled)
    store = DuckDBStore(filled)
    assert store.predictions("digits", 0, 1 << 62).num_rows == 3
    store.close()


def test_without_room_for_a_copy_nothing_is_changed_and_the_way_out_is_told(
    filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier = Path(f"{filled}.before-0003")
    earlier.write_bytes(b"earlier")
    usage = namedtuple("usage", "total used free")
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _path: usage(10**9, 10**9, 4096))
        come(patch, LATER)
        with pytest.raises(StoreError) as refused:
            open_database(filled)
        assert beside(filled) == {"", ".before-0003"}
        for part in ("4.1 kB left", str(earlier), "set store.copy_before_migration to false"):
            assert part in str(refused.value)
        open_database(filled, copy_first=False).close()
    assert count(filled, "moved") == 3
    assert beside(filled) == {"", ".before-0003"}


def test_a_copy_that_a_killed_process_left_half_is_made_anew(
    filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(f"{filled}.before-9001.partial").write_bytes(b"half")
    Path(f"{filled}.before-9001.journal.partial").mkdir()
    come(monkeypatch, LATER)
    open_database(filled).close()
    assert beside(filled) == {"", ".before-9001"}
    assert count(Path(f"{filled}.before-9001")) == 3


def test_a_copy_that_cannot_be_finished_is_not_left_half(
    filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_file: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        come(patch, LATER)
        patch.setattr(os, "fsync", full)
        with pytest.raises(StoreError, match=r"no copy could be made before migration 9001: .*No space left"):
            open_database(filled)
    assert beside(filled) == {""}
    DuckDBStore(filled).close()


def test_a_file_that_was_copied_is_still_held_against_other_processes(
    filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    come(monkeypatch, LATER)
    connection = open_database(filled)
    command = [sys.executable, "-c", "import duckdb, sys; duckdb.connect(sys.argv[1])", str(filled)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    connection.close()
    assert Path(f"{filled}.before-9001").exists()
    assert "Could not set lock" in done.stderr
