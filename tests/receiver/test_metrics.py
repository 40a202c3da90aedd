"""Profiles, the SDK about itself, and everybody's metrics → rows."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from driftline_collector.receiver.batches import batch_of
from driftline_collector.receiver.decoded import Decoded
from driftline_collector.receiver.signals import METRICS
from driftline_schemas import attributes as names
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from tests.receiver import wire

FEATURE = {names.FEATURE_NAME: "x", names.BINNING_ID: "b1"}
CUMULATIVE = 2


def decoded(*made: Metric, edges: dict[tuple[str, str], Sequence[float]] | None = None) -> Decoded:
    known = edges or {}
    body = wire.metrics(*made).SerializeToString()
    return batch_of(METRICS, [body], 5, lambda binning, feature: known.get((binning, feature)))


def rows(table: str, *made: Metric) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = decoded(*made).batch.rows[table].table.to_pylist()
    return found


# -- profiles ------------------------------------------------------------------------------------------
def test_a_numeric_feature_is_a_histogram_on_its_bounds() -> None:
    (row,) = rows("profiles", wire.histogram(names.PROFILE_FEATURE, [1, 2, 3], [0.5, 1.5], FEATURE))
    expected = {
        "start_ns": 1,
        "end_ns": 60,
        "stream": "a" * 32,
        "model": "digits",
        "version": "2.1.0",
        "device": "cam-017",
        "binning": "b1",
        "feature": "x",
        "kind": "numeric",
        "category": None,
        "counts": [1, 2, 3],
        "bounds": [0.5, 1.5],
        "exponential": None,
    }
    assert {name: row[name] for name in expected} == expected


def test_bounds_that_are_registered_are_not_kept_again() -> None:
    made = decoded(
        wire.histogram(names.PROFILE_FEATURE, [1, 2, 3], [0.5, 1.5], FEATURE),
        wire.histogram(names.PROFILE_FEATURE, [1, 2, 3], [0.5, 1.75], FEATURE | {names.FEATURE_NAME: "y"}),
        wire.histogram(names.PROFILE_FEATURE, [1, 2, 3], [0.5, 1.5], FEATURE | {names.BINNING_ID: "b2"}),
        edges={("b1", "x"): (0.5, 1.5), ("b1", "y"): (0.5, 1.5)},
    )
    bounds = made.batch.rows["profiles"].table.column("bounds").to_pylist()
    assert bounds == [None, [0.5, 1.75], [0.5, 1.5]]


@pytest.mark.parametrize(
    ("metric", "feature"),
    [
        (names.PROFILE_SCORE, "__score__"),
        (names.PROFILE_VALUE, "__value__"),
        (names.PROFILE_DURATION, "__duration__"),
    ],
)
def test_scores_values_and_durations_are_features_of_their_own_name(metric: str, feature: str) -> None:
    (row,) = rows("profiles", wire.histogram(metric, [1, 2], [0.5], {names.BINNING_ID: "b1"}))
    assert (row["feature"], row["kind"], row["counts"]) == (feature, "numeric", [1, 2])


@pytest.mark.parametrize(
    ("metric", "attributes", "expected"),
    [
        (names.PROFILE_CATEGORY, FEATURE | {names.FEATURE_CATEGORY: "red"}, ("x", "category", "red")),
        (names.PROFILE_MISSING, FEATURE, ("x", "missing", None)),
        (names.PROFILE_PREDICTIONS, {names.LABEL: "7"}, ("__label__", "predictions", "7")),
        (names.PROFILE_PREDICTIONS, {}, ("__label__", "predictions", None)),
        (
            names.PROFILE_ESCALATIONS,
            {names.ESCALATION_REASON: "score"},
            ("__label__", "escalations", "score"),
        ),
    ],
)
def test_a_sum_is_one_count_of_what_it_names(metric: str, attributes: dict[str, Any], expected: Any) -> None:
    (row,) = rows("profiles", wire.counter(metric, [(5, attributes)]))
    assert (row["feature"], row["kind"], row["category"]) == expected
    assert row["counts"] == [5]


def test_a_count_that_a_forwarder_made_a_double_is_a_count() -> None:
    (row,) = rows("profiles", wire.counter(names.PROFILE_PREDICTIONS, [(5.0, {})]))
    assert row["counts"] == [5]


def bins(counts: list[int], attributes: Mapping[str, Any], **fields: Any) -> Metric:
    metric = Metric(name=names.PROFILE_BINS)
    metric.exponential_histogram.aggregation_temporality = wire.DELTA
    metric.exponential_histogram.data_points.add(
        start_time_unix_nano=1,
        time_unix_nano=60,
        positive={"bucket_counts": counts, "offset": fields.pop("offset", 0)},
        attributes=wire.pairs(attributes),
        **fields,
    )
    return metric


def test_bins_by_number_are_counts_without_bounds_beside_histograms_that_are_kept_as_they_are() -> None:
    own = {names.BINNING_ID: "b1", names.FEATURE_NAME: "__score__"}
    other = bins([4], FEATURE, scale=3)
    other.name = names.PROFILE_FEATURE
    first, second, third = rows("profiles", bins([1, 0, 2], FEATURE), other, bins([7, 0], own))
    assert (first["feature"], first["counts"], first["bounds"]) == ("x", [1, 0, 2], None)
    assert first["exponential"] is None
    assert (second["counts"], json.loads(second["exponential"])["positive"]["counts"]) == ([], [4])
    assert (third["feature"], third["binning"], third["counts"]) == ("__score__", "b1", [7, 0])


@pytest.mark.parametrize(
    ("metric", "reason"),
    [
        (bins([1], {names.FEATURE_NAME: "x"}), "no driftline.binning.id"),
        (bins([1], {names.BINNING_ID: "b1"}), "no driftline.feature.name"),
        (bins([1], FEATURE, scale=-1), "bins whose scale or offset is not 0: they were changed on their way"),
        (bins([1], FEATURE, offset=2), "bins whose scale or offset is not 0: they were changed on their way"),
        (bins([], FEATURE), "bins without counts"),
        (bins([2**63], FEATURE), "a bin's count that is too large"),
    ],
)
def test_bins_that_cannot_be_told_are_refused(metric: Metric, reason: str) -> None:
    good = bins([1, 2], FEATURE)
    made = decoded(metric, good)
    assert reason in made.rejected[0].message
    assert made.batch.rows["profiles"].table.column("counts").to_pylist() == [[1, 2]]


def test_an_exponential_histogram_is_kept_as_it_is() -> None:
    metric = Metric(name=names.PROFILE_FEATURE)
    metric.exponential_histogram.aggregation_temporality = wire.DELTA
    point = metric.exponential_histogram.data_points.add(
        start_time_unix_nano=1,
        time_unix_nano=60,
        scale=-2,
        zero_count=3,
        zero_threshold=1e-9,
        attributes=wire.pairs(FEATURE),
    )
    point.positive.offset, point.negative.offset = -4, 7
    point.positive.bucket_counts.extend([1, 0, 2])
    (row,) = rows("profiles", metric)
    assert (row["feature"], row["kind"], row["counts"], row["bounds"]) == ("x", "numeric", [], None)
    assert json.loads(row["exponential"]) == {
        "scale": -2,
        "zero_count": 3,
        "zero_threshold": 1e-9,
        "positive": {"offset": -4, "counts": [1, 0, 2]},
        "negative": {"offset": 7, "counts": []},
    }


REFUSED = {
    "cumulative": wire.histogram(names.PROFILE_FEATURE, [1, 2], [0.5], FEATURE, temporality=CUMULATIVE),
    "one more than the bounds": wire.histogram(names.PROFILE_FEATURE, [1, 2], [0.5, 1.5], FEATURE),
    "no driftline.feature.name": wire.histogram(names.PROFILE_FEATURE, [1, 2], [0.5], {}),
    "no driftline.feature.category": wire.counter(names.PROFILE_CATEGORY, [(1, FEATURE)]),
    "negative": wire.counter(names.PROFILE_PREDICTIONS, [(-1, {})]),
    "a count that is too large": wire.histogram(names.PROFILE_FEATURE, [2**63, 2], [0.5], FEATURE),
    "no profile's sum": wire.counter("driftline.profile.unheard", [(1, FEATURE)]),
    "no profile's histogram": wire.histogram(names.PROFILE_PREDICTIONS, [1, 2], [0.5], {}),
    "no start time; set start_time_unix_nano": wire.histogram(
        names.PROFILE_FEATURE, [1, 2], [0.5], FEATURE, start=0
    ),
    "an end before its start": wire.counter(names.PROFILE_PREDICTIONS, [(1, {})], start=61, end=60),
}


@pytest.mark.parametrize("reason", REFUSED)
def test_a_point_that_cannot_be_compared_is_refused_and_the_others_taken(reason: str) -> None:
    good = wire.counter(names.PROFILE_PREDICTIONS, [(1, {names.LABEL: "7"})])
    made = decoded(good, REFUSED[reason])
    assert made.rejected[0].count == 1
    assert reason in made.rejected[0].message
    assert made.batch.rows["profiles"].table.column("category").to_pylist() == ["7"]
    ((signal, counted), number) = next(iter(made.batch.counted.items()))
    assert (signal, reason in counted, number) == ("metrics", True, 1)


def test_a_window_within_one_tick_of_a_coarse_clock_is_a_window() -> None:
    (row,) = rows("profiles", wire.counter(names.PROFILE_PREDICTIONS, [(1, {})], start=60, end=60))
    assert (row["start_ns"], row["end_ns"], row["counts"]) == (59, 60, [1])


def test_gauges_and_summaries_are_no_profiles() -> None:
    gauge, summary = Metric(name=names.PROFILE_PREDICTIONS), Metric(name=names.PROFILE_SCORE)
    gauge.gauge.data_points.add(time_unix_nano=60, as_int=1)
    summary.summary.data_points.add(time_unix_nano=60, count=1)
    assert decoded(gauge, summary).rejected[0].count == 2


# -- the SDK about itself ------------------------------------------------------------------------------
def test_what_an_sdk_dropped_is_its_health() -> None:
    attributes = {names.DROP_REASON: "spool_full", names.DROP_SIGNAL: "logs"}
    spool = Metric(name=names.SDK_SPOOL_BYTES)
    spool.gauge.data_points.add(time_unix_nano=60, as_double=0.5)
    found = rows("sdk_health", wire.counter(names.SDK_DROPPED, [(3, attributes)]), spool)
    told = {(row["metric"], row["reason"], row["signal"], row["value"]) for row in found}
    assert told == {
        (names.SDK_DROPPED, "spool_full", "logs", 3.0),
        (names.SDK_SPOOL_BYTES, None, None, 0.5),
    }


# -- everybody's metrics -------------------------------------------------------------------------------
def test_every_kind_of_metric_is_kept() -> None:
    gauge = Metric(name="g", unit="1")
    gauge.gauge.data_points.add(time_unix_nano=60, as_double=1.5, attributes=wire.pairs({"k": 1}))
    whole = wire.counter("s", [(2**60 + 1, {})])
    histogram = wire.histogram("h", [1, 2], [0.5], {})
    histogram.histogram.data_points[0].sum = 0.0
    exponential = Metric(name="e")
    exponential.exponential_histogram.data_points.add(
        time_unix_nano=60, scale=3
    ).positive.bucket_counts.append(4)
    summary = Metric(name="q")
    summary.summary.data_points.add(time_unix_nano=60, count=4).quantile_values.add(quantile=0.5, value=2.0)
    found = {row["name"]: row for row in rows("metrics", gauge, whole, histogram, exponential, summary)}
    points = {name: row["point"] and json.loads(row["point"]) for name, row in found.items()}
    assert points["g"] is None
    assert (found["g"]["value"], found["g"]["unit"], json.loads(found["g"]["attributes"])) == (
        1.5,
        "1",
        {"k": 1},
    )
    assert points["s"] == {"as_int": 2**60 + 1}
    assert (found["s"]["temporality"], found["s"]["monotonic"]) == (1, True)
    assert points["h"] == {"count": 3, "sum": 0.0, "bucket_counts": [1, 2], "explicit_bounds": [0.5]}
    assert points["e"]["positive"] == {"offset": 0, "bucket_counts": [4]}
    assert points["q"]["quantile_values"] == [{"quantile": 0.5, "value": 2.0}]
    assert [found[name]["kind"] for name in "gsheq"] == [
        "gauge",
        "sum",
        "histogram",
        "exponential_histogram",
        "summary",
    ]


def test_an_exemplar_is_kept_with_its_trace() -> None:
    metric = wire.counter("s", [(1.0, {})])
    metric.sum.data_points[0].exemplars.add(
        time_unix_nano=3,
        as_double=float("nan"),
        trace_id=b"t" * 16,
        filtered_attributes=wire.pairs({"k": [b"\x00"]}),
    )
    (row,) = rows("metrics", metric)
    (exemplar,) = json.loads(row["point"])["exemplars"]
    assert exemplar["as_double"] == "NaN"
    assert exemplar["trace_id"] == (b"t" * 16).hex()
    assert exemplar["filtered_attributes"] == {"k": [{"bytesValue": "AA=="}]}


def test_a_metric_without_points_or_data_is_nothing() -> None:
    made = decoded(Metric(name="empty"), wire.counter("none", []))
    assert made.batch.size == 0
    assert made.rejected[0].count == 0
