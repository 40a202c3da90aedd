import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from contextvars import copy_context
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from driftline_collector.errors import StoreError
from driftline_collector.store import writer
from driftline_collector.store.batch import Batch, Rows
from driftline_collector.store.duckdb import DuckDBStore
from driftline_collector.store.opened import Database
from driftline_collector.store.queued import UnstorableError
from driftline_collector.store.together import read_together
from driftline_collector.store.transaction import Transactions
from driftline_collector.store.writer import GROUP_ROWS, Writer

from tests.store.batches import SOURCE, predictions

WRONG = pa.table(
    {"id": ["x"], "time_ns": ["not a number"], **{name: [value] for name, value in SOURCE.items()}}
)


def ids(store: DuckDBStore) -> set[str]:
    return set(store.predictions("digits", 0, 1 << 62).column("id").to_pylist())


def test_what_is_acknowledged_is_there_for_every_reader(store: DuckDBStore) -> None:
    store.writer.submit(predictions("a", [1, 2])).result(60)
    assert ids(store) == {"a-1", "a-2"}


def test_nobody_is_told_before_the_commit(store: DuckDBStore, monkeypatch: pytest.MonkeyPatch) -> None:
    reached, go_on = threading.Event(), threading.Event()
    commit = Transactions.commit

    def held(self: Transactions, batches: list[Batch]) -> None:
        reached.set()
        go_on.wait(60)
        commit(self, batches)

    monkeypatch.setattr(Transactions, "commit", held)
    future = store.writer.submit(predictions("a", [1]))
    assert reached.wait(60)
    assert not future.done()
    assert ids(store) == set()
    go_on.set()
    future.result(60)
    assert ids(store) == {"a-1"}


def test_what_gathers_during_a_commit_is_committed_as_one_group(
    store: DuckDBStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups: list[int] = []
    reached, go_on = threading.Event(), threading.Event()
    commit = Transactions.commit

    def held(self: Transactions, batches: list[Batch]) -> None:
        groups.append(len(batches))
        reached.set()
        go_on.wait(60)
        commit(self, batches)

    monkeypatch.setattr(Transactions, "commit", held)
    futures = [store.writer.submit(predictions("a", [1]))]
    assert reached.wait(60)
    futures += [store.writer.submit(predictions("a", [number])) for number in range(2, 12)]
    large = predictions("b", range(1, GROUP_ROWS + 1))
    futures.append(store.writer.submit(large))
    go_on.set()
    for future in futures:
        future.result(30)
    assert groups == [1, 10, 1]


def test_rows_that_the_database_does_not_take_fail_for_themselves(store: DuckDBStore) -> None:
    with pytest.raises(UnstorableError, match="does not take these rows"):
        store.writer.submit(Batch({"predictions": Rows(WRONG)})).result(60)
    store.writer.submit(predictions("a", [1])).result(60)
    assert ids(store) == {"a-1"}


def test_a_group_of_many_small_batches_fits_into_the_memory_of_the_database(path: Path) -> None:
    with closing(Database(path)) as database, database.cursor() as connection:
        with closing(Transactions(database)) as transactions:
            transactions.commit([predictions("a", [number]) for number in range(1, 201)])
        count = connection.execute("SELECT count(*), count(DISTINCT received_ns) FROM predictions").fetchall()
        assert count == [(200, 1)]


def test_one_bad_batch_fails_no_other_of_its_group(path: Path) -> None:
    database = Database(path)
    with closing(database), database.cursor() as connection:
        writer = Writer(database)
        with writer._arrived:  # as if the writer were busy: all three become one group
            futures = [
                writer.submit(batch)
                for batch in (
                    predictions("a", [1]),
                    Batch({"predictions": Rows(WRONG)}),
                    predictions("a", [2]),
                )
            ]
        futures[0].result(60)
        futures[2].result(60)
        assert isinstance(futures[1].exception(60), UnstorableError)
        writer.close()
        assert connection.execute("SELECT id FROM predictions ORDER BY id").fetchall() == [("a-1",), ("a-2",)]


def test_a_fault_of_the_store_is_no_fault_of_the_rows(
    store: DuckDBStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Transactions, batches: list[Batch]) -> None:
        raise duckdb.IOException("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Transactions, "commit", full)
        fault = store.writer.submit(predictions("a", [1])).exception(60)
    assert isinstance(fault, StoreError)
    assert not isinstance(fault, UnstorableError)
    # What was never stored is not known, so the same records are welcome when they come again.
    store.writer.submit(predictions("a", [1])).result(60)
    assert ids(store) == {"a-1"}


def test_a_commit_that_fails_leaves_its_numbers_unseen(
    store: DuckDBStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Transactions, name: str, table: pa.Table) -> None:
        raise duckdb.IOException("torn away")

    with monkeypatch.context() as patch:
        patch.setattr(Transactions, "_insert", broken)
        assert store.writer.submit(predictions("a", [1])).exception(60)
    store.writer.submit(predictions("a", [1])).result(60)
    assert ids(store) == {"a-1"}


def test_closing_commits_what_is_queued_and_refuses_what_comes_later(path: Path) -> None:
    store = DuckDBStore(path)
    futures = [store.writer.submit(predictions("a", [number])) for number in range(1, 20)]
    store.close()
    assert all(future.exception(0) is None for future in futures)
    assert isinstance(store.writer.submit(predictions("a", [20])).exception(0), StoreError)
    with duckdb.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM predictions").fetchall() == [(19,)]


def test_an_attempt_that_fails_while_the_store_closes_is_not_the_last(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk was full when it began, and has room now."""
    reached, faults = threading.Event(), [duckdb.IOException("no space left on device")]
    commit = Transactions.commit

    def full_at_first(self: Transactions, batches: list[Batch], *position: int) -> None:
        if faults:
            reached.set()
            while not store.writer._closing:
                time.sleep(0.001)
            raise faults.pop()
        commit(self, batches, *position)

    store = DuckDBStore(path)
    monkeypatch.setattr(Transactions, "commit", full_at_first)
    assert store.inbox.submit(predictions("a", [1, 2])).exception(60) is None
    with store.writer._arrived:
        store.writer._hurry = True
        store.writer._arrived.notify_all()
    assert reached.wait(60)
    store.close()
    with duckdb.connect(path, read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM predictions").fetchall() == [(2,)]


def test_a_reader_waits_for_what_was_accepted_but_not_where_that_never_ends(
    store: DuckDBStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached, go_on = threading.Event(), threading.Event()
    commit = Transactions.commit

    def held(self: Transactions, batches: list[Batch], *position: int) -> None:
        reached.set()
        go_on.wait(60)
        commit(self, batches, *position)

    monkeypatch.setattr(Transactions, "commit", held)
    monkeypatch.setattr(writer, "PATIENCE_S", 600.0)
    assert store.inbox.submit(predictions("a", [1])).exception(60) is None
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(ids, store)
        assert reached.wait(60)
        monkeypatch.setattr(writer, "BEHIND_BYTES", 0)
        assert ids(store) == set()  # another one is answered, as more waits than readers wait for
        assert not waiting.done()
        go_on.set()
        assert waiting.result(60) == {"a-1"}


def test_of_reads_that_belong_together_the_first_waits(
    store: DuckDBStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[int] = []
    monkeypatch.setattr(store.writer, "catch_up", lambda: waits.append(1))

    def one_request() -> None:
        read_together()
        for _ in range(3):
            ids(store)

    copy_context().run(one_request)
    assert len(waits) == 1
    copy_context().run(one_request)
    assert len(waits) == 2
    ids(store)
    ids(store)
    assert len(waits) == 4


def test_times_of_receipt_ascend_also_when_the_clock_is_set_back(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = DuckDBStore(path)
    store.writer.submit(predictions("a", [1])).result(60)
    store.close()
    monkeypatch.setattr(time, "time_ns", lambda: 1000)
    store = DuckDBStore(path)
    for number in (2, 3):
        store.writer.submit(predictions("a", [number])).result(60)
    received = store.predictions("digits", 0, 10).column("received_ns").to_pylist()
    store.close()
    assert received == sorted(set(received))


def test_tables_that_are_submitted_together_are_committed_together(store: DuckDBStore) -> None:
    good = pa.table({"time_ns": [1], "prediction_id": ["p"], "label": ["7"]})
    with pytest.raises(UnstorableError):
        store.submit({"labels": good, "predictions": WRONG}).result(60)
    assert store.totals()["labels"] == 0
    store.submit({"labels": good}).result(60)
    assert store.totals()["labels"] == 1
