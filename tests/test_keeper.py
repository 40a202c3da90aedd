"""The thread that applies retention while everything else goes on."""

import logging
import shutil
import threading
from pathlib import Path
from typing import Any

import duckdb
import pytest
from driftline_collector.keeper import Keeper
from driftline_collector.store.duckdb import DuckDBStore
from driftline_collector.store.retention import Retention, RetentionPolicy
from driftline_collector.store.usage import Space

from tests.end_to_end.running import wait_until
from tests.store.keeping import at, ids, prediction, put


@pytest.fixture
def store(tmp_path: Path) -> Any:
    opened = DuckDBStore(tmp_path / "driftline.duckdb")
    yield opened
    opened.close()


def test_closed_days_are_put_away_while_the_store_is_in_use(store: DuckDBStore, tmp_path: Path) -> None:
    put(store, "predictions", [prediction(f"p{day}", at(day)) for day in range(3)])
    keeper = Keeper(store, RetentionPolicy(), Space(tmp_path), now=lambda: at(9), pause_s=0.01)
    keeper.start()
    try:
        wait_until(lambda: len(store.archive.files()) == 3)
        assert ids(store) == ["p0", "p1", "p2"]
    finally:
        keeper.stop()


def test_a_fault_is_logged_and_the_next_time_it_is_done(
    store: DuckDBStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    put(store, "predictions", [prediction("p", at(0))])
    tick = Retention.tick
    failed = threading.Event()

    def full_at_first(self: Retention) -> None:
        if not failed.is_set():
            failed.set()
            raise duckdb.IOException("No space left on device")
        tick(self)

    monkeypatch.setattr(Retention, "tick", full_at_first)
    keeper = Keeper(store, RetentionPolicy(), Space(tmp_path), now=lambda: at(9), pause_s=0.01)
    keeper.start()
    try:
        wait_until(lambda: len(store.archive.files()) == 1)
    finally:
        keeper.stop()
    assert "what is old could not be put away; trying again: No space left on device" in caplog.text


def test_it_is_told_once_that_room_runs_out_and_once_that_it_is_back(
    store: DuckDBStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    disk = shutil.disk_usage(tmp_path)
    space = Space(tmp_path, reserve=1000)
    keeper = Keeper(store, RetentionPolicy(), space, now=lambda: at(9), pause_s=60)
    for free in (5000, 5000, 700, 700, 100, 5000):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: disk._replace(free=free))
        monkeypatch.setattr(space, "_looked", float("-inf"))
        keeper._tell()
    keeper.stop()
    told = [record for record in caplog.records if record.name == "driftline_collector.keeper"]
    assert [record.levelname for record in told] == ["ERROR", "ERROR", "INFO"]
    assert "it is running out" in told[0].message
    assert "nothing more is taken" in told[1].message
