"""How single devices are told of: by their strongest feature, apart from what is judged of segments."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from driftline_collector.alerts.rules import evaluations_of
from driftline_collector.analysis.evaluate import Policy, evaluate
from driftline_collector.analysis.evaluation import Evaluation
from driftline_collector.analysis.windows import Window
from driftline_collector.store.duckdb import DuckDBStore
from driftline_schemas.binning import DURATION, DURATION_EDGES
from driftline_schemas.segments import Segment

from tests.analysis.fleet import MODEL, Camera, Feed, healthy, shifted, window

CAMERAS = [Camera(f"cam-{i}", device_type=f"camera-{'ab'[i % 2]}") for i in range(6)]


def judged(store: DuckDBStore) -> dict[str, Evaluation]:
    """Device → its row, in the first window."""
    when = Window(*window(0))
    result = evaluate(store, MODEL, when, Policy(), now_ns=when.end_ns)
    rows = [e for e in result.evaluations if e.measure == "device"]
    found = {str(Segment.parse(e.segment)["device"]): e for e in rows}
    assert len(found) == len(rows)
    return found


def told(row: Evaluation) -> Mapping[str, Any]:
    assert row.details is not None
    return row.details


def test_a_device_that_moved_is_told_with_its_strongest_feature(store: DuckDBStore, feed: Feed) -> None:
    rng = np.random.default_rng(7)
    for i, camera in enumerate(CAMERAS):
        values = healthy(400, rng)
        feed.window(camera, 0, shifted(values, 1.5, ["x03"]) if i == 4 else values, escalated=i)
    feed.commit()
    found = judged(store)
    assert {name: row.verdict for name, row in found.items()} == {
        f"cam-{i}": "drifted" if i == 4 else "stable" for i in range(6)
    }
    assert told(found["cam-4"])["strongest"] == "x03"
    assert found["cam-4"].value == max(row.value or 0.0 for row in found.values())
    assert (told(found["cam-5"])["predictions"], told(found["cam-5"])["escalations"]) == (400, 5)
    assert found["cam-0"].coverage == 1.0
    assert found["cam-0"].segment.startswith(
        f"model={MODEL},version=2.0.0,device_type=camera-a,region=eu,device="
    )


def test_a_device_with_few_rows_or_without_a_reference_is_not_judged(store: DuckDBStore, feed: Feed) -> None:
    rng = np.random.default_rng(8)
    feed.window(CAMERAS[0], 0, shifted(healthy(20, rng), 3.0))
    feed.window(Camera("new", version="9.9.9"), 0, healthy(400, rng))
    feed.window(Camera("idle"), 0, {name: column[:0] for name, column in healthy(1, rng).items()})
    feed.commit()
    found = judged(store)
    assert found["cam-0"].verdict == "insufficient_data"
    assert found["new"].verdict == "no_reference"
    assert found["new"].n == 400
    assert (found["idle"].verdict, found["idle"].value, found["idle"].n) == ("no_reference", None, 0)


def test_latency_is_that_of_all_traffic_of_the_device(store: DuckDBStore, feed: Feed) -> None:
    rng = np.random.default_rng(9)
    feed.window(CAMERAS[0], 0, healthy(400, rng))
    feed.window(CAMERAS[1], 0, healthy(400, rng))
    start, end = window(0)
    counts = [0] * (len(DURATION_EDGES) + 1)
    place = int(np.searchsorted(DURATION_EDGES, 0.05))
    counts[place] = 400
    common = {**CAMERAS[1].dimensions(), "start_ns": start, "end_ns": end}
    feed.rows.append(
        {**common, "feature": DURATION, "kind": "numeric", "counts": counts, "binning": "unregistered"}
    )
    feed.commit()
    found = judged(store)
    assert told(found["cam-0"])["latency_p95"] is None
    low, high = DURATION_EDGES[place - 1], DURATION_EDGES[place]
    assert told(found["cam-1"])["latency_p95"] == pytest.approx(low + 0.95 * (high - low))


def test_rows_of_devices_make_no_alerts(store: DuckDBStore, feed: Feed) -> None:
    feed.window(CAMERAS[0], 0, shifted(healthy(400, np.random.default_rng(10)), 3.0))
    feed.commit()
    when = Window(*window(0))
    table = evaluate(store, MODEL, when, Policy(), now_ns=when.end_ns).table()
    of_devices = [e for e in evaluations_of(table) if e.measure == "device"]
    assert [e.verdict for e in of_devices] == ["drifted"]
    assert not any(e.finding for e in of_devices)
