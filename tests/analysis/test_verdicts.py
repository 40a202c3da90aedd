"""What is drift and what is not, in every segment: through a real store, as the collector judges."""

from typing import Any

import numpy as np
import pytest
from driftline_collector.store.duckdb import DuckDBStore
from driftline_schemas.binning import LABEL, SCORE
from driftline_schemas.reference import Reference

from tests.analysis import fleet
from tests.analysis.fleet import (
    CAMERAS,
    FLEET,
    MODEL,
    SECOND,
    Camera,
    Feed,
    drift_of,
    feed_all,
    healthy,
    judge,
    shifted,
    verdict,
    window,
)


def test_healthy_devices_are_stable_in_every_segment_and_feature(store: DuckDBStore, feed: Feed) -> None:
    feed_all(feed, 300)
    result = judge(store)
    assert {e.verdict for e in result.evaluations if e.measure == "drift"} == {"stable"}
    assert result.findings == ()


def test_a_shift_is_drift_of_the_features_that_moved(store: DuckDBStore, feed: Feed) -> None:
    feed_all(feed, 300, lambda values: shifted(values, 1.0, ["x03"]))
    result = judge(store)
    assert verdict(result) == "drifted"
    assert result.findings == (FLEET,)
    drifted = [e for e in result.evaluations if e.segment == FLEET and e.feature and e.verdict == "drifted"]
    assert [e.feature for e in drifted] == ["x03"]
    (moved,) = drifted
    assert moved.lower is not None
    assert moved.value is not None
    assert moved.upper is not None
    assert 0.02 < moved.lower < moved.value < moved.upper
    assert moved.details is not None
    assert len(moved.details["bins"]) == len(moved.details["now"]) == len(moved.details["reference"])
    assert sum(moved.details["now"]) == moved.n == 1200


def test_the_very_rows_of_the_reference_never_drift(store: DuckDBStore, feed: Feed) -> None:
    rng = np.random.default_rng(1)
    same = healthy(fleet.REFERENCE_ROWS, rng)
    feed.window(CAMERAS[0], 0, same)
    feed.window(CAMERAS[1], 0, same)
    feed.commit()
    result = judge(store)
    assert {e.verdict for e in result.evaluations if e.measure == "drift"} == {"stable"}
    assert all(e.lower == 0 for e in result.evaluations if e.feature)


def test_labels_and_scores_are_judged_as_features_are(store: DuckDBStore, feed: Feed) -> None:
    feed_all(feed, 300, lambda values: {**values, LABEL: np.array(["7"] * 300)})
    result = judge(store)
    assert verdict(result, feature=LABEL) == "drifted"
    assert verdict(result, feature=SCORE) == "stable"


def test_all_missing_is_drift(store: DuckDBStore, feed: Feed) -> None:
    feed_all(feed, 300, lambda values: {**values, "x00": np.full(300, np.nan)})
    result = judge(store)
    assert verdict(result, feature="x00") == "drifted"
    assert verdict(result, feature="x05") == "stable"


def test_infinite_values_count_as_missing(store: DuckDBStore, feed: Feed) -> None:
    feed_all(feed, 300, lambda values: {**values, "x00": np.where(np.arange(300) % 2, np.inf, values["x00"])})
    x00 = drift_of(judge(store), feature="x00")
    assert x00.verdict == "drifted"
    assert x00.details is not None
    assert x00.details["now"][-1] >= 600


def test_a_category_that_nobody_knew_is_drift_once_it_is_frequent(store: DuckDBStore, feed: Feed) -> None:
    feed_all(feed, 300, lambda values: {**values, "light": np.array([f"lamp {i}" for i in range(300)])})
    assert verdict(judge(store), feature="light") == "drifted"


def test_a_constant_feature_is_stable_until_it_is_constant_no_more(store: DuckDBStore) -> None:
    rng = np.random.default_rng(6)
    constant = Reference.from_data(
        {"x": np.full(5000, 3.0), "y": rng.normal(size=5000)}, model=MODEL, version="2.0.0"
    )
    fleet.register(store, constant)
    feed = Feed(store, constant.binning)
    for number, value in enumerate((3.0, 3.1)):
        for camera in CAMERAS:
            feed.window(camera, number, {"x": np.full(100, value), "y": rng.normal(size=100)})
    feed.commit()
    same, other = judge(store, 0), judge(store, 1)
    assert verdict(same, feature="x") == "stable"
    assert verdict(other, feature="x") == "drifted"
    assert verdict(other, feature="y") == "stable"


def test_versions_are_compared_with_the_mixture_of_their_references(store: DuckDBStore) -> None:
    """Two healthy versions that answer differently: the fleet is neither of them, and stable."""
    rng = np.random.default_rng(7)

    def answers(version: str, rows: int) -> dict[str, Any]:
        beta = (8, 2) if version == "2.0.0" else (4, 3)
        return {"x": rng.normal(size=rows), SCORE: rng.beta(*beta, size=rows)}

    references: list[Reference] = []
    for version in ("2.0.0", "1.9.0"):
        values = answers(version, 20_000)
        references.append(
            Reference.from_data(
                {"x": values["x"]},
                scores=values[SCORE],
                model=MODEL,
                version=version,
                binning=references[0].binning if references else None,
            )
        )
    fleet.register(store, *references)
    feed = Feed(store, references[0].binning)
    for i in range(8):
        version = "2.0.0" if i % 4 else "1.9.0"
        feed.window(Camera(f"cam-{i}", version=version), 0, answers(version, 300))
    feed.commit()
    result = judge(store)
    assert {e.verdict for e in result.evaluations if e.measure == "drift"} == {"stable"}
    score = drift_of(result, feature=SCORE)
    assert score.phi is not None
    assert score.phi < 2
    assert drift_of(result).reference == "reference-1.9.0,reference-2.0.0"


def test_the_evaluation_says_where_its_dispersion_comes_from(store: DuckDBStore, feed: Feed) -> None:
    feed_all(feed, 300, cameras=CAMERAS[:1])
    assert {e.phi_source for e in judge(store).evaluations if e.feature} == {"none (one device)"}


def test_cloud_and_edge_are_judged_apart(store: DuckDBStore, feed: Feed) -> None:
    rng = np.random.default_rng(5)
    for camera in CAMERAS:
        feed.window(camera, 0, healthy(300, rng))
    cloud = Camera("cloud", tier="cloud", device_type="gpu", region="dc")
    feed.window(cloud, 0, shifted(healthy(3000, rng), 2.0))
    feed.commit()
    result = judge(store)
    assert verdict(result) == "stable"
    assert verdict(result, FLEET + ",tier=cloud") == "drifted"
    assert result.findings == (FLEET + ",tier=cloud",)


def test_data_from_the_future_are_named_and_not_evaluated(store: DuckDBStore, feed: Feed) -> None:
    rng = np.random.default_rng(5)
    wrong = Camera("wrong")
    feed.now_ns = window(0)[1]
    feed.window(CAMERAS[0], 0, healthy(300, rng))
    feed.window(wrong, 200, shifted(healthy(300, rng), 5.0))
    feed.commit()
    result = judge(store, 0, future_tolerance_ns=60 * SECOND)
    assert result.ahead == ("wrong",)
    (row,) = (e for e in result.evaluations if e.segment == FLEET and e.measure == "coverage")
    assert (row.details or {})["clock_ahead"] == ["wrong"]
    feed.now_ns = window(200)[1]
    feed.window(CAMERAS[0], 200, healthy(300, rng))
    feed.commit()
    later = judge(store, 200, future_tolerance_ns=60 * SECOND)
    assert verdict(later) == "stable"
    assert drift_of(later).n == 300


def test_escalations_are_told_with_an_interval(store: DuckDBStore, feed: Feed) -> None:
    rng = np.random.default_rng(5)
    for camera in CAMERAS:
        feed.window(camera, 0, healthy(300, rng), escalated=30)
    feed.commit()
    (rate,) = (e for e in judge(store).evaluations if e.segment == FLEET and e.measure == "escalation_rate")
    assert rate.value == pytest.approx(0.1)
    assert rate.n == 1200
    assert rate.lower is not None
    assert rate.upper is not None
    assert 0.08 < rate.lower < 0.1 < rate.upper < 0.12
