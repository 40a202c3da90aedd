"""Fleets of the first day against training rows that have times: for `false_alarms`."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from driftline_collector.analysis.drift import Limits
from driftline_collector.analysis.evaluate import Policy

from benchmarks._matched import HEIGHT, MATCHED, features_of
from benchmarks._simulated_fleet import Fleet, Move
from benchmarks._simulated_week import sizes
from benchmarks._simulation import Simulation, simulated

_NO_EFFECT = Policy(limits=Limits(minimum_effect=0.0))


@dataclass(frozen=True, slots=True)
class Tried:
    """What three features of a hundredth of the cells are shifted by at the height of the cycle."""

    by: float
    rows: int
    hours: int
    trained: int = 50_000


TRIED = {
    "known_hours_half_sigma_1h": Tried(by=0.5, rows=300, hours=1),
    "known_hours_half_sigma_1h_400k": Tried(by=0.5, rows=300, hours=1, trained=400_000),
    "known_hours_quarter_sigma_24h": Tried(by=0.25, rows=100, hours=24),
}


def known_hours(seeds: Sequence[int], fleet: Fleet) -> dict[str, Any]:
    """Nothing drifts; then a hundredth of the cells is shifted."""
    return {**known_hours_sizes(seeds, fleet, tuple(MATCHED)), **known_hours_power(seeds, fleet)}


def known_hours_sizes(seeds: Sequence[int], fleet: Fleet, names: Sequence[str]) -> dict[str, Any]:
    """Nothing drifts, by itself and over the windows of a day as they are merged."""
    by_setting, by_span = {}, {}
    for name in names:
        fleets = [replace(fleet, **MATCHED[name], timed=True, seed=seed) for seed in seeds]
        size, false = np.mean([simulated(each, _size) for each in fleets], axis=0)
        by_setting[name] = {"size": round(float(size), 4), "false": round(float(false), 5)}
        spans = [sizes(each, hours=24) for each in fleets]
        by_span[name] = {width: round(float(np.mean([one[width] for one in spans])), 4) for width in spans[0]}
    return {
        "known_hours_size_max": max(answer["size"] for answer in by_setting.values()),
        "known_hours_false_share": max(answer["false"] for answer in by_setting.values()),
        "known_hours_merged_max": max(size for spans in by_span.values() for size in spans.values()),
        "known_hours_by_setting": by_setting,
        "known_hours_by_span": by_span,
    }


def known_hours_power(
    seeds: Sequence[int], fleet: Fleet, names: Sequence[str] = tuple(TRIED)
) -> dict[str, float]:
    """The share of shifted cells that is found."""
    return {
        name: round(float(np.mean([_power(fleet, TRIED[name], seed) for seed in seeds])), 4) for name in names
    }


def _size(simulation: Simulation) -> tuple[float, float]:
    """The share of p-values of "no effect" below .05, and of features of segments that are called drifted."""
    (result,) = simulation.hours(range(HEIGHT, HEIGHT + 1))
    verdicts = [e.verdict for e in features_of(result)]
    p = np.array([e.p for e in features_of(simulation.again(HEIGHT, _NO_EFFECT)) if e.p is not None])
    return float(np.mean(p < 0.05)), verdicts.count("drifted") / len(verdicts)


def _power(fleet: Fleet, tried: Tried, seed: int) -> float:
    count = max(fleet.cells // 100, 1)
    cells = np.random.default_rng((seed, 5)).choice(fleet.cells, count, replace=False).tolist()
    moved = replace(
        fleet,
        cycle=0.4,
        timed=True,
        trained=tried.trained,
        rows=tried.rows // fleet.devices,
        moves=(Move(cells=cells, features=(0, 1, 2), by=tried.by, since=HEIGHT),),
        seed=seed,
    )
    return simulated(moved, partial(_found, hours=tried.hours))


def _found(simulation: Simulation, hours: int) -> float:
    """The share of shifted cells that are called drifted within so many hours."""
    keys = {simulation.fleet.segment(cell) for cell in simulation.fleet.moves[0].cells}
    rows = [e for result in simulation.hours(range(HEIGHT, HEIGHT + hours)) for e in result.evaluations]
    return len({e.segment for e in rows if e.verdict == "drifted" and e.feature is None} & keys) / len(keys)
