"""The clock set back, under load and over a restart: nothing is lost, and times of receipt still ascend."""

import os
from pathlib import Path

import duckdb

from tests.end_to_end.running import collector
from tests.faults.senders import Load, check, one_of_each

#: What Python runs before the collector: its clock is off by what a file says.
OFF = """
import os, time
right = time.time_ns
def time_ns():
    with open(os.environ["CLOCK_IS_OFF_BY"]) as file:
        return right() + int(file.read() or 0)
time.time_ns = time_ns
time.time = lambda: time_ns() / 10**9
"""
DAY = 86400 * 10**9


def test_a_clock_that_is_set_back_loses_nothing_and_repeats_are_still_known(tmp_path: Path) -> None:
    (tmp_path / "before").mkdir()
    (tmp_path / "before" / "sitecustomize.py").write_text(OFF)
    offset = tmp_path / "offset"
    path = os.pathsep.join([str(tmp_path / "before"), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {"PYTHONPATH": path, "CLOCK_IS_OFF_BY": str(offset)}
    senders = one_of_each(size=20)

    def set_clock(by: int) -> None:
        (tmp_path / "next").write_text(str(by))
        (tmp_path / "next").rename(offset)

    set_clock(0)
    with collector(tmp_path, environment=environment) as running, Load(senders, running.url):
        assert all(sender.wait_for(2) for sender in senders)
        running.get("/system")  # what was sent is in the database
        set_clock(-40 * DAY)  # further than streams are remembered
        assert all(sender.wait_for(2) for sender in senders)
        running.kill()
    with collector(tmp_path, environment=environment) as running:
        # What was acknowledged last comes again, as if the answer had been lost.
        for sender in senders[:3]:
            sender.acknowledged -= sender.size
        with Load(senders, running.url):
            assert all(sender.wait_for(3) for sender in senders)
        assert running.stop() == 0
    database = Path(running.facts["database"])
    check(senders, database)
    with duckdb.connect(database, read_only=True) as stored:
        for table in ("predictions", "spans", "profiles", "logs"):
            received = stored.execute(f"SELECT received_ns FROM {table} ORDER BY rowid").fetchall()
            assert received == sorted(received), table
