"""A drift from window to window: how long it goes on, and what tells that it is over."""

import numpy as np
import pytest
from driftline_collector.store.duckdb import DuckDBStore

from tests.analysis import fleet
from tests.analysis.fleet import (
    CAMERAS,
    FLEET,
    MODEL,
    Camera,
    Feed,
    drift_of,
    healthy,
    judge,
    reason,
    shifted,
    verdict,
    window,
)


@pytest.mark.parametrize(("between", "since"), [("few rows", 0), ("nothing", 0), ("mended", 2)])
def test_a_drift_goes_on_over_a_window_that_cannot_tell_and_not_over_one_that_is_healthy(
    store: DuckDBStore, feed: Feed, between: str, since: int
) -> None:
    rng = np.random.default_rng(5)
    windows = {0: shifted(healthy(300, rng), 1.0), 2: shifted(healthy(300, rng), 1.0)}
    if between == "few rows":
        windows[1] = shifted(healthy(20, rng), 1.0)
    elif between == "mended":
        windows[1] = healthy(300, rng)
    for number, values in windows.items():
        feed.window(CAMERAS[0], number, values)
    feed.commit()
    for number in range(3):
        result = judge(store, number)
        store.submit({"evaluations": result.table()}).result(30)
    assert result.findings == (FLEET,)
    assert drift_of(result).since_ns == window(since)[0]


def test_the_end_of_a_drift_is_not_believed_on_the_few_who_come_back_first(
    store: DuckDBStore, feed: Feed
) -> None:
    rng = np.random.default_rng(5)
    for camera in CAMERAS:
        feed.window(camera, 0, shifted(healthy(300, rng), 1.0))
    feed.window(CAMERAS[0], 1, healthy(300, rng))
    feed.commit()
    store.submit({"evaluations": judge(store).table()}).result(30)
    first = judge(store, 1)
    assert verdict(first) == "insufficient_data"
    assert (
        reason(first) == "seems to be well again, but only 25% of the expected device time has been reported"
    )
    for camera in CAMERAS[1:]:
        feed.window(camera, 1, healthy(300, rng))
    feed.commit()
    assert verdict(judge(store, 1)) == "stable"


def test_a_drift_is_over_once_what_had_moved_has_moved_back_not_where_rows_are_too_few_to_show_it(
    store: DuckDBStore, feed: Feed
) -> None:
    rng = np.random.default_rng(5)
    for number, (rows, by) in enumerate([(300, 1.0), (13, 0.65), (300, 0.0)]):
        for camera in CAMERAS:
            feed.window(camera, number, shifted(healthy(rows, rng), by, ["x03"]))
    feed.commit()
    results = []
    for number in range(3):
        results.append(judge(store, number))
        store.submit({"evaluations": results[-1].table()}).result(30)
    # The few rows show no drift by themselves, but neither that it is over; merged with those before they do.
    assert [verdict(result) for result in results] == ["drifted", "drifted", "stable"]
    assert reason(results[1]) == "moved: x03 (over 2 windows)"


def test_a_drift_is_over_though_another_that_began_beside_it_goes_on(store: DuckDBStore, feed: Feed) -> None:
    """A version drifts on a third of the cameras of every type while one type is mended."""
    rng = np.random.default_rng(5)
    fleet.register(store, fleet.reference(rng, "1.9.0", feed.binning))
    cameras = [
        Camera(f"{kind}-{i}", device_type=kind, version="2.0.0" if i % 3 else "1.9.0")
        for kind in ("mended", "other")
        for i in range(9)
    ]
    for number in range(3):
        for camera in cameras:
            rolled_out = camera.version == "1.9.0" and number > 0
            degraded = camera.device_type == "mended" and number < 2
            values = shifted(healthy(300, rng), 2.0 if rolled_out else 0.0, ["x03", "x04"])
            feed.window(camera, number, shifted(values, 2.0 if degraded else 0.0, ["x03", "x05"]))
    feed.commit()
    results = []
    for number in range(3):
        results.append(judge(store, number))
        store.submit({"evaluations": results[-1].table()}).result(30)
    of_type = f"model={MODEL},version=*,device_type=mended,region=*"
    of_version = f"model={MODEL},version=1.9.0,device_type=*,region=*"
    assert [set(result.findings) for result in results] == [{of_type}, {of_type, of_version}, {of_version}]
    assert verdict(results[-1], of_type) == "stable"


def test_a_revision_that_cannot_tell_takes_the_place_of_a_verdict(store: DuckDBStore, feed: Feed) -> None:
    rng = np.random.default_rng(5)
    feed.window(CAMERAS[0], 0, shifted(healthy(300, rng), 1.0))
    feed.commit()
    store.submit({"evaluations": judge(store).table()}).result(30)
    assert store.drifted(MODEL, *window(0)).column("segment").to_pylist()
    for camera in CAMERAS[1:]:
        feed.window(camera, 0, healthy(0, rng), until=0.1)
    feed.commit()
    second = judge(store)
    assert verdict(second) == "insufficient_data"
    store.submit({"evaluations": second.table()}).result(30)
    assert store.drifted(MODEL, *window(0)).num_rows == 0
