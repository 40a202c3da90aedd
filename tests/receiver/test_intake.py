"""Admission and faults between a transport and the store."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import duckdb
import pytest
from driftline_collector.errors import StoreError
from driftline_collector.receiver.batches import Read, Reading
from driftline_collector.receiver.decoded import Rejected
from driftline_collector.receiver.intake import Intake, OverloadedError
from driftline_collector.receiver.signals import LOGS, METRICS, Signal
from driftline_collector.store.batch import Batch
from driftline_collector.store.duckdb import DuckDBStore
from driftline_collector.store.transaction import Transactions
from driftline_schemas import attributes as names

from tests.receiver import wire


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DuckDBStore]:
    opened = DuckDBStore(tmp_path / "driftline.duckdb")
    yield opened
    opened.close()


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Commits wait until it is set."""
    event = threading.Event()
    commit = Transactions.commit

    def held(self: Transactions, batches: list[Batch]) -> None:
        event.wait(30)
        commit(self, batches)

    monkeypatch.setattr(Transactions, "commit", held)
    return event


def no_edges(_binning: str, _feature: str) -> None:
    return None


def body(number: int) -> bytes:
    return wire.events(wire.prediction(number)).SerializeToString()


def ids(store: DuckDBStore) -> list[str]:
    found: list[str] = store.predictions("digits", 0, 1 << 62).column("id").to_pylist()
    return sorted(found)


def test_requests_beyond_the_limit_are_refused_until_others_are_answered(
    store: DuckDBStore, gate: threading.Event
) -> None:
    intake = Intake(store.writer, no_edges, max_requests=3)
    futures = [intake.submit(LOGS, body(number)) for number in range(1, 4)]
    with pytest.raises(OverloadedError, match="3 requests are waiting"):
        intake.submit(LOGS, body(4))
    with pytest.raises(OverloadedError):
        intake.admit(1)
    gate.set()
    for future in futures:
        assert future.result(30) == Rejected()
    intake.submit(LOGS, body(4)).result(30)
    intake.close()
    assert ids(store) == ["p1", "p2", "p3", "p4"]


def test_bytes_beyond_the_limit_are_refused_but_never_a_lone_request(
    store: DuckDBStore, gate: threading.Event
) -> None:
    intake = Intake(store.writer, no_edges, max_bytes=10)
    future = intake.submit(LOGS, body(1))
    with pytest.raises(OverloadedError, match="bytes are waiting"):
        intake.submit(LOGS, body(2))
    assert intake.pending == (1, len(body(1)))
    gate.set()
    future.result(30)
    assert intake.pending == (0, 0)
    intake.close()


def test_nobody_is_answered_before_the_commit(store: DuckDBStore, gate: threading.Event) -> None:
    intake = Intake(store.writer, no_edges)
    future = intake.submit(LOGS, body(1))
    assert not future.done()
    assert ids(store) == []
    gate.set()
    future.result(30)
    assert ids(store) == ["p1"]
    intake.close()


def test_a_request_that_cannot_be_read_fails_alone(
    store: DuckDBStore, gate: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Were there a fault in our reading, it should cost one request and not its neighbours."""
    bad = body(666)

    right = Reading.read

    def faulty(self: Reading, signal: Signal, bodies: list[bytes], received_ns: int) -> list[Read]:
        if bad in bodies:
            raise ValueError("a bug")
        return right(self, signal, bodies, received_ns)

    monkeypatch.setattr(Reading, "read", faulty)
    intake = Intake(store.writer, no_edges)
    futures = [intake.submit(LOGS, sent) for sent in (body(1), bad, body(2))]
    gate.set()
    assert futures[0].result(30) == futures[2].result(30) == Rejected()
    assert isinstance(futures[1].exception(30), StoreError)
    intake.close()
    assert ids(store) == ["p1", "p2"]


def test_a_fault_of_the_store_reaches_the_sender_and_what_comes_again_is_new(
    store: DuckDBStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Transactions, batches: list[Batch]) -> None:
        raise duckdb.IOException("no space left on device")

    intake = Intake(store.writer, no_edges)
    with monkeypatch.context() as patch:
        patch.setattr(Transactions, "commit", full)
        futures = [intake.submit(LOGS, body(number)) for number in (1, 2)]
        assert all(isinstance(future.exception(30), StoreError) for future in futures)
    assert intake.pending == (0, 0)
    for number in (1, 2):
        assert intake.submit(LOGS, body(number)).result(30) == Rejected()
    intake.close()
    assert ids(store) == ["p1", "p2"]


def test_each_request_of_a_group_has_its_own_answer(store: DuckDBStore, gate: threading.Event) -> None:
    intake = Intake(store.writer, no_edges)
    bad = wire.events(wire.prediction(9, prediction__id="")).SerializeToString()
    profile = wire.metrics(wire.counter(names.PROFILE_PREDICTIONS, [(3, {})])).SerializeToString()
    sent = [(LOGS, body(1)), (METRICS, profile), (LOGS, bad), (LOGS, body(2)), (METRICS, profile)]
    futures = [intake.submit(signal, made) for signal, made in sent]
    gate.set()
    assert [future.result(30).count for future in futures] == [0, 0, 1, 0, 0]
    intake.close()
    assert store.totals()["profiles"] == 1  # the second is a repeat


def test_closing_answers_what_was_admitted_and_refuses_the_rest(
    store: DuckDBStore, gate: threading.Event
) -> None:
    intake = Intake(store.writer, no_edges)
    futures: list[Future[Rejected]] = [intake.submit(LOGS, body(number)) for number in range(1, 30)]
    closing = threading.Thread(target=intake.close)
    closing.start()
    gate.set()
    closing.join(30)
    assert all(future.done() and future.result().count == 0 for future in futures)
    with pytest.raises(OverloadedError, match="stopping"):
        intake.submit(LOGS, body(99))
    assert len(ids(store)) == 29


def test_a_few_requests_after_a_quiet_time_do_not_wait_for_each_other_and_more_do(
    store: DuckDBStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    paused = threading.Event()
    patience = Intake._patience

    def told(intake: Intake) -> float | None:
        waiting = patience(intake)
        if waiting:
            paused.set()
        return waiting

    monkeypatch.setattr("driftline_collector.receiver.intake.GATHER_S", 0.0)
    monkeypatch.setattr("driftline_collector.receiver.intake.PAUSE_S", 30.0)
    monkeypatch.setattr("driftline_collector.receiver.intake.BURST", 3)
    monkeypatch.setattr(Intake, "_patience", told)
    intake = Intake(store.writer, no_edges)
    for number in range(3):
        intake.submit(LOGS, body(number)).result(20)
    assert not paused.is_set()
    fourth = intake.submit(LOGS, body(3))
    assert paused.wait(20)
    assert not fourth.done()
    intake.close()  # answers what was admitted, at once
    fourth.result(20)
