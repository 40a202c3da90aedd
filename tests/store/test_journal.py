"""What was accepted is durable before it is in the database, and gets there once."""

import errno
import os
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from driftline_collector.errors import StoreError
from driftline_collector.store import inbox
from driftline_collector.store import journal as module
from driftline_collector.store.batch import Batch, Refusal, Rows
from driftline_collector.store.duckdb import DuckDBStore
from driftline_collector.store.entries import decode, encode
from driftline_collector.store.journal import Journal
from driftline_collector.store.transaction import Transactions

from tests.store.batches import SOURCE, points, predictions

ID = "0" * 32
WRONG = pa.table({"id": ["x"], "time_ns": ["no number"], **{name: [value] for name, value in SOURCE.items()}})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "driftline.duckdb.journal"


def ids(store: DuckDBStore) -> list[str]:
    found: list[str] = store.predictions("digits", 0, 1 << 62).column("id").to_pylist()
    return sorted(found)


def read(folder: Path, applied: int = 0, database_id: str = ID) -> list[tuple[int, bytes]]:
    found = Journal(folder, database_id, applied).unapplied()
    return [(position, bytes(entry)) for position, entry in found]


FULL = duckdb.IOException("no space left on device")


def stop_taking_in(monkeypatch: pytest.MonkeyPatch, fault: Exception = FULL) -> None:
    """As in the moment before a crash: what is accepted stays in the journal."""

    def broken(self: Transactions, batches: list[Batch], applied: int | None = None) -> None:
        raise fault

    monkeypatch.setattr(Transactions, "commit", broken)


# -- the store -----------------------------------------------------------------------------------------
def test_who_was_answered_finds_what_was_sent(store: DuckDBStore) -> None:
    for number in range(1, 5):
        store.inbox.submit(predictions("a", [number])).result(60)
        assert len(ids(store)) == number


def test_what_was_accepted_is_there_after_a_crash_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = DuckDBStore(path)
    store.inbox.submit(predictions("a", [1, 2])).result(60)
    assert ids(store) == ["a-1", "a-2"]
    with monkeypatch.context() as patch:
        stop_taking_in(patch)
        store.inbox.submit(predictions("a", [2, 3])).result(60)
        store.inbox.submit(predictions(None, [0], ids=["unnumbered"])).result(60)
        assert ids(store) == ["a-1", "a-2"]  # a read of what there is is better than none
        store.close()
    for _ in range(2):
        store = DuckDBStore(path)
        assert ids(store) == ["a-1", "a-2", "a-3", "unnumbered"]
        store.close()
    assert not list(path.parent.glob("*.journal"))


@pytest.mark.parametrize(
    "fault",
    [
        FULL,
        duckdb.OutOfMemoryException("failed to allocate"),
        duckdb.InvalidInputException("exporting a stream from the object registered failed: MemoryError: "),
        ImportError("acero: cannot map zero-fill pages"),
    ],
    ids=["disk", "memory", "Arrow's memory", "memory for a library"],
)
def test_the_database_takes_in_what_it_could_not_as_soon_as_it_can(
    store: DuckDBStore, folder: Path, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    with monkeypatch.context() as patch:
        stop_taking_in(patch, fault)
        store.inbox.submit(predictions("a", [1])).result(60)
        assert ids(store) == []
    assert store.writer.wait_for_room(0, 10)
    assert ids(store) == ["a-1"]
    assert not list(folder.glob("*.unstorable"))


def test_where_memory_runs_out_who_waits_is_told_and_the_next_is_taken(
    store: DuckDBStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted(*_: object) -> bytes:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(inbox, "encode", exhausted)
        with pytest.raises(StoreError, match="cannot be written to the journal"):
            store.inbox.submit(predictions("a", [1])).result(60)
    with monkeypatch.context() as patch:
        patch.setattr(module, "_head", exhausted)
        with pytest.raises(StoreError, match="the journal cannot be written"):
            store.inbox.submit(predictions("a", [2])).result(60)
    store.inbox.submit(predictions("a", [3])).result(60)
    assert ids(store) == ["a-3"]


def test_a_journal_that_cannot_be_written_is_told_and_nothing_of_it_is_stored(
    store: DuckDBStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_file: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", full)
        fault = store.inbox.submit(predictions("a", [1])).exception(10)
    assert isinstance(fault, StoreError)
    assert "No space left" in str(fault)
    store.inbox.submit(predictions("a", [2])).result(60)
    assert ids(store) == ["a-2"]


def test_accepted_rows_that_the_database_does_not_take_are_kept_aside_and_counted(
    path: Path, store: DuckDBStore
) -> None:
    store.inbox.submit(Batch({"predictions": Rows(WRONG)})).result(60)
    store.inbox.submit(predictions("a", [1])).result(60)
    assert ids(store) == ["a-1"]
    assert store.totals()["refused"] == 1
    (kept,) = Path(f"{path}.journal").glob("*.unstorable")
    assert decode(memoryview(kept.read_bytes())).rows["predictions"].table.equals(WRONG)


def test_the_journal_of_another_database_is_kept_and_not_read(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = DuckDBStore(path)
    with monkeypatch.context() as patch:
        stop_taking_in(patch)
        store.inbox.submit(predictions("a", [1])).result(60)
        store.close()
    path.unlink()
    store = DuckDBStore(path)
    assert ids(store) == []
    assert list(Path(f"{path}.journal").glob("*.foreign"))
    store.close()


# -- the file ------------------------------------------------------------------------------------------
def test_entries_come_back_in_order_without_those_that_were_applied(folder: Path) -> None:
    journal = Journal(folder, ID, 0)
    assert journal.append([b"one", b"two"]) == [1, 2]
    assert journal.append([b"three"]) == [3]
    journal.close(0)
    assert read(folder) == [(1, b"one"), (2, b"two"), (3, b"three")]
    assert read(folder, applied=2) == [(3, b"three")]


def test_a_torn_tail_is_left_out_and_what_comes_after_has_places_of_its_own(folder: Path) -> None:
    journal = Journal(folder, ID, 0)
    journal.append([b"whole", b"torn" * 100])
    journal.close(0)
    (path,) = folder.iterdir()
    data = path.read_bytes()
    end = data.rindex(b"torn")
    for cut in (end, end - 200, end - 410):
        path.write_bytes(data[:cut])
        again = Journal(folder, ID, 0)
        assert [bytes(entry) for _, entry in again.unapplied()] == [b"whole"]
        (position,) = again.append([b"next"])
        assert position > 1
        again.close(0)
        assert [entry for _, entry in read(folder)] == [b"whole", b"next"]
        for other in set(folder.iterdir()) - {path}:
            other.unlink()


def test_damage_costs_no_more_than_what_it_hits_and_is_told(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    journal = Journal(folder, ID, 0)
    journal.append([b"first", b"second", b"third"])
    journal.close(0)
    (path,) = folder.iterdir()
    path.write_bytes(path.read_bytes().replace(b"second", b"sekond"))
    assert [entry for _, entry in read(folder)] == [b"first", b"third"]
    assert "is damaged" in caplog.text


def test_files_go_once_all_in_them_is_applied(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FILE_BYTES", 100)
    journal = Journal(folder, ID, 0)
    for _ in range(4):
        journal.append([bytes(80)])
    assert len(list(folder.iterdir())) == 4
    journal.forget(2)
    assert [position for position, _ in read(folder)] == [3, 4]
    journal.close(4)
    assert not folder.exists()


def test_a_batch_comes_back_as_it_was() -> None:
    numbered = predictions("a", [3, 4, 5], refused=[1])
    batch = Batch(
        numbered.rows | points("a", 0, 60, {"7": 5}).rows,
        numbered.numbers,
        (*numbered.refusals, Refusal("another", np.array([2]))),
        {("metrics", "no time"): 4},
        77,
    )
    again = decode(memoryview(encode(batch)))
    assert again.rows.keys() == batch.rows.keys()
    for name, rows in batch.rows.items():
        assert again.rows[name].table.equals(rows.table)
        found = again.rows[name].record
        assert (found is None) == (rows.record is None)
        assert found is None or found.tolist() == list(rows.record if rows.record is not None else ())
    assert batch.numbers is not None
    assert again.numbers is not None
    assert again.numbers.streams == batch.numbers.streams
    assert np.array_equal(again.numbers.stream, batch.numbers.stream)
    assert np.array_equal(again.numbers.sequence, batch.numbers.sequence)
    assert [r.reason for r in again.refusals] == ["made up", "another"]
    assert [r.record.tolist() for r in again.refusals] == [[1], [2]]
    assert (again.counted, again.nbytes) == (batch.counted, 77)
