"""Where there is nothing to tell a drift by: too few rows, no reference, nobody there."""

from typing import Any

import numpy as np
import pytest
from driftline_collector.store.duckdb import DuckDBStore
from driftline_schemas.binning import LABEL
from driftline_schemas.reference import Reference

from tests.analysis import fleet
from tests.analysis.fleet import (
    CAMERAS,
    FLEET,
    MODEL,
    Camera,
    Feed,
    drift_of,
    feed_all,
    healthy,
    judge,
    reason,
    shifted,
    verdict,
    window,
)


@pytest.mark.parametrize("rows", [1, 12])
def test_a_few_rows_are_insufficient_data(store: DuckDBStore, feed: Feed, rows: int) -> None:
    feed_all(feed, rows, lambda values: shifted(values, 5.0))
    result = judge(store)
    assert verdict(result) == "insufficient_data"
    assert f"{4 * rows} rows are too few" in reason(result)


def test_idle_devices_are_insufficient_data_and_not_silent(store: DuckDBStore, feed: Feed) -> None:
    feed_all(feed, 0)
    result = judge(store)
    assert verdict(result) == "insufficient_data"
    assert "idle" in reason(result)
    measures = {e.measure: e.value for e in result.evaluations if e.segment == FLEET}
    assert measures["coverage"] == 1
    assert measures["silent_devices"] == 0


@pytest.mark.parametrize("missing", [0, 300])
def test_a_window_without_a_single_value_of_a_feature_is_judged_all_the_same(
    store: DuckDBStore, feed: Feed, reference: Reference, missing: int
) -> None:
    """Nothing at all, or nothing but missing values: there is no histogram of the feature then."""
    for camera in CAMERAS:
        common: dict[str, Any] = {**camera.dimensions(), "binning": reference.binning.id}
        start, end = window(0)
        common |= {"start_ns": start, "end_ns": end}
        feed.point(common, LABEL, "predictions", [missing], "7")
        if missing:
            feed.point(common, "x00", "missing", [missing])
    feed.commit()
    result = judge(store)
    assert verdict(result) == ("drifted" if missing else "insufficient_data")
    if missing:
        assert verdict(result, feature="x00") == "drifted"
        assert verdict(result, feature="x01") == "insufficient_data"


def test_a_binning_that_no_reference_is_on_is_no_reference(store: DuckDBStore, feed: Feed) -> None:
    other = fleet.reference(np.random.default_rng(99))
    elsewhere = Feed(store, other.binning)
    rng = np.random.default_rng(5)
    for number in (0, 1):
        for camera in CAMERAS:
            elsewhere.window(camera, number, healthy(300, rng))
    elsewhere.commit()
    assert verdict(judge(store, 1)) == "no_reference"


def test_the_first_window_of_a_version_without_a_reference_is_a_new_segment(
    store: DuckDBStore, feed: Feed
) -> None:
    rng = np.random.default_rng(5)
    for number in (0, 1):
        feed.window(CAMERAS[0], number, healthy(300, rng))
        feed.window(Camera("new", version="3.0.0"), number, healthy(300, rng))
    feed.commit()
    of_version = f"model={MODEL},version=3.0.0,device_type=*,region=*"
    assert verdict(judge(store, 0), of_version) == "new_segment"
    assert verdict(judge(store, 1), of_version) == "no_reference"
    assert verdict(judge(store, 1)) == "stable"
    assert "300 predictions without a reference are left out" in reason(judge(store, 1))


def test_without_any_binning_predictions_are_still_seen(store: DuckDBStore, feed: Feed) -> None:
    bare = Feed(store, None)
    for number in (0, 1):
        bare.window(CAMERAS[0], number, healthy(300, np.random.default_rng(5)))
    bare.commit()
    result = judge(store, 1)
    assert verdict(result) == "no_reference"
    assert drift_of(result).n == 300


def test_devices_that_fall_silent_have_vanished_and_have_not_drifted(store: DuckDBStore, feed: Feed) -> None:
    rng = np.random.default_rng(5)
    there, gone = Camera("there"), Camera("gone", region="us")
    feed.window(there, 0, healthy(300, rng))
    feed.window(gone, 0, healthy(300, rng))
    for number in (1, 2, 3, 4, 5, 6):
        feed.window(there, number, healthy(300, rng))
    feed.commit()
    region = f"model={MODEL},version=*,device_type=*,region=us"
    for number in (1, 6):  # also when it is no longer waited for
        result = judge(store, number)
        assert verdict(result, region) == "vanished"
        assert verdict(result) == "stable"
        measures = {e.measure: e.value for e in result.evaluations if e.segment == FLEET}
        assert measures["coverage"] == 0.5
        assert measures["silent_devices"] == 1
    fleet.say_goodbye(store, gone, window(1)[0])
    result = judge(store, 6)
    assert not [e for e in result.evaluations if e.segment == region and e.verdict == "vanished"]


def test_a_device_under_a_new_version_has_not_vanished_from_its_old_one(
    store: DuckDBStore, feed: Feed
) -> None:
    rng = np.random.default_rng(5)
    camera = Camera("cam", version="1.9.0")
    feed.window(camera, 0, healthy(300, rng))
    feed.window(fleet.on(camera, "2.0.0"), 1, healthy(300, rng))
    feed.commit()
    result = judge(store, 1)
    assert "vanished" not in {e.verdict for e in result.evaluations}
    assert {e.value for e in result.evaluations if e.measure == "coverage"} == {1.0}


def test_half_a_window_is_half_the_coverage(store: DuckDBStore, feed: Feed) -> None:
    rng = np.random.default_rng(5)
    feed.window(CAMERAS[0], 0, healthy(300, rng))
    feed.window(CAMERAS[0], 1, healthy(300, rng), until=0.5)
    feed.commit()
    assert drift_of(judge(store, 1)).coverage == 0.5
