"""Fleets that tell lines and shifts of their own, judged by these too: for `false_alarms`."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from driftline_collector.analysis.evaluation import WindowResult
from driftline_schemas.segments import Segment

from benchmarks._simulated_fleet import MODEL, Fleet, Move
from benchmarks._simulated_week import sizes
from benchmarks._simulation import Simulation, first_day, simulated

#: Three lines and two shifts at each of fifty places make 300 cells and 1,584 segments.
LINES: dict[str, Any] = {"types": 5, "regions": 10, "own": {"line": 3, "shift": 2}}
#: What differs though nothing drifts: by cell, or by place, the same on all its lines and shifts.
NUISANCES: dict[str, dict[str, Any]] = {
    "nothing differs": {},
    "few rows": {"devices": 1, "rows": 60},
    "two devices": {"correlation": 0.1},
    "days": {"jitter": 0.05},
    "days and devices": {"jitter": 0.05, "correlation": 0.05},
    "days by place": {"place_jitter": 0.05},
    "days by place, and devices": {"place_jitter": 0.05, "correlation": 0.05},
}
_MOVED_FEATURES = (0, 1, 2)
_MOVED_SHARE = 0.01


def own_segments(seeds: Sequence[int], fleet: Fleet) -> dict[str, Any]:
    """Nothing drifts; then single lines of places do, each in one shift; then one line everywhere."""
    fleet = replace(fleet, **LINES)
    return {**own_sizes(seeds, fleet), **own_power(seeds, fleet), **whole_line(seeds, fleet)}


def own_sizes(seeds: Sequence[int], fleet: Fleet, names: Sequence[str] = tuple(NUISANCES)) -> dict[str, Any]:
    """Nothing drifts, in an hour of the first day and over the windows of a day as they are merged."""
    by_setting: dict[str, dict[str, Any]] = {}
    for name in names:
        quiet = [replace(fleet, **NUISANCES[name], seed=seed) for seed in seeds]
        size, false = np.mean([simulated(each, first_day) for each in quiet], axis=0)
        by_span = [sizes(each, hours=24) for each in quiet]
        merged = {width: round(float(np.mean([one[width] for one in by_span])), 4) for width in by_span[0]}
        by_setting[name] = {"size": round(float(size), 4), "false": round(float(false), 5), "by_span": merged}
    return {
        "own_size_max": max(told["size"] for told in by_setting.values()),
        "own_merged_size_max": max(max(told["by_span"].values()) for told in by_setting.values()),
        "own_false_share": max(told["false"] for told in by_setting.values()),
        "own_by_setting": by_setting,
    }


def own_power(seeds: Sequence[int], fleet: Fleet, hours: int = 3) -> dict[str, float]:
    """What is found of single cells, of 300 rows an hour, that are shifted by .5σ."""
    drifted, first, later, right, wrong = [], [], [], 0, 0
    for seed in seeds:
        count = max(round(_MOVED_SHARE * fleet.cells), 1)
        cells = np.random.default_rng((seed, 5)).choice(fleet.cells, count, replace=False).tolist()
        move = Move(cells=cells, features=_MOVED_FEATURES, by=0.5)
        moved = replace(fleet, rows=300 // fleet.devices, moves=(move,), seed=seed)
        results = simulated(moved, partial(_judged, hours=hours))
        called = {e.segment for e in results[0].evaluations if e.verdict == "drifted"}
        drifted += [moved.segment(cell) in called for cell in cells]
        held = [[_held(moved, finding) for finding in result.findings] for result in results]
        first += [[cell] in held[0] for cell in cells]
        later += [any([cell] in of_hour for of_hour in held) for cell in cells]
        right += sum(bool(set(cells) & set(each)) for of_hour in held for each in of_hour)
        wrong += sum(not set(cells) & set(each) for of_hour in held for each in of_hour)
    return {
        "own_power_half_sigma_1h": round(float(np.mean(drifted)), 4),
        "own_named_1h": round(float(np.mean(first)), 4),
        f"own_named_{hours}h": round(float(np.mean(later)), 4),
        "own_false_share_found": round(wrong / max(right + wrong, 1), 4),
        "own_findings": right + wrong,
    }


def whole_line(seeds: Sequence[int], fleet: Fleet, hours: int = 3) -> dict[str, Any]:
    """What is found each hour of one line that is shifted by .5σ everywhere."""
    told = []
    for seed in seeds:
        key = str(Segment.of({"model": MODEL, "segment.line": "line-01"}))
        move = Move(cells=_held(fleet, key), features=_MOVED_FEATURES, by=0.5)
        results = simulated(replace(fleet, moves=(move,), seed=seed), partial(_judged, hours=hours))
        told += [(len(result.findings), result.findings == (key,)) for result in results]
    return {
        "own_line_findings": max(count for count, _ in told),
        "own_line_named": round(float(np.mean([alone for _, alone in told])), 4),
    }


def _judged(simulation: Simulation, hours: int) -> list[WindowResult]:
    return [*simulation.hours(range(hours))]


def _held(fleet: Fleet, segment: str) -> list[int]:
    """The cells that a segment holds."""
    held = Segment.parse(segment)
    return [cell for cell in range(fleet.cells) if held.contains(Segment.parse(fleet.segment(cell)))]
