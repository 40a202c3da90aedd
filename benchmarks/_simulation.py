"""A simulated fleet's hours through store, scheduler and alerts: for `false_alarms`."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

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

from benchmarks._simulated_fleet import HOUR, MODEL, START, Fleet

Answer = TypeVar("Answer")

#: Without any effect that does not matter, p-values are those of "nothing has changed".
NO_EFFECT = Policy(limits=Limits(minimum_effect=0.0))


class Simulation:
    """A fleet's hours in a store of its own, and what is said of them."""

    def __init__(self, fleet: Fleet, folder: Path, policy: Policy | None = None) -> None:
        self.fleet = fleet
        self.store = DuckDBStore(folder / "driftline.duckdb")
        self.store.submit({"model_references": fleet.references()}).result()
        self._now_ns = START
        self._alerts = AlertPipeline(
            self.store, [Rule(name="drift", measure="drift")], (), now=self._now, links=Links()
        )
        self._scheduler = Scheduler(
            self.store,
            self._alerts.observe,
            policy or Policy(),
            width_ns=HOUR,
            lateness_ns=HOUR // 6,
            history_ns=7 * 24 * HOUR,
            now=self._now,
        )

    def _now(self) -> int:
        return self._now_ns

    def hours(self, hours: range) -> Iterator[WindowResult]:
        """The results of these hours, as windows close."""
        for hour in hours:
            self.store.submit({"profiles": self.fleet.hour(hour)}).result()
            self._now_ns = START + (hour + 1) * HOUR + 10**9
            yield from self._scheduler.tick()

    def again(self, hour: int, policy: Policy) -> WindowResult:
        """What another policy says of an hour."""
        window = Window(START + hour * HOUR, START + (hour + 1) * HOUR)
        return evaluate(self.store, MODEL, window, policy, now_ns=self._now_ns)

    def rung(self) -> int:
        """How many alerts have fired so far."""
        return int(self.store.alerts(limit=10**6).num_rows)


def simulated(fleet: Fleet, watch: Callable[[Simulation], Answer], *, policy: Policy | None = None) -> Answer:
    """What `watch` makes of a fleet, in a store that is gone afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        simulation = Simulation(fleet, Path(folder), policy)
        try:
            return watch(simulation)
        finally:
            simulation.store.close()


def first_day(simulation: Simulation) -> tuple[float, float]:
    """The share of p-values of "no effect" below .05, and of features of segments that are called drifted.

    Of the hour of the first day at which a cycle is at its height.
    """
    (result,) = simulation.hours(range(6, 7))
    verdicts = [e.verdict for e in _of_features(result)]
    p = [e.p for e in _of_features(simulation.again(6, NO_EFFECT)) if e.p is not None]
    return float(np.mean(np.array(p) < 0.05)), verdicts.count("drifted") / len(verdicts)


def _of_features(result: WindowResult) -> list[Evaluation]:
    return [e for e in result.evaluations if e.measure == "drift" and e.feature]
