"""Names are as many as there may be; the rest is one, and counted."""

import time
from pathlib import Path

import pyarrow as pa
import pytest
from driftline_collector.receiver.batches import batch_of
from driftline_collector.receiver.decoded import Decoded
from driftline_collector.receiver.folding import fold
from driftline_collector.receiver.names import KEPT_NS, LIMITS, LONGEST, Kind, Names
from driftline_collector.receiver.signals import LOGS, METRICS
from driftline_collector.store.duckdb import DuckDBStore
from driftline_schemas import attributes as names
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from tests.receiver import wire

FEW: dict[Kind, int] = dict.fromkeys(LIMITS, 2)


def windows(*metrics: Metric, device: dict[str, str] | None = None) -> bytes:
    return wire.metrics(*metrics, device=wire.DEVICE | (device or {})).SerializeToString()


def folded(known: Names, *bodies: bytes) -> Decoded:
    return fold(batch_of(METRICS, bodies, time.time_ns(), lambda _binning, _feature: None), known)


def column(decoded: Decoded, name: str, table: str = "profiles") -> list[str | None]:
    found: list[str | None] = decoded.batch.rows[table].table.column(name).cast(pa.string()).to_pylist()
    return found


def predictions(label: str = "7") -> Metric:
    return wire.counter(names.PROFILE_PREDICTIONS, [(1, {names.LABEL: label})])


@pytest.mark.parametrize(
    ("attribute", "kind"),
    [
        (names.MODEL_NAME, "model"),
        (names.MODEL_VERSION, "version"),
        (names.DEVICE_TYPE, "device_type"),
        (names.DEVICE_REGION, "region"),
        (names.TIER, "tier"),
        (names.DEVICE_ID, "device"),
    ],
)
def test_of_each_dimension_there_are_as_many_names_as_there_may_be(attribute: str, kind: str) -> None:
    known = Names(FEW)
    bodies = [windows(predictions(), device={attribute: text}) for text in "abcadb"]
    made = folded(known, *bodies)
    assert column(made, kind) == ["a", "b", "__other__", "a", "__other__", "b"]
    ((_, reason),) = made.batch.counted
    assert reason.startswith("folded into __other__: a name of a ")
    assert made.batch.counted["metrics", reason] == 2


def test_each_model_has_places_of_its_own() -> None:
    known = Names(FEW)
    for model in "mn":
        bodies = [
            windows(predictions(), device={names.MODEL_NAME: model, names.DEVICE_REGION: region})
            for region in "abc"
        ]
        assert column(folded(known, *bodies), "region") == ["a", "b", "__other__"]


def test_what_belongs_to_a_model_too_many_takes_no_places() -> None:
    known = Names(FEW | {"model": 1})
    bodies = [
        windows(predictions(), device={names.MODEL_NAME: model, names.DEVICE_REGION: f"of-{model}"})
        for model in "mnop"
    ]
    made = folded(known, *bodies)
    assert column(made, "model") == ["m", "__other__", "__other__", "__other__"]
    assert column(made, "region") == ["of-m", "of-n", "of-o", "__other__"]
    assert {within for kind, within in known._heard if kind == "region"} == {("m",), ("__other__",)}


def test_labels_and_categories_are_folded_within_their_feature() -> None:
    category = [(1, {names.FEATURE_NAME: "paper", names.FEATURE_CATEGORY: text}) for text in "xyz"]
    made = folded(
        Names(FEW),
        windows(predictions("1"), predictions("2"), wire.counter(names.PROFILE_CATEGORY, category)),
    )
    assert column(made, "category") == ["1", "2", "x", "y", "__other__"]
    assert list(made.batch.counted.values()) == [1]


def test_features_that_are_too_many_are_refused_as_their_counts_do_not_add_up() -> None:
    histograms = [
        wire.histogram(names.PROFILE_FEATURE, [1, 2], [0.5], {names.FEATURE_NAME: name}) for name in "abc"
    ]
    score = wire.histogram(names.PROFILE_SCORE, [1, 2], [0.5], {})
    made = folded(Names(FEW), windows(*histograms, score))
    assert column(made, "feature") == ["a", "b", "__score__"]
    assert made.batch.counted == {("metrics", "a feature's name too many, or too long"): 1}


def test_a_name_that_is_too_long_is_folded() -> None:
    made = folded(Names(), *[windows(predictions("x" * size)) for size in (LONGEST, LONGEST + 1)])
    assert column(made, "category") == ["x" * LONGEST, "__other__"]


def test_predictions_keep_their_records() -> None:
    known = Names(FEW)
    bodies = [
        wire.events(
            wire.prediction(1), device=wire.DEVICE | {names.DEVICE_REGION: region}
        ).SerializeToString()
        for region in "abc"
    ]
    made = fold(batch_of(LOGS, bodies, time.time_ns(), lambda _binning, _feature: None), known)
    assert column(made, "region", "predictions") == ["a", "b", "__other__"]
    rows = made.batch.rows["predictions"]
    assert rows.record is not None
    assert rows.record.tolist() == [0, 1, 2]


def test_what_has_a_place_costs_nothing() -> None:
    decoded = batch_of(METRICS, [windows(predictions())], time.time_ns(), lambda _binning, _feature: None)
    made = fold(decoded, Names(FEW))
    assert made.batch.rows["profiles"].table is decoded.batch.rows["profiles"].table
    assert not made.batch.counted


def test_a_name_that_is_not_heard_for_a_while_gives_way() -> None:
    clock = 0
    known = Names(FEW, now=lambda: clock)
    within = ("digits",)

    def taken(*versions: str) -> list[bool]:
        return [not excess for excess in known.excess("version", [(within, text) for text in versions])]

    assert taken("1", "2", "3") == [True, True, False]
    clock += KEPT_NS
    assert taken("2", "3") == [True, False]
    clock += KEPT_NS
    assert taken("3", "2", "1") == [True, True, False]


def test_a_model_that_gives_way_takes_its_names_along() -> None:
    clock = 0
    known = Names(FEW, now=lambda: clock)
    for model in "mn":
        known.excess("model", [((), model)])
        known.excess("region", [((model,), "a"), ((model,), "b")])
    clock += KEPT_NS + 1
    assert known.excess("model", [((), "o")]) == [False]
    assert known._places == 1


def test_after_a_start_the_names_in_the_store_have_their_places(tmp_path: Path) -> None:
    store = DuckDBStore(tmp_path / "d.duckdb")
    bodies = [
        windows(predictions(text), device={names.DEVICE_REGION: text, names.STREAM_ID: text * 32})
        for text in "ab"
    ]
    store.writer.submit(folded(Names(), *bodies).batch).result()
    known = Names(FEW)
    known.restore(store.names())
    store.close()
    made = folded(known, *[windows(predictions(text), device={names.DEVICE_REGION: text}) for text in "cba"])
    assert column(made, "region") == ["__other__", "b", "a"]
    assert column(made, "category") == ["__other__", "b", "a"]
