"""The clock set back, under load and over a restart: nothing is lost, and times of receipt still ascend."""

import time
from pathlib import Path

import duckdb
import pytest

from tests.faults.senders import Load, check, one_of_each
from tests.receiver.serving import serving

DAY = 86400 * 10**9


def test_a_clock_that_is_set_back_loses_nothing_and_repeats_are_still_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    senders = one_of_each(size=20)
    right = time.time_ns
    with serving(tmp_path) as served, Load(senders, served.url):
        assert all(sender.wait_for(2) for sender in senders)
        served.store.settle()
        # Further than streams are remembered.
        monkeypatch.setattr(time, "time_ns", lambda: right() - 40 * DAY)
        assert all(sender.wait_for(2) for sender in senders)
    # What was acknowledged last comes again, as if the answer had been lost.
    for sender in senders[:3]:
        sender.acknowledged -= sender.size
    with serving(tmp_path) as served, Load(senders, served.url):
        assert all(sender.wait_for(3) for sender in senders)
        assert served.store.totals()["repeated"] > 0
    database = tmp_path / "served.duckdb"
    check(senders, database)
    with duckdb.connect(database, read_only=True) as stored:
        for table in ("predictions", "spans", "profiles", "logs"):
            received = stored.execute(f"SELECT received_ns FROM {table} ORDER BY rowid").fetchall()
            assert received == sorted(received), table
