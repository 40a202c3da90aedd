"""A full disk: senders are told, what was acknowledged is not lost, and it goes on once there is room."""

import random
from pathlib import Path

import duckdb
import pytest
from driftline_collector.store import database
from driftline_collector.store.batch import Batch
from driftline_collector.store.duckdb import DuckDBStore

from tests.end_to_end.running import collector
from tests.faults.disks import MIB, disk
from tests.faults.senders import Load, Sender, check, one_of_each
from tests.receiver.serving import serving
from tests.store.batches import predictions

#: Nearly no reserve, before the end of which nothing is taken: the disk itself is what fails here.
TO_THE_LAST = {"DRIFTLINE_RETENTION__RESERVE": "1MB"}
FULL = ("No space left on device", "are kept back", "takes nothing in now")


def turn_away(senders: list[Sender]) -> None:
    """Wait until everybody was told that there is no room."""
    for sender in senders:
        assert sender.wait_for_refusal()
    assert {status for sender in senders for status in sender.refusals} == {503}
    assert all(any(word in sender.message for word in FULL) for sender in senders)


def test_a_full_disk_is_told_and_once_there_is_room_it_goes_on_by_itself(tmp_path: Path) -> None:
    senders = one_of_each(size=20, text=200_000)
    with disk(tmp_path / "disk", 256 * MIB) as small:
        with serving(small.folder) as served, Load(senders, served.url):
            for sender in senders:
                assert sender.wait_for(1)
            served.store.settle()
            with small.filled():
                turn_away(senders)
                assert served.store.totals()["predictions"] > 0  # who reads is answered
            for sender in senders:
                assert sender.wait_for(2)
        check(senders, small.folder / "served.duckdb")


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_a_disk_that_is_full_again_and_again_and_kills_meanwhile_lose_nothing(tmp_path: Path) -> None:
    rng = random.Random(7)
    senders = one_of_each(size=100, text=40_000)
    with disk(tmp_path / "disk", 512 * MIB) as small:
        for _ in range(12):
            with collector(small.folder, environment=TO_THE_LAST) as running, Load(senders, running.url):
                for _ in range(rng.randrange(1, 4)):
                    with small.filled(rng.choice((0, 3, 6, 18, 30)) * MIB):
                        turn_away(senders)
                    for sender in senders:
                        assert sender.wait_for(2)
                with small.filled(rng.choice((0, 3, 10)) * MIB):
                    assert senders[0].wait_for_refusal()
                    running.kill()
        with collector(small.folder) as running:
            assert running.stop() == 0
        check(senders, Path(running.facts["database"]))


# -- the database itself -------------------------------------------------------------------------------
def test_a_database_that_a_fault_has_ended_is_opened_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A checkpoint that finds no room ends it, though what was committed just before is durable."""
    monkeypatch.setattr(database, "CHECKPOINT_AT", "1MB")
    with disk(tmp_path / "disk", 96 * MIB) as small:
        store = DuckDBStore(small.folder / "driftline.duckdb")
        assert accepted(store, predictions("a", [1]))
        taken = 1
        with small.filled(but=3 * MIB):  # beside what the journal has already
            while store._database.generation == 0:
                numbers = range(taken + 1, taken + 1001)
                assert accepted(store, predictions("a", numbers))
                taken = numbers[-1]
                store.settle()
        assert store.writer.wait_for_room(0, 60)
        found = store._cursor().execute("SELECT sequence FROM predictions ORDER BY ALL").fetchall()
        assert [number for (number,) in found] == list(range(1, taken + 1))
        store.close()
        assert not list(small.folder.glob("*.journal"))


def test_a_read_opens_a_database_that_a_fault_has_ended(tmp_path: Path) -> None:
    store = DuckDBStore(tmp_path / "driftline.duckdb")
    assert accepted(store, predictions("a", [1]))
    assert len(store.predictions("digits", 0, 10)) == 1
    store._database._connection.close()  # as good as ended: no cursor takes a statement
    with pytest.raises(duckdb.ConnectionException):
        store._cursor().execute("SELECT 1")
    assert len(store.predictions("digits", 0, 10)) == 1
    assert store._database.generation == 1
    store.close()


def accepted(store: DuckDBStore, batch: Batch) -> bool:
    """Whether the batch is durable; waits for that."""
    future = store.inbox.submit(batch)
    return future.exception(60) is None
