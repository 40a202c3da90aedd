"""The A/A ledger: data of which nothing drifts, played through the live rules, and what they say of it.

Half of what there is becomes the reference, the other half is judged against it, window by window, by the
same scheduler, verdicts and alert as in a collector, in a store that is gone afterwards. Whatever rings is
false. How many would ring in a week is told beside what is promised, with the interval that so much time
allows (a Poisson rate's, Garwood 1936).
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import pyarrow as pa
from scipy import special

from driftline_collector.alerts.messages import Links
from driftline_collector.alerts.pipeline import AlertPipeline
from driftline_collector.alerts.rules import Rule
from driftline_collector.analysis.evaluate import Policy
from driftline_collector.scheduler import Scheduler
from driftline_collector.store.duckdb import DuckDBStore

HOUR_NS = 3600 * 10**9
WEEK_NS = 168 * HOUR_NS
#: False incidents in a week of a fleet, at most: of one of 2,000 segments with 10 features, too.
PROMISED_PER_WEEK = 1.0
_LATENESS_NS = 600 * 10**9
_LEVEL = 0.95
_MANY = 10**6


class Held(Protocol):
    """What is replayed: windows of `width_ns`, whose profiles come in the order of their time."""

    @property
    def model(self) -> str:
        """Whose they are."""

    @property
    def width_ns(self) -> int:
        """How long a window is."""

    def references(self) -> pa.Table:
        """Rows of `model_references`, made of the half that is the reference."""

    def windows(self) -> Iterator[tuple[int, pa.Table]]:
        """The end of each window of the other half, and its rows of `profiles`."""


@dataclass(frozen=True, slots=True)
class Incident:
    """An alert that rang: where, for which window, and which features had moved."""

    segment: str
    window_start_ns: int
    features: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """What was promised and what was observed, in false incidents a week.

    `segments` is how many there were at most, `tests` how many features of segments had a verdict.
    `at_least` and `at_most` hold the true rate with 95% each. The promise is `kept` where it lies above
    these, `broken` where it lies below, and `open` in between: then more weeks would tell.
    """

    model: str
    windows: int
    weeks: float
    segments: int
    tests: int
    incidents: tuple[Incident, ...]
    promised: float
    observed: float
    at_least: float
    at_most: float
    answer: Literal["kept", "open", "broken"]


def replay(held: Held, policy: Policy | None = None) -> Ledger:
    """Play all windows, and count what rings. Raises StoreError where there is no room for it."""
    with tempfile.TemporaryDirectory(prefix="driftline-replay-") as folder:
        store = DuckDBStore(Path(folder) / "driftline.duckdb")
        try:
            return _played(held, store, policy or Policy())
        finally:
            store.close()


def _played(held: Held, store: DuckDBStore, policy: Policy) -> Ledger:
    store.submit({"model_references": held.references()}).result()
    now_ns = 0

    def now() -> int:
        return now_ns

    alerts = AlertPipeline(store, [Rule(name="drift", measure="drift")], (), now=now, links=Links())
    scheduler = Scheduler(
        store,
        alerts.observe,
        policy,
        width_ns=held.width_ns,
        lateness_ns=min(_LATENESS_NS, held.width_ns),
        history_ns=52 * WEEK_NS,
        now=now,
    )
    windows = tests = segments = 0
    incidents: list[Incident] = []
    rung: set[str] = set()
    for end_ns, profiles in held.windows():
        store.submit({"profiles": profiles}).result()
        windows += 1
        now_ns = end_ns + min(_LATENESS_NS, held.width_ns)
        for result in scheduler.tick():
            drift = [e for e in result.evaluations if e.measure == "drift"]
            segments = max(segments, sum(e.feature is None for e in drift))
            tests += sum(e.feature is not None and e.p is not None for e in drift)
            moved = {e.segment: (e.details or {}).get("moved", ()) for e in drift if e.finding}
            for row in store.alerts(limit=_MANY).to_pylist():
                if row["id"] not in rung:
                    rung.add(row["id"])
                    names = tuple(moved.get(row["segment"], ()))
                    incidents.append(Incident(row["segment"], result.start_ns, names))
    weeks = windows * held.width_ns / WEEK_NS
    low, high = interval(len(incidents), weeks)
    return Ledger(
        model=held.model,
        windows=windows,
        weeks=weeks,
        segments=segments,
        tests=tests,
        incidents=tuple(incidents),
        promised=PROMISED_PER_WEEK,
        observed=len(incidents) / weeks if weeks else 0.0,
        at_least=low,
        at_most=high,
        answer="kept" if high <= PROMISED_PER_WEEK else "broken" if low > PROMISED_PER_WEEK else "open",
    )


def interval(incidents: int, weeks: float) -> tuple[float, float]:
    """One-sided 95% bounds of the rate of a Poisson process that rang so often in so many weeks.

    >>> [round(float(bound), 3) for bound in interval(0, 1.0)]
    [0.0, 2.996]
    """
    if weeks <= 0:
        return 0.0, float("inf")
    low = float(special.gammaincinv(incidents, 1 - _LEVEL)) if incidents else 0.0
    return low / weeks, float(special.gammaincinv(incidents + 1, _LEVEL)) / weeks
