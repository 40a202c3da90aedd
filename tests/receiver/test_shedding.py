"""What is given up where the disk runs out of room, and what is not taken then: told, counted, passing."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from driftline_collector.receiver.intake import Intake, OverloadedError
from driftline_collector.receiver.shedding import REASON, Shedding
from driftline_collector.receiver.signals import LOGS, METRICS, TRACES
from driftline_collector.store.duckdb import DuckDBStore
from driftline_collector.store.usage import Space
from driftline_schemas import attributes as names

from tests.end_to_end.running import collector
from tests.receiver import wire


class Room:
    """As much as a test says there is."""

    state = "ample"

    def __str__(self) -> str:
        return "little is left"


@pytest.fixture
def room() -> Room:
    return Room()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DuckDBStore]:
    opened = DuckDBStore(tmp_path / "driftline.duckdb")
    yield opened
    opened.close()


@pytest.fixture
def intake(store: DuckDBStore, room: Room) -> Iterator[Intake]:
    opened = Intake(
        store.inbox, lambda _binning, _feature: None, shedding=Shedding(room, ["spans", "logs", "metrics"])
    )
    yield opened
    opened.close()


def span(number: int) -> bytes:
    return wire.spans(attributes=wire.pairs({names.SEQUENCE: number})).SerializeToString()


def test_kinds_that_the_operator_named_are_given_up_told_and_counted(
    intake: Intake, store: DuckDBStore, room: Room
) -> None:
    room.state = "low"
    answers = [intake.submit(TRACES, span(number)) for number in (1, 2)]
    for answer in answers:
        rejected = answer.result(30)
        assert rejected.count == 1
        assert rejected.message == f"1 spans refused: {REASON}"
    mixed = wire.events(wire.prediction(1), ("hello", {}), ("again", {}))
    assert intake.submit(LOGS, mixed.SerializeToString()).result(30).count == 2
    others = wire.metrics(
        wire.counter("requests", [(3, {})]), wire.counter(names.PROFILE_PREDICTIONS, [(7, {})])
    )
    assert intake.submit(METRICS, others.SerializeToString()).result(30).count == 1
    totals = store.totals()
    assert (totals["spans"], totals["logs"], totals["metrics"]) == (0, 0, 0)
    assert (totals["predictions"], totals["profiles"]) == (1, 1)
    refused = {row["signal"]: row["count"] for row in store.refused().to_pylist() if row["reason"] == REASON}
    assert refused == {"traces": 2, "logs": 2, "metrics": 1}
    room.state = "ample"
    assert intake.submit(TRACES, span(3)).result(30).count == 0
    assert store.totals()["spans"] == 1


def test_the_numbers_of_what_was_given_up_are_not_missing(
    intake: Intake, store: DuckDBStore, room: Room
) -> None:
    intake.submit(TRACES, span(1)).result(30)
    room.state = "low"
    intake.submit(TRACES, span(2)).result(30)
    room.state = "ample"
    intake.submit(TRACES, span(3)).result(30)
    assert store._read("SELECT highest, seen FROM stream_numbers").to_pylist() == [{"highest": 3, "seen": 3}]


def test_a_full_disk_is_a_passing_fault(intake: Intake, room: Room) -> None:
    room.state = "full"
    with pytest.raises(OverloadedError, match="little is left; send again"):
        intake.submit(LOGS, wire.events(wire.prediction(1)).SerializeToString())
    room.state = "ample"
    assert intake.submit(LOGS, wire.events(wire.prediction(1)).SerializeToString()).result(30).count == 0


def test_how_much_room_there_is_follows_the_reserve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = shutil.disk_usage(tmp_path)

    def states(reserve: int | None) -> list[str]:
        found: list[str] = []
        for free in (1000, 500, 499, 250, 249):
            monkeypatch.setattr(
                shutil, "disk_usage", lambda _, free=free: disk._replace(total=10_000, free=free)
            )
            found.append(Space(tmp_path, reserve).state)
        return found

    assert states(500) == ["ample", "ample", "low", "low", "full"]
    assert states(None) == states(500)  # a twentieth of the disk
    monkeypatch.undo()
    assert Space(tmp_path).reserve == min(disk.total // 20, 2**30)


def test_a_collector_without_room_says_so_and_is_read_all_the_same(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    (tmp_path / "driftline.yaml").write_text(f"retention: {{reserve: {4 * free // 1000}kB}}\n")
    with collector(tmp_path) as running:
        answer = httpx.post(
            f"{running.url}/v1/logs",
            content=wire.events(wire.prediction(1)).SerializeToString(),
            headers={"content-type": "application/x-protobuf"},
            trust_env=False,
        )
        assert answer.status_code == 503
        assert answer.headers["retry-after"] in ("1", "2")
        assert b"nothing more is taken; send again" in answer.content
        system = running.api.get("/system").json()
        assert system["keeping"]["state"] == "full"
        assert system["keeping"]["reserve"] > system["keeping"]["free"]
