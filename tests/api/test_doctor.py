"""The doctor finds what is wrong, and says what to do; and nothing where nothing is."""

import itertools
import json
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from driftline_collector.answers.doctor import Doctor, Finding
from driftline_collector.api.app import create_api
from driftline_collector.api.parts import Parts
from driftline_collector.client import Client
from driftline_collector.store.amounts import span
from driftline_collector.store.retention import RetentionPolicy
from driftline_collector.store.usage import Space

from tests.api.seeded import InProcess, Seeded, unseeded
from tests.seeding import SMALL
from tests.seeding.fleet import HOUR, REPORT
from tests.store.batches import SOURCE, points, predictions

MINUTE = 60 * 10**9
#: The time at which it is looked.
NOW = SMALL.now_ns
REPORTED = SMALL.reported_ns


@contextmanager
def running(path: Path, devices: int = 4, silent: int = 0) -> Iterator[Seeded]:
    """Devices that report 20 predictions every 5 minutes since six hours; the last of them are silent.

    A process of the third died before, and lost 37 predictions.
    """
    with unseeded(path, SMALL) as fleet:
        rows = []
        for number in range(devices):
            until = REPORTED - (2 * HOUR if number >= devices - silent else 0)
            own = {"device": f"cam-{number:04}", "stream": f"s{number}"}
            rows += [WINDOW | own | _times(end) for end in range(REPORTED - 6 * HOUR, until + 1, REPORT)]
        fleet.store.submit({"stream_windows": pa.Table.from_pylist(rows)}).result()
        put(fleet, "logs", time_ns=REPORTED, received_ns=REPORTED + 5 * 10**9, device="cam-0000")
        died = {"device": "cam-0002", "stream": "dead", "phase": "closed", "made": 5000, "profiled": 4963}
        put(fleet, "stream_events", **SOURCE | died | {"model": "digits", "time_ns": NOW - 5 * HOUR})
        yield fleet


WINDOW = SOURCE | {"model": "digits", "predictions": 20, "escalations": 0}


def _times(end_ns: int, received_ns: int | None = None) -> dict[str, int]:
    received = end_ns + 5 * 10**9 if received_ns is None else received_ns
    return {"start_ns": end_ns - REPORT, "end_ns": end_ns, "received_ns": received}


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Seeded]:
    """Four devices that do what they should."""
    with running(tmp_path / "api.duckdb") as fleet:
        yield fleet


def look(fleet: Seeded) -> dict[str, Finding]:
    found: Doctor = fleet.client.doctor()
    order = ["error", "warning", "note"]
    places = [order.index(finding.severity) for finding in found.findings]
    assert places == sorted(places), "worst first"
    assert all(finding.text and finding.advice for finding in found.findings)
    return {finding.code: finding for finding in found.findings}


def asking_at(fleet: Seeded, path: Path, now_ns: int, policy: RetentionPolicy | None = None) -> Client:
    """A client of the same store, on its disk, at another time, or with another policy."""
    parts = Parts(
        store=fleet.store,
        now=lambda: now_ns,
        database=path / "api.duckdb",
        space=Space(path),
        shed=("spans",),
        retention=policy or RetentionPolicy(),
    )
    api = create_api(parts)
    return Client("http://driftline.example", transport=InProcess(api))


def put(fleet: Seeded, table: str, **columns: Any) -> None:
    schema = fleet.store._read(f"SELECT * FROM {table} LIMIT 0").schema
    if "received_ns" in schema.names and "received_ns" not in columns:
        schema = schema.remove(schema.get_field_index("received_ns"))
    fleet.store.submit({table: pa.Table.from_pylist([columns], schema=schema)}).result()


def window(fleet: Seeded, device: str, end_ns: int, received_ns: int) -> None:
    """A window of a device, with the time at which it came."""
    put(fleet, "stream_windows", **WINDOW | {"device": device, "stream": "x"} | _times(end_ns, received_ns))


def test_a_fleet_that_is_well_has_nothing_to_fear(fleet: Seeded) -> None:
    found = look(fleet)
    assert set(found) == {"predictions_lost", "no_reference"}
    lost = found["predictions_lost"]
    assert lost.severity == "warning"  # more than one in a thousand
    assert lost.text.startswith("37 predictions of")
    (example,) = lost.examples
    assert example.startswith("cam-0002: 37 of ")
    answer = fleet.client.doctor()
    assert (answer.running, answer.devices, answer.silent, answer.clocks) == (True, 4, (), ())
    kept = {each.table: each for each in answer.kept}
    assert (kept["logs"].rows, kept["spans"].rows) == (1, 0)
    assert kept["logs"].received == "2026-11-21T09:40:05.000Z"
    assert answer.disk is not None
    assert answer.disk.files["database"] > 0
    assert answer.memory.process is not None
    assert 0 < answer.memory.database < answer.memory.database_limit
    assert {read.name for read in answer.slowest} >= {"fleet", "coverage_by"}
    assert (answer.journal.bytes, answer.journal.fault, answer.journal.set_aside) == (0, None, ())


def test_an_empty_store_is_no_fault(empty: Client) -> None:
    (finding,) = empty.doctor().findings
    assert (finding.severity, finding.code) == ("note", "empty")
    assert empty.doctor().coverage.share is None


def test_silent_devices_are_named_and_all_at_once_is_worse(tmp_path: Path) -> None:
    with running(tmp_path / "half.duckdb", devices=8, silent=4) as fleet:
        half = look(fleet)["silent_devices"]
    assert (half.severity, half.text) == ("warning", "4 of 8 devices are silent.")
    assert half.examples[0] == "cam-0004 since 2026-11-21 07:40 UTC"
    with running(tmp_path / "all.duckdb", silent=3) as fleet:
        fleet.client.retire("cam-0000", author="a", reason="b")
        every = look(fleet)["silent_devices"]
        assert (every.severity, every.text) == ("error", "All 3 devices are silent.")
        fleet.client.retire("cam-0001", author="a", reason="b")
        assert look(fleet)["silent_devices"].text == "All 2 devices are silent."


def test_a_retired_device_that_reports_is_told(fleet: Seeded) -> None:
    fleet.client.retire("cam-0001", author="a", reason="b", since="2h")
    finding = look(fleet)["retired_devices_report"]
    assert (finding.severity, finding.examples) == ("warning", ("cam-0001",))


def test_windows_that_wait_to_be_judged_are_told(fleet: Seeded) -> None:
    row = {"model": "digits", "segment": "model=digits", "measure": "drift", "revision": 0, "finding": False}
    start = NOW // HOUR * HOUR
    for hours in (4, 1):
        times = {"window_start_ns": start - hours * HOUR, "window_end_ns": start - (hours - 1) * HOUR}
        put(fleet, "evaluations", **row, **times, evaluated_ns=NOW)
        found = look(fleet).get("verdicts_late")
        if hours == 1:
            assert found is None, "the hour under way is not over"
        else:
            assert found is not None
            waits = NOW - (start - 2 * HOUR) - 10 * MINUTE
            assert (found.severity, found.examples) == ("warning", (f"digits: {span(waits / 1e9)}",))


def test_clocks_that_are_a_day_off_are_found_either_way(fleet: Seeded) -> None:
    now, day = NOW, 24 * HOUR
    for i in range(3):
        at = now - (3 - i) * REPORT
        window(fleet, "ahead", at + day, at + MINUTE)
        window(fleet, "behind", at - day + HOUR, at + MINUTE)
        window(fleet, "late", at - 3 * HOUR, at + MINUTE)  # its uplink was gone, and data wait on it
        window(fleet, "right", at, at + MINUTE)
    for device, age in (("ahead", 0.0), ("behind", 2.0), ("late", 9000.0), ("right", 0.0)):
        told = {"device": device, "metric": "driftline.sdk.spool.age", "value": age}
        put(fleet, "sdk_health", **told, time_ns=now - MINUTE, stream=device)
    finding = look(fleet)["clocks_wrong"]
    assert set(finding.examples) == {"ahead: 24 h ahead", "behind: 23 h behind"}
    assert "The clock of 2 devices is wrong. 3 windows of the last day lie in the future" in finding.text
    clocks = {clock.device: clock for clock in fleet.client.doctor().clocks}
    assert (clocks["ahead"].future_windows, clocks["behind"].future_windows) == (3, 0)
    assert fleet.client.device("right", start="1h").clock_offset == -60.0


def test_a_full_disk_is_told_before_and_when_it_stops_the_database(
    fleet: Seeded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = SimpleNamespace(total=10**12, used=0, free=4 * 10**8)
    with monkeypatch.context() as scarce:
        scarce.setattr(shutil, "disk_usage", lambda _: usage)
        with asking_at(fleet, tmp_path, NOW) as client:
            (found,) = (each for each in client.doctor().findings if each.code == "disk_full")
        assert (
            found.severity,
            found.text.endswith("has 400 MB left of 1 TB: nothing is taken any more."),
        ) == ("error", True)
        usage.free = 9 * 10**8
        with asking_at(fleet, tmp_path, NOW) as client:
            (found,) = (each for each in client.doctor().findings if each.code == "disk_full")
        assert found.text.endswith("has 900 MB left of 1 TB: given up are spans.")

    def full(*_: object) -> None:
        raise OSError("[Errno 28] No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(fleet.store.writer._transactions, "commit", full)
        fleet.store.inbox.submit(points("f", 0, 60, {"7": 1})).result()
        fleet.store.settle()
        stuck = look(fleet)["database_stuck"]
        assert (stuck.severity, "No space left" in stuck.text) == ("error", True)
        assert stuck.advice.startswith("Free room on its disk; it goes on by itself")
    while fleet.store.waiting().fault:
        fleet.store.settle()
    assert "database_stuck" not in look(fleet)


def test_limits_of_size_that_do_not_hold_or_cost_days_are_told(fleet: Seeded, tmp_path: Path) -> None:
    minutes = itertools.count()

    def found(most_bytes: int) -> dict[str, Finding]:
        policy = RetentionPolicy(most_bytes=most_bytes)
        now = NOW + next(minutes) * MINUTE
        with closing(fleet.store.retention(policy, now=lambda: now)) as retention:
            retention.tick()
        with asking_at(fleet, tmp_path, NOW, policy) as client:
            return {finding.code: finding for finding in client.doctor().findings}

    assert found(10**12).keys().isdisjoint({"over_most", "dropped_for_size"})
    for day, table in ((30, "spans"), (20, "stream_windows")):
        ns = NOW - day * 24 * HOUR
        times = {"start_ns": ns, "end_ns": ns, "received_ns": ns}
        own = WINDOW | {"device": "cam-0001", "stream": "s1"} if table == "stream_windows" else {}
        put(fleet, table, **own | times)
    found(10**12)  # they leave the database
    over = found(10**6)
    assert over["over_most"].severity == "warning"
    assert "may take 1 MB: no more days may go." in over["over_most"].text
    later = found(10**12)
    assert "over_most" not in later
    dropped = later["dropped_for_size"]
    assert dropped.severity == "warning"  # as profiles went
    assert [example.partition(",")[0] for example in dropped.examples] == ["profiles: 1 row", "spans: 1 row"]


def test_what_was_refused_today_is_told_by_reason_and_what_was_long_ago_is_not(fleet: Seeded) -> None:
    put(fleet, "refusals", signal="logs", reason="an old one", count=9, received_ns=NOW - 25 * HOUR)
    assert "records_refused" not in look(fleet)
    fleet.store.inbox.submit(predictions("r", [1, 2, 3], refused=[0, 2])).result()
    finding = look(fleet)["records_refused"]
    assert (finding.text, finding.examples) == (
        "Refused in the last 24 hours: 2 records.",
        ("logs: made up (2)",),
    )


def test_rows_that_could_not_be_stored_and_messages_that_failed_are_told(
    fleet: Seeded, tmp_path: Path
) -> None:
    (tmp_path / "api.duckdb.journal" / "0000000000000007.unstorable").write_bytes(b"rows")
    columns = {"id": "n", "alert": "a", "notifier": "desk", "state": "failed", "attempts": 9, "payload": "{}"}
    put(fleet, "notifications", **columns, changed_ns=NOW - HOUR)
    found = look(fleet)
    assert found["set_aside"].severity == "error"
    assert found["set_aside"].examples[0].endswith("0000000000000007.unstorable")
    assert found["messages_failed"].text.endswith("in the last 24 hours: 1.")


def test_silence_of_everything_and_a_clock_set_back_are_told_apart(tmp_path: Path) -> None:
    with running(tmp_path / "api.duckdb") as fleet:
        put(fleet, "labels", prediction_id="p", time_ns=1, received_ns=NOW + HOUR)
        back = look(fleet)["clock_set_back"]
        assert (back.severity, "came 60 min from now" in back.text) == ("warning", True)
    with running(tmp_path / "quiet.duckdb") as fleet:
        with asking_at(fleet, tmp_path, NOW + HOUR) as client:
            found = {finding.code: finding for finding in client.doctor().findings}
        quiet = found["nothing_arrives"]
        assert (quiet.severity, quiet.text) == ("error", "Nothing has arrived for 61 min.")
        assert found["silent_devices"].text == "All 4 devices are silent."


def test_segments_that_are_sent_and_not_judged_are_told(fleet: Seeded) -> None:
    told = {"left_out": {"segment.serial": "it has 1,000 values, more than 50"}, "constant": ["segment.site"]}
    put(
        fleet,
        "evaluations",
        evaluated_ns=NOW,
        window_start_ns=NOW - HOUR,
        window_end_ns=NOW,
        revision=0,
        model="digits",
        segment="model=digits,version=*,device_type=*,region=*",
        measure="coverage",
        finding=False,
        details=json.dumps(told),
    )
    found = look(fleet)["segments_left_out"]
    assert found.examples == ("digits: segment.serial: it has 1,000 values, more than 50",)
    assert "evaluation.segments" in found.advice


def test_a_model_version_without_a_reference_is_told(fleet: Seeded) -> None:
    finding = look(fleet)["no_reference"]
    assert (finding.severity, finding.examples) == ("note", ("digits 1",))
