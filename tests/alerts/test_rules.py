"""Which evaluations a rule watches, and what it makes of them."""

import json
import math

import pytest
from driftline_collector.alerts.rules import Evaluation, Rule, evaluations_of
from driftline_schemas.segments import Segment

from tests.alerts.evaluated import CAMERA_A, CAMERA_A_EU, FLEET, drifted, row, table

LINE_A3 = f"{FLEET},segment.line=A3"

DRIFT = Rule(name="drift", measure="drift")


def evaluation(**columns: object) -> Evaluation:
    return Evaluation.of_row(row(0, measure="accuracy", verdict=None) | columns)


@pytest.mark.parametrize(
    ("verdict", "finding", "holds"),
    [
        ("drifted", True, True),
        ("drifted", False, None),  # explained by another segment: neither starts nor ends an alert
        ("stable", False, False),
        ("insufficient_data", False, None),
        ("no_reference", False, None),
        ("new_segment", False, None),
        ("vanished", False, None),
        (None, False, None),
    ],
)
def test_drift_without_a_limit_fires_on_findings_and_ends_with_stable(
    verdict: str | None, finding: bool, holds: bool | None
) -> None:
    assert DRIFT.holds(Evaluation.of_row(row(0, verdict=verdict, finding=finding))) is holds


@pytest.mark.parametrize(
    ("explained_by", "holds"),
    [
        ([str(FLEET)], None),
        ([str(CAMERA_A_EU)], False),
        (["model=digits,version=2.1.0,device_type=*,region=*"], False),
        ([str(FLEET), str(CAMERA_A_EU)], None),
        ([], None),
    ],
)
def test_a_drift_explained_by_a_wider_segment_goes_on_and_by_a_part_or_a_crossing_one_is_over(
    explained_by: list[str], holds: bool | None
) -> None:
    details = json.dumps({"explained_by": explained_by})
    explained = row(0, segment=CAMERA_A, verdict="drifted", finding=False, details=details)
    assert DRIFT.holds(Evaluation.of_row(explained)) is holds


@pytest.mark.parametrize(("score", "holds"), [(0.4, True), (0.2, False), (None, None)])
def test_a_rule_with_a_detector_compares_its_score_whatever_the_effect_is(
    score: float | None, holds: bool | None
) -> None:
    far = Rule(name="far", measure="drift", detector="wasserstein", above=0.3)
    scores = {"hellinger": 0.9} if score is None else {"wasserstein": score, "hellinger": 0.9}
    given = Evaluation.of_row(row(0, value=7.0, lower=6.0, upper=8.0, details=json.dumps({"scores": scores})))
    read = far.reads(given)
    assert (read.value, read.lower, read.upper) == (score, None, None)
    assert far.holds(read) is holds
    assert DRIFT.reads(given) is given


@pytest.mark.parametrize(
    ("limits", "value", "holds"),
    [
        ({"below": 0.9}, 0.89, True),
        ({"below": 0.9}, 0.9, False),
        ({"above": 0.2}, 0.21, True),
        ({"above": 0.2}, 0.2, False),
        ({"below": 0.1, "above": 0.2}, 0.15, False),
        ({"below": 0.1, "above": 0.2}, 0.3, True),
        ({"below": 0.1, "above": 0.2}, 0.05, True),
        ({"below": 0.9}, None, None),
        ({"below": 0.9}, math.nan, None),
    ],
)
def test_a_limit_is_compared_with_the_value(
    limits: dict[str, float], value: float | None, holds: bool | None
) -> None:
    rule = Rule(name="r", measure="accuracy", **limits)  # type: ignore[arg-type]
    assert rule.holds(evaluation(value=value)) is holds


@pytest.mark.parametrize(
    ("limits", "lower", "upper", "holds"),
    [
        ({"below": 0.9}, 0.5, 0.89, True),
        ({"below": 0.9}, 0.5, 0.95, False),
        ({"above": 0.2}, 0.21, 0.5, True),
        ({"above": 0.2}, 0.1, 0.5, False),
        ({"below": 0.9}, 0.5, None, None),
    ],
)
def test_to_be_sure_the_whole_interval_must_be_beyond_the_limit(
    limits: dict[str, float], lower: float | None, upper: float | None, holds: bool | None
) -> None:
    rule = Rule(name="r", measure="accuracy", sure=True, **limits)  # type: ignore[arg-type]
    assert rule.holds(evaluation(value=0.3, lower=lower, upper=upper)) is holds


def test_too_few_data_neither_start_nor_end_an_alert_whatever_the_value() -> None:
    rule = Rule(name="r", measure="accuracy", below=0.9)
    assert rule.holds(evaluation(value=0.1, verdict="insufficient_data")) is None


@pytest.mark.parametrize(
    ("segment", "each", "watched"),
    [
        (None, (), [FLEET]),
        (None, ("device_type",), [CAMERA_A]),
        (None, ("device_type", "region"), [CAMERA_A_EU]),
        (CAMERA_A, (), [CAMERA_A]),
        (CAMERA_A, ("region",), [CAMERA_A_EU]),
        (None, ("segment.line",), [LINE_A3]),
        (LINE_A3, (), [LINE_A3]),
        ("model=other,version=*,device_type=*,region=*", (), []),
    ],
)
def test_a_rule_with_a_limit_watches_one_segment_or_each_of_a_split(
    segment: str | None, each: tuple[str, ...], watched: list[str]
) -> None:
    rule = Rule(
        name="r",
        measure="accuracy",
        below=0.9,
        segment=Segment.parse(segment) if segment else None,
        each=each,
    )
    keys = (FLEET, CAMERA_A, CAMERA_A_EU, LINE_A3)
    assert [key for key in keys if rule.watches(Segment.parse(key))] == watched


def test_drift_watches_every_finding_or_those_within_a_segment() -> None:
    within = Rule(name="drift", measure="drift", segment=Segment.parse(CAMERA_A))
    keys = (FLEET, CAMERA_A, CAMERA_A_EU)
    assert [key for key in keys if DRIFT.watches(Segment.parse(key))] == list(keys)
    assert [key for key in keys if within.watches(Segment.parse(key))] == [CAMERA_A, CAMERA_A_EU]


def test_a_tier_of_its_own_is_not_taken_for_the_model_as_a_whole() -> None:
    rule = Rule(name="r", measure="accuracy", below=0.9)
    assert not rule.watches(Segment.parse(f"{FLEET},tier=cloud"))


def test_rows_about_features_are_left_out_and_the_widest_segments_come_first() -> None:
    rows = table(drifted(1), drifted(0, CAMERA_A_EU), drifted(0, FLEET), drifted(0, FLEET, feature="ink"))
    assert [(e.window_start_ns, str(e.segment)) for e in evaluations_of(rows)] == [
        (row(0)["window_start_ns"], FLEET),
        (row(0)["window_start_ns"], CAMERA_A_EU),
        (row(1)["window_start_ns"], CAMERA_A),
    ]


def test_the_limit_that_is_told_is_the_one_that_is_crossed() -> None:
    rule = Rule(name="r", measure="accuracy", below=0.1, above=0.9)
    assert rule.limit(evaluation(value=0.95)) == 0.9
    assert rule.limit(evaluation(value=0.05)) == 0.1
    assert DRIFT.limit(evaluation(value=0.05)) is None
