"""Ground truth, deployments, streams and everybody's logs → rows."""

import json
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


# -- other events --------------------------------------------------------------------------------------
def test_ground_truth_is_a_label() -> None:
    own = {
        names.PREDICTION_ID: "p1",
        names.GROUND_TRUTH_LABEL: "1",
        names.GROUND_TRUTH_SOURCE: "human",
        names.GROUND_TRUTH_PROBABILITY: 0.1,
        names.SAMPLE_PROBABILITY: 1.0,
        names.SEQUENCE: 4,
    }
    (row,) = rows("labels", wire.events((names.EVENT_GROUND_TRUTH, own), time_unix_nano=6))
    assert row == {
        "prediction_id": "p1",
        "label": "1",
        "value": None,
        "source": "human",
        "probability": 0.1,
        "sample_probability": 1.0,
        "time_ns": 6,
        "stream": "a" * 32,
        "sequence": 4,
    }


def test_ground_truth_without_a_truth_is_refused() -> None:
    made = decoded(wire.events((names.EVENT_GROUND_TRUTH, {names.PREDICTION_ID: "p"})))
    assert "neither driftline.ground_truth.label nor driftline.ground_truth.value" in made.rejected[0].message


def test_a_deployment_says_what_changed_from_what_to_what() -> None:
    own = {names.DEPLOYMENT_KIND: "model", names.DEPLOYMENT_FROM: "1", names.DEPLOYMENT_TO: "2"}
    (row,) = rows("deployments", wire.events((names.EVENT_DEPLOYMENT, own)))
    assert (row["kind"], row["from_version"], row["to_version"], row["device"]) == (
        "model",
        "1",
        "2",
        "cam-017",
    )


def test_a_closed_stream_is_spoken_of_by_its_successor() -> None:
    own = {
        names.STREAM_PHASE: "closed",
        names.STREAM_CLOSED_ID: "b" * 32,
        names.STREAM_LAST_LOG: 10,
        names.STREAM_LAST_SPAN: 4,
        names.STREAM_LAST_WINDOW_END: 60,
        names.STREAM_PREDICTIONS_MADE: 100,
        names.STREAM_PREDICTIONS_PROFILED: 97,
        names.STREAM_PREDICTIONS_RESERVED: 120,
        names.STREAM_TOMBSTONES_LOGS: [2, 3],
        names.SEQUENCE: 1,
    }
    made = decoded(wire.events((names.EVENT_STREAM, own)))
    (row,) = made.batch.rows["stream_events"].table.to_pylist()
    expected = {"stream": "b" * 32, "phase": "closed", "last_log": 10, "last_span": 4, "last_window_end": 60}
    expected |= {
        "made": 100,
        "profiled": 97,
        "reserved": 120,
        "tombstones_logs": [2, 3],
        "tombstones_spans": None,
    }
    assert {name: row[name] for name in expected} == expected
    assert made.batch.numbers is not None
    assert made.batch.numbers.streams == ("a" * 32,)  # the event's own number is the speaker's


def test_a_stream_event_of_no_known_phase_is_refused() -> None:
    made = decoded(wire.events((names.EVENT_STREAM, {names.STREAM_PHASE: "paused"})))
    assert made.rejected[0].count == 1


@pytest.mark.parametrize(
    "absurd",
    [
        {names.STREAM_LAST_LOG: 2**63 - 1},
        {names.STREAM_PREDICTIONS_MADE: -1},
        {names.STREAM_TOMBSTONES_LOGS: [1, 2, 3]},
        {names.STREAM_TOMBSTONES_SPANS: [5, 4]},
        {names.STREAM_TOMBSTONES_SPANS: [1, 2**62]},
    ],
)
def test_a_stream_that_tells_absurd_numbers_of_itself_is_refused(absurd: dict[str, object]) -> None:
    """Summed over streams they would overflow, and hide what is really missing."""
    made = decoded(wire.events((names.EVENT_STREAM, {names.STREAM_PHASE: "end"} | absurd)))
    (rejected,) = made.rejected
    assert rejected.count == 1
    assert next(iter(absurd)) in rejected.message


def test_a_number_that_no_stream_reaches_is_none() -> None:
    made = decoded(wire.events((names.EVENT_STREAM, {names.STREAM_PHASE: "end", names.SEQUENCE: 2**63 - 1})))
    assert made.batch.numbers is not None
    assert made.batch.numbers.stream.tolist() == [-1]


# -- everybody's logs ----------------------------------------------------------------------------------
def test_other_logs_are_kept_whole() -> None:
    listed = [1, 1.0, "x", wire.EMPTY, {"a": b"\xff"}]
    nested = {"list": listed, "nan": float("nan"), "none": wire.EMPTY}
    request = wire.events(
        ("", {"quoted": 'a "b"\n\\\x01', "nested": nested, "big": 2**62, "no": False}),
        severity_number=9,
        severity_text="INFO",
        body=wire.any_value(["body", 1]),
        observed_time_unix_nano=8,
        flags=1,
    )
    group = request.resource_logs[0].scope_logs[0]
    group.scope.name, group.scope.version, group.schema_url = "lib", "1.0", "https://schema"
    (row,) = rows("logs", request)
    assert json.loads(row["attributes"]) == {
        "quoted": 'a "b"\n\\\x01',
        "nested": {
            "list": [1, 1.0, "x", None, {"a": {"bytesValue": "/w=="}}],
            "nan": {"doubleValue": "NaN"},
            "none": None,
        },
        "big": 2**62,
        "no": False,
    }
    assert '"list":[1,1.0,' in row["attributes"]
    assert json.loads(row["body"]) == ["body", 1]
    assert json.loads(row["resource"]) == wire.DEVICE
    assert json.loads(row["scope"]) == {"name": "lib", "version": "1.0", "schema_url": "https://schema"}
    told = (row["severity_number"], row["severity_text"], row["observed_ns"], row["time_ns"], row["flags"])
    assert told == (9, "INFO", 8, 8, 1)
    assert (row["service"], row["device"], row["event_name"]) == ("inference", "cam-017", "")


def test_a_list_of_pairs_that_json_would_mistake_is_told_apart() -> None:
    twice = wire.any_value({"a": 1})
    twice.kvlist_value.values.extend(wire.pairs({"a": 2}))
    (row,) = rows("logs", wire.events(("", {"bytes": {"bytesValue": "x"}, "twice": twice})))
    assert json.loads(row["attributes"]) == {
        "bytes": {"kvlistValue": {"values": [{"key": "bytesValue", "value": "x"}]}},
        "twice": {"kvlistValue": {"values": [{"key": "a", "value": 1}, {"key": "a", "value": 2}]}},
    }


def test_a_log_without_body_or_attributes_has_none() -> None:
    (row,) = rows("logs", wire.events(("", {})))
    assert (row["body"], row["attributes"], row["scope"]) == (None, None, "{}")


def test_an_empty_request_has_no_rows() -> None:
    made = decoded(wire.events(), wire.events(device={}))
    assert made.batch.size == 0
    assert [rejected.count for rejected in made.rejected] == [0, 0]
