"""Records cannot be made wrong, nor changed once made."""

import dataclasses
import math
from typing import Any

import pytest
from driftline_schemas.errors import SchemaError
from driftline_schemas.records import GroundTruth, Prediction, Profile, Source

SOURCE: dict[str, Any] = {
    "model": "digits",
    "version": "1",
    "device": "cam-1",
    "device_type": "a",
    "region": "eu",
}
PROFILE: dict[str, Any] = {"binning_id": "b1-0", "start_ns": 0, "end_ns": 60, "predictions": 1, "counts": {}}


def test_a_source_is_on_one_of_the_known_tiers() -> None:
    assert Source(**SOURCE).tier == "device_edge"
    with pytest.raises(SchemaError, match="tier: 'moon' is not one of client_edge, device_edge"):
        Source(**SOURCE, tier="moon")


@pytest.mark.parametrize("probability", [0.0, -0.5, 1.0000000000000002, math.nan, math.inf])
def test_a_probability_lies_above_0_and_not_above_1(probability: float) -> None:
    with pytest.raises(SchemaError, match=r"sample probability: .* is not in \(0, 1\]"):
        Prediction(id="p", time_ns=0, features={}, probability=probability)
    with pytest.raises(SchemaError, match=r"sample probability: .* is not in \(0, 1\]"):
        GroundTruth(prediction_id="p", time_ns=0, sample_probability=probability)
    with pytest.raises(SchemaError, match=r"ground truth probability: .* is not in \(0, 1\]"):
        GroundTruth(prediction_id="p", time_ns=0, probability=probability)


@pytest.mark.parametrize("probability", [None, 5e-324, 0.01, 1.0, 1])
def test_a_probability_may_be_unknown_tiny_or_one(probability: float | None) -> None:
    assert Prediction(id="p", time_ns=0, features={}, probability=probability).probability == probability
    truth = GroundTruth(prediction_id="p", time_ns=0, probability=probability, sample_probability=probability)
    assert truth.probability == truth.sample_probability == probability


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"end_ns": 0}, "a window from 0 to 0"),
        ({"end_ns": -60}, "a window from 0 to -60"),
        ({"predictions": -1}, "a negative count"),
        ({"counts": {"x": (1, -1)}}, "a negative count"),
    ],
)
def test_a_profile_has_a_window_and_counts(change: dict[str, Any], message: str) -> None:
    assert Profile(**PROFILE).predictions == 1
    with pytest.raises(SchemaError, match=message):
        Profile(**PROFILE | change)


def test_records_do_not_change() -> None:
    records: list[Any] = [
        Source(**SOURCE),
        Prediction(id="p", time_ns=0, features={}),
        GroundTruth(prediction_id="p", time_ns=0),
        Profile(**PROFILE),
    ]
    for record in records:
        for field in dataclasses.fields(record):
            with pytest.raises(dataclasses.FrozenInstanceError):
                setattr(record, field.name, None)
