"""Verdicts by the detectors that one may choose: through a real store, as the collector judges."""

import numpy as np
import pytest
from driftline_collector.analysis.detectors.choice import DETECTORS
from driftline_collector.analysis.drift import Limits
from driftline_collector.store.duckdb import DuckDBStore
from driftline_schemas.binning import LABEL

from tests.analysis.fleet import CAMERAS, FLEET, MODEL, Feed, drift_of, feed_all, healthy, judge, shifted


@pytest.mark.parametrize("detector", ["psi", "chi_square", "kolmogorov_smirnov", "neyman_smooth"])
def test_whichever_detector_judges_a_shift_is_drift_and_none_is_not(
    store: DuckDBStore, feed: Feed, detector: str
) -> None:
    rng = np.random.default_rng(5)
    for number, by in enumerate((0.0, 1.0)):
        for camera in CAMERAS:
            feed.window(camera, number, shifted(healthy(300, rng), by, ["x03"]))
    feed.commit()
    limits = Limits(detector=detector)
    well, moved = (judge(store, number, limits=limits) for number in (0, 1))
    assert {e.verdict for e in well.evaluations if e.measure == "drift"} == {"stable"}
    rows = {e.feature: e for e in moved.evaluations if e.segment == FLEET and e.measure == "drift"}
    assert [name for name, e in rows.items() if name and e.verdict == "drifted"] == ["x03"]
    told = {name: e.details or {} for name, e in rows.items()}
    assert told[None]["detector"] == told["x03"]["detector"] == detector
    assert told["x03"]["score"] > told["x04"]["score"] >= 0
    # A category has no order: what needs one leaves it to PSI.
    of_category = detector if detector in ("psi", "chi_square") else "psi"
    assert told["light"]["detector"] == told[LABEL]["detector"] == of_category
    p = {name: e.p for name, e in rows.items()}
    assert p["x03"] is not None
    assert p["x03"] < 1e-3  # four devices are not many to know by how much they differ


def test_a_model_may_have_a_detector_of_its_own(store: DuckDBStore, feed: Feed) -> None:
    feed_all(feed, 300)
    chosen = judge(store, detectors={MODEL: "kolmogorov_smirnov"}, limits=Limits(detector="chi_square"))
    another = judge(store, detectors={"other": "kolmogorov_smirnov"}, limits=Limits(detector="chi_square"))
    for result, detector in ((chosen, "kolmogorov_smirnov"), (another, "chi_square")):
        details = drift_of(result, feature="x00").details
        assert details is not None
        assert details["detector"] == detector


def test_rules_have_the_largest_score_of_the_detectors_that_they_name(store: DuckDBStore, feed: Feed) -> None:
    """A shift by half a standard deviation is 0.5 of them to carry, whatever the verdict's test."""
    rng = np.random.default_rng(5)
    for number, by in enumerate((0.0, 0.5)):
        for camera in CAMERAS:
            feed.window(camera, number, shifted(healthy(500, rng), by, ["x03"]))
    feed.commit()
    every = tuple(DETECTORS)
    scores = []
    for number in (0, 1):
        whole = drift_of(judge(store, number, limits=Limits(scores=every)))
        assert whole.details is not None
        scores.append(whole.details["scores"])
    well, moved = scores
    assert well.keys() == moved.keys() == set(every)
    assert all(moved[name] > 1.5 * well[name] for name in every)
    deviation = np.sqrt(0.5**2 + 0.9**2)
    assert moved["wasserstein"] == pytest.approx(0.5 / deviation, rel=0.1)
    assert moved["kolmogorov_smirnov"] == pytest.approx(0.19, abs=0.03)


def test_a_magnitude_gives_no_verdict(store: DuckDBStore, feed: Feed) -> None:
    feed_all(feed, 300)
    with pytest.raises(ValueError, match="wasserstein has no p-value"):
        judge(store, limits=Limits(detector="wasserstein"))
