"""References that know hours: windows of the first day against training rows of the same hour."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from driftline_collector.analysis.drift import Limits
from driftline_collector.analysis.evaluate import Policy, evaluate
from driftline_collector.analysis.evaluation import Evaluation, WindowResult
from driftline_collector.analysis.matching import hours_of_week
from driftline_collector.analysis.mixtures import Hours
from driftline_collector.analysis.references import Family, families
from driftline_collector.analysis.windows import Window
from driftline_collector.store.duckdb import DuckDBStore

from benchmarks._known_hours import known_hours_sizes
from benchmarks._matched import MATCHED
from benchmarks._simulated_fleet import HOUR, MODEL, START, Fleet, Move
from benchmarks._simulated_week import searches
from benchmarks.false_alarms import known_hours_week

HEIGHT = 6  # where the daily cycle is; a Thursday, in UTC
TIMED = Fleet(types=2, regions=3, features=2, cycle=0.4, timed=True, seed=7)
FLEET = f"model={MODEL},version=*,device_type=*,region=*"


def judge(store: DuckDBStore, width: int = 1, **policy: Any) -> WindowResult:
    window = Window(START + HEIGHT * HOUR, START + (HEIGHT + width) * HOUR)
    return evaluate(store, MODEL, window, Policy(**policy), now_ns=window.end_ns + HOUR)


def verdicts(result: WindowResult, measure: str = "drift") -> set[str | None]:
    return {e.verdict for e in result.evaluations if e.measure == measure}


def whole(result: WindowResult) -> Evaluation:
    (found,) = (e for e in result.evaluations if (e.segment, e.feature, e.measure) == (FLEET, None, "drift"))
    return found


@pytest.fixture(params=[TIMED])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DuckDBStore]:
    """The first day of a fleet, up to the height of its cycle."""
    opened = DuckDBStore(tmp_path / "driftline.duckdb")
    opened.submit({"model_references": request.param.references()}).result()
    for hour in range(HEIGHT - 2, HEIGHT + 2):
        opened.submit({"profiles": request.param.hour(hour)}).result()
    yield opened
    opened.close()


def test_at_the_height_of_a_cycle_nothing_has_drifted_on_the_first_day(store: DuckDBStore) -> None:
    result = judge(store)
    assert verdicts(result) == verdicts(result, "device") == {"stable"}
    assert (whole(result).details or {})["compared_with"] == "the same hours of the reference"
    assert whole(result).reference == f"{MODEL}-1.0"


@pytest.mark.parametrize("store", [TIMED, replace(TIMED, timed=False)], indirect=True)
def test_what_rules_ask_for_is_of_the_hour_too(store: DuckDBStore, request: pytest.FixtureRequest) -> None:
    """The distance of Wasserstein, in standard deviations: of the whole fleet, in 900 rows."""
    scores = (whole(judge(store, limits=Limits(scores=("wasserstein",)))).details or {})["scores"]
    timed = request.node.callspec.params["store"].timed
    assert scores["wasserstein"] < 0.15 if timed else scores["wasserstein"] > 0.3


@pytest.mark.parametrize("store", [replace(TIMED, timed=False)], indirect=True)
def test_against_rows_without_times_it_has(store: DuckDBStore) -> None:
    result = judge(store)
    assert result.findings == (FLEET,)
    assert "compared_with" not in (whole(result).details or {})


MOVED = Move(cells=[4], features=[0], by=0.8, since=HEIGHT)


@pytest.mark.parametrize("store", [replace(TIMED, moves=[MOVED])], indirect=True)
def test_what_has_drifted_beside_the_cycle_is_found(store: DuckDBStore) -> None:
    (found,) = judge(store).findings
    assert found == f"model={MODEL},version=*,device_type=type-00,region=region-02"


def test_until_there_are_weeks_to_compare_with_it_is_the_hour_of_the_reference(store: DuckDBStore) -> None:
    result = judge(store, against="hour_of_week")
    assert verdicts(result) == {"stable"}
    assert "compared with the registered reference" in (whole(result).reason or "")
    assert (whole(result).details or {})["compared_with"] == "the same hours of the reference"


def test_the_hour_is_that_of_the_regions_clocks(store: DuckDBStore) -> None:
    """Where clocks are nine hours ahead, the reference of the afternoon is the wrong one."""
    zones = {"region-01": "Asia/Tokyo"}
    assert judge(store, zones=zones).findings == (f"model={MODEL},version=*,device_type=*,region=region-01",)


def test_a_window_of_several_hours_is_compared_with_all_of_them(store: DuckDBStore) -> None:
    assert verdicts(judge(store, width=2)) == {"stable"}


def test_a_window_lies_in_the_hours_that_clocks_show_in_it_and_one_of_days_in_none() -> None:
    hour = Window(START + HEIGHT * HOUR, START + (HEIGHT + 1) * HOUR)  # 6 o'clock of a Thursday
    thursday = 3 * 24
    assert hours_of_week(hour) == (thursday + 6,)
    assert hours_of_week(Window(hour.start_ns, hour.start_ns + HOUR // 60)) == (thursday + 6,)
    assert hours_of_week(hour, "Asia/Kolkata") == (thursday + 11, thursday + 12)
    assert len(hours_of_week(Window(hour.start_ns, hour.start_ns + 24 * HOUR))) == 24
    assert hours_of_week(Window(hour.start_ns, hour.start_ns + 25 * HOUR)) == ()


@pytest.fixture(scope="module")
def family() -> Family:
    (found,) = families(TIMED.references()).values()
    return found


def mixture_of(family: Family, width: int, *rows: float) -> tuple[np.ndarray, float]:
    """Shares, and how many rows these are worth, of one cell's windows as long, the latest at the height."""
    window = Window(START + HEIGHT * HOUR, START + (HEIGHT + width) * HOUR)
    counted = [np.full((1, 2), n) for n in rows]
    mixture = Hours(window, ("UTC",)).mixture(family, np.zeros(1, np.int64), counted)
    per_row = sum((part.share**2 / family.rows[part.reference] for part in mixture.parts), np.zeros((1, 2)))
    return mixture.shares[0], 1 / per_row[0, 0]


def test_windows_as_one_are_compared_with_their_hours_in_proportion_to_their_rows(family: Family) -> None:
    here, before = family.at_hour[0, [3 * 24 + HEIGHT, 3 * 24 + HEIGHT - 1]]
    m = family.rows[[here, before], 0]
    shares, rows = mixture_of(family, 1, 300.0)
    np.testing.assert_allclose(shares, family.shares[here])
    assert rows == pytest.approx(m[0])
    shares, rows = mixture_of(family, 1, 300.0, 100.0)
    np.testing.assert_allclose(shares, 0.75 * family.shares[here] + 0.25 * family.shares[before], rtol=1e-6)
    assert rows == pytest.approx(1 / (0.75**2 / m[0] + 0.25**2 / m[1]))
    shares, rows = mixture_of(family, 1, 0.0)  # nothing yet: as at its hour
    np.testing.assert_allclose(shares, family.shares[here])


def test_a_day_is_compared_with_all_that_the_reference_has(family: Family) -> None:
    shares, rows = mixture_of(family, 24, 300.0)
    assert rows == pytest.approx(50_000, rel=1e-3)
    np.testing.assert_allclose(shares, family.shares[0], atol=1e-3)


def test_what_differs_beside_the_cycle_is_not_called_drift_nor_over_a_day() -> None:
    small = Fleet(types=6, regions=8, features=5, seed=0)
    told = known_hours_sizes([1], small, ["hours, days and devices"])
    assert told["known_hours_size_max"] <= 0.1  # of 315 features of segments, many of the same rows
    assert told["known_hours_merged_max"] <= 0.1
    assert told["known_hours_false_share"] <= 0.004


def test_what_only_a_day_shows_is_not_taken_back_when_the_cycle_is_low() -> None:
    """Windows at the trough lie far from what a day makes of all hours: that does not say that it is over."""
    move = Move(cells=[17, 40], features=(0, 1, 2), by=0.25)
    fleet = replace(TIMED, types=8, regions=8, features=5, rows=50, trained=200_000, moves=(move,), seed=1)
    *_, (_, searched) = searches(fleet, 21, Limits())
    assert sorted(searched.windows[finding.node] for finding in searched.findings) == [21, 21]


@pytest.mark.proof
@pytest.mark.parametrize("setting", MATCHED)
def test_nothing_of_what_differs_by_hour_raises_false_alarms_on_the_first_day(setting: str) -> None:
    told = known_hours_sizes(range(1, 6), Fleet(seed=0), [setting])
    assert told["known_hours_size_max"] <= 0.06
    assert told["known_hours_merged_max"] <= 0.06
    assert told["known_hours_false_share"] <= 0.001


@pytest.mark.proof
def test_first_weeks_with_a_cycle_have_one_false_incident_at_most() -> None:
    assert known_hours_week(range(1, 6), Fleet(seed=0))["known_hours_incidents_per_week"] <= 1
