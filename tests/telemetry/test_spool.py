"""The disk queue: order, room, numbers that survive, and what a dead process left."""

import contextlib
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import pytest
from driftline._slot import Counter, acquire, orphans
from driftline._spool import MAX_QUARANTINE, Spool
from driftline._spool_schema import PROFILE, SAMPLE, SPAN, STREAM, Batch, Signal, Stream

SIGNALS: dict[int, Signal] = {STREAM: "logs", PROFILE: "metrics", SAMPLE: "logs", SPAN: "traces"}


def batch(priority: int, first: int = 1, last: int = 0, size: int = 100) -> Batch:
    last = max(first, last)
    return Batch(0, "s1", SIGNALS[priority], priority, 7, last - first + 1, first, last, 0, b"x" * size)


class Opened(Protocol):
    def __call__(self, path: Path | None, stream: Stream, limit: int = 2**20) -> Spool: ...


@pytest.fixture
def opened() -> Iterator[Opened]:
    """Opens spools, and closes them after the test."""
    with contextlib.ExitStack() as stack:

        def made(path: Path | None, stream: Stream, limit: int = 2**20) -> Spool:
            spool = stack.enter_context(contextlib.closing(Spool(path, limit)))
            spool.streams.begin(stream)
            return spool

        yield made


@pytest.fixture
def stream() -> Stream:
    return Stream("s1", started_ns=1, base=0, window_end=1)


def test_batches_come_out_as_they_went_in_until_they_are_deleted(
    opened: Opened, tmp_path: Path, stream: Stream
) -> None:
    spool = opened(tmp_path / "spool.db", stream)
    spool.put([batch(SPAN, size=3), batch(STREAM, size=4)], stream)
    first = spool.next()
    assert first is not None
    assert spool.next() == first
    assert first.body == b"xxx"
    spool.delete(first)
    second = spool.next()
    assert second is not None
    assert (second.signal, spool.bytes, len(spool)) == ("logs", 4, 1)
    assert spool.next(["metrics"]) is None
    spool.close()


def test_what_is_put_is_there_after_another_process_opens_it(
    opened: Opened, tmp_path: Path, stream: Stream
) -> None:
    spool = opened(tmp_path / "spool.db", stream)
    stream.logs, stream.spans, stream.window_end = 12, 3, 99
    spool.put([batch(SAMPLE, 1, 12), batch(PROFILE, 1, 40)], stream)
    spool.close()
    again = Spool(tmp_path / "spool.db", 2**20)
    (left,) = again.streams.unfinished("s2")
    assert (left.id, left.logs, left.spans, left.window_end, left.profiled) == ("s1", 12, 3, 99, 40)
    assert (len(again), again.bytes) == (2, 200)
    again.close()


def test_the_age_of_what_waits_is_not_that_of_samples_which_wait_for_others(
    opened: Opened, stream: Stream
) -> None:
    spool = opened(None, stream)
    assert spool.oldest_ns() is None
    spool.put([replace(batch(SAMPLE), created_ns=1)], stream)
    assert spool.oldest_ns() is None
    spool.put([replace(batch(PROFILE), created_ns=5), replace(batch(PROFILE), created_ns=6)], stream)
    assert spool.oldest_ns() == 5
    spool.put([replace(batch(STREAM), created_ns=4)], stream)
    assert spool.oldest_ns() == 4


def test_a_full_spool_drops_the_least_important_first_and_of_these_the_oldest(
    opened: Opened, stream: Stream
) -> None:
    spool = opened(None, stream, limit=500)
    spool.put(
        [batch(STREAM, 1), batch(PROFILE), batch(SAMPLE, 2, 4), batch(SPAN, 1, 2), batch(SPAN, 3)], stream
    )
    dropped = spool.put([batch(SAMPLE, 5)], stream)
    assert [(each.priority, each.first, each.last) for each in dropped] == [(SPAN, 1, 2)]
    dropped = spool.put([batch(PROFILE), batch(PROFILE)], stream)
    assert [(each.priority, each.first, each.last) for each in dropped] == [(SPAN, 3, 3), (SAMPLE, 2, 4)]
    found, _ = spool.streams.tombstones()
    assert found["s1"].traces == [(1, 3)], "neighbours are one"
    assert found["s1"].logs == [(2, 4)]
    assert spool.bytes == 500
    spool.close()


def test_a_profile_goes_only_when_no_sample_is_left_and_is_not_said_to_have_arrived(
    opened: Opened, stream: Stream
) -> None:
    spool = opened(None, stream, limit=300)
    spool.put([batch(PROFILE, 1, 40), batch(PROFILE, 1, 2), batch(STREAM)], stream)
    assert spool.streams.profiled("s1") == 42
    (dropped,) = spool.put([batch(STREAM, 2)], stream)
    assert (dropped.priority, dropped.records) == (PROFILE, 40)
    assert spool.streams.profiled("s1") == 2
    spool.close()


def test_a_batch_under_way_is_not_dropped_for_room(opened: Opened, stream: Stream) -> None:
    spool = opened(None, stream, limit=250)
    spool.put([batch(SPAN, 1), batch(SPAN, 2)], stream)
    under_way = spool.next()
    assert under_way is not None
    (dropped,) = spool.put([batch(STREAM)], stream)
    assert dropped.first == 2
    spool.delete(under_way)
    assert spool.bytes == 100
    spool.close()


def test_tombstones_are_told_until_somebody_announced_them(opened: Opened, stream: Stream) -> None:
    spool = opened(None, stream, limit=100)
    spool.put([batch(SAMPLE, 1), batch(SAMPLE, 2)], stream)
    found, buried = spool.streams.tombstones()
    assert found["s1"].logs == [(1, 1)]
    assert spool.streams.tombstones() == (found, buried)
    spool.put([batch(SAMPLE, 3)], stream, buried=buried)
    found, _ = spool.streams.tombstones()
    assert found["s1"].logs == [(2, 2)]
    spool.close()


def test_the_quarantine_keeps_the_latest(opened: Opened, stream: Stream) -> None:
    spool = opened(None, stream)
    spool.put([batch(SAMPLE, n, n) for n in range(MAX_QUARANTINE + 5)], stream)
    while (refused := spool.next()) is not None:
        spool.quarantine(refused, 400, "no", 7)
    assert spool.bytes == 0
    kept = spool._db.execute("SELECT count(*), min(id) FROM quarantine").fetchone()
    assert kept == (MAX_QUARANTINE, 6)
    spool.close()


def test_a_failed_put_changes_nothing(opened: Opened, tmp_path: Path, stream: Stream) -> None:
    spool = opened(tmp_path / "spool.db", stream)
    pages = spool._db.execute("PRAGMA page_count").fetchone()[0]
    spool._db.execute(f"PRAGMA max_page_count = {pages + 4}")  # a full disk
    with pytest.raises(sqlite3.OperationalError, match="full"):
        spool.put([batch(STREAM), batch(SAMPLE, size=100_000)], stream)
    assert (len(spool), spool.bytes) == (0, 0)
    spool.put([batch(STREAM)], stream)
    assert len(spool) == 1
    spool.close()


def test_a_damaged_file_is_put_aside_and_the_spool_starts_anew(
    opened: Opened, tmp_path: Path, stream: Stream
) -> None:
    path = tmp_path / "spool.db"
    path.write_bytes(b"not a database at all" * 100)
    spool = opened(path, stream)
    assert spool.damaged
    spool.put([batch(STREAM)], stream)
    spool.close()
    (aside,) = tmp_path.glob("spool.db.damaged-*")
    assert aside.read_bytes().startswith(b"not a database")


def test_each_monitor_has_a_slot_and_a_successor_takes_the_first_free_one(tmp_path: Path) -> None:
    first, second = acquire(tmp_path), acquire(tmp_path)
    assert (first.path.name, second.path.name) == ("0", "1")
    first.release()
    third = acquire(tmp_path)
    assert third.path.name == "0"
    second.release()
    third.release()


def test_only_slots_of_the_dead_are_orphans(tmp_path: Path) -> None:
    own, living, dead = acquire(tmp_path), acquire(tmp_path), acquire(tmp_path)
    for slot in (own, living, dead):
        Spool(slot.database, 2**20).close()
    dead.release()
    found = list(orphans(tmp_path, own.path))
    assert [slot.path for slot in found] == [dead.path]
    for slot in (own, living, *found):
        slot.release()


def test_an_orphan_is_moved_in_with_all_it_knows(opened: Opened, tmp_path: Path, stream: Stream) -> None:
    dead = opened(tmp_path / "dead.db", stream, limit=350)
    stream.logs = 4
    dead.put([batch(SAMPLE, 1), batch(SAMPLE, 2), batch(SAMPLE, 3), batch(SAMPLE, 4)], stream)
    own = opened(tmp_path / "own.db", Stream("s2", 2, 0, 2))
    own.adopt(dead, made=17)
    assert (len(own), own.bytes, len(dead)) == (3, 300, 0)
    (left,) = own.streams.unfinished("s2")
    assert (left.id, left.logs, left.made) == ("s1", 4, 17)
    assert own.streams.tombstones()[0]["s1"].logs == [(1, 1)]
    dead.close()
    own.close()


def test_the_counter_goes_on_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "made"
    counter = Counter(path)
    for _ in range(5):
        counter.cells[0] = next(counter.steps)
    counter.cells[1] += 100
    assert counter.made == 105
    again = Counter(path)
    again.cells[0] = next(again.steps)
    assert again.made == 106


def test_a_stone_that_grows_while_it_is_being_announced_is_announced_again(
    opened: Opened, stream: Stream
) -> None:
    spool = opened(None, stream, limit=100)
    spool.put([batch(SAMPLE, 1), batch(SAMPLE, 2)], stream)
    found, buried = spool.streams.tombstones()
    assert found["s1"].logs == [(1, 1)]
    spool.put([batch(SAMPLE, 3)], stream)
    spool.put([], stream, buried=buried)
    found, _ = spool.streams.tombstones()
    assert found["s1"].logs == [(1, 2)]
