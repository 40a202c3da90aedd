"""When windows are judged, and when they are judged again; on a real store, with time in the test's hands."""

import gc
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from driftline_collector.analysis.evaluate import Policy
from driftline_collector.analysis.past_reference import of_past
from driftline_collector.app import taken_in_until
from driftline_collector.scheduler import Scheduler
from driftline_collector.store.base import Selection
from driftline_collector.store.queued import Waiting
from driftline_collector.store.scopes import Scope

from tests.analysis import fleet
from tests.analysis.fleet import MODEL, SECOND, WIDTH, Camera, Feed, healthy, shifted, window
from tests.analysis.selecting import send
from tests.scheduled import CAMERAS, FLEET, LATENESS, Setup, scheduled, stamp_by, starts


@pytest.fixture
def setup(tmp_path: Path) -> Iterator[Setup]:
    with scheduled(tmp_path) as found:
        yield found


def test_a_window_is_judged_once_all_have_reported_and_only_once(setup: Setup) -> None:
    setup.report(0, *CAMERAS)
    assert setup.tick(window(0)[1] - 1) == []
    (result,) = setup.tick(window(0)[1])
    assert (starts([result]), result.revision) == ([0], 0)
    assert setup.tick(window(0)[1] + SECOND) == []
    assert len(setup.stored()) == 1


def test_an_offline_device_delays_it_to_the_lateness_and_then_no_more(setup: Setup) -> None:
    setup.report(0, *CAMERAS)
    setup.tick(window(0)[1])
    judged_at = {}
    for number in range(1, 8):
        setup.report(number, *CAMERAS[:2])
        for at in range(window(number)[1], window(number)[1] + WIDTH, SECOND):
            for result in setup.tick(at):
                judged_at[starts([result])[0]] = at
    setup.tick(window(7)[1] + LATENESS)
    assert judged_at[1] == window(1)[1] + LATENESS
    assert judged_at[3] == window(3)[1] + LATENESS
    assert judged_at[7] == window(7)[1]  # three windows without a word: no longer waited for
    assert [row["coverage"] for row in setup.stored(start_ns=window(7)[0])] == [pytest.approx(2 / 3)]


def test_late_data_make_a_revision_and_a_finding_that_is_named_late(setup: Setup) -> None:
    setup.report(0, *CAMERAS)
    setup.tick(window(0)[1])
    setup.report(1, CAMERAS[0], rows=0)
    (first,) = setup.tick(window(1)[1] + LATENESS)
    assert (first.revision, first.findings) == (0, ())
    setup.now_ns = window(1)[1] + 2 * LATENESS
    setup.report(1, *CAMERAS[1:], change=lambda values: shifted(values, 3.0))
    assert [r for r in setup.tick(setup.now_ns) if starts([r]) == [1]] == []  # more may be on its way
    (second,) = (r for r in setup.tick(setup.now_ns + WIDTH) if starts([r]) == [1])
    assert second.revision == 1
    assert FLEET in second.late
    assert second.late == tuple(sorted(second.findings))
    (row,) = setup.stored(start_ns=window(1)[0], end_ns=window(1)[1])
    assert (row["revision"], row["verdict"], row["finding"]) == (1, "drifted", True)
    assert 1 in {revision for table in setup.observed for revision in table.column("revision").to_pylist()}


def test_late_data_that_change_nothing_are_not_written_again(setup: Setup) -> None:
    setup.report(0, *CAMERAS)
    setup.tick(window(0)[1])
    before = len(setup.observed)
    setup.now_ns = window(0)[1] + 4 * SECOND
    unknown = Feed(setup.store, None, now_ns=setup.now_ns)
    unknown.rows.append(
        {
            **CAMERAS[0].dimensions(),
            "start_ns": window(0)[0],
            "end_ns": window(0)[1],
            "feature": "nobody-knows-it",
            "kind": "numeric",
            "counts": [1, 2, 3],
        }
    )
    unknown.commit()
    for later in range(20):
        setup.tick(setup.now_ns + later * SECOND)
    assert [t.column("window_start_ns")[0].as_py() for t in setup.observed[before:]].count(window(0)[0]) == 0
    assert [row["revision"] for row in setup.stored(start_ns=window(0)[0], end_ns=window(0)[1])] == [0]


def test_a_window_that_comes_late_as_a_whole_is_a_revision_from_the_start(setup: Setup) -> None:
    """Nobody had reported it in time, so it was passed over; its findings are no news."""
    setup.report(0, *CAMERAS)
    setup.tick(window(0)[1])
    setup.now_ns = window(20)[0]
    setup.report(20, *CAMERAS)
    setup.tick(window(20)[1])
    setup.now_ns = window(21)[0]
    setup.report(10, *CAMERAS, change=lambda values: shifted(values, 3.0))
    (late,) = setup.tick(setup.now_ns + WIDTH)
    assert (starts([late]), late.revision, late.late) == ([10], 1, late.findings)


def test_data_older_than_the_history_revise_nothing(setup: Setup) -> None:
    setup.history_ns = 10 * WIDTH
    setup.scheduler = setup.started()
    setup.report(0, *CAMERAS)
    setup.tick(window(0)[1])
    setup.now_ns = window(20)[0]
    setup.report(0, Camera("old"), change=lambda values: shifted(values, 3.0))
    results = setup.tick(setup.now_ns) + setup.tick(setup.now_ns + WIDTH)
    assert 0 not in starts(results)


def test_a_restart_goes_on_after_the_last_window_that_was_judged(setup: Setup) -> None:
    for number in range(3):
        setup.report(number, *CAMERAS)
        setup.tick(window(number)[1])
    setup.scheduler = setup.started()
    for number in (3, 4):
        setup.now_ns = window(number)[1]
        setup.report(number, *CAMERAS)
    assert starts(setup.tick(window(4)[1])) == [3, 4]
    assert [row["revision"] for row in setup.stored()] == [0] * 5


def test_late_data_that_came_before_a_crash_are_judged_after_it(setup: Setup) -> None:
    for number in range(2):
        setup.report(number, *CAMERAS)
        setup.tick(window(number)[1])
    setup.now_ns += SECOND
    setup.report(0, Camera("late"), change=lambda values: shifted(values, 3.0))
    setup.scheduler = setup.started()
    results = setup.tick(setup.now_ns + WIDTH) + setup.tick(setup.now_ns + 2 * WIDTH)
    assert [r.revision for r in results if starts([r]) == [0]] == [1]


def test_a_backlog_is_judged_in_order_and_each_window_by_itself(setup: Setup) -> None:
    for number in range(6):
        setup.report(number, *CAMERAS)
    assert starts(setup.tick(window(5)[1])) == list(range(6))


def test_a_long_silence_is_passed_over(setup: Setup) -> None:
    setup.report(0, *CAMERAS)
    setup.tick(window(0)[1])
    results = setup.tick(window(500)[0])
    assert starts(results) == [1, 2, 3]  # silent, and missed for as long as they are waited for
    setup.report(500, *CAMERAS)
    assert starts(setup.tick(window(500)[1])) == [500]


def test_a_drift_is_told_since_its_first_window(setup: Setup) -> None:
    for number in range(5):
        change = (lambda values: shifted(values, 2.0)) if number >= 2 else (lambda values: values)
        setup.report(number, *CAMERAS, change=change)
        setup.tick(window(number)[1])
    rows = {row["window_start_ns"]: row for row in setup.stored()}
    since = [rows[window(number)[0]]["since_ns"] for number in range(5)]
    assert since == [None, None, *[window(2)[0]] * 3]


def test_what_follows_from_evaluations_is_committed_with_them(setup: Setup) -> None:
    moment = window(0)[1]
    alert = {
        "changed_ns": moment,
        "id": "alert_1",
        "rule": "drift",
        "severity": "warning",
        "segment": FLEET,
        "measure": "drift",
        "state": "firing",
        "since_ns": moment,
        "window_start_ns": moment,
        "window_end_ns": moment,
        "details": "{}",
    }
    setup.observe = lambda evaluations: {"alerts": pa.Table.from_pylist([alert])}  # type: ignore[method-assign]
    setup.scheduler = setup.started()
    setup.report(0, *CAMERAS)
    setup.tick(moment)
    assert setup.store.alerts().column("id").to_pylist() == ["alert_1"]


def test_a_window_that_cannot_be_judged_keeps_no_other_from_being_so(
    setup: Setup, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real = setup.store.device_counts
    looking_for_cycles = []

    def broken(model: str, start_ns: int, *rest: Any, **own: Any) -> pa.Table:
        looking_for_cycles.append(gc.isenabled())
        if start_ns == window(1)[0]:
            raise ZeroDivisionError
        return real(model, start_ns, *rest, **own)

    monkeypatch.setattr(setup.store, "device_counts", broken)
    for number in range(3):
        setup.report(number, *CAMERAS)
    assert starts(setup.tick(window(2)[1])) == [0, 2]
    assert "a fault in judging digits" in caplog.text
    assert not any(looking_for_cycles)
    assert gc.isenabled()


def test_a_retired_device_is_neither_waited_for_nor_missed(setup: Setup) -> None:
    setup.report(0, *CAMERAS)
    setup.tick(window(0)[1])
    said = {"device": "cam-2", "kind": "retire", "since_ns": window(1)[0], "author": "a", "reason": "b"}
    schema = setup.store._read("SELECT * FROM device_changes LIMIT 0").schema
    rows = pa.Table.from_pylist([said | {"changed_ns": window(1)[0]}], schema=schema)
    setup.store.submit({"device_changes": rows}).result()
    setup.report(1, *CAMERAS[:2])
    (result,) = setup.tick(window(1)[1])
    assert starts([result]) == [1]
    whole = {e.measure: e.value for e in result.evaluations if e.segment == FLEET and e.feature is None}
    assert (whole["coverage"], whole["silent_devices"]) == (1.0, 0.0)


def test_a_window_of_which_something_is_purged_is_judged_again_and_what_was_judged_before_goes(
    setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    stamp_by(setup, monkeypatch)
    lone = Camera("cam-lone", region="far")
    setup.report(0, *CAMERAS, lone)
    setup.report(1, *CAMERAS, lone, change=lambda values: shifted(values, 3.0))
    setup.tick(window(0)[1])
    setup.tick(window(1)[1])
    (before,) = setup.stored(start_ns=window(1)[0])
    setup.store.purge(Scope(devices=("cam-lone",)), "anna", None)
    again = setup.tick(window(1)[1] + WIDTH)
    assert {number for number in starts(again) if number < 2} == {0, 1}
    (after,) = setup.stored(start_ns=window(1)[0], end_ns=window(1)[1])
    assert (before["revision"], after["revision"]) == (0, 1)
    assert (before["devices"], after["devices"]) == (4, 3)
    kept = setup.store._read("SELECT DISTINCT window_start_ns, revision FROM evaluations ORDER BY ALL")
    assert [tuple(row.values()) for row in kept.to_pylist()][:2] == [(window(0)[0], 1), (window(1)[0], 1)]
    segments = setup.store._read("SELECT DISTINCT segment FROM evaluations").column("segment").to_pylist()
    assert not [segment for segment in segments if "region=far" in segment]
    # And that is that: nothing is judged over and over.
    assert not [number for number in starts(setup.tick(window(1)[1] + 2 * WIDTH)) if number < 2]


def test_a_purged_interval_is_not_judged_as_silence(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    stamp_by(setup, monkeypatch)
    for number in range(3):
        setup.report(number, *CAMERAS)
        setup.tick(window(number)[1])
    start, end = window(1)
    setup.store.purge(Scope(devices=("cam-1",), start_ns=start, end_ns=end), "anna", None)
    setup.tick(window(2)[1] + WIDTH)
    rows = setup.store.evaluations(
        Selection(model=MODEL, segment=FLEET, start_ns=start, end_ns=end)
    ).to_pylist()
    told = {row["measure"]: row["value"] for row in rows if row["feature"] is None}
    assert (told["coverage"], told["silent_devices"]) == (1.0, 0.0)
    assert {row["revision"] for row in rows} == {1}


def test_what_a_window_is_compared_with_is_committed_with_its_verdict(setup: Setup) -> None:
    setup.scheduler = Scheduler(
        setup.store,
        setup.observe,
        Policy(against="hour_of_week"),
        width_ns=3600 * SECOND,
        lateness_ns=LATENESS,
        history_ns=2 * 3600 * SECOND,
        now=lambda: setup.now_ns,
    )
    setup.report(0, *CAMERAS)
    start = window(0)[0]
    assert len(setup.tick(start - start % (3600 * SECOND) + 3700 * SECOND)) == 1
    at = start - start % (3600 * SECOND)
    binning = str(setup.feed.binning and setup.feed.binning.id)
    kept = setup.store.cell_counts(MODEL, binning, at, at + 3600 * SECOND).to_pylist()
    assert len(kept) == 1
    size = setup.feed.binning.features[0].size if setup.feed.binning else 0
    assert (kept[0]["version"], sum(kept[0]["counts"][:size])) == ("2.0.0", 600)


def test_a_model_that_sends_samples_alone_is_judged_when_the_lateness_is_over(setup: Setup) -> None:
    def sample(number: int) -> None:
        values = healthy(400, setup.rng)
        send(setup.store, CAMERAS[0], number, values, np.full(400, 0.1))

    sample(0)
    assert setup.tick(window(0)[1] + LATENESS - 1) == []
    (first,) = setup.tick(window(0)[1] + LATENESS)
    assert (starts([first]), first.revision) == ([0], 0)
    sample(3)
    setup.scheduler = setup.started()
    results = setup.tick(window(3)[1] + LATENESS)
    assert starts(results) == [3], "windows in which nothing came are passed over"
    assert [row["verdict"] for row in setup.stored()] == ["stable", "stable"]


def test_samples_that_come_late_make_a_revision_only_of_those_who_count_nothing(setup: Setup) -> None:
    setup.report(0, *CAMERAS)
    setup.tick(window(0)[1])
    values = healthy(400, setup.rng)
    counting = CAMERAS[0].dimensions()["stream"]
    late = window(0)[1] + LATENESS + WIDTH
    send(setup.store, CAMERAS[0], 0, values, np.full(400, 0.1), stream=counting, received_ns=late - WIDTH)
    assert 0 not in starts(setup.tick(late))
    apart = Camera("apart", region="us")
    send(setup.store, apart, 0, values, np.full(400, 0.1), received_ns=late + SECOND)
    setup.tick(late + SECOND)
    revised = setup.tick(late + SECOND + WIDTH)
    assert [result.revision for result in revised if starts([result]) == [0]] == [1]


def test_another_reference_has_recent_windows_judged_anew_without_alerts_and_keeps_what_was_said(
    setup: Setup,
) -> None:
    for number in (0, 1):
        setup.report(number, *CAMERAS, change=lambda values: shifted(values, 1.0))
        setup.tick(window(number)[1])
    assert [row["verdict"] for row in setup.stored()] == ["drifted", "drifted"]
    heard = len(setup.observed)
    past = of_past(setup.store, MODEL, "2.0.0", window(0)[0], window(1)[1])
    assert past.rows == 1200
    row = {
        "id": "as-it-is",
        "registered_ns": setup.now_ns + 1,
        "model": MODEL,
        "version": "2.0.0",
        "binning": past.binning.id,
        "rows": past.rows,
        "document": json.dumps(past.to_json()),
    }
    setup.store.submit({"model_references": pa.Table.from_pylist([row])}).result()
    setup.scheduler.reference_registered()
    assert len(setup.tick(setup.now_ns + 2)) == 2
    assert [(row["verdict"], row["reference"]) for row in setup.stored()] == [("stable", "as-it-is")] * 2
    before = setup.stored(reference="reference-2.0.0")
    assert [(row["verdict"], row["revision"]) for row in before] == [("drifted", 0), ("drifted", 0)]
    assert len(setup.observed) == heard
    assert setup.started().tick() == []


def test_what_was_counted_on_other_bins_keeps_its_verdict(setup: Setup) -> None:
    setup.report(0, *CAMERAS)
    setup.tick(window(0)[1])
    another = fleet.reference(np.random.default_rng(2))
    row = {
        "id": "on-other-bins",
        "registered_ns": setup.now_ns + 1,
        "model": MODEL,
        "version": "2.0.0",
        "binning": another.binning.id,
        "rows": another.rows,
        "document": json.dumps(another.to_json()),
    }
    setup.store.submit({"model_references": pa.Table.from_pylist([row])}).result()
    setup.scheduler.reference_registered()
    assert setup.tick(setup.now_ns + 2) == []
    assert [row["reference"] for row in setup.stored()] == ["reference-2.0.0"]


def test_a_tick_waits_once_for_what_was_accepted_however_much_it_reads(
    setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    setup.report(0, *CAMERAS)
    waits: list[int] = []
    monkeypatch.setattr(setup.store, "catch_up", lambda: waits.append(1))
    assert len(setup.tick(window(0)[1])) == 1
    assert len(waits) == 1
    setup.stored()
    assert len(waits) == 2


def test_a_window_is_not_over_while_its_data_wait_for_the_database(
    setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = taken_in_until(setup.store, lambda: window(1)[1])
    assert clock() == window(1)[1]
    monkeypatch.setattr(setup.store, "waiting", lambda: Waiting(bytes=7, oldest_s=30.0, fault=None))
    assert clock() == window(1)[1] - 30 * SECOND
