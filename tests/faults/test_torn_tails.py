"""What a crash tears off the ends of files costs nothing that was acknowledged, and damage is told."""

import os
import random
import shutil
from pathlib import Path

import duckdb
import pytest
from driftline_collector.errors import StoreError
from driftline_collector.store import journal
from driftline_collector.store.duckdb import DuckDBStore
from driftline_collector.store.journal import Journal

from tests.store.batches import points, predictions

LAST = 12


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files as a kill leaves them after some commits; a file of the journal for each batch, or nearly."""
    folder = tmp_path_factory.mktemp("killed")
    (folder / "running").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(journal, "FILE_BYTES", 100)
        store = DuckDBStore(folder / "running" / "driftline.duckdb")
        for number in range(1, LAST + 1):
            store.inbox.submit(predictions("a", [number])).result(30)
            store.inbox.submit(points("a", number * 60, number * 60 + 60, {"7": 1})).result(30)
            # The last but one commit is of many batches; what is accepted after it frees their files.
            if number < LAST - 4 or number == LAST - 1:
                store.settle()
        shutil.copytree(folder / "running", folder / "killed")
        store.close()
    return folder / "killed"


@pytest.fixture
def crashed(killed: Path, tmp_path: Path) -> Path:
    return shutil.copytree(killed, tmp_path / "crashed")


def opened_whole(folder: Path) -> bool:
    """Whether all that was acknowledged is there once, when it is opened and when it is opened again."""
    for _ in range(2):
        store = DuckDBStore(folder / "driftline.duckdb")
        read = store._cursor().execute
        numbers = read("SELECT sequence FROM predictions ORDER BY ALL").fetchall()
        starts = read("SELECT start_ns // 60 FROM profiles ORDER BY ALL").fetchall()
        store.close()
        if not numbers == starts == [(number,) for number in range(1, LAST + 1)]:
            return False
    return True


def test_the_files_as_a_kill_leaves_them_hold_all_that_was_acknowledged(crashed: Path) -> None:
    assert (crashed / "driftline.duckdb.wal").stat().st_size > 0
    assert opened_whole(crashed)


@pytest.mark.parametrize("cut", [1, 300])
def test_what_is_torn_off_the_databases_log_is_taken_from_the_journal(crashed: Path, cut: int) -> None:
    log = crashed / "driftline.duckdb.wal"
    os.truncate(log, log.stat().st_size - cut)
    assert opened_whole(crashed)


@pytest.mark.parametrize("tail", [bytes(4096), random.Random(3).randbytes(5000)], ids=["zeros", "garbage"])
def test_what_a_crash_left_after_the_end_of_the_databases_log_is_not_read(crashed: Path, tail: bytes) -> None:
    with (crashed / "driftline.duckdb.wal").open("ab") as log:
        log.write(tail)
    assert opened_whole(crashed)


@pytest.mark.parametrize("share", [0.02, 0.99])
def test_an_entry_that_was_not_written_to_its_end_is_not_read(crashed: Path, share: float) -> None:
    """A sender is answered once its entry is whole and synced, so nobody was told of this one."""
    store = DuckDBStore(crashed / "driftline.duckdb")
    torn = Journal(crashed / "elsewhere", store.writer.database_id, 10**6)
    torn.append([bytes(1000)])
    (file,) = (crashed / "elsewhere").iterdir()
    data = file.read_bytes()
    store.close()
    (crashed / "driftline.duckdb.journal").mkdir()
    end = data.rindex(journal._MARK) + int(share * (1000 + journal._HEAD.size))
    (crashed / "driftline.duckdb.journal" / file.name).write_bytes(data[:end])
    assert opened_whole(crashed)


def test_a_log_that_is_damaged_is_told_with_what_to_do(crashed: Path) -> None:
    log = crashed / "driftline.duckdb.wal"
    data = bytearray(log.read_bytes())
    data[-30] ^= 1
    log.write_bytes(data)
    with pytest.raises(StoreError, match=r"log is damaged.*move .*driftline\.duckdb\.wal away") as told:
        DuckDBStore(crashed / "driftline.duckdb")
    assert isinstance(told.value.__cause__, duckdb.Error)
    log.rename(crashed / "driftline.duckdb.wal.damaged")
    store = DuckDBStore(crashed / "driftline.duckdb")  # as was advised
    store.close()
