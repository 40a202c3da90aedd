"""A crash at any instant of moving rows to a file, or of replacing one: each row is there, once."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest
from driftline_collector.store import archive as archive_module
from driftline_collector.store import archive_files
from driftline_collector.store.archive import Archive, ChangedMeanwhileError
from driftline_collector.store.archive_files import ArchiveFile
from driftline_collector.store.duckdb import DuckDBStore
from driftline_collector.store.kinds import TABLES

from tests.store.keeping import EVER, at, date, ids, keep, left_behind, parquet, prediction, put, rewritten


class Killed(BaseException):
    """As if the process ended here."""


@pytest.fixture
def folder(path: Path) -> Path:
    return Path(f"{path}.archive")


def _before(name: str) -> Callable[[pytest.MonkeyPatch], None]:
    """The process ends when this function of the module is called."""

    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        module, _, function = name.rpartition(".")
        owner = (
            Archive if module == "Archive" else {"files": archive_files, "archive": archive_module}[module]
        )

        def killed(*_: Any, **__: Any) -> None:
            raise Killed

        monkeypatch.setattr(owner, function, killed)

    return patch


@contextmanager
def _unfinished(cursor: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """A transaction that nothing rolls back."""
    cursor.execute("BEGIN")
    yield
    cursor.execute("COMMIT")


@pytest.mark.parametrize(
    "step",
    [
        "archive.write",
        "files.sync",
        "files._described",
        "Archive._transact",
        "Archive._mark",
        "Archive._show",
    ],
)
def test_a_crash_at_any_step_of_moving_neither_loses_nor_doubles_a_row(
    store: DuckDBStore, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    put(store, "predictions", [prediction("p", at(0)), prediction("q", at(0))])
    with monkeypatch.context() as patch:
        # A process that was killed tidies nothing up.
        patch.setattr(Archive, "_forget", lambda *_: None)
        patch.setattr(archive_module, "transaction", _unfinished)
        _before(step)(patch)
        with pytest.raises(Killed):
            store.archive.move(TABLES["predictions"], date(0), "digits", EVER)
        after = left_behind(path, tmp_path / "after")
    reopened = DuckDBStore(after)
    assert ids(reopened) == ["p", "q"]
    assert parquet(Path(f"{after}.archive")) == []
    keep(reopened, at(9))
    assert ids(reopened) == ["p", "q"]
    assert len(parquet(Path(f"{after}.archive"))) == 1
    reopened.close()


def test_a_crash_before_replaced_files_are_removed_leaves_none_of_them(
    store: DuckDBStore, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, "predictions", [prediction("p", at(0)), prediction("q", at(0))])
    keep(store, at(9))
    (file,) = store.archive.files()
    with monkeypatch.context() as patch:
        patch.setattr(Archive, "_forget", lambda *_: None)
        store.archive.swap([rewritten(store, file, "id <> 'p'")], [file])
    after = left_behind(path, tmp_path / "after")
    assert len(parquet(Path(f"{after}.archive"))) == 2
    reopened = DuckDBStore(after)
    assert ids(reopened) == ["q"]
    assert len(parquet(Path(f"{after}.archive"))) == 1
    reopened.close()


_MOVING = """
import sys
from tests.store.keeping import at, keep, prediction, put
from driftline_collector.store.duckdb import DuckDBStore
store = DuckDBStore(sys.argv[1])
print("open", flush=True)
for day in range(int(sys.argv[2]), 1000):
    put(store, "predictions", [prediction(f"{day}-{number}", at(day)) for number in range(50)])
    print(day, flush=True)
    keep(store, at(day + 1, 1), archive_after_ns=1)
"""


def _kill_while_moving(path: Path, times: int) -> None:
    told = -1
    for attempt in range(times):
        process = subprocess.Popen(
            [sys.executable, "-c", _MOVING, str(path), str(told + 1)],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])},
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        for _ in range(1 + attempt % 5):
            told = int(process.stdout.readline())
        # Somewhere in moving that day's rows: how far that is by now is for the machine to say.
        threading.Event().wait(0.003 * (attempt % 7))
        process.send_signal(signal.SIGKILL)
        rest, _ = process.communicate()
        told = max([told, *map(int, rest.split())])
        store = DuckDBStore(path)
        found = ids(store)
        days = {int(each.partition("-")[0]) for each in found}
        assert len(found) == len(set(found)) == 50 * len(days)
        assert days >= set(range(told + 1))
        told = max(days)
        named = {file.place for file in store.archive.files()}
        assert named == set(parquet(store.archive.folder))
        store.close()


def test_a_process_killed_while_it_moves_rows_neither_loses_nor_doubles_one(path: Path) -> None:
    _kill_while_moving(path, 3)


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_a_process_killed_a_hundred_times_while_it_moves_rows_loses_none(path: Path) -> None:
    _kill_while_moving(path, 100)


def test_rows_that_change_while_they_are_moved_stay_where_they_are(
    store: DuckDBStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, "predictions", [prediction("p", at(0)), prediction("q", at(0))])
    write = archive_files.write

    def purged_meanwhile(*given: Any) -> ArchiveFile:
        written = write(*given)
        store.archive._database.cursor().execute("DELETE FROM main.predictions WHERE id = 'p'")
        return written

    monkeypatch.setattr(archive_module, "write", purged_meanwhile)
    with pytest.raises(ChangedMeanwhileError, match="2 rows were read, 1 removed"):
        store.archive.move(TABLES["predictions"], date(0), "digits", EVER)
    assert ids(store) == ["q"]
    assert parquet(folder) == []


def test_a_file_that_another_hand_has_replaced_is_not_replaced_again(
    store: DuckDBStore, folder: Path
) -> None:
    put(store, "predictions", [prediction("p", at(0)), prediction("q", at(0))])
    keep(store, at(9))
    (file,) = store.archive.files()
    first, second = (rewritten(store, file, f"id <> '{id_}'") for id_ in "pq")
    store.archive.swap([first], [file])
    with pytest.raises(ChangedMeanwhileError, match="1 files were replaced by another hand"):
        store.archive.swap([second], [file])
    assert ids(store) == ["q"]
    assert parquet(folder) == [first.place]
