"""A scheduler on a real store, with time in the test's hands."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from driftline_collector.analysis.evaluate import Policy
from driftline_collector.analysis.evaluation import WindowResult
from driftline_collector.scheduler import Scheduler
from driftline_collector.store import transaction
from driftline_collector.store.base import Selection, Tables
from driftline_collector.store.duckdb import DuckDBStore
from driftline_schemas.reference import Reference

from tests.analysis import fleet
from tests.analysis.fleet import MODEL, SECOND, WIDTH, Camera, Feed, healthy, window

LATENESS = 10 * SECOND
FLEET = f"model={MODEL},version=*,device_type=*,region=*"
CAMERAS = [Camera(f"cam-{i}") for i in range(3)]


@dataclass
class Setup:
    """A store with a scheduler that sees the test's time, and what it handed to the alerts."""

    store: DuckDBStore
    feed: Feed
    now_ns: int = window(0)[0]
    observed: list[pa.Table] = field(default_factory=list)
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(61))
    history_ns: int = 3600 * SECOND

    def __post_init__(self) -> None:
        self.scheduler = self.started()

    def started(self) -> Scheduler:
        """A scheduler as after a start of the collector."""
        return Scheduler(
            self.store,
            self.observe,
            Policy(),
            width_ns=WIDTH,
            lateness_ns=LATENESS,
            history_ns=self.history_ns,
            now=lambda: self.now_ns,
        )

    def observe(self, evaluations: pa.Table) -> Tables:
        self.observed.append(evaluations)
        return {}

    def report(
        self, number: int, *cameras: Camera, rows: int = 200, change: Callable[[Any], Any] = lambda v: v
    ) -> None:
        """Devices report a window now."""
        for camera in cameras:
            self.feed.window(camera, number, change(healthy(rows, self.rng)))
        self.feed.now_ns = self.now_ns
        self.feed.commit()

    def tick(self, at_ns: int) -> list[WindowResult]:
        self.now_ns = at_ns
        return self.scheduler.tick()

    def stored(self, **selection: Any) -> list[dict[str, Any]]:
        found = self.store.evaluations(Selection(model=MODEL, measure="drift", segment=FLEET, **selection))
        return [row for row in found.to_pylist() if row["feature"] is None]


@cache
def _reference() -> Reference:
    """Of 20,000 rows, which take longer to count than most tests take."""
    return fleet.reference(np.random.default_rng(1))


@contextmanager
def scheduled(folder: Path) -> Iterator[Setup]:
    """On a new store that has a reference."""
    store = DuckDBStore(folder / "driftline.duckdb")
    reference = _reference()
    fleet.register(store, reference)
    yield Setup(store, Feed(store, reference.binning))
    store.close()


def starts(results: list[WindowResult]) -> list[int]:
    return [(result.start_ns - fleet.START) // WIDTH for result in results]


def stamp_by(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the store stamp what it commits with the test's time."""
    monkeypatch.setattr(transaction, "time", SimpleNamespace(time_ns=lambda: setup.now_ns))
    setup.store.writer._transactions._received_ns = 0
