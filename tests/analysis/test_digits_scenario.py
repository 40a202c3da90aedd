"""The course of the digits fleet, window by window, as the collector judges it: exactly the true causes.

Real images, real models and the cameras of examples/digits_fleet; 36 devices, two of each version, type and
region; windows of 5 s with some 60 rows of each device. Causes begin and end in the midst of windows.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from driftline_collector.analysis.evaluate import Policy
from driftline_collector.analysis.evaluation import WindowResult
from driftline_collector.scheduler import Scheduler
from driftline_collector.store.duckdb import DuckDBStore
from driftline_schemas.binning import LABEL, SCORE
from driftline_schemas.reference import Reference
from driftline_schemas.segments import Segment

from examples.digits_fleet import models
from examples.digits_fleet.camera import take_frames
from examples.digits_fleet.features import NAMES, summarise
from examples.digits_fleet.plan import DeviceSpec, make_fleet
from examples.digits_fleet.references import build_references, reference_path
from tests.analysis.fleet import MODEL, SECOND, WIDTH, Camera, Feed, register, say_goodbye, window

CAMERA_B = f"model={MODEL},version=*,device_type=camera-b,region=*"
MISTAKE = f"model={MODEL},version=2.1.0,device_type=*,region=*"
ROWS = 60
LATENESS = 10 * SECOND


@dataclass
class World:
    """The devices, and what becomes of them."""

    folder: Path
    rng: np.random.Generator

    def __post_init__(self) -> None:
        self.fleet = make_fleet("")
        self.pool = models.Pool.load(self.folder / "pool.npz")
        self.models = {
            version: models.EdgeModel.load(self.folder / f"edge-{version}.npz")
            for version in models.PREPROCESSING
        }

    def seen(self, version: str, rows: int, degraded: float) -> dict[str, Any]:
        """What a device's monitor profiles of so many pictures, a share of them through a bad lens."""
        bad = round(rows * degraded)
        columns: list[dict[str, Any]] = []
        for count, broken in ((bad, True), (rows - bad, False)):
            if count:
                images, _ = self.pool.draw(count, self.rng)
                frames, exposure = take_frames(images, self.rng, degraded=broken)
                inputs = models.PREPROCESSING[version](frames)
                labels, scores = self.models[version].predict(inputs)
                summaries = dict(zip(NAMES, summarise(inputs).T, strict=True))
                columns.append({**summaries, "exposure": exposure, LABEL: labels.astype(str), SCORE: scores})
        return {name: np.concatenate([part[name] for part in columns]) for name in columns[0]}


@dataclass
class Run:
    """The fleet's reports through a store and a scheduler."""

    world: World
    store: DuckDBStore
    feed: Feed

    def __post_init__(self) -> None:
        self.now_ns = window(0)[0]
        self.scheduler = Scheduler(
            self.store,
            lambda evaluations: {},
            Policy(),
            width_ns=WIDTH,
            lateness_ns=LATENESS,
            history_ns=3600 * SECOND,
            now=lambda: self.now_ns,
        )

    def window(
        self,
        number: int,
        *,
        degraded: Callable[[], float] = lambda: 0.0,
        new_from: float = 1.0,
    ) -> WindowResult:
        """One window of all devices.

        Camera-b is degraded for a share of it, which may differ by device; 2.1.0 runs in one region from
        `new_from` on.
        """
        start, end = window(number)
        for spec in self.world.fleet:
            share = degraded() if spec.type == "camera-b" else 0.0
            rows = int(self.world.rng.poisson(ROWS))
            new = round(rows * (1 - new_from)) if spec.region == "ap-south" else 0
            cut = int(start + WIDTH * new_from) if new else end
            if rows - new:
                camera = _camera(spec, spec.version)
                self.feed.add(camera, start, cut, self.world.seen(spec.version, rows - new, share))
                if new:
                    say_goodbye(self.store, camera, cut)
            if new:
                version = models.MISTAKEN_VERSION
                self.feed.add(_camera(spec, version), cut, end, self.world.seen(version, new, share))
        self.now_ns = end
        self.feed.now_ns = end
        self.feed.commit()
        (result,) = self.scheduler.tick()
        return result


def _camera(spec: DeviceSpec, version: str) -> Camera:
    return Camera(spec.id, version, spec.type, spec.region)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("digits")
    models.train_all(folder)
    build_references(folder)
    return folder


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Iterator[Run]:
    store = DuckDBStore(tmp_path / "driftline.duckdb")
    references = [Reference.load(reference_path(trained, version)) for version in models.PREPROCESSING]
    register(store, *references)
    yield Run(World(trained, np.random.default_rng(71)), store, Feed(store, references[0].binning))
    store.close()


def drifted(result: WindowResult) -> list[Segment]:
    return [
        Segment.parse(e.segment)
        for e in result.evaluations
        if e.measure == "drift" and e.feature is None and e.verdict == "drifted"
    ]


def since(result: WindowResult, key: str) -> int | None:
    (found,) = (
        e.since_ns
        for e in result.evaluations
        if e.segment == key and e.measure == "drift" and e.feature is None
    )
    return found


def test_exactly_the_true_causes_are_found_from_their_beginning_to_their_end(run: Run) -> None:
    jitter = run.world.rng
    for number in range(5):
        result = run.window(number)
        assert drifted(result) == []

    # The lens of camera-b goes bad in the last tenth of a window, on one device a little sooner than another.
    onset = run.window(5, degraded=lambda: 0.1 + jitter.normal(0, 0.01))
    assert onset.findings == (CAMERA_B,)
    for number in (6, 7):
        result = run.window(number, degraded=lambda: 1.0)
        assert result.findings == (CAMERA_B,)
        assert all(s["device_type"] in (None, "camera-b") for s in drifted(result))
        assert since(result, CAMERA_B) == window(5)[0]

    # 2.1.0 rolls out to one region in the midst of a window; both causes act for a while.
    rollout = run.window(8, degraded=lambda: 1.0, new_from=0.4)
    assert set(rollout.findings) == {CAMERA_B, MISTAKE}
    for number in (9, 10):
        both = run.window(number, degraded=lambda: 1.0, new_from=0.0)
        assert set(both.findings) == {CAMERA_B, MISTAKE}
        assert since(both, CAMERA_B) == window(5)[0]
        assert since(both, MISTAKE) == window(8)[0]

    # The lens is mended, one device after the other, in the first part of a window.
    mended = run.window(11, degraded=lambda: abs(jitter.normal(0.05, 0.03)), new_from=0.0)
    assert {MISTAKE} <= set(mended.findings) <= {CAMERA_B, MISTAKE}
    for number in (12, 13):
        result = run.window(number, new_from=0.0)
        assert result.findings == (MISTAKE,)
        assert since(result, MISTAKE) == window(8)[0]
        assert all(s["version"] in (None, "2.1.0") for s in drifted(result))
