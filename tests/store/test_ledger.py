"""What was seen is known, however many streams there are, and whatever of it is in memory."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from driftline_collector.store import seen, transaction
from driftline_collector.store.batch import Batch, Numbers
from driftline_collector.store.duckdb import DuckDBStore
from driftline_collector.store.intervals import IntervalSet
from driftline_collector.store.ledger import KnownHashes, Ledger
from driftline_collector.store.opened import Database
from driftline_collector.store.seen import GAP_NS, SeenTable, Sighting
from driftline_collector.store.transaction import Transactions
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.store.batches import points, predictions

DAY = 86400 * 10**9


class Fake:
    """What is durable, in lists. Hashes are few, so that they collide."""

    forgotten_ns = 0

    def __init__(self) -> None:
        self.rows: list[tuple[str, str, int, int]] = []
        self.reads = 0

    def known(self) -> Any:
        return self.hashes([row[0] for row in self.rows])

    def hashes(self, streams: Sequence[str]) -> Any:
        return np.array([ord(stream) % 2 for stream in streams], np.uint64)

    def read(self, streams: Sequence[str]) -> Iterator[tuple[str, str, int, int]]:
        self.reads += 1
        return (row for row in self.rows if row[0] in streams)


RECORDS = st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 30)), max_size=12)


@given(st.lists(st.tuples(RECORDS, st.booleans()), min_size=1, max_size=6), st.sampled_from([0, 10, 1000]))
def test_in_whatever_order_records_come_each_is_new_once(
    batches: list[tuple[list[tuple[str, int]], bool]], most: int
) -> None:
    """Also after restarts, and where little of it is kept in memory."""
    durable = Fake()
    ledger = Ledger(durable, most_intervals=most)
    seen: set[tuple[str, int]] = set()
    for records, restarted in batches:
        streams = sorted({stream for stream, _ in records})
        codes = np.array([streams.index(stream) if number else -1 for stream, number in records], np.int32)
        told = Numbers("logs", tuple(streams), codes, np.array([number for _, number in records], np.int64))
        sighting = ledger.look(told)
        expected = []
        repeats = 0
        for record in records:
            expected.append(record[1] == 0 or record not in seen)
            repeats += not expected[-1]
            if record[1]:
                seen.add(record)
        assert sighting.fresh.tolist() == expected
        assert sum(sighting.repeats.values()) == repeats
        found = zip(sighting.streams, sighting.first, sighting.last, strict=True)
        durable.rows += [(stream, "logs", first, last) for stream, first, last in found]
        ledger.note(sighting)
        ledger.settle()
        if restarted:
            ledger = Ledger(durable, most_intervals=most)


@given(st.lists(st.sets(st.integers(0, 2**64 - 1)), max_size=4))
def test_hashes_are_known_once_they_were_added(sets: list[set[int]]) -> None:
    known = KnownHashes(np.array(sorted(sets[0]) if sets else [], np.uint64))
    every = np.array(sorted(set().union(*sets)), np.uint64)
    held = set(sets[0]) if sets else set()
    for values in sets[1:]:
        for value in values:
            known.add(value)
        held |= values
        assert known.contains(every).tolist() == [value in held for value in every.tolist()]


def test_a_stream_that_nobody_knows_is_not_looked_up() -> None:
    durable = Fake()
    durable.rows = [("a", "logs", 1, 9)]
    ledger = Ledger(durable)
    ledger.look(Numbers("logs", ("b",), np.zeros(1, np.int32), np.ones(1, np.int64)))
    assert durable.reads == 0
    ledger.look(Numbers("logs", ("a",), np.zeros(1, np.int32), np.ones(1, np.int64)))
    assert durable.reads == 1


# -- what is durable -----------------------------------------------------------------------------------
@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    with closing(Database(path)) as opened:
        yield opened


@pytest.fixture
def connection(database: Database) -> duckdb.DuckDBPyConnection:
    return database.cursor()


def rows(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str, int, int]]:
    query = 'SELECT stream, signal, "first", "last" FROM stream_intervals ORDER BY ALL'
    return connection.execute(query).fetchall()


def test_intervals_that_touch_become_one(connection: duckdb.DuckDBPyConnection) -> None:
    table = SeenTable(connection)
    some = Sighting(np.empty(0, np.bool_), "logs", ["a", "a", "b", "a"], [1, 4, 1, 8], [3, 5, 3, 9])
    more = Sighting(np.empty(0, np.bool_), "logs", ["a"], [6], [6])
    table.write(1, [some, Sighting(np.empty(0, np.bool_), "traces", ["a"], [7], [7])], [])
    table.write(2, [more], [])
    assert table.compact() == 2
    assert rows(connection) == [
        ("a", "logs", 1, 6),
        ("a", "logs", 8, 9),
        ("a", "traces", 7, 7),
        ("b", "logs", 1, 3),
    ]
    assert table.compact() == 0


def test_windows_that_are_near_each_other_become_one(connection: duckdb.DuckDBPyConnection) -> None:
    table = SeenTable(connection)
    minute = 60 * 10**9
    starts = [0, 5 * minute, 5 * minute + GAP_NS, 6 * minute + 3 * GAP_NS]
    table.write(1, [], [("sdk_health", "a", at, at) for at in starts])
    table.compact()
    assert rows(connection) == [
        ("a", "sdk_health", 0, 5 * minute + GAP_NS),
        ("a", "sdk_health", 6 * minute + 3 * GAP_NS, 6 * minute + 3 * GAP_NS),
    ]


def test_many_intervals_are_written_as_few_are(connection: duckdb.DuckDBPyConnection) -> None:
    table = SeenTable(connection)
    windows = [("profiles", f"{number:03}", number, number + 5) for number in range(700)]
    table.write(1, [], windows)
    assert rows(connection) == [(stream, kind, start, end - 1) for kind, stream, start, end in windows]


LONG = st.lists(
    st.tuples(st.sampled_from("ab"), st.sampled_from(["logs", "profiles"]), st.integers(0, 40)), max_size=20
)


@settings(max_examples=20)
@given(LONG)
def test_it_is_compacted_to_what_the_ledger_makes_of_it(
    numbers: list[tuple[str, str, int]],
) -> None:
    """One rule for what is durable and what is in memory."""
    hour = GAP_NS // 4
    expected: dict[tuple[str, str], IntervalSet] = {}
    with duckdb.connect() as connection:
        connection.execute(
            "CREATE TABLE stream_intervals (received_ns BIGINT, stream VARCHAR, signal VARCHAR,"
            ' "first" BIGINT, "last" BIGINT)'
        )
        table = SeenTable(connection)
        for stream, signal, number in numbers:
            at = number if signal == "logs" else number * hour
            if signal == "logs":
                table.write(1, [Sighting(np.empty(0, np.bool_), signal, [stream], [at], [at])], [])
            else:
                table.write(1, [], [(signal, stream, at, at)])
            expected.setdefault((stream, signal), IntervalSet(0 if signal == "logs" else GAP_NS)).add(at, at)
        table.compact()
        assert rows(connection) == [
            (*key, first, last) for key in sorted(expected) for first, last in expected[key]
        ]


def test_compacting_changes_nothing_that_is_known(
    database: Database, connection: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seen, "SCATTERED_ROWS", 5)
    transactions = Transactions(database)
    for number in range(1, 21):
        transactions.commit(
            [predictions("a", [number]), points("a", number * 60, number * 60 + 60, {"7": 1})]
        )
    assert len(rows(connection)) < 8
    again = Transactions(database)
    for number in (1, 7, 20):
        again.commit([predictions("a", [number]), points("a", number * 60, number * 60 + 60, {"7": 1})])
    assert connection.execute("SELECT count(*) FROM predictions").fetchall() == [(20,)]
    assert connection.execute("SELECT count(*) FROM profiles").fetchall() == [(20,)]


# -- forgetting ----------------------------------------------------------------------------------------
class Clock:
    """Stands for `time` in `transaction`."""

    def __init__(self, now_ns: int) -> None:
        self.now_ns = now_ns

    def time_ns(self) -> int:
        return self.now_ns


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock(1000 * DAY)
    monkeypatch.setattr(transaction, "time", made)
    return made


def send(store: DuckDBStore, *batches: Batch) -> None:
    for batch in batches:
        store.writer.submit(batch).result(60)


def remembered(store: DuckDBStore) -> set[str]:
    found = store._cursor().execute("SELECT DISTINCT stream FROM stream_intervals").fetchall()
    return {stream for (stream,) in found}


def test_a_stream_is_forgotten_once_it_was_silent_for_longer_than_any_spool(
    store: DuckDBStore, clock: Clock
) -> None:
    send(store, predictions("gone", [1, 2]), predictions("alive", [1]))
    clock.now_ns += 20 * DAY
    send(store, predictions("alive", [2]))
    clock.now_ns += 20 * DAY
    send(store, predictions("new", [1]))
    assert remembered(store) == {"alive", "new"}
    send(store, predictions("alive", [1, 2, 3]), predictions("gone", [2, 3]))
    kept = store._cursor().execute("SELECT stream, sequence FROM predictions ORDER BY ALL").fetchall()
    # What comes of a forgotten stream is taken as new: told apart by id when read, as without numbers.
    assert kept == [
        ("alive", 1),
        ("alive", 2),
        ("alive", 3),
        ("gone", 1),
        ("gone", 2),
        ("gone", 2),
        ("gone", 3),
        ("new", 1),
    ]
    assert len(store.predictions("digits", 0, 10)) == 7


def test_what_was_missing_of_a_stream_is_still_known_when_it_is_forgotten(
    store: DuckDBStore, clock: Clock
) -> None:
    send(store, points("gone", 0, 60, {"7": 5}), predictions("gone", [1, 2, 5, 9]))
    before = store.coverage(0, 1 << 62).to_pylist()
    clock.now_ns += 40 * DAY
    send(store, predictions("new", [1]))
    assert remembered(store) == {"new"}
    assert store.coverage(0, 1 << 62).to_pylist() == before
    assert before[0]["missing_logs"] == 5


def test_a_window_of_a_forgotten_stream_is_still_counted_once(store: DuckDBStore, clock: Clock) -> None:
    at = clock.now_ns
    send(store, points("gone", at, at + 60, {"7": 5}))
    clock.now_ns += 40 * DAY
    send(store, predictions("new", [1]))
    assert remembered(store) == {"new"}
    send(store, points("gone", at, at + 60, {"7": 5, "1": 2}), points("gone", at + 60, at + 120, {"7": 1}))
    assert store._cursor().execute(
        "SELECT sum(predictions) FROM stream_windows WHERE stream = 'gone'"
    ).fetchall() == [(8,)]


def test_a_clock_that_is_set_back_makes_nothing_forgotten(store: DuckDBStore, clock: Clock) -> None:
    send(store, predictions("a", [1]))
    clock.now_ns -= 900 * DAY
    send(store, predictions("a", [1, 2]))
    assert store._cursor().execute("SELECT count(*) FROM predictions").fetchall() == [(2,)]


def test_how_long_streams_are_remembered_can_be_set(path: Path, clock: Clock) -> None:
    store = DuckDBStore(path, remember_ns=2 * DAY)
    send(store, predictions("gone", [1]))
    clock.now_ns += 3 * DAY
    send(store, predictions("new", [1]))
    assert remembered(store) == {"new"}
    store.close()
