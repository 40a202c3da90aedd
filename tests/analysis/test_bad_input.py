"""What nobody should send, and is sent: each has an answer, and none keeps a window from being judged.

docs/statistics.md has the table. What is bad in a single value (infinite, of another type) is counted as
missing before it gets here.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from driftline_collector.analysis.evaluate import Policy, evaluate
from driftline_collector.analysis.evaluation import Evaluation
from driftline_collector.analysis.windows import Window
from driftline_collector.store.duckdb import DuckDBStore
from driftline_schemas.binning import LABEL
from driftline_schemas.reference import Reference

from tests.analysis import fleet, selecting
from tests.analysis.fleet import MODEL, Camera, Feed, window

FLEET = f"model={MODEL},version=*,device_type=*,region=*"
CAMERAS = [Camera(f"cam-{i}") for i in range(3)]
ROWS = 200


def judged(store: DuckDBStore) -> dict[str | None, Evaluation]:
    """What is said of the fleet's drift in the first window, by feature."""
    span = Window(*window(0))
    result = evaluate(store, MODEL, span, Policy(), now_ns=span.end_ns)
    rows = {e.feature: e for e in result.evaluations if e.segment == FLEET and e.measure == "drift"}
    for row in rows.values():
        for number in (row.value, row.lower, row.upper, row.p, row.q):
            assert number is None or np.isfinite(number)
    return rows


def watched(store: DuckDBStore, **columns: Any) -> Feed:
    """A feed for a reference of these columns beside a healthy one."""
    rows = len(next(iter(columns.values())))
    healthy = np.random.default_rng(1).normal(size=rows)
    reference = Reference.from_data({**columns, "healthy": healthy}, model=MODEL, version="2.0.0")
    fleet.register(store, reference)
    return Feed(store, reference.binning)


def send(feed: Feed, **columns: npt.NDArray[Any]) -> None:
    rng = np.random.default_rng(2)
    for camera in CAMERAS:
        rows = len(next(iter(columns.values())))
        feed.window(camera, 0, {**columns, "healthy": rng.normal(size=rows)})
        feed.point(place(feed, camera), LABEL, "predictions", [rows])
    feed.commit()


def place(feed: Feed, camera: Camera) -> dict[str, Any]:
    """What all counts of a device have in common."""
    assert feed.binning is not None
    start, end = window(0)
    return {**camera.dimensions(), "binning": feed.binning.id, "start_ns": start, "end_ns": end}


NAN, INF = np.full(5000, np.nan), np.full(5000, np.inf)


@pytest.mark.parametrize(
    ("was", "now", "verdict"),
    [
        (np.full(5000, 3.0), np.full(ROWS, 3.0), "stable"),
        (np.full(5000, 3.0), np.full(ROWS, 3.1), "drifted"),
        (np.full(5000, 3.0), np.full(ROWS, np.nan), "drifted"),
        (NAN, np.full(ROWS, np.nan), "stable"),
        (NAN, np.full(ROWS, 3.0), "drifted"),
        (INF, np.full(ROWS, -np.inf), "stable"),
        (np.arange(5000) % 2 == 0, np.full(ROWS, True), "drifted"),
        (np.arange(5000) % 2 == 0, np.arange(ROWS) % 2 == 0, "stable"),
    ],
    ids=[
        "constant",
        "constant until now",
        "constant and now missing",
        "missing always",
        "missing until now",
        "infinite always",
        "both until now",
        "boolean",
    ],
)
def test_a_feature_without_variety_is_judged_by_what_it_has(
    store: DuckDBStore, was: npt.NDArray[Any], now: npt.NDArray[Any], verdict: str
) -> None:
    send(watched(store, x=was), x=now)
    rows = judged(store)
    assert rows["x"].verdict == verdict
    assert rows["healthy"].verdict == "stable"


@pytest.mark.parametrize("rows", [0, 1])
def test_one_row_and_none_are_too_few(store: DuckDBStore, rows: int) -> None:
    send(watched(store, x=np.arange(5000.0)), x=np.zeros(rows))
    assert judged(store)[None].verdict == "insufficient_data"


@pytest.mark.parametrize("rows", [1, 40])
def test_a_reference_of_a_few_rows_is_too_few(store: DuckDBStore, rows: int) -> None:
    send(watched(store, x=np.arange(float(rows))), x=np.zeros(ROWS))
    found = judged(store)
    assert {row.verdict for row in found.values()} == {"insufficient_data"}
    assert found[None].reason == "the reference has too few rows; a verdict needs 50"


@pytest.mark.parametrize("values", [10**4, pytest.param(10**6, marks=pytest.mark.soak)])
def test_a_category_of_countless_values_is_drift_and_no_load(store: DuckDBStore, values: int) -> None:
    feed = watched(store, x=np.array(["a", "b"] * 2500))
    send(feed, x=np.array(["a", "b"] * (ROWS // 2)))
    assert judged(store)["x"].verdict == "stable"
    common = {**place(feed, Camera("mad")), "received_ns": window(0)[1], "feature": "x", "kind": "category"}
    columns: dict[str, Any] = {name: pa.repeat(value, values) for name, value in common.items()}
    columns["category"] = pa.array([f"value {i}" for i in range(values)])
    columns["counts"] = pa.ListArray.from_arrays(
        pa.array(np.arange(values + 1), pa.int32()), pa.array(np.ones(values, dtype=np.int64))
    )
    store.submit({"profiles": pa.table(columns)}).result(60)
    found = judged(store)["x"]
    assert found.verdict == "drifted"
    assert found.details is not None
    assert len(found.details["bins"]) <= 10
    assert sum(found.details["now"]) == 3 * ROWS + values


def test_categories_of_a_number_and_numbers_of_a_category_are_no_rows_of_it(store: DuckDBStore) -> None:
    feed = watched(store, number=np.arange(5000.0), name=np.array(["a", "b"] * 2500))
    assert feed.binning is not None
    rng = np.random.default_rng(2)
    for camera in CAMERAS:
        common, healthy = place(feed, camera), feed.binning.features[-1].count(rng.normal(size=ROWS))
        feed.point(common, "number", "category", [ROWS], "seven")
        feed.point(common, "name", "numeric", [ROWS, 0, 0])
        feed.point(common, "healthy", "numeric", healthy[:-1].tolist())
        feed.point(common, LABEL, "predictions", [ROWS])
    feed.commit()
    found = judged(store)
    assert found["number"].verdict == found["name"].verdict == "insufficient_data"
    assert found["number"].reason == found["name"].reason == "0 rows are too few; a verdict needs 50"
    assert found["healthy"].verdict == "stable"


@pytest.mark.parametrize("counts", [[], [5], [1] * 500, [2**53] * 66], ids=["none", "one", "long", "huge"])
def test_counts_that_no_binning_has_or_nobody_can_have_made_stop_nothing(
    store: DuckDBStore, counts: list[int]
) -> None:
    feed = watched(store, x=np.random.default_rng(3).normal(size=5000))
    send(feed, x=np.random.default_rng(4).normal(size=ROWS))
    feed.point(place(feed, Camera("mad")), "x", "numeric", counts)
    feed.commit()
    found = judged(store)
    assert found["healthy"].verdict == "stable"
    assert found["x"].verdict in ("stable", "drifted")


def test_two_models_under_one_name_and_version_are_told_apart_by_their_binning(store: DuckDBStore) -> None:
    """The reference that was registered last is the version's; the other's predictions are left out."""
    rng = np.random.default_rng(5)
    other = watched(store, x=np.arange(5000.0))
    feed = watched(store, x=rng.normal(size=5000))
    send(feed, x=rng.normal(size=ROWS))
    other.point(place(other, Camera("stranger")), LABEL, "predictions", [77])
    other.commit()
    whole = judged(store)[None]
    assert whole.verdict == "stable"
    assert whole.reason == "77 predictions without a reference are left out"


@pytest.mark.parametrize(
    ("probability", "reasons", "said"),
    [
        (None, ["random"], "samples without the probability they were chosen with"),
        (np.full(ROWS, 0.5), ["uncertain"], "none at random"),
        (np.where(np.arange(ROWS) < 3, 1e-6, 1.0), ["random"], "200 samples are worth 3 rows, too few"),
    ],
    ids=["without probability", "none chosen evenly", "a few that outweigh all others"],
)
def test_samples_that_cannot_be_weighed_are_refused_with_the_reason(
    store: DuckDBStore, probability: npt.NDArray[Any] | None, reasons: list[str], said: str
) -> None:
    rng = np.random.default_rng(6)
    watched(store, x=rng.normal(size=5000))
    values = {"x": rng.normal(size=ROWS) + 2.0, "healthy": rng.normal(size=ROWS)}
    selecting.send(store, CAMERAS[0], 0, values, probability, reasons=reasons)
    whole = judged(store)[None]
    assert whole.verdict == "insufficient_data"
    assert said in (whole.reason or "")
    assert (whole.value, whole.p) == (None, None)


def test_samples_of_nothing_known_are_judged_by_nobody(store: DuckDBStore) -> None:
    """Unknown types, no features, another version: each is left out, and stops nothing."""
    watched(store, x=np.arange(5000.0))
    strange = Camera("strange", version="9.9.9")
    selecting.send(store, strange, 0, {"x": np.zeros(60)}, np.ones(60))
    selecting.send(store, CAMERAS[0], 0, {"y": np.full(60, "text")}, np.ones(60))
    whole = judged(store)[None]
    assert whole.verdict in ("insufficient_data", "no_reference")
    assert whole.p is None


def test_a_device_without_the_reference_is_told_that_its_samples_are_all_there_is(store: DuckDBStore) -> None:
    rng = np.random.default_rng(7)
    feed = watched(store, x=rng.normal(size=5000))
    feed.point(place(feed, CAMERAS[0]) | {"binning": None}, LABEL, "predictions", [400])
    feed.commit()
    values = {"x": rng.normal(size=4), "healthy": rng.normal(size=4)}
    selecting.send(store, CAMERAS[0], 0, values, np.full(4, 0.01))
    whole = judged(store)[None]
    assert (whole.verdict, whole.n) == ("insufficient_data", 400)
    said = "4 samples are too few, and nothing is counted on a reference's bins; a verdict needs 50"
    assert whole.reason == said
