"""False alarms and missed drifts, counted: fleets whose truth is known, judged by the product's own code.

    python -m benchmarks.false_alarms --json

Profiles of simulated hours go into a real store, the scheduler judges them as they close, a rule is held
against what it says; `_simulated_fleet` tells what devices, days and hours do. Each experiment has all seeds:

- `nuisance`: nothing drifts, but devices, days or hours differ. Of windows of the first day, when nothing is
  known of the past: `nuisance_size_max` is the largest share, over the settings, of p-values of "no effect"
  below .05; `minimum_effect_false_share` the largest share of features of segments that are called drifted.
  `by_setting` has both for each.
- `merged`: the like of spans of windows, judged from counts (`_simulated_week`): `merged_size_max`.
- `matched`: the like of fleets that know nine weeks and are compared with the same hour of the week; there
  `matched_power_half_sigma_1h` is as below, in a fleet with a daily cycle.
- `known_hours`: the like of the first day, against training rows that have times (50,000 of four weeks):
  `known_hours_size_max`, with merged windows `known_hours_merged_max`; `known_hours_half_sigma_1h` and
  `known_hours_quarter_sigma_24h` as below, `_400k` with as many training rows.
- `power`: a hundredth of the segments is shifted in three features of ten. `power_half_sigma_1h`: the share
  of them that is drifted in the first hour, of .5σ with 300 rows an hour; `power_quarter_sigma_24h`: within
  a day, of .25σ with 100 rows an hour. `power_spread_24h` and `power_tail_24h` are the like, with 300 rows,
  of a spread of 1.5 and of a tail of 5%, `power_category_24h` of .25σ in categories, with 100 rows.
  `by_hour` has the share that is found after each hour; `false_share_found` is the share of findings in
  which nothing moved.
- `storm`: a region of 200 cells is shifted by 1σ at once: `storm_findings` is the most findings of an hour.
- `own`: the like of fleets that tell lines and shifts of their own (`_own_segments`): `own_size_max`, over
  merged windows `own_merged_size_max`, and `own_false_share`. Single lines of places are shifted by .5σ,
  with 300 rows: `own_power_half_sigma_1h` is the share that is drifted in the first hour, `own_named_1h` and
  `own_named_3h` that which a finding tells from all others in one hour and in three, `own_false_share_found`
  the share of findings in which nothing moved.
  One line is shifted everywhere: `own_line_findings` is the most findings of an hour, `own_line_named` the
  share of hours in which the line was the only one.
- `weighted`: selected samples in place of profiles (`_selected_samples`): `weighted_size_max` and the like.
- `week`: a week without drift of 2,000 segments, whose devices, days and hours differ, some always late;
  judged from counts, see `_simulated_week`: `incidents_per_week` is how many findings began, on average,
  `weeks` each. It is the first week, with a cycle of .1σ, less than the least effect that matters.
- `matched_week`: the like, with a cycle of .4σ, compared with the same hours of nine past weeks:
  `matched_incidents_per_week`, `matched_weeks`.
- `known_hours_week`: the like of first weeks, with a cycle of .4σ, against training rows that have times:
  `known_hours_incidents_per_week`, `known_hours_weeks`.
- `day`: the first day of one, through store, scheduler and alerts: `alerts_in_a_day` is how many rang.

With `--peers`, Pythons that have Evidently or NannyML, `peers` has what these call drifted by default of the
same nuisances, on rows drawn for them. With `--pictures`, a folder, SVGs are put there.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from driftline_schemas.segments import Segment

from benchmarks._known_hours import known_hours
from benchmarks._matched import matched
from benchmarks._own_segments import own_segments
from benchmarks._peer_sizes import called_drifted
from benchmarks._pictures import draw
from benchmarks._selected_samples import weighted
from benchmarks._simulated_fleet import Fleet, Move
from benchmarks._simulated_week import incidents, sizes
from benchmarks._simulation import Simulation, first_day, simulated

#: What differs though nothing drifts.
NUISANCES: dict[str, dict[str, Any]] = {
    "nothing differs": {},
    "few rows": {"devices": 1, "rows": 60},
    "one device": {"devices": 1, "rows": 300, "correlation": 0.1},
    "two devices": {"devices": 2, "rows": 150, "correlation": 0.1},
    "two uneven devices": {"devices": 2, "rows": 150, "correlation": 0.1, "uneven": True},
    "three devices": {"devices": 3, "rows": 100, "correlation": 0.1},
    "eight devices": {"devices": 8, "rows": 250, "correlation": 0.1},
    "days": {"jitter": 0.05},
    "days and devices": {"jitter": 0.05, "correlation": 0.05},
    "many rows and days": {"devices": 8, "rows": 1000, "jitter": 0.05},
    "hours": {"cycle": 0.4},
}
#: Three features of a hundredth of the segments.
_MOVED_FEATURES = (0, 1, 2)
_MOVED_SHARE = 0.01


def nuisance(seeds: Sequence[int], fleet: Fleet, names: Sequence[str] = tuple(NUISANCES)) -> dict[str, Any]:
    """Nothing drifts, in the hour of the first day at which a cycle is at its height."""
    by_setting = {}
    for name in names:
        setting = NUISANCES[name]
        told = [simulated(replace(fleet, **setting, seed=seed), first_day) for seed in seeds]
        size, false = np.mean(told, axis=0)
        by_setting[name] = {"size": round(float(size), 4), "false": round(float(false), 5)}
    return {
        "nuisance_size_max": max(answer["size"] for answer in by_setting.values()),
        "minimum_effect_false_share": max(answer["false"] for answer in by_setting.values()),
        "by_setting": by_setting,
    }


def merged(seeds: Sequence[int], fleet: Fleet, names: Sequence[str] = tuple(NUISANCES)) -> dict[str, Any]:
    """Nothing drifts, over the windows of a day as they are merged."""
    by_span: dict[str, dict[int, float]] = {}
    for name in names:
        told = [sizes(replace(fleet, **NUISANCES[name], seed=seed), hours=24) for seed in seeds]
        by_span[name] = {width: round(float(np.mean([one[width] for one in told])), 4) for width in told[0]}
    wide = [size for of_setting in by_span.values() for width, size in of_setting.items() if width > 1]
    return {"merged_size_max": max(wide), "by_span": by_span}


@dataclass(frozen=True, slots=True)
class Tried:
    """What moves three features of some cells, how many rows an hour those have, for how many hours."""

    move: Move
    rows: int
    hours: int = 24
    categorical: int = 0


TRIED: dict[str, Tried] = {
    "power_half_sigma_1h": Tried(Move(by=0.5), rows=300, hours=1),
    "power_quarter_sigma_24h": Tried(Move(by=0.25), rows=100),
    "power_spread_24h": Tried(Move(spread=1.5), rows=300),
    "power_tail_24h": Tried(Move(tail=0.05), rows=300),
    "power_category_24h": Tried(Move(by=0.25), rows=100, categorical=3),
}


def power(seeds: Sequence[int], fleet: Fleet, names: Sequence[str] = tuple(TRIED)) -> dict[str, Any]:
    """The share of moved segments that is found, by what had moved; and how many findings are false."""
    figures: dict[str, Any] = {}
    by_hour: dict[str, list[float]] = {}
    findings = false = 0
    for name in names:
        tried = TRIED[name]
        courses = []
        for seed in seeds:
            count = max(round(_MOVED_SHARE * fleet.cells), 1)
            cells = np.random.default_rng((seed, 5)).choice(fleet.cells, count, replace=False).tolist()
            moved = replace(
                fleet,
                rows=tried.rows // fleet.devices,
                categorical=tried.categorical,
                moves=(replace(tried.move, cells=cells, features=_MOVED_FEATURES),),
                seed=seed,
            )
            course, right, wrong = simulated(moved, partial(_found, hours=tried.hours))
            courses.append(course)
            findings, false = findings + right + wrong, false + wrong
        by_hour[name] = [round(float(share), 4) for share in np.mean(courses, axis=0)]
        figures[name] = by_hour[name][-1]
    share = round(false / max(findings, 1), 4)
    return {**figures, "false_share_found": share, "findings": findings, "by_hour": by_hour}


def _found(simulation: Simulation, hours: int) -> tuple[list[float], int, int]:
    """The share of moved cells called drifted, by hour; findings with a moved cell, and without."""
    moved = {simulation.fleet.segment(cell) for cell in simulation.fleet.moves[0].cells}
    found: set[str] = set()
    course = []
    right = wrong = 0
    for result in simulation.hours(range(hours)):
        found |= {e.segment for e in result.evaluations if e.verdict == "drifted" and e.segment in moved}
        course.append(len(found) / len(moved))
        for segment in map(Segment.parse, result.findings):
            true = any(segment.contains(Segment.parse(key)) for key in moved)
            right, wrong = right + true, wrong + (not true)
    return course, right, wrong


def storm(seeds: Sequence[int], fleet: Fleet) -> dict[str, Any]:
    """A whole region moves."""
    most = 0
    for seed in seeds:
        hit = replace(fleet, versions=10, types=20, regions=3, rows=100, seed=seed)
        cells = range(hit.cells - hit.cells // hit.regions, hit.cells)
        moves = (Move(cells=cells, features=_MOVED_FEATURES, by=1.0, since=1),)
        results = simulated(replace(hit, moves=moves), lambda simulation: [*simulation.hours(range(3))])
        most = max(most, *(len(result.findings) for result in results))
    return {"storm_findings": most}


def week(seeds: Sequence[int], fleet: Fleet, hours: int = 168) -> dict[str, Any]:
    """Findings of first weeks in which nothing drifts, though devices, days and hours differ."""
    begun = [incidents(replace(_whole(fleet), seed=seed), hours) for seed in seeds]
    return {"incidents_per_week": round(float(np.mean(begun)) * 168 / hours, 3), "weeks": begun}


def matched_week(seeds: Sequence[int], fleet: Fleet, hours: int = 168) -> dict[str, Any]:
    """The like of fleets with a greater cycle, which are compared with the same hours of past weeks."""
    whole = replace(_whole(fleet), cycle=0.4)
    begun = [incidents(replace(whole, seed=seed), hours, matched=True) for seed in seeds]
    per_week = round(float(np.mean(begun)) * 168 / hours, 3)
    return {"matched_incidents_per_week": per_week, "matched_weeks": begun}


def known_hours_week(seeds: Sequence[int], fleet: Fleet, hours: int = 168) -> dict[str, Any]:
    """The like of first weeks, held against training rows that have times."""
    whole = replace(_whole(fleet), cycle=0.4, timed=True)
    begun = [incidents(replace(whole, seed=seed), hours) for seed in seeds]
    per_week = round(float(np.mean(begun)) * 168 / hours, 3)
    return {"known_hours_incidents_per_week": per_week, "known_hours_weeks": begun}


def day(seeds: Sequence[int], fleet: Fleet, hours: int = 24) -> dict[str, Any]:
    """Alerts of a day in which nothing drifts."""
    whole = [replace(_whole(fleet), seed=seed) for seed in seeds]
    return {"alerts_in_a_day": [simulated(each, lambda s: _rung(s, hours)) for each in whole]}


def _whole(fleet: Fleet) -> Fleet:
    """Two thousand segments."""
    return replace(fleet, versions=4, types=19, regions=19, correlation=0.05, jitter=0.05, cycle=0.1)


def _rung(simulation: Simulation, hours: int) -> int:
    for _ in simulation.hours(range(hours)):
        pass
    return simulation.rung()


EXPERIMENTS: dict[str, Callable[..., dict[str, Any]]] = {
    "nuisance": nuisance,
    "merged": merged,
    "matched": matched,
    "known_hours": known_hours,
    "known_hours_week": known_hours_week,
    "power": power,
    "storm": storm,
    "week": week,
    "matched_week": matched_week,
    "own": own_segments,
    "weighted": lambda seeds, _: weighted(seeds),
    "day": day,
}


def main() -> None:
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=formatter)
    parser.add_argument("--json", action="store_true", help="print nothing but one JSON object")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], help="(default: 1 2 3)")
    parser.add_argument("--experiments", nargs="+", choices=EXPERIMENTS, default=list(EXPERIMENTS))
    parser.add_argument("--hours", type=int, default=24, help="of a week (default: %(default)s)")
    parser.add_argument("--peers", nargs="*", default=[], metavar="PYTHON", help="with Evidently or NannyML")
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", help="where SVGs are put")
    options = parser.parse_args()
    figures: dict[str, Any] = {}
    for name in options.experiments:
        more = {"hours": options.hours} if name.endswith("week") else {}
        figures |= EXPERIMENTS[name](options.seeds, Fleet(seed=0), **more)
    if options.peers:
        figures["peers"] = called_drifted(options.peers, NUISANCES, options.seeds)
    if options.pictures:
        draw(figures, options.pictures)
    if options.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        parts = value.items() if isinstance(value, dict) else [("", value)]
        for part, told in parts:
            print(f"{name:28} {part:28} {told}")


if __name__ == "__main__":
    main()
