"""False alarms and missed drifts, counted: fleets whose truth is known, judged by the product's own code.

    python -m benchmarks.false_alarms --json

Profiles of simulated hours go into a real store, the scheduler judges them as they close, a rule is held
against what it says; `_simulated_fleet` tells what devices, days and hours do. Each experiment has all seeds:

- `nuisance`: nothing drifts, but devices, days or hours differ. Of windows of the first day, when nothing is
  known of the past: `nuisance_size_max` is the largest share, over the settings, of p-values of "no effect"
  below .05; `minimum_effect_false_share` the largest share of features of segments that are called drifted.
  `by_setting` has both for each. Those that are `matched` know nine weeks, and are compared with the same
  hour of the week.
- `power`: a hundredth of the segments is shifted in three features of ten. `power_half_sigma_1h`: the share
  of them that is drifted in the first hour, of .5σ with 300 rows an hour; `power_quarter_sigma_24h`: within
  a day, of .25σ with 100 rows an hour. `power_spread_24h` and `power_tail_24h` are the like, with 300 rows,
  of a spread of 1.5 and of a tail of 5%. Windows are of an hour, but for `..._window_of_24h`.
  `false_share_found` is the share of findings in which nothing moved.
- `storm`: a region of 200 cells is shifted by 1σ at once: `storm_findings` is the most findings of an hour.
- `week`: a week without drift of 2,000 segments: `incidents_per_week` is how many alerts rang, on average.
"""

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from driftline_collector.alerts.messages import Links
from driftline_collector.alerts.pipeline import AlertPipeline
from driftline_collector.alerts.rules import Rule
from driftline_collector.analysis.drift import Limits
from driftline_collector.analysis.evaluate import Policy, evaluate
from driftline_collector.analysis.evaluation import Evaluation, WindowResult
from driftline_collector.analysis.windows import Window
from driftline_collector.scheduler import Scheduler
from driftline_collector.store.duckdb import DuckDBStore
from driftline_schemas.segments import Segment

from benchmarks._fleet_history import WEEK, remember
from benchmarks._simulated_fleet import HOUR, MODEL, START, Fleet, Move

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
    "hours, matched": {"cycle": 0.4},
    "hours, days and devices, matched": {"cycle": 0.4, "jitter": 0.05, "correlation": 0.05},
    "many rows, hours and days, matched": {"cycle": 0.4, "jitter": 0.05, "devices": 8, "rows": 1000},
}
#: So many weeks are known of fleets that are compared with the same hour of the week.
_WEEKS = 9
#: Three features of a hundredth of the segments.
_MOVED_FEATURES = (0, 1, 2)
_MOVED_SHARE = 0.01


Answer = TypeVar("Answer")


class Simulation:
    """A fleet's hours in a store of its own, and what is said of them."""

    def __init__(self, fleet: Fleet, folder: Path, width: int = 1, weeks: int = 0) -> None:
        """Windows are of `width` hours, and compared with those of `weeks` past ones, where there are any.

        Hours are counted from the end of these weeks on.
        """
        self.fleet = fleet
        self.policy = Policy(against="hour_of_week") if weeks else Policy()
        self._weeks = weeks
        self.store = DuckDBStore(folder / "driftline.duckdb")
        self.store.submit({"model_references": fleet.references()}).result()
        self._now_ns = START
        self._alerts = AlertPipeline(
            self.store, [Rule(name="drift", measure="drift")], (), now=self._now, links=Links()
        )
        self._scheduler = Scheduler(
            self.store,
            self._alerts.observe,
            self.policy,
            width_ns=width * HOUR,
            lateness_ns=HOUR // 6,
            history_ns=(24 if weeks else 7 * 24) * HOUR,  # of the past weeks no window is to be judged
            now=self._now,
        )

    def _now(self) -> int:
        return self._now_ns

    def hours(self, hours: range) -> Iterator[WindowResult]:
        """The results of these hours, as windows close."""
        for hour in range(hours.start + self._weeks * WEEK, hours.stop + self._weeks * WEEK):
            remember(self.store, self.fleet, hour, self._weeks)
            self.store.submit({"profiles": self.fleet.hour(hour)}).result()
            self._now_ns = START + (hour + 1) * HOUR + 10**9
            yield from self._scheduler.tick()

    def again(self, hour: int, policy: Policy) -> WindowResult:
        """What another policy says of an hour."""
        start_ns = START + (hour + self._weeks * WEEK) * HOUR
        window = Window(start_ns, start_ns + HOUR)
        return evaluate(self.store, MODEL, window, policy, now_ns=self._now_ns)

    def rung(self) -> int:
        """How many alerts have fired so far."""
        return int(self.store.alerts(limit=10**6).num_rows)


def simulated(
    fleet: Fleet, watch: Callable[[Simulation], Answer], *, width: int = 1, weeks: int = 0
) -> Answer:
    """What `watch` makes of a fleet, in a store that is gone afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        simulation = Simulation(fleet, Path(folder), width, weeks)
        try:
            return watch(simulation)
        finally:
            simulation.store.close()


def nuisance(seeds: Sequence[int], fleet: Fleet, names: Sequence[str] = tuple(NUISANCES)) -> dict[str, Any]:
    """Nothing drifts, in the hour of the first day at which a cycle is at its height."""
    by_setting = {}
    for name in names:
        setting = NUISANCES[name]
        weeks = _WEEKS if "matched" in name else 0
        told = [simulated(replace(fleet, **setting, seed=seed), _size, weeks=weeks) for seed in seeds]
        size, false = np.mean(told, axis=0)
        by_setting[name] = {"size": round(float(size), 4), "false": round(float(false), 5)}
    return {
        "nuisance_size_max": max(answer["size"] for answer in by_setting.values()),
        "minimum_effect_false_share": max(answer["false"] for answer in by_setting.values()),
        "by_setting": by_setting,
    }


def _size(simulation: Simulation) -> tuple[float, float]:
    """The share of p-values of "no effect" below .05, and of features of segments that are called drifted."""
    # Without any effect that does not matter, p-values are those of "nothing has changed".
    (result,) = simulation.hours(range(6, 7))
    verdicts = [e.verdict for e in _of_features(result)]
    no_effect = replace(simulation.policy, limits=Limits(minimum_effect=0.0))
    p = [e.p for e in _of_features(simulation.again(6, no_effect)) if e.p is not None]
    return float(np.mean(np.array(p) < 0.05)), verdicts.count("drifted") / len(verdicts)


def _of_features(result: WindowResult) -> list[Evaluation]:
    return [e for e in result.evaluations if e.measure == "drift" and e.feature]


@dataclass(frozen=True, slots=True)
class Tried:
    """What moves three features of some cells, how many rows an hour those have, for how many hours.

    Windows are of `width` hours, and compared with those of past weeks where there are any.
    """

    move: Move
    rows: int
    hours: int = 24
    width: int = 1
    weeks: int = 0


TRIED: dict[str, Tried] = {
    "power_half_sigma_1h": Tried(Move(by=0.5), rows=300, hours=1),
    "power_half_sigma_1h_matched": Tried(Move(by=0.5, since=_WEEKS * WEEK), rows=300, hours=1, weeks=_WEEKS),
    "power_quarter_sigma_24h": Tried(Move(by=0.25), rows=100),
    "power_quarter_sigma_window_of_24h": Tried(Move(by=0.25), rows=100, width=24),
    "power_spread_24h": Tried(Move(spread=1.5), rows=300),
    "power_tail_24h": Tried(Move(tail=0.05), rows=300),
    "power_tail_window_of_24h": Tried(Move(tail=0.05), rows=300, width=24),
}


def power(seeds: Sequence[int], fleet: Fleet, names: Sequence[str] = tuple(TRIED)) -> dict[str, Any]:
    """The share of moved segments that is found, by what had moved; and how many findings are false."""
    figures: dict[str, Any] = {}
    findings = false = 0
    for name in names:
        tried, shares = TRIED[name], []
        for seed in seeds:
            count = max(round(_MOVED_SHARE * fleet.cells), 1)
            cells = np.random.default_rng((seed, 5)).choice(fleet.cells, count, replace=False).tolist()
            move = replace(tried.move, cells=cells, features=_MOVED_FEATURES)
            moved = replace(fleet, rows=tried.rows // fleet.devices, moves=(move,), seed=seed)
            share, right, wrong = simulated(
                moved, partial(_found, hours=tried.hours), width=tried.width, weeks=tried.weeks
            )
            shares.append(share)
            findings, false = findings + right + wrong, false + wrong
        figures[name] = round(float(np.mean(shares)), 4)
    return figures | {"false_share_found": round(false / max(findings, 1), 4), "findings": findings}


def _found(simulation: Simulation, hours: int) -> tuple[float, int, int]:
    """The share of moved cells that were called drifted; findings with a moved cell, and without."""
    moved = {simulation.fleet.segment(cell) for cell in simulation.fleet.moves[0].cells}
    found: set[str] = set()
    right = wrong = 0
    for result in simulation.hours(range(hours)):
        found |= {e.segment for e in result.evaluations if e.verdict == "drifted" and e.segment in moved}
        for segment in map(Segment.parse, result.findings):
            true = any(segment.contains(Segment.parse(key)) for key in moved)
            right, wrong = right + true, wrong + (not true)
    return len(found) / len(moved), right, wrong


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
    """Alerts of a week in which nothing drifts, though devices and days differ."""
    whole = replace(fleet, versions=4, types=19, regions=19, correlation=0.05, jitter=0.05)
    rung = [
        simulated(replace(whole, seed=seed), lambda simulation: _rung(simulation, hours)) for seed in seeds
    ]
    return {"incidents_per_week": round(float(np.mean(rung)) * 168 / hours, 3), "hours": hours * len(seeds)}


def _rung(simulation: Simulation, hours: int) -> int:
    for _ in simulation.hours(range(hours)):
        pass
    return simulation.rung()


EXPERIMENTS: dict[str, Callable[..., dict[str, Any]]] = {
    "nuisance": nuisance,
    "power": power,
    "storm": storm,
    "week": week,
}


def main() -> None:
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=formatter)
    parser.add_argument("--json", action="store_true", help="print nothing but one JSON object")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], help="(default: 1 2 3)")
    parser.add_argument("--experiments", nargs="+", choices=EXPERIMENTS, default=list(EXPERIMENTS))
    parser.add_argument("--hours", type=int, default=24, help="of the week (default: %(default)s)")
    options = parser.parse_args()
    figures: dict[str, Any] = {}
    for name in options.experiments:
        more = {"hours": options.hours} if name == "week" else {}
        figures |= EXPERIMENTS[name](options.seeds, Fleet(seed=0), **more)
    if options.json:
        print(json.dumps(figures))
        return
    for setting, answer in figures.pop("by_setting", {}).items():
        print(f"{setting:24} size {answer['size']:.4f}  called drifted {answer['false']:.5f}")
    for name, value in figures.items():
        print(f"{name:28} {value:g}")


if __name__ == "__main__":
    main()
