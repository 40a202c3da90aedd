"""Data that come late for windows that later ones are merged with; on a real store, at the test's time."""

import json
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from driftline_collector import arrivals, scheduler
from driftline_collector.analysis.evaluate import evaluate
from driftline_collector.analysis.evaluation import WindowResult
from driftline_collector.analysis.windows import Window
from driftline_collector.store.base import Selection

from tests.analysis import fleet
from tests.analysis.fleet import MODEL, SECOND, WIDTH, Camera, Values, shifted, window
from tests.scheduled import CAMERAS, LATENESS, Setup, scheduled, stamp_by

FAR = f"model={MODEL},version=2.0.0,device_type=camera-a,region=far"
LATE = Camera("late", region="far")
#: A little longer than windows wait for more: what is stored is stamped a little later.
SETTLED, QUIET = WIDTH // 2 + SECOND, 2 * WIDTH + SECOND


@pytest.fixture
def setup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Setup]:
    with scheduled(tmp_path) as found:
        stamp_by(found, monkeypatch)
        monkeypatch.setattr(scheduler, "_AGAIN_FOR_S", 600.0)
        monkeypatch.setattr(arrivals, "_COMMIT_NS", 0)
        yield found


@pytest.fixture
def evaluated(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The windows that were looked at, each time they were."""
    looked_at: list[int] = []

    def noted(store: Any, model: str, judged: Window, *rest: Any, **more: Any) -> WindowResult:
        looked_at.append((judged.start_ns - fleet.START) // WIDTH)
        return evaluate(store, model, judged, *rest, **more)

    monkeypatch.setattr(scheduler, "evaluate", noted)
    return looked_at


def moved(values: Values) -> Values:
    """What an hour of few rows does not show."""
    return shifted(values, 0.6)


def judged_on_time(
    setup: Setup, until: int, *, without: Collection[int] = (), cameras: Sequence[Camera] = CAMERAS
) -> None:
    """Windows in which all reported, but `LATE` in some, where it is one of the cameras."""
    for number in range(until):
        setup.now_ns = window(number)[1]
        setup.report(number, *(c for c in cameras if c is not LATE or number not in without), rows=60)
        setup.tick(setup.now_ns + (LATENESS if number in without else SECOND))


def of_far(setup: Setup, number: int) -> dict[str, Any]:
    start, end = window(number)
    span = Selection(model=MODEL, measure="drift", segment=FAR, start_ns=start, end_ns=end)
    rows: list[dict[str, Any]] = setup.store.evaluations(span).to_pylist()
    return next(row for row in rows if row["feature"] is None)


def test_what_comes_late_of_a_window_changes_what_later_ones_say_that_are_merged_with_it(
    setup: Setup,
) -> None:
    judged_on_time(setup, until=5)
    setup.now_ns = window(5)[1]
    setup.report(5, *CAMERAS, rows=60)
    setup.report(5, LATE, rows=60, change=moved)
    setup.tick(setup.now_ns + SECOND)
    before = of_far(setup, 5)
    assert before["verdict"] == "stable", before["p"]
    for number in range(5):
        setup.report(number, LATE, rows=60, change=moved)
    late_ns = setup.now_ns
    setup.tick(late_ns + SETTLED)
    assert of_far(setup, 5) == before, "more may be on its way"
    setup.tick(late_ns + QUIET)
    after = of_far(setup, 5)
    assert (after["verdict"], after["n"], after["revision"]) == ("drifted", 360.0, 1)
    assert json.loads(after["details"])["windows"] == 6


def test_a_device_that_was_away_has_each_window_judged_once_when_all_has_come_whatever_came_first(
    setup: Setup, evaluated: list[int]
) -> None:
    judged_on_time(setup, until=4)
    evaluated.clear()
    for number in reversed(range(4)):
        setup.now_ns += SECOND // 20
        setup.report(number, LATE, rows=60, change=moved)
        setup.tick(setup.now_ns)
    assert evaluated == [], "more may be on its way"
    last_ns = setup.now_ns
    setup.tick(last_ns + SETTLED)
    assert evaluated == list(range(4))
    evaluated.clear()
    setup.tick(last_ns + QUIET)
    setup.tick(last_ns + 2 * QUIET)
    assert [number for number in evaluated if number < 4] == []
    assert of_far(setup, 3)["revision"] == 1


def test_a_device_that_is_always_late_has_no_window_judged_again_for_each_hour_of_it(
    setup: Setup, evaluated: list[int]
) -> None:
    for number in range(8):
        setup.now_ns = window(number)[1]
        setup.report(number, *CAMERAS)
        if number >= 4:
            setup.report(number - 4, LATE, rows=60)
        setup.tick(setup.now_ns)
        setup.tick(setup.now_ns + SETTLED)
    assert [evaluated.count(number) for number in range(4)] == [2] * 4, "as it closed, and as the rest came"
    assert [evaluated.count(number) for number in range(4, 8)] == [1] * 4
    setup.tick(setup.now_ns + QUIET)
    assert [evaluated.count(number) for number in range(4, 8)] == [2] * 4, "once no more hours come"


def test_a_window_for_which_something_always_comes_is_judged_after_a_while(
    setup: Setup, evaluated: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrivals, "_LONGEST", 1)
    setup.scheduler = setup.started()
    judged_on_time(setup, until=1)
    evaluated.clear()
    pieces = LATENESS // (WIDTH // 3) + 3
    for i in range(pieces):
        assert 0 not in evaluated or i > pieces - 3
        setup.report(0, Camera(f"late-{i}", region="far"), rows=20)
        setup.tick(setup.now_ns + WIDTH // 3)
    assert evaluated.count(0) == 1
    assert of_far(setup, 0)["n"] >= 20 * (pieces - 3)


def test_where_late_data_count_nothing_later_windows_are_left_alone(
    setup: Setup, evaluated: list[int]
) -> None:
    judged_on_time(setup, until=4, without=[1], cameras=[*CAMERAS, LATE])
    evaluated.clear()
    setup.report(1, LATE, rows=0)
    late_ns = setup.now_ns
    setup.tick(late_ns + SETTLED)
    setup.tick(late_ns + QUIET)
    assert [number for number in evaluated if number < 4] == [1]
    assert setup.stored(start_ns=window(1)[0], end_ns=window(1)[1])[0]["coverage"] == 1.0


def test_later_windows_whose_numbers_stay_keep_their_verdicts(setup: Setup, evaluated: list[int]) -> None:
    judged_on_time(setup, until=4, without=[1], cameras=[*CAMERAS, LATE])
    evaluated.clear()
    setup.report(1, LATE, rows=60)
    late_ns = setup.now_ns
    setup.tick(late_ns + SETTLED)
    setup.tick(late_ns + QUIET)
    assert [number for number in evaluated if number < 4] == [1, 2, 3]
    assert [row["revision"] for row in setup.stored(end_ns=window(3)[1])] == [0, 0, 1, 0]
    setup.scheduler = setup.started()
    evaluated.clear()
    setup.tick(late_ns + 2 * QUIET)
    assert [number for number in evaluated if number < 4] == [], "nor are they looked at after each start"


def test_a_restart_goes_on_with_what_late_data_have_changed(setup: Setup, evaluated: list[int]) -> None:
    judged_on_time(setup, until=4)
    setup.report(1, LATE, rows=60, change=moved)
    late_ns = setup.now_ns
    evaluated.clear()
    setup.tick(late_ns + SETTLED)
    assert evaluated == [1]
    setup.scheduler = setup.started()
    setup.tick(late_ns + QUIET)
    assert [number for number in evaluated if number < 4] == [1, 2, 3]
