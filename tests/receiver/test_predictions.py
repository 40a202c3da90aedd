"""`driftline.prediction` events → rows, by WIRE.md's rules."""

import random
from typing import Any

import pytest
from driftline_collector.receiver.batches import batch_of
from driftline_collector.receiver.decoded import Decoded
from driftline_collector.receiver.signals import LOGS
from driftline_schemas import attributes as names
from google.protobuf.message import Message

from tests.receiver import wire


def decoded(*requests: Message, received_ns: int = 5) -> Decoded:
    bodies = [request.SerializeToString() for request in requests]
    return batch_of(LOGS, bodies, received_ns, lambda _binning, _feature: None)


def rows(table: str, *requests: Message, received_ns: int = 5) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (
        decoded(*requests, received_ns=received_ns).batch.rows[table].table.to_pylist()
    )
    return found


def features(request: Message) -> list[dict[str, Any]]:
    """Each prediction's features, put together again from its feature set and lists."""
    made = decoded(request)
    sets = {row["id"]: row for row in made.batch.rows["feature_sets"].table.to_pylist()}
    found = []
    for row in made.batch.rows["predictions"].table.to_pylist():
        numbers, texts = iter(row["numbers"]), iter(row["texts"])
        own: dict[str, Any] = {}
        chosen = sets[row["feature_set"]]
        for name, kind in zip(chosen["names"], chosen["types"], strict=True):
            if kind == "missing":
                own[name] = None
            elif kind == "boolean":
                own[name] = bool(next(numbers))
            else:
                own[name] = next(numbers) if kind == "number" else next(texts)
        assert not [*numbers, *texts]
        found.append(own)
    return found


# -- predictions ---------------------------------------------------------------------------------------
def test_a_prediction_is_stored_as_it_was_said() -> None:
    own = wire.prediction(
        3,
        prediction__label="7",
        prediction__score=0.93,
        prediction__duration=0.012,
        prediction__parent_id="edge-1",
        escalation__reason="score",
        escalation__label="1",
        escalation__score=0.99,
        sample__reasons=["random", "escalated"],
        features__x=1.5,
        extra=[1, "two"],
    )
    request = wire.events(own, time_unix_nano=99, trace_id=b"t" * 16, span_id=b"s" * 8)
    (row,) = rows("predictions", request)
    assert row.pop("feature_set")
    assert row == {
        "id": "p3",
        "parent_id": "edge-1",
        "label": "7",
        "value": None,
        "score": 0.93,
        "duration": 0.012,
        "escalation_reason": "score",
        "escalation_label": "1",
        "escalation_score": 0.99,
        "probability": 0.5,
        "reasons": ["random", "escalated"],
        "numbers": [1.5],
        "texts": [],
        "attributes": '{"driftline.extra":[1,"two"]}',
        "time_ns": 99,
        "stream": "a" * 32,
        "sequence": 3,
        "trace_id": b"t" * 16,
        "span_id": b"s" * 8,
        "model": "digits",
        "version": "2.1.0",
        "device": "cam-017",
        "device_type": "camera-a",
        "region": "eu-west",
        "tier": "device_edge",
        "firmware": None,
        "segment": None,
    }


def test_a_regression_model_has_a_value() -> None:
    (row,) = rows("predictions", wire.events(wire.prediction(prediction__value=3)))
    assert (row["label"], row["value"]) == (None, 3.0)


@pytest.mark.parametrize(("said", "stored"), [(7, "7"), (True, "true"), ("", ""), ("ñ", "ñ")])
def test_a_label_is_text_whatever_type_it_was_sent_as(said: Any, stored: str) -> None:
    (row,) = rows("predictions", wire.events(wire.prediction(prediction__label=said)))
    assert row["label"] == stored


def test_features_keep_their_order_names_types_and_values() -> None:
    rng = random.Random(4)
    said: list[dict[str, Any]] = []
    for _ in range(200):
        own: dict[str, Any] = {}
        for name in rng.sample(["a", "b", "c", "d", "ñ"], rng.randrange(6)):
            own[name] = rng.choice([rng.random(), float(rng.randrange(9)), "text", True, False, None])
        said.append(own)
    records = [
        (
            names.EVENT_PREDICTION,
            {names.PREDICTION_ID: f"p{number}"}
            | {
                f"{names.FEATURE_PREFIX}{name}": wire.EMPTY if value is None else value
                for name, value in own.items()
            },
        )
        for number, own in enumerate(said)
    ]
    found = features(wire.events(*records))
    assert found == said
    assert [list(own) for own in found] == [list(own) for own in said]


def test_the_same_features_in_another_order_or_of_another_type_are_another_set() -> None:
    request = wire.events(
        wire.prediction(1, features__a=1.0, features__b=2.0),
        wire.prediction(2, features__b=2.0, features__a=1.0),
        wire.prediction(3, features__a="1", features__b=2.0),
        wire.prediction(4, features__a=9.0, features__b=9.0),
        wire.prediction(5),
    )
    sets = [row["feature_set"] for row in rows("predictions", request)]
    assert sets[0] == sets[3]
    assert len(set(sets)) == 4
    assert len(rows("feature_sets", request)) == 4


def test_a_feature_sets_id_is_the_same_in_every_collector() -> None:
    (row,) = rows("feature_sets", wire.events(wire.prediction(features__x=1.0, features__y="t")))
    assert row == {"id": 1413623640811606283, "names": ["x", "y"], "types": ["number", "text"]}


def test_whole_numbers_and_nested_features_are_kept() -> None:
    request = wire.events(wire.prediction(features__n=3, features__l=[1, {"a": b"\x00"}]))
    assert features(request) == [{"n": 3.0, "l": '[1,{"a":{"bytesValue":"AA=="}}]'}]


# -- who speaks ----------------------------------------------------------------------------------------
def test_what_a_resource_does_not_tell_is_unknown() -> None:
    (row,) = rows("predictions", wire.events(wire.prediction(), device={}))
    dimensions = ("model", "version", "device", "device_type", "region", "tier")
    assert [row[name] for name in dimensions] == ["unknown"] * 6
    assert (row["stream"], row["sequence"], row["firmware"]) == (None, None, None)


def test_standard_attributes_stand_in_for_ours() -> None:
    device = {"device.model.identifier": "jetson", "cloud.region": "far", "geo.region.iso_code": "DE-BE"}
    (row,) = rows("predictions", wire.events(wire.prediction(), device=device))
    assert (row["device_type"], row["region"]) == ("jetson", "DE-BE")


def test_a_records_own_model_wins() -> None:
    request = wire.events(wire.prediction(1, model__name="large", model__version="9"), wire.prediction(2))
    found = [(row["model"], row["version"]) for row in rows("predictions", request)]
    assert found == [("large", "9"), ("digits", "2.1.0")]


def test_the_users_own_dimensions_are_a_map_and_the_last_of_two_counts() -> None:
    request = wire.events(wire.prediction(), device=wire.DEVICE | {"driftline.segment.line": "A3"})
    request.resource_logs[0].resource.attributes.extend(wire.pairs({"driftline.segment.line": "A4"}))
    (row,) = rows("predictions", request)
    assert row["segment"] == [("line", "A4")]


def test_records_of_many_resources_and_requests_keep_their_own() -> None:
    sent_by = [wire.DEVICE | {names.DEVICE_ID: device} for device in "abc"]
    requests = [wire.events(wire.prediction(1), wire.prediction(2), device=device) for device in sent_by]
    merged = wire.events()
    for request in requests:
        merged.MergeFrom(request)
    expected = [(device, id_) for device in "abc" for id_ in ("p1", "p2")]
    for sent in (requests, [merged]):
        assert [(row["device"], row["id"]) for row in rows("predictions", *sent)] == expected


# -- times, ids and numbers ----------------------------------------------------------------------------
def test_a_record_without_a_time_has_the_observed_one_or_that_of_receipt() -> None:
    request = wire.events(wire.prediction(1), wire.prediction(2), wire.prediction(3))
    records = request.resource_logs[0].scope_logs[0].log_records
    records[0].time_unix_nano = 7
    records[1].observed_time_unix_nano = 8
    assert [row["time_ns"] for row in rows("predictions", request, received_ns=9)] == [7, 8, 9]


def test_a_time_beyond_all_time_is_the_last_there_is() -> None:
    (row,) = rows("predictions", wire.events(wire.prediction(), time_unix_nano=2**64 - 1))
    assert row["time_ns"] == 2**63 - 1


@pytest.mark.parametrize("trace", [b"", bytes(16), b"short", b"far too long for a trace id"])
def test_a_trace_id_that_is_none_is_no_error(trace: bytes) -> None:
    request = wire.events(wire.prediction(), ("other", {}), trace_id=trace, span_id=bytes(8))
    made = decoded(request)
    for table in ("predictions", "logs"):
        (row,) = made.batch.rows[table].table.to_pylist()
        assert (row["trace_id"], row["span_id"]) == (None, None)
    assert not made.rejected[0].count


@pytest.mark.parametrize("number", [None, 0, -4, "4", 4.0])
def test_what_is_no_sequence_number_numbers_nothing(number: Any) -> None:
    made = decoded(wire.events(wire.prediction(sequence=number)))
    assert made.batch.numbers is not None
    assert made.batch.numbers.stream.tolist() == [-1]
    assert made.batch.rows["predictions"].table.column("sequence").to_pylist() == [None]


# -- refusals ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("probability", [0, 0.0, -0.5, 1.0000001, float("nan"), float("inf"), "0.5", True])
def test_a_sample_probability_outside_0_and_1_is_refused(probability: Any) -> None:
    made = decoded(wire.events(wire.prediction(1, sample__probability=probability), wire.prediction(2)))
    assert made.rejected[0].count == 1
    assert "driftline.sample.probability is not in (0, 1]" in made.rejected[0].message
    assert made.batch.rows["predictions"].table.column("id").to_pylist() == ["p2"]


@pytest.mark.parametrize("probability", [1, 1.0, 5e-324, None])
def test_one_is_a_probability_and_so_is_none_at_all(probability: Any) -> None:
    made = decoded(wire.events(wire.prediction(sample__probability=probability)))
    assert made.rejected[0].count == 0


@pytest.mark.parametrize("id_", [None, "", 7, b"7"])
def test_a_prediction_without_an_id_is_refused(id_: Any) -> None:
    made = decoded(wire.events(wire.prediction(prediction__id=id_)))
    assert made.rejected[0].message == "1 log records refused: 1 with no driftline.prediction.id"
    assert made.batch.rows["predictions"].table.num_rows == 0


def test_refusals_are_told_to_the_request_that_they_came_in_and_count_as_seen() -> None:
    good = wire.events(wire.prediction(1))
    bad = wire.events(wire.prediction(2, prediction__id=""), wire.prediction(3, sample__probability=2.0))
    made = decoded(good, bad, good)
    assert [rejected.count for rejected in made.rejected] == [0, 2, 0]
    assert made.batch.numbers is not None
    assert made.batch.numbers.sequence.tolist() == [1, 2, 3, 1]
    assert sorted(place for refusal in made.batch.refusals for place in refusal.record.tolist()) == [1, 2]
    record = made.batch.rows["predictions"].record
    assert record is not None
    assert record.tolist() == [0, 3]
