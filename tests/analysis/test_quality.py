"""Data quality beside drift: through a real store, as the collector judges."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from driftline_collector.analysis.evaluate import Policy, evaluate
from driftline_collector.analysis.evaluation import Evaluation, WindowResult
from driftline_collector.analysis.windows import Window
from driftline_collector.store.duckdb import DuckDBStore
from driftline_schemas.binning import SCORE, Binning, FeatureBinning
from driftline_schemas.reference import Reference

from tests.analysis import fleet
from tests.analysis.fleet import MODEL, Camera, Feed, healthy, window

FLEET = f"model={MODEL},version=*,device_type=*,region=*"
CAMERA_B = f"model={MODEL},version=*,device_type=camera-b,region=*"
CAMERAS = [Camera(f"cam-{i}", device_type="camera-b" if i > 3 else "camera-a") for i in range(6)]
Values = dict[str, Any]


def judged(store: DuckDBStore) -> WindowResult:
    span = Window(*window(0))
    return evaluate(store, MODEL, span, Policy(), now_ns=span.end_ns)


def row(result: WindowResult, feature: str | None = None, segment: str = FLEET) -> Evaluation:
    (found,) = (
        e for e in result.evaluations if (e.segment, e.feature, e.measure) == (segment, feature, "quality")
    )
    return found


def fed(
    store: DuckDBStore, feed: Feed, change: Callable[[Camera, Values], Values], rows: int = 200
) -> WindowResult:
    """The verdicts on a window in which cameras send what `change` makes of sound values."""
    rng = np.random.default_rng(3)
    for camera in CAMERAS:
        feed.window(camera, 0, change(camera, healthy(rows, rng)))
    feed.commit()
    return judged(store)


def test_sound_data_are_stable_and_have_a_value_near_zero(store: DuckDBStore, feed: Feed) -> None:
    result = fed(store, feed, lambda _, values: values)
    found = [e for e in result.evaluations if e.measure == "quality"]
    assert {e.verdict for e in found} == {"stable"}
    assert {e.feature for e in found} == {None}
    assert all((e.value or 0.0) < 0.01 for e in found)
    assert row(result).reason is None


def test_values_out_of_the_references_range_are_suspect(store: DuckDBStore, feed: Feed) -> None:
    def far(camera: Camera, values: Values) -> Values:
        return values | {"x03": np.where(np.arange(200) < 24, 80.0, values["x03"])}

    result = fed(store, feed, far)
    found = row(result, "x03")
    assert found.verdict == "suspect"
    assert found.value == pytest.approx(0.12, abs=0.01)
    assert found.lower is not None
    assert found.upper is not None
    assert found.lower < 0.12 < found.upper
    assert "12.0% out of the reference's range" in (row(result).reason or "")
    assert row(result).value == found.value


def test_what_one_type_sends_is_suspect_in_its_segment_only_as_far_as_it_goes(
    store: DuckDBStore, feed: Feed
) -> None:
    def far(camera: Camera, values: Values) -> Values:
        return values | {"x03": values["x03"] + 80.0} if camera.device_type == "camera-b" else values

    result = fed(store, feed, far)
    assert row(result, "x03", CAMERA_B).value == pytest.approx(1.0, abs=0.01)
    assert row(result, "x03").value == pytest.approx(1 / 3, abs=0.01)
    camera_a = CAMERA_B.replace("camera-b", "camera-a")
    assert row(result, segment=camera_a).verdict == "stable"


def test_new_categories_are_suspect_and_named(store: DuckDBStore, feed: Feed) -> None:
    def strange(camera: Camera, values: Values) -> Values:
        return values | {"light": np.where(np.arange(200) % 5 == 0, "fog", values["light"])}

    rng = np.random.default_rng(3)
    for camera in CAMERAS:
        values = strange(camera, healthy(200, rng))
        feed.window(camera, 0, values)
        # Devices send the most frequent of the others by name, beside the sum of all.
        common = {**camera.dimensions(), "start_ns": window(0)[0], "end_ns": window(0)[1]}
        renamed = [r for r in feed.rows if r["category"] == "__other__" and r["device"] == camera.name]
        for each in renamed:
            each["category"] = "fog"
        assert renamed
        assert common["device"] == camera.name
    feed.commit()
    found = row(judged(store), "light")
    assert found.verdict == "suspect"
    assert found.details is not None
    assert found.details["new_categories"]["categories"] == ["fog"]
    assert found.value == pytest.approx(0.2, abs=0.01)


def test_a_value_that_stands_still_is_suspect_and_its_device_named(store: DuckDBStore, feed: Feed) -> None:
    def still(camera: Camera, values: Values) -> Values:
        return values | {"x02": np.full(200, 0.37)} if camera.name == "cam-1" else values

    found = row(fed(store, feed, still), "x02")
    assert found.verdict == "suspect"
    assert found.details is not None
    assert found.details["stuck"]["devices"] == ["cam-1"]
    assert found.value == pytest.approx(1 / 6, abs=0.01)


def test_what_most_devices_have_for_ever_is_no_fault(store: DuckDBStore, feed: Feed) -> None:
    def height(camera: Camera, values: Values) -> Values:
        return values | {"x02": np.full(200, 0.1 * int(camera.name[-1]))}

    result = fed(store, feed, height)
    assert "stands still" not in (row(result).reason or "")


def test_scores_outside_0_to_1_are_suspect(store: DuckDBStore) -> None:
    rng = np.random.default_rng(7)
    binning = Binning(MODEL, (FeatureBinning(SCORE, "numeric", edges=(0.0, 0.25, 0.5, 0.75, 1.0)),))
    known = Reference.from_data(
        {}, scores=rng.beta(8, 2, 5000), model=MODEL, version="2.0.0", binning=binning
    )
    fleet.register(store, known)

    def logits(camera: Camera, values: Values) -> Values:
        return {SCORE: np.where(np.arange(200) % 4 == 0, 3.5, values[SCORE])}

    found = row(fed(store, Feed(store, binning), logits), SCORE)
    assert found.verdict == "suspect"
    assert found.details is not None
    assert found.details["impossible_scores"]["share"] == pytest.approx(0.25)


def sampled(store: DuckDBStore, numbers: Callable[[int], list[float]], score: float = 0.5) -> None:
    """A hundred samples of each camera."""
    rows: list[Mapping[str, Any]] = [
        {
            **camera.dimensions(),
            "time_ns": window(0)[0] + i,
            "received_ns": window(0)[1],
            "id": f"{camera.name}-{i}",
            "score": score,
            "feature_set": 1,
            "numbers": numbers(i),
            "texts": [],
        }
        for camera in CAMERAS
        for i in range(100)
    ]
    store.submit({"predictions": pa.Table.from_pylist(rows)}).result(30)


@pytest.mark.parametrize(("distinct", "verdict"), [(100, "stable"), (70, "suspect")])
def test_samples_that_repeat_their_row_are_suspect(
    store: DuckDBStore, feed: Feed, distinct: int, verdict: str
) -> None:
    sampled(store, lambda i: [float(i % distinct), 1.0, 2.0])
    found = row(fed(store, feed, lambda _, values: values))
    assert found.verdict == verdict
    assert ("30.0% of the samples repeat" in (found.reason or "")) == (verdict == "suspect")


def test_rows_that_cannot_but_repeat_are_no_fault(store: DuckDBStore, feed: Feed) -> None:
    sampled(store, lambda i: [float(i % 2), 1.0, 2.0])
    assert row(fed(store, feed, lambda _, values: values)).verdict == "stable"


def test_an_id_that_came_twice_is_no_repeated_row(store: DuckDBStore, feed: Feed) -> None:
    for _ in range(2):
        sampled(store, lambda i: [float(i), 1.0, 2.0])
    assert row(fed(store, feed, lambda _, values: values)).verdict == "stable"


def test_few_rows_are_no_verdict(store: DuckDBStore, feed: Feed) -> None:
    found = row(fed(store, feed, lambda _, values: {k: v[:5] for k, v in values.items()}))
    assert found.verdict == "insufficient_data"
    assert found.reason == "30 rows are too few; a verdict needs 50"


def test_a_small_reference_does_not_know_its_range_so_well(store: DuckDBStore) -> None:
    rng = np.random.default_rng(8)
    known = Reference.from_data({"x": rng.normal(size=60)}, model=MODEL, version="2.0.0")
    fleet.register(store, known)
    result = fed(store, Feed(store, known.binning), lambda _, values: {"x": values["x00"]})
    assert row(result).verdict == "stable"


def test_a_device_without_a_reference_has_no_quality(store: DuckDBStore, feed: Feed) -> None:
    feed.binning = None
    feed.window(CAMERAS[0], 0, {})
    feed.commit()
    assert not [e for e in judged(store).evaluations if e.measure == "quality"]
