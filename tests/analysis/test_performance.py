"""Accuracy, agreement and latency: what is told, with what interval, and what is refused."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from driftline_collector.analysis import ground_truth
from driftline_collector.analysis.counts import Profiles
from driftline_collector.analysis.evaluate import Policy, evaluate
from driftline_collector.analysis.evaluation import Evaluation
from driftline_collector.analysis.performance import accuracy, agreement, latency
from driftline_collector.analysis.segments import Lattice
from driftline_collector.analysis.windows import Window
from driftline_collector.store.duckdb import DuckDBStore
from driftline_schemas.binning import DURATION, DURATION_EDGES

from tests.analysis import fleet
from tests.analysis.fleet import MODEL, SECOND, Camera, Feed, healthy, window

FLEET = f"model={MODEL},version=*,device_type=*,region=*"
LABELLED = pa.schema(
    [
        *((name, pa.string()) for name in ("version", "device_type", "region", "tier")),
        *((name, pa.string()) for name in ("label", "true_label")),
        *((name, pa.float64()) for name in ("probability", "label_probability", "label_sample_probability")),
    ]
)


def labelled(*groups: tuple[int, dict[str, Any]]) -> pa.Table:
    """So many rows of each kind."""
    cell = {"version": "2.0.0", "device_type": "a", "region": "eu", "tier": "device_edge"}
    plain = {**cell, "label": "7", "true_label": "7"}
    rows = [{**plain, **kind} for count, kind in groups for _ in range(count)]
    return pa.Table.from_pylist(rows, schema=LABELLED)


def of_fleet(evaluations: list[Evaluation]) -> Evaluation:
    (found,) = (e for e in evaluations if e.segment == FLEET)
    return found


def told(rows: pa.Table) -> Evaluation:
    return of_fleet(accuracy(rows, model=MODEL, tier=None, start_ns=0, end_ns=10))


def test_accuracy_undoes_both_choices_sampling_and_labelling() -> None:
    sure = {"probability": 0.01, "label_probability": 0.1}
    unsure = {"probability": 1.0, "label_probability": 0.1, "true_label": "1"}
    share = told(labelled((90, sure), (900, unsure)))
    assert share.value == pytest.approx(90 / 0.001 / (90 / 0.001 + 900 / 0.1))
    assert share.n == 990
    assert share.n_eff is not None
    assert share.n_eff < 990


def test_a_label_that_brought_its_prediction_along_does_not_depend_on_sampling() -> None:
    brought = {"label_probability": 0.1, "label_sample_probability": 1.0, "true_label": "1"}
    sampled = {"label_probability": 0.1, "label_sample_probability": 1.0, "probability": 0.01}
    assert told(labelled((30, brought), (90, sampled))).value == pytest.approx(0.75)


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (labelled((40, {"label_probability": 0.1})), ground_truth.NO_SAMPLE_PROBABILITY),
        (labelled((40, {"probability": 0.0, "label_probability": 0.1})), ground_truth.NO_SAMPLE_PROBABILITY),
        (
            labelled((40, {"probability": 0.1, "label_probability": 0.1}), (1, {"probability": 0.1})),
            ground_truth.MIXED_LABEL_PROBABILITY,
        ),
        (labelled((2, {"probability": 1.0, "label_probability": 1.0})), "2 pairs are too few"),
    ],
)
def test_where_choices_are_unknown_there_is_a_reason_and_no_number(rows: pa.Table, reason: str) -> None:
    refused = told(rows)
    assert (refused.verdict, refused.value, refused.reason) == ("insufficient_data", None, reason)


def test_labels_that_tell_no_probability_are_taken_as_random_and_it_says_so() -> None:
    share = told(labelled((60, {"probability": 0.1}), (40, {"probability": 0.1, "true_label": "1"})))
    assert share.value == pytest.approx(0.6)
    assert share.reason == ground_truth.ASSUMED_RANDOM


def test_every_segment_with_a_pair_has_its_share() -> None:
    known = {"probability": 1.0, "label_probability": 1.0}
    rows = labelled((20, known), (20, {**known, "version": "2.1.0", "true_label": "1"}))
    by_segment = {e.segment: e.value for e in accuracy(rows, model=MODEL, tier=None, start_ns=0, end_ns=1)}
    assert by_segment[FLEET] == 0.5
    assert by_segment[f"model={MODEL},version=2.1.0,device_type=*,region=*"] == 0
    assert by_segment[f"model={MODEL},version=2.0.0,device_type=a,region=eu"] == 1


def test_agreement_weighs_answers_as_they_were_chosen() -> None:
    columns = {
        "version": ["2.0.0"] * 12,
        "device_type": ["a"] * 12,
        "region": ["eu"] * 12,
        "tier": ["device_edge"] * 12,
        "label": ["7"] * 12,
        "cloud_label": ["7"] * 6 + ["1"] * 6,
        "probability": [0.1] * 6 + [0.3] * 6,
    }
    share = of_fleet(agreement(pa.table(columns), model=MODEL, tier=None, start_ns=0, end_ns=1))
    assert share.value == pytest.approx(0.75)


def test_nothing_is_told_where_there_are_no_pairs() -> None:
    assert accuracy(labelled(), model=MODEL, tier=None, start_ns=0, end_ns=1) == []
    unlabelled = labelled((10, {"label": None}), (10, {"true_label": None}))
    assert accuracy(unlabelled, model=MODEL, tier=None, start_ns=0, end_ns=1) == []


def test_latency_is_read_from_histograms_of_all_traffic() -> None:
    rng = np.random.default_rng(81)
    seconds = rng.gamma(4, 0.005, size=(3, 4000))
    edges = np.asarray(DURATION_EDGES)
    rows = [
        {
            "version": "2.0.0",
            "device_type": "a",
            "region": "eu",
            "tier": "device_edge",
            "device": f"cam-{i}",
            "binning": None,
            "feature": DURATION,
            "kind": "numeric",
            "category": None,
            "counts": np.bincount(np.searchsorted(edges, of_device), minlength=len(edges) + 1).tolist(),
            "bounds": list(DURATION_EDGES) if i else None,
        }
        for i, of_device in enumerate(seconds)
    ]
    profiles = Profiles.of(pa.Table.from_pylist(rows))
    lattice = Lattice.of(device.cell for device in profiles.devices)
    found = of_fleet(latency(profiles, lambda binning: DURATION_EDGES, lattice, lattice.keys(MODEL)))
    assert found.n == 12_000
    assert found.value == pytest.approx(np.quantile(seconds, 0.95), rel=0.1)
    assert found.lower is not None
    assert found.upper is not None
    assert found.lower < np.quantile(seconds, 0.95) < found.upper


def test_a_window_tells_accuracy_of_the_time_up_to_its_end(store: DuckDBStore, feed: Feed) -> None:
    """Labels come late: at the close of a window those of windows before it are there."""
    rng = np.random.default_rng(82)
    camera = Camera("cam")
    for number in (0, 1, 2):
        feed.window(camera, number, healthy(100, rng))
    feed.commit()
    common = camera.dimensions()
    predictions = [
        {
            **common,
            "id": f"p{i}",
            "time_ns": window(i % 2)[0] + SECOND,
            "label": "7",
            "probability": 0.5,
        }
        for i in range(40)
    ]
    labels = [
        {
            "prediction_id": f"p{i}",
            "time_ns": window(2)[0],
            "label": "7" if i % 4 else "1",
            "probability": 1.0,
        }
        for i in range(40)
    ]
    tables = {"predictions": pa.Table.from_pylist(predictions), "labels": pa.Table.from_pylist(labels)}
    store.submit(tables).result(30)
    judged = Window(*window(2))
    result = evaluate(store, MODEL, judged, Policy(), now_ns=judged.end_ns)
    (share,) = (e for e in result.evaluations if e.measure == "accuracy" and e.segment == FLEET)
    assert share.value == pytest.approx(0.75)
    assert share.details is not None
    assert share.details["to_ns"] == judged.end_ns
    assert share.details["from_ns"] == judged.end_ns - 24 * fleet.WIDTH
