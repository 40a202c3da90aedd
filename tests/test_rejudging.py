"""A change of what windows are compared with: those of the history are judged anew, once, without alerts."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from driftline_collector import scheduler
from driftline_collector.analysis.evaluate import Policy, evaluate
from driftline_collector.analysis.evaluation import WindowResult
from driftline_collector.analysis.matching import Against
from driftline_collector.analysis.windows import Window
from driftline_collector.scheduler import Scheduler
from driftline_collector.store import transaction
from driftline_collector.store.base import Selection, Tables
from driftline_collector.store.duckdb import DuckDBStore

from benchmarks._simulated_fleet import HOUR, MODEL, START, Fleet

FLEET = f"model={MODEL},version=*,device_type=*,region=*"
#: At the height of its daily cycle all devices have moved from what they have at all hours.
CYCLE = Fleet(types=2, regions=3, features=2, cycle=0.4, seed=7)
NOON, WINDOWS = 5, 2
LATENESS = HOUR // 6


@dataclass
class Judging:
    """A store with the windows of some days, and schedulers as after starts of the collector."""

    store: DuckDBStore
    days: int
    history_ns: int = WINDOWS * HOUR + LATENESS
    judged: list[int] = field(default_factory=list)
    observed: list[pa.Table] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.now_ns = self.first_ns + WINDOWS * HOUR + LATENESS
        self.store.submit({"model_references": CYCLE.references()}).result()
        for day in range(self.days + 1):
            for hour in range(NOON, NOON + WINDOWS):
                self.store.submit({"profiles": CYCLE.hour(day * 24 + hour)}).result()

    @property
    def first_ns(self) -> int:
        return START + (self.days * 24 + NOON) * HOUR

    def gathered(self, day: int) -> int:
        """How many rows are kept of what was counted in a whole day."""
        start_ns = START + day * 24 * HOUR
        binning = CYCLE.reference.binning.id
        found = self.store.cell_counts(MODEL, binning, start_ns, start_ns + 24 * HOUR)
        return sum(sum(counts) for counts in found.column("counts").to_pylist())

    def started(self, against: Against, **other: Against) -> Scheduler:
        self.judged.clear()
        return Scheduler(
            self.store,
            self._observe,
            Policy(against=against, references={MODEL: other["of_model"]} if other else {}),
            width_ns=HOUR,
            lateness_ns=LATENESS,
            history_ns=self.history_ns,
            now=lambda: self.now_ns,
        )

    def _observe(self, evaluations: pa.Table) -> Tables:
        self.observed.append(evaluations)
        return {}

    def said(self, **selection: Any) -> list[tuple[str, str, int]]:
        """Verdict, reference and revision of the whole fleet by window."""
        found = self.store.evaluations(Selection(model=MODEL, measure="drift", segment=FLEET, **selection))
        rows = sorted(found.to_pylist(), key=lambda row: row["window_start_ns"])
        return [(r["verdict"], r["reference"], r["revision"]) for r in rows if r["feature"] is None]


@pytest.fixture
def judging(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], Judging]]:
    """Makes one of so many days; it notes which windows are looked at, one in a tick."""
    made: list[Judging] = []

    def noted(store: Any, model: str, window: Window, *rest: Any, **more: Any) -> WindowResult:
        made[0].judged.append((window.start_ns - made[0].first_ns) // HOUR)
        return evaluate(store, model, window, *rest, **more)

    def of_days(days: int) -> Judging:
        made.append(Judging(DuckDBStore(tmp_path / "driftline.duckdb"), days))
        return made[0]

    monkeypatch.setattr(scheduler, "evaluate", noted)
    monkeypatch.setattr(scheduler, "_ANEW_AT_ONCE", 1)
    monkeypatch.setattr(scheduler, "_AGAIN_FOR_S", 600.0)
    yield of_days
    made[0].store.close()


def test_a_change_of_what_windows_are_compared_with_has_the_history_judged_anew_without_alerts(
    judging: Callable[[int], Judging],
) -> None:
    of = judging(7)
    assert len(of.started("registered").tick()) == WINDOWS
    assert of.said() == [("drifted", f"{MODEL}-1.0", 0)] * WINDOWS
    heard = len(of.observed)
    of.started("rolling").tick()
    assert of.judged == [0], "bit by bit, in order, as each may be the past of later ones"
    of.started("rolling").tick()
    assert of.judged == [1], "from where a killed collector was"
    of.started("rolling").tick()
    assert of.judged == [], "and nothing twice"
    assert of.said() == [("stable", "rolling", 1)] * WINDOWS
    assert of.said(reference="rolling") == [("stable", "rolling", 1)] * WINDOWS
    assert of.said(reference=f"{MODEL}-1.0") == [("drifted", f"{MODEL}-1.0", 0)] * WINDOWS
    back = of.started("rolling", of_model="registered")
    back.tick()
    back.tick()
    assert of.said() == [("drifted", f"{MODEL}-1.0", 2)] * WINDOWS
    assert len(of.observed) == heard


def test_windows_that_have_no_past_are_looked_at_once_and_keep_their_verdict(
    judging: Callable[[int], Judging],
) -> None:
    of = judging(4)
    of.started("registered").tick()
    before = of.said()
    anew = of.started("rolling")
    assert anew.tick() + anew.tick() == []
    assert of.judged == list(range(WINDOWS))
    assert of.said() == before
    of.started("rolling").tick()
    assert of.judged == []
    kept = of.store._read("SELECT count(DISTINCT start_ns) FROM window_counts WHERE end_ns > ?", of.first_ns)
    assert kept.column(0).to_pylist() == [WINDOWS], "what was gathered meanwhile is kept"


def test_what_earlier_collectors_judged_tells_by_its_references_what_it_was_compared_with(
    judging: Callable[[int], Judging], tmp_path: Path
) -> None:
    of = judging(7)
    of.started("rolling").tick()
    of.store.close()
    with duckdb.connect(tmp_path / "driftline.duckdb") as file:
        file.execute("UPDATE evaluations SET details = NULL WHERE measure = 'coverage'")
    of.store = DuckDBStore(tmp_path / "driftline.duckdb")
    of.started("rolling").tick()
    assert of.judged == []
    of.started("registered").tick()
    assert of.judged[:1] == [0]


def test_what_comes_late_counts_among_what_later_windows_are_compared_with(
    judging: Callable[[int], Judging], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [START + (7 * 24 + NOON + WINDOWS) * HOUR]
    monkeypatch.setattr(transaction, "time", SimpleNamespace(time_ns=lambda: clock[0]))
    of = judging(7)
    of.history_ns = 29 * HOUR
    running = of.started("rolling")
    running.tick()
    before = of.gathered(6)
    assert before > 0
    late = CYCLE.hour(6 * 24 + NOON + 1)
    for name in ("stream", "device"):
        others = pc.binary_join_element_wise(late[name], "late", "-")
        late = late.set_column(late.column_names.index(name), name, others)
    clock[0] = of.now_ns
    of.store.submit({"profiles": late}).result()
    for _ in range(2):  # first the window itself, then those that are merged with it
        of.now_ns += 3 * HOUR
        running.tick()
    assert of.gathered(6) == before * (WINDOWS + 1) // WINDOWS
