"""Windows against their own past: profiles in a real store, judged as the collector judges."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from driftline_collector.analysis.drift import Limits
from driftline_collector.analysis.evaluate import Policy, evaluate
from driftline_collector.analysis.evaluation import Evaluation, WindowResult
from driftline_collector.analysis.windows import Window
from driftline_collector.store.duckdb import DuckDBStore
from driftline_collector.store.scopes import Scope

from benchmarks._matched import remember
from benchmarks._simulated_fleet import HOUR, MODEL, START, WEEK, Fleet, Move

NOON = 6  # where the daily cycle is at its height
SMALL = Fleet(types=2, regions=3, features=2, cycle=0.4, seed=7)
FLEET = f"model={MODEL},version=*,device_type=*,region=*"


def judge(store: DuckDBStore, hour: int, width: int = 1, **policy: Any) -> WindowResult:
    """What is said of a window, committed as the scheduler does."""
    window = Window(START + hour * HOUR, START + (hour + width) * HOUR)
    policy.setdefault("against", "hour_of_week")
    result = evaluate(store, MODEL, window, Policy(**policy), now_ns=window.end_ns + HOUR)
    tables = {"evaluations": result.table()}
    if result.gathered is not None:
        tables["window_counts"] = result.gathered
    store.submit(tables).result()
    return result


def started(store: DuckDBStore, fleet: Fleet, hours: Sequence[int]) -> None:
    store.submit({"model_references": fleet.references()}).result()
    for hour in hours:
        store.submit({"profiles": fleet.hour(hour)}).result()


def whole(result: WindowResult, segment: str = FLEET) -> Evaluation:
    (found,) = (
        e for e in result.evaluations if (e.segment, e.feature, e.measure) == (segment, None, "drift")
    )
    return found


def _windows(gathered: pa.Table) -> list[tuple[int, int]]:
    return list(zip(gathered["start_ns"].to_pylist(), gathered["end_ns"].to_pylist(), strict=True))


def features(result: WindowResult) -> list[Evaluation]:
    return [e for e in result.evaluations if e.measure == "drift" and e.feature]


@pytest.fixture(scope="module")
def noons(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckDBStore]:
    """Nine weeks of a fleet with a daily cycle, at its height, and the hour after them."""
    folder: Path = tmp_path_factory.mktemp("noons")
    store = DuckDBStore(folder / "driftline.duckdb")
    fleet = replace(SMALL, types=4, regions=5)
    started(store, fleet, [NOON + 9 * WEEK])
    remember(store, fleet, NOON + 9 * WEEK, 9)
    yield store
    store.close()


def test_what_all_devices_share_at_one_hour_is_no_drift_from_the_same_hour_of_past_weeks(
    noons: DuckDBStore,
) -> None:
    from_training = judge(noons, NOON + 9 * WEEK, against="registered")
    assert whole(from_training).verdict == "drifted"
    result = judge(noons, NOON + 9 * WEEK)
    assert {e.verdict for e in features(result)} == {"stable"}
    assert {e.phi_source for e in features(result)} == {"matched windows (K=9)"}
    fleet = whole(result)
    assert fleet.reference == "hour_of_week"
    assert fleet.details is not None
    assert fleet.details["compared_with"] == "9 past windows: the same hour of the week"
    p = [e.p for e in features(judge(noons, NOON + 9 * WEEK, limits=Limits(minimum_effect=0.0)))]
    assert np.mean(np.array(p) < 0.05) <= 0.1  # of 60, many of the same rows


def test_a_model_of_another_reference_is_not_compared_with_its_past(noons: DuckDBStore) -> None:
    result = judge(noons, NOON + 9 * WEEK, references={MODEL: "registered"})
    assert whole(result).reference == f"{MODEL}-1.0"
    assert result.gathered is None


def test_drift_from_the_past_is_found_and_left_out_of_what_later_weeks_are_compared_with(
    store: DuckDBStore,
) -> None:
    since = NOON + 8 * WEEK
    moves = (Move(cells=range(6), features=(0,), by=0.5, since=since),)
    moved = replace(SMALL, rows=400, moves=moves)
    started(store, moved, [])
    remember(store, moved, NOON + 10 * WEEK, 10)
    first = judge(store, since)
    assert first.findings == (FLEET,)
    assert whole(first).details["moved"] == ["x00"]  # type: ignore[index]
    second = judge(store, since + WEEK)
    assert second.findings == (FLEET,)
    assert whole(second).details["compared_with"].startswith("8 past windows")  # type: ignore[index]


def test_a_history_that_is_too_short_is_told_and_the_registered_reference_counts(store: DuckDBStore) -> None:
    started(store, SMALL, [NOON + week * WEEK for week in range(4)])
    fleet = whole(judge(store, NOON + 3 * WEEK))
    assert fleet.reference == f"{MODEL}-1.0"
    assert fleet.verdict == "drifted"
    told = "compared with the registered reference: 3 of 8 windows of the same hour of the week so far"
    assert told in (fleet.reason or "")


def test_days_of_the_same_kind_are_compared_with_until_there_are_enough_weeks(store: DuckDBStore) -> None:
    started(store, SMALL, [NOON + day * 24 for day in range(30)])  # it began on a Thursday
    fleet = whole(judge(store, NOON + 29 * 24))
    assert (fleet.verdict, fleet.phi_source) == ("stable", "matched windows (K=21)")
    assert fleet.details["compared_with"] == "21 past windows: the same hour of weekdays"  # type: ignore[index]


def test_a_new_version_is_compared_with_its_own_reference_and_the_others_with_their_past(
    store: DuckDBStore,
) -> None:
    both = replace(SMALL, versions=2, cycle=0.0)
    started(store, both, [NOON + 8 * WEEK])
    for week in range(8):
        old = both.hour(NOON + week * WEEK)
        store.submit({"profiles": old.filter([v == "1.0" for v in old["version"].to_pylist()])}).result()
    result = judge(store, NOON + 8 * WEEK)
    assert whole(result, f"model={MODEL},version=1.0,device_type=*,region=*").reference == "hour_of_week"
    assert whole(result, f"model={MODEL},version=1.1,device_type=*,region=*").reference == f"{MODEL}-1.1"
    fleet = whole(result)
    assert (fleet.verdict, fleet.reference) == ("stable", f"hour_of_week,{MODEL}-1.1")
    assert "compared with the registered reference in 6 of 12 cells" in (fleet.reason or "")


def test_counts_of_the_past_are_gathered_once_and_anew_after_a_purge(store: DuckDBStore) -> None:
    started(store, SMALL, [NOON + week * WEEK for week in range(9)])
    first = judge(store, NOON + 8 * WEEK).gathered
    assert first is not None
    hours = first.filter([end - start == HOUR for start, end in _windows(first)])
    assert set(hours["start_ns"].to_pylist()) == {START + (NOON + week * WEEK) * HOUR for week in range(9)}
    second = judge(store, NOON + 8 * WEEK).gathered
    assert second is not None
    assert set(second["start_ns"].to_pylist()) == {START + (NOON + 8 * WEEK) * HOUR}
    store.purge(Scope(devices=("device-00000",)), "anna", None)
    third = judge(store, NOON + 8 * WEEK).gathered
    assert third is not None
    hours = third.filter([end - start == HOUR for start, end in _windows(third)])
    rows = {sum(counts) for counts in hours["counts"].to_pylist()}
    both = SMALL.devices * SMALL.rows * SMALL.features
    assert rows == {both, both // 2}  # of the cell in which one device of two is gone


def test_a_week_in_which_nobody_counted_is_looked_up_once_and_is_no_window(store: DuckDBStore) -> None:
    started(store, SMALL, [NOON + week * WEEK for week in (0, 1, 2, 3, 5, 6, 7, 8, 9)])
    result = judge(store, NOON + 9 * WEEK)
    assert whole(result).phi_source == "matched windows (K=8)"
    again = judge(store, NOON + 9 * WEEK).gathered
    assert again is not None
    assert len(set(again["start_ns"].to_pylist())) == 1


def test_rolling_compares_with_the_days_before(store: DuckDBStore) -> None:
    since = 10 * 24
    moves = (Move(cells=range(6), features=(0,), by=0.5, since=since),)
    fleet = replace(SMALL, cycle=0.0, rows=200, moves=moves)
    started(store, fleet, [NOON + day * 24 for day in range(11)])
    before = judge(store, since - 24 + NOON, against="rolling")
    assert whole(before).verdict == "stable"
    assert whole(before).details["compared_with"] == "9 past windows: the last 28 days"  # type: ignore[index]
    assert judge(store, since + NOON, against="rolling").findings == (FLEET,)


def test_devices_and_scores_of_rules_are_compared_with_the_same_past_as_the_verdict(
    noons: DuckDBStore,
) -> None:
    limits = Limits(scores=("jensen_shannon", "wasserstein"))
    hour = NOON + 9 * WEEK
    registered, past = (judge(noons, hour, against=a, limits=limits) for a in ("registered", "hour_of_week"))
    scores = [(whole(result).details or {})["scores"] for result in (registered, past)]
    for name in limits.scores:
        assert scores[1][name] < scores[0][name] / 2, name
    devices = [[e for e in result.evaluations if e.measure == "device"] for result in (registered, past)]
    assert {e.reference for e in devices[0]} == {f"{MODEL}-1.0"}
    assert {e.reference for e in devices[1]} == {"hour_of_week"}
    drifted = [np.mean([e.verdict == "drifted" for e in each]) for each in devices]
    assert drifted[0] > 0.5
    assert drifted[1] <= 0.05
    moved = [np.median([e.value or 0.0 for e in each]) for each in devices]
    assert moved[1] < moved[0] / 3
