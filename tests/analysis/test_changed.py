"""What changed where something drifted: through a real store, as the collector judges."""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from driftline_collector.analysis.evaluate import Policy, evaluate
from driftline_collector.analysis.evaluation import Evaluation, WindowResult
from driftline_collector.analysis.windows import Window
from driftline_collector.store.duckdb import DuckDBStore

from tests.analysis.fleet import MODEL, WIDTH, Camera, Feed, healthy, shifted, window

FLEET = f"model={MODEL},version=*,device_type=*,region=*"
CAMERA_B = f"model={MODEL},version=*,device_type=camera-b,region=*"
CAMERAS = [
    Camera(f"cam-{i:02d}", device_type=kind, region=region)
    for i, (kind, region, _) in enumerate(product(("camera-a", "camera-b"), ("eu", "us"), range(3)))
]
BEGINS = 4


def judged(store: DuckDBStore, number: int) -> WindowResult:
    """The result for a window, which the store then has."""
    one = Window(*window(number))
    result = evaluate(store, MODEL, one, Policy(), now_ns=one.end_ns)
    store.submit({"evaluations": result.table()}).result(30)
    return result


def history(
    store: DuckDBStore,
    feed: Feed,
    moved: Sequence[Camera],
    *,
    windows: int = 6,
    begins: int = BEGINS,
    by: float = 1.5,
) -> WindowResult:
    """The last of some windows, in which some cameras see another `x00` from one of them on."""
    rng = np.random.default_rng(5)
    for number in range(windows):
        for camera in CAMERAS:
            values: Mapping[str, Any] = healthy(120, rng)
            if camera in moved and number >= begins:
                values = shifted(values, by, ["x00"])
            feed.window(camera, number, values)
        feed.commit()
        result = judged(store, number)
    return result


def row(result: WindowResult, segment: str, feature: str | None = None) -> Evaluation:
    (found,) = (
        e for e in result.evaluations if (e.segment, e.feature, e.measure) == (segment, feature, "drift")
    )
    return found


def changed(result: WindowResult, segment: str) -> Mapping[str, Any]:
    details = row(result, segment).details
    assert details is not None
    found: Mapping[str, Any] = details["changed"]
    return found


def of_type(name: str) -> list[Camera]:
    return [camera for camera in CAMERAS if camera.device_type == name]


def test_a_feature_that_drifted_says_in_which_direction_and_between_which_bins(
    store: DuckDBStore, feed: Feed
) -> None:
    result = history(store, feed, CAMERAS, windows=1, begins=0)
    details = row(result, FLEET, "x00").details
    assert details is not None
    assert details["direction"] == "higher"
    assert details["gained"][0]["now"] > details["gained"][0]["reference"]
    assert details["lost"][0]["now"] < details["lost"][0]["reference"]
    assert "direction" not in (row(result, FLEET, "x05").details or {})


def test_a_finding_says_when_it_began_in_whose_devices_and_how_much_each_adds(
    store: DuckDBStore, feed: Feed
) -> None:
    result = history(store, feed, of_type("camera-b"))
    assert result.findings == (CAMERA_B,)
    found = changed(result, CAMERA_B)
    start, end = window(BEGINS)
    onset = found["onset"]
    assert abs(onset["at_ns"] - start) < WIDTH / 4
    assert onset["earliest_ns"] <= start <= onset["latest_ns"] < end
    assert found["feature"] == "x00"
    assert found["attribution"]["cause"] == "device"
    assert found["attribution"]["what"] == "device_type=camera-b"
    devices = [each["device"] for each in found["contributors"]]
    assert set(devices) == {camera.name for camera in of_type("camera-b")}
    assert sum(each["share"] for each in found["contributors"]) == pytest.approx(1.0)
    assert found["deployments"] == []


def test_a_drift_that_is_there_from_the_first_window_on_began_then_or_before(
    store: DuckDBStore, feed: Feed
) -> None:
    result = history(store, feed, CAMERAS, windows=3, begins=0)
    onset = changed(result, FLEET)["onset"]
    assert onset["at_ns"] is None
    assert onset["earliest_ns"] is None
    assert onset["first_ns"] == window(0)[0]


def test_a_deployment_next_to_the_onset_is_named_and_makes_it_a_release(
    store: DuckDBStore, feed: Feed
) -> None:
    moved = of_type("camera-b")
    told = [
        {
            **camera.dimensions(),
            "received_ns": window(BEGINS)[0],
            "time_ns": window(BEGINS)[0] - WIDTH // 20,
            "kind": "firmware",
            "from_version": "4.1",
            "to_version": "4.2",
        }
        for camera in moved
    ]
    store.submit({"deployments": pa.Table.from_pylist(told)}).result(30)
    found = changed(history(store, feed, moved), CAMERA_B)
    assert found["attribution"]["cause"] == "release"
    assert found["attribution"]["what"] == "deployment=firmware 4.1 → 4.2"
    (deployment,) = found["deployments"]
    assert (deployment["kind"], deployment["before"], deployment["after"]) == ("firmware", "4.1", "4.2")
    assert deployment["devices"] == len(moved)


def test_the_same_shift_on_all_devices_is_a_population(store: DuckDBStore, feed: Feed) -> None:
    found = changed(history(store, feed, CAMERAS, windows=2, begins=1), FLEET)
    assert (found["attribution"]["cause"], found["attribution"]["what"]) == ("population", "all devices")
    assert len(found["contributors"]) == 10  # of twelve


def test_a_drift_that_ended_and_came_again_began_the_second_time(store: DuckDBStore, feed: Feed) -> None:
    rng = np.random.default_rng(6)
    for number in range(9):
        for camera in CAMERAS:
            values: Mapping[str, Any] = healthy(120, rng)
            if number in (1, 2, 7, 8):
                values = shifted(values, 1.5, ["x00"])
            feed.window(camera, number, values)
        feed.commit()
        result = judged(store, number)
    onset = changed(result, FLEET)["onset"]
    assert onset["first_ns"] == window(3)[0]
    assert abs(onset["at_ns"] - window(7)[0]) < WIDTH / 4


def test_nothing_is_said_to_have_changed_where_nothing_drifted(store: DuckDBStore, feed: Feed) -> None:
    result = history(store, feed, [], windows=1)
    assert not [e for e in result.evaluations if "changed" in (e.details or {})]
