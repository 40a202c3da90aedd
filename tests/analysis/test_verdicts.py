"""A verdict for every segment, whatever the data: through a real store, as the collector judges."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from driftline_collector.analysis.detectors.choice import DETECTORS
from driftline_collector.analysis.drift import Limits
from driftline_collector.analysis.evaluate import Policy, evaluate
from driftline_collector.analysis.evaluation import WindowResult
from driftline_collector.analysis.windows import Window
from driftline_collector.store.duckdb import DuckDBStore
from driftline_schemas.binning import LABEL, SCORE
from driftline_schemas.reference import Reference

from tests.analysis import fleet
from tests.analysis.fleet import MODEL, SECOND, Camera, Feed, healthy, shifted, window

FLEET = f"model={MODEL},version=*,device_type=*,region=*"
CAMERAS = [Camera(f"cam-{i}") for i in range(4)]
Changes = Callable[[dict[str, Any]], dict[str, Any]]


def judge(store: DuckDBStore, number: int = 0, **policy: Any) -> WindowResult:
    judged = Window(*window(number))
    return evaluate(store, MODEL, judged, Policy(**policy), now_ns=judged.end_ns)


def verdict(result: WindowResult, segment: str = FLEET, feature: str | None = None) -> str | None:
    (found,) = (
        e.verdict
        for e in result.evaluations
        if (e.segment, e.feature, e.measure) == (segment, feature, "drift")
    )
    return found


def reason(result: WindowResult, segment: str = FLEET) -> str:
    (found,) = (
        e.reason or ""
        for e in result.evaluations
        if (e.segment, e.feature, e.measure) == (segment, None, "drift")
    )
    return found


def feed_all(
    feed: Feed, rows: int, change: Changes = lambda values: values, cameras: list[Camera] = CAMERAS
) -> None:
    rng = np.random.default_rng(5)
    for camera in cameras:
        feed.window(camera, 0, change(healthy(rows, rng)))
    feed.commit()


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
        (x00,) = (e for e in result.evaluations if e.segment == FLEET and e.feature == "x00")
        assert x00.details is not None
        assert x00.details["detector"] == detector


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
        rows = judge(store, number, limits=Limits(scores=every)).evaluations
        (whole,) = (e for e in rows if e.segment == FLEET and e.measure == "drift" and not e.feature)
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
    (x00,) = (e for e in judge(store).evaluations if e.segment == FLEET and e.feature == "x00")
    assert x00.verdict == "drifted"
    assert x00.details is not None
    assert x00.details["now"][-1] >= 600


def test_a_category_that_nobody_knew_is_drift_once_it_is_frequent(store: DuckDBStore, feed: Feed) -> None:
    feed_all(feed, 300, lambda values: {**values, "light": np.array([f"lamp {i}" for i in range(300)])})
    assert verdict(judge(store), feature="light") == "drifted"


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
    (row,) = (e for e in result.evaluations if e.segment == FLEET and e.measure == "drift" and not e.feature)
    assert row.since_ns == window(since)[0]


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
    (row,) = (e for e in result.evaluations if e.segment == FLEET and e.measure == "drift")
    assert row.n == 300


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
    (fleet_row,) = (
        e
        for e in judge(store, 1).evaluations
        if e.segment == FLEET and e.measure == "drift" and not e.feature
    )
    assert fleet_row.coverage == 0.5


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
    (score,) = (e for e in result.evaluations if e.segment == FLEET and e.feature == SCORE)
    assert score.phi is not None
    assert score.phi < 2
    (whole,) = (
        e for e in result.evaluations if e.segment == FLEET and e.measure == "drift" and not e.feature
    )
    assert whole.reference == "reference-1.9.0,reference-2.0.0"


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
    (row,) = (e for e in later.evaluations if e.segment == FLEET and e.measure == "drift" and not e.feature)
    assert row.n == 300


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
