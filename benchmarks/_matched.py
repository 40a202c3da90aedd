"""Fleets that know their past, compared with the same hour of past weeks: for `false_alarms`."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from driftline_collector.analysis.drift import Limits
from driftline_collector.analysis.evaluate import Policy
from driftline_collector.analysis.evaluation import Evaluation, WindowResult
from driftline_collector.store.base import Store

from benchmarks._simulated_fleet import KNOWN_WEEKS, WEEK, Fleet, Move
from benchmarks._simulation import Simulation, simulated

#: The hour of the day at which a cycle is at its height.
HEIGHT = 6
_POLICY = Policy(against="hour_of_week")
#: What differs though nothing drifts.
MATCHED: dict[str, dict[str, Any]] = {
    "nothing differs": {},
    "hours": {"cycle": 0.4},
    "hours, one device": {"cycle": 0.4, "devices": 1, "rows": 300, "correlation": 0.1},
    "hours, days and devices": {"cycle": 0.4, "jitter": 0.05, "correlation": 0.05},
    "many rows, hours and days": {"cycle": 0.4, "jitter": 0.05, "devices": 8, "rows": 1000},
}


def remember(store: Store, fleet: Fleet, hour: int, weeks: int) -> None:
    """Put what the fleet sent at this hour of the `weeks` before into a store."""
    for week in range(weeks, 0, -1):
        store.submit({"profiles": fleet.hour(hour - week * WEEK)}).result()


def matched(seeds: Sequence[int], fleet: Fleet, names: Sequence[str] = tuple(MATCHED)) -> dict[str, Any]:
    """Nothing drifts; then a hundredth of the cells is shifted by .5σ in three features of ten, 300 rows."""
    return {**matched_sizes(seeds, fleet, names), **matched_power(seeds, fleet)}


def matched_sizes(seeds: Sequence[int], fleet: Fleet, names: Sequence[str]) -> dict[str, Any]:
    """Nothing drifts."""
    by_setting = {}
    for name in names:
        told = [_size(replace(fleet, **MATCHED[name], seed=seed)) for seed in seeds]
        size, false = np.mean(told, axis=0)
        by_setting[name] = {"size": round(float(size), 4), "false": round(float(false), 5)}
    return {
        "matched_size_max": max(answer["size"] for answer in by_setting.values()),
        "matched_false_share": max(answer["false"] for answer in by_setting.values()),
        "matched_by_setting": by_setting,
    }


def matched_power(seeds: Sequence[int], fleet: Fleet) -> dict[str, float]:
    """A hundredth of the cells is shifted at the height of the cycle: how many are found."""
    return {"matched_power_half_sigma_1h": round(float(np.mean([_power(fleet, seed) for seed in seeds])), 4)}


def _size(fleet: Fleet) -> tuple[float, float]:
    """The share of p-values of "no effect" below .05, and of features of segments that are called drifted."""

    def watch(simulation: Simulation) -> tuple[float, float]:
        verdicts = [e.verdict for e in features_of(_judged(simulation))]
        no_effect = replace(_POLICY, limits=Limits(minimum_effect=0.0))
        again = simulation.again(HEIGHT + KNOWN_WEEKS * WEEK, no_effect)
        p = np.array([e.p for e in features_of(again) if e.p is not None])
        return float(np.mean(p < 0.05)), verdicts.count("drifted") / len(verdicts)

    return simulated(fleet, watch, policy=_POLICY)


def _power(fleet: Fleet, seed: int) -> float:
    """The share of shifted cells that are called drifted in the first hour."""
    count = max(fleet.cells // 100, 1)
    cells = np.random.default_rng((seed, 5)).choice(fleet.cells, count, replace=False).tolist()
    move = Move(cells=cells, features=(0, 1, 2), by=0.5, since=HEIGHT + KNOWN_WEEKS * WEEK)
    moved = replace(fleet, cycle=0.4, rows=300 // fleet.devices, moves=(move,), seed=seed)
    keys = {moved.segment(cell) for cell in cells}

    def watch(simulation: Simulation) -> float:
        rows = _judged(simulation).evaluations
        found = {e.segment for e in rows if e.verdict == "drifted" and e.feature is None}
        return len(found & keys) / count

    return simulated(moved, watch, policy=_POLICY)


def _judged(simulation: Simulation) -> WindowResult:
    hour = HEIGHT + KNOWN_WEEKS * WEEK
    remember(simulation.store, simulation.fleet, hour, KNOWN_WEEKS)
    *_, result = simulation.hours(range(hour, hour + 1))
    return result


def features_of(result: WindowResult) -> list[Evaluation]:
    """The rows of drift of single features."""
    return [e for e in result.evaluations if e.measure == "drift" and e.feature]
