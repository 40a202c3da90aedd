"""Where a model runs on several tiers of the edge, each is a segment; the cloud is judged apart."""

from collections.abc import Sequence
from itertools import product

import numpy as np
from driftline_collector.analysis.counts import Cell
from driftline_collector.analysis.evaluate import Policy, evaluate
from driftline_collector.analysis.evaluation import WindowResult
from driftline_collector.analysis.segments import Lattice
from driftline_collector.analysis.windows import Window
from driftline_collector.store.duckdb import DuckDBStore
from driftline_schemas.segments import Segment

from tests.analysis.fleet import MODEL, Camera, Feed, healthy, shifted, window

FLEET = f"model={MODEL},version=*,device_type=*,region=*"
ON_DEVICES, ON_GATEWAYS = "device_edge", "network_edge"


def on_both_tiers() -> list[Camera]:
    """Two types in two regions, on devices and on gateways, three of a kind."""
    kinds = product("ab", ("eu", "us"), (ON_DEVICES, ON_GATEWAYS), range(3))
    return [
        Camera(f"{tier}-{kind}-{region}-{i}", device_type=f"camera-{kind}", region=region, tier=tier)
        for kind, region, tier, i in kinds
    ]


def judged(store: DuckDBStore, feed: Feed, cameras: Sequence[Camera], moved: str = "") -> WindowResult:
    """A window in which those on one tier may see something else."""
    rng = np.random.default_rng(21)
    for camera in cameras:
        feed.window(camera, 0, shifted(healthy(100, rng), float(camera.tier == moved)), escalated=3)
    feed.commit()
    span = Window(*window(0))
    return evaluate(store, MODEL, span, Policy(), now_ns=span.end_ns)


def told(result: WindowResult, measure: str) -> dict[Segment, str | None]:
    return {
        Segment.parse(e.segment): e.verdict
        for e in result.evaluations
        if e.measure == measure and e.feature is None
    }


def test_a_drift_of_all_gateways_is_found_as_that_tier_and_nothing_else(
    store: DuckDBStore, feed: Feed
) -> None:
    result = judged(store, feed, on_both_tiers(), moved=ON_GATEWAYS)
    assert result.findings == (f"{FLEET},tier={ON_GATEWAYS}",)
    (changed,) = (found for e in result.evaluations if (found := (e.details or {}).get("changed")))
    assert changed["attribution"]["what"] == f"tier={ON_GATEWAYS}"
    assert told(result, "drift")[Segment.parse(f"{FLEET},tier={ON_DEVICES}")] == "stable"


def test_every_measure_is_told_of_each_tier(store: DuckDBStore, feed: Feed) -> None:
    result = judged(store, feed, on_both_tiers())
    for measure in ("drift", "coverage", "silent_devices", "escalation_rate", "quality"):
        for tier in (ON_DEVICES, ON_GATEWAYS):
            assert Segment.parse(f"{FLEET},tier={tier}") in told(result, measure), measure


def test_types_that_are_each_of_one_tier_are_not_told_twice(store: DuckDBStore, feed: Feed) -> None:
    cameras = [
        Camera(f"{region}-{i}", device_type="ab"[i % 2], region=region, tier=(ON_DEVICES, ON_GATEWAYS)[i % 2])
        for region in ("eu", "us")
        for i in range(4)
    ]
    of_tiers = [segment for segment in told(judged(store, feed, cameras), "drift") if segment["tier"]]
    assert len(of_tiers) == 2 * 3 * 2  # each with a region or all, with the version or all
    assert not any(segment["device_type"] for segment in of_tiers)


def test_where_all_are_of_one_tier_no_segment_names_it(store: DuckDBStore, feed: Feed) -> None:
    cameras = [camera for camera in on_both_tiers() if camera.tier == ON_DEVICES]
    assert not any(segment["tier"] for segment in told(judged(store, feed, cameras), "drift"))


def test_the_cloud_is_judged_apart_from_both(store: DuckDBStore, feed: Feed) -> None:
    answering = [Camera(f"oracle-{i}", device_type="server", tier="cloud") for i in range(3)]
    result = judged(store, feed, [*on_both_tiers(), *answering], moved="cloud")
    assert result.findings == (f"{FLEET},tier=cloud",)
    assert told(result, "drift")[Segment.parse(FLEET)] == "stable"


def test_rows_of_one_tier_are_told_by_the_names_of_the_whole_lattice() -> None:
    cells = [Cell("1", "a", "eu", tier) for tier in (ON_DEVICES, ON_GATEWAYS)]
    namings = Lattice.of(cells).namings
    keys = Lattice.of(cells[1:], namings=namings).keys("m")
    assert f"model=m,version=*,device_type=*,region=*,tier={ON_GATEWAYS}" in keys
    assert set(keys) < set(Lattice.of(cells).keys("m"))
