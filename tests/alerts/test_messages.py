"""What is said about alerts: to people in a sentence, to machines by a schema."""

import json
from importlib import resources
from typing import Any

import pytest
from driftline_collector.alerts import state
from driftline_collector.alerts.messages import (
    AlertMessage,
    Change,
    Links,
    MovedFeature,
    describe,
    message_of,
    moment,
    trial_message,
    withdrawn,
)
from driftline_collector.alerts.rules import Evaluation, Rule
from driftline_collector.alerts.state import Alert
from driftline_schemas.segments import Segment
from jsonschema import Draft202012Validator
from pydantic import TypeAdapter

from tests.alerts.evaluated import MINUTE, START, drifted, row

DRIFT = Rule(name="drift", measure="drift")
MOVED = [MovedFeature(name="contrast", effect=0.41, lower=0.33, p=1e-9)]
ONSET = {
    "at_ns": START - 9 * MINUTE,
    "earliest_ns": START - 14 * MINUTE,
    "latest_ns": START - 5 * MINUTE,
    "first_ns": START - 60 * MINUTE,
}
CHANGED = {
    "attribution": {"cause": "device", "what": "device_type=camera-a", "reasons": ["6 of 6 devices shifted"]},
}
CHANGES = [Change(kind="model", before="2.0.0", after="2.1.0", first_at=moment(START), devices=3)]


def shipped() -> dict[str, Any]:
    text = resources.files("driftline_schemas").joinpath("alert.schema.json").read_text()
    schema: dict[str, Any] = json.loads(text)
    return schema


def alert(rule: Rule, *rows: dict[str, Any]) -> tuple[Alert, Evaluation]:
    """What becomes of a segment with these evaluations, and the last of them."""
    found: Alert | None = None
    evaluation = None
    for each in rows:
        evaluation = Evaluation.of_row(each)
        found = state.step(rule, found, evaluation)
    assert found is not None
    assert evaluation is not None
    return found, evaluation


def firing() -> dict[str, Any]:
    found, evaluation = alert(DRIFT, drifted(0, n=5400.0, devices=6, coverage=0.98))
    return message_of(
        "alert.firing",
        found,
        DRIFT,
        evaluation,
        now_ns=START,
        features=MOVED,
        changes=CHANGES,
        links=Links(api="http://d"),
    )


def test_the_schema_is_that_of_the_code() -> None:
    expected = {"$schema": "https://json-schema.org/draft/2020-12/schema"} | TypeAdapter(
        AlertMessage
    ).json_schema()
    assert shipped() == expected


def test_every_kind_of_message_follows_the_schema() -> None:
    Draft202012Validator.check_schema(shipped())
    validator = Draft202012Validator(shipped())
    over, evaluation = alert(DRIFT, drifted(0), row(1))
    messages = [
        firing(),
        message_of("alert.resolved", over, DRIFT, evaluation, now_ns=START),
        message_of("finding.late", over, DRIFT, Evaluation.of_row(drifted(1)), now_ns=START),
        trial_message(now_ns=START),
        withdrawn(state.telling(over, firing()), now_ns=START),
    ]
    for message in messages:
        validator.validate(json.loads(json.dumps(message)))


def test_a_drift_alert_says_what_where_since_when_how_sure_and_on_what_evidence() -> None:
    assert firing()["data"]["summary"] == (
        "digits, every version, camera-a in every region: drifted since 2026-01-01 00:00:00 UTC;"
        " most moved: contrast (PSI 0.41, at least 0.33) (6 devices, 5,400 predictions, coverage 98%)"
    )


def explained(**onset: int | None) -> dict[str, Any]:
    """The message about a finding of which analysis says what changed."""
    changed = CHANGED | {"onset": ONSET | onset}
    found, evaluation = alert(DRIFT, drifted(0, details=json.dumps({"changed": changed})))
    moved = [MovedFeature(name="contrast", effect=0.41, lower=0.33, p=1e-9, direction="lower")]
    return message_of("alert.firing", found, DRIFT, evaluation, now_ns=START, features=moved)


def test_a_drift_alert_says_in_which_direction_since_when_and_in_what_it_lies() -> None:
    data = explained()["data"]
    assert data["summary"].endswith(
        "; most moved: contrast lower (PSI 0.41, at least 0.33); began about 2025-12-31 23:51:00 UTC"
        " (2025-12-31 23:46:00 UTC to 2025-12-31 23:55:00 UTC); only on device_type=camera-a"
    )
    assert data["onset"]["at"] == "2025-12-31T23:51:00.000Z"
    assert data["attribution"]["reasons"] == ("6 of 6 devices shifted",)
    assert data["features"][0]["direction"] == "lower"
    Draft202012Validator(shipped()).validate(json.loads(json.dumps(explained())))


def test_a_drift_that_was_there_first_is_told_as_at_or_before() -> None:
    data = explained(at_ns=None, earliest_ns=None)["data"]
    assert "; began at or before 2025-12-31 23:00:00 UTC;" in data["summary"]
    assert data["onset"]["at"] is None


def test_a_limit_is_told_with_the_value_its_interval_and_its_side() -> None:
    rule = Rule(name="low", measure="accuracy", below=0.9)
    found, evaluation = alert(
        rule, row(0, measure="accuracy", value=0.81, lower=0.7, upper=0.88, verdict=None)
    )
    assert message_of("alert.firing", found, rule, evaluation, now_ns=START)["data"]["summary"] == (
        "digits, every version, camera-a in every region: accuracy is 0.81 [0.7, 0.88], below 0.9,"
        " since 2026-01-01 00:00:00 UTC"
    )


def test_a_resolved_alert_says_as_of_when() -> None:
    found, evaluation = alert(DRIFT, drifted(0), row(1))
    message = message_of("alert.resolved", found, DRIFT, evaluation, now_ns=START + 3 * MINUTE)
    assert message["data"]["summary"].endswith("drift is back to normal as of 2026-01-01 00:02:00 UTC")
    assert message["data"]["resolved_at"] == "2026-01-01T00:02:00.000Z"


def test_a_message_links_to_its_alert_where_there_is_an_address() -> None:
    message = firing()
    assert message["data"]["link"] == f"http://d/api/v1/alerts/{message['data']['alert_id']}"
    assert trial_message(now_ns=START)["data"]["link"] is None


@pytest.mark.parametrize(
    ("values", "spoken"),
    [
        ({"model": "digits"}, "digits, every version"),
        ({"model": "digits", "version": "2.1.0"}, "digits 2.1.0"),
        ({"model": "digits", "region": "eu"}, "digits, every version, every device type in eu"),
        ({"model": "digits", "version": "2", "device_type": "a", "region": "eu"}, "digits 2, a in eu"),
        ({"model": "digits", "tier": "cloud"}, "digits, every version, tier cloud"),
    ],
)
def test_segments_are_spoken_of_as_people_do(values: dict[str, str | None], spoken: str) -> None:
    assert describe(Segment.of(values)) == spoken


def test_a_moment_is_told_to_the_millisecond_in_utc() -> None:
    assert moment(START + 1_999_999) == "2026-01-01T00:00:00.001Z"


def test_an_alert_on_data_quality_says_what_is_wrong() -> None:
    rule = Rule(name="bad-data", measure="quality", above=0.05, sure=True)
    reason = "sharpness: 12.0% out of the reference's range"
    found, evaluation = alert(
        rule, row(0, measure="quality", value=0.12, lower=0.11, upper=0.13, verdict="suspect", reason=reason)
    )
    assert found.state == "firing"
    summary = message_of("alert.firing", found, rule, evaluation, now_ns=START)["data"]["summary"]
    assert "quality is 0.12 [0.11, 0.13], above 0.05, since" in summary
    assert reason in summary
