"""Events → one OTLP logs request body, written byte by byte.

A sampled prediction is the dearest thing that the worker does: protobuf's own classes take 50 µs for one,
this takes 8. Fields stand in the order of their numbers, so that the bytes are those that protobuf would
write; `tests/telemetry/test_encode.py` holds the two equal.
"""

import struct
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from driftline_schemas import attributes as a
from driftline_schemas.records import GroundTruth, Prediction

from driftline._encode import Announcement, Escalation
from driftline._intake import Deployment
from driftline._turns import give_way

Event = Prediction | GroundTruth | Deployment | Announcement

# A tag is the field's number × 8 + 2 for what has a length, + 1 for eight bytes.
_REQUEST_RESOURCE_LOGS = 0x0A
_RESOURCE_LOGS_RESOURCE, _RESOURCE_LOGS_SCOPE_LOGS, _RESOURCE_LOGS_SCHEMA_URL = 0x0A, 0x12, 0x1A
_SCOPE_LOGS_SCOPE, _SCOPE_LOGS_RECORD, _SCOPE_LOGS_SCHEMA_URL = 0x0A, 0x12, 0x1A
_RECORD_TIME, _RECORD_ATTRIBUTE, _RECORD_TRACE_ID, _RECORD_SPAN_ID = 0x09, 0x32, 0x4A, 0x52
_RECORD_OBSERVED_TIME, _RECORD_EVENT_NAME = 0x59, 0x62
_KEY, _VALUE = 0x0A, 0x12
_STRING, _BOOL, _INT, _DOUBLE, _ARRAY = 0x0A, 0x10, 0x18, 0x21, 0x2A
_ARRAY_ITEM, _SCOPE_NAME = 0x0A, 0x0A

_double = struct.Struct("<d").pack
_fixed64 = struct.Struct("<Q").pack


def logs(who: bytes, events: Sequence[Event], first: int, escalations: Mapping[str, Escalation]) -> bytes:
    """A request of these events, numbered from `first`. `who` is the encoded resource; `escalations` are by
    prediction id."""
    parts = [_block(_SCOPE_LOGS_SCOPE, _block(_SCOPE_NAME, a.SCOPE_NAME.encode()))]
    for sequence, event in enumerate(events, start=first):
        parts.append(_block(_SCOPE_LOGS_RECORD, _record(event, sequence, escalations)))
        give_way()
    schema_url = a.SCHEMA_URL.encode()
    parts.append(_block(_SCOPE_LOGS_SCHEMA_URL, schema_url))
    resource_logs = (
        _block(_RESOURCE_LOGS_RESOURCE, who)
        + _block(_RESOURCE_LOGS_SCOPE_LOGS, b"".join(parts))
        + _block(_RESOURCE_LOGS_SCHEMA_URL, schema_url)
    )
    return _block(_REQUEST_RESOURCE_LOGS, resource_logs)


def _record(event: Event, sequence: int, escalations: Mapping[str, Escalation]) -> bytes:
    trace_id = span_id = b""
    if isinstance(event, Prediction):
        name, values = a.EVENT_PREDICTION, _prediction(event, escalations.get(event.id))
        trace_id, span_id = event.trace_id, event.span_id
    elif isinstance(event, GroundTruth):
        name, values = a.EVENT_GROUND_TRUTH, _ground_truth(event)
    elif isinstance(event, Deployment):
        name = a.EVENT_DEPLOYMENT
        values = {a.DEPLOYMENT_KIND: event.kind, a.DEPLOYMENT_FROM: event.from_, a.DEPLOYMENT_TO: event.to}
    else:
        name, values = a.EVENT_STREAM, dict(event.attributes)
    values[a.SEQUENCE] = sequence
    time = _fixed64(event.time_ns)
    parts = [bytes((_RECORD_TIME,)), time]
    for key in sorted(values):
        value = values[key]
        if type(value) is float:
            parts += (_double_prefix(key), _double(value))
        elif value is not None:
            parts.append(_block(_RECORD_ATTRIBUTE, _key(key) + _block(_VALUE, _any(value))))
    if trace_id:
        parts.append(_block(_RECORD_TRACE_ID, trace_id))
    if span_id:
        parts.append(_block(_RECORD_SPAN_ID, span_id))
    parts += (bytes((_RECORD_OBSERVED_TIME,)), time, _block(_RECORD_EVENT_NAME, name.encode()))
    return b"".join(parts)


def _prediction(event: Prediction, escalation: Escalation | None) -> dict[str, Any]:
    values: dict[str, Any] = {
        a.PREDICTION_ID: event.id,
        a.PREDICTION_LABEL: event.label,
        a.PREDICTION_VALUE: event.value,
        a.PREDICTION_SCORE: event.score,
        a.PREDICTION_DURATION: event.duration,
        a.PREDICTION_PARENT_ID: event.parent_id,
        a.SAMPLE_PROBABILITY: event.probability,
        a.SAMPLE_REASONS: event.reasons or None,
    }
    if escalation is not None:
        values[a.ESCALATION_REASON] = escalation.reason
        values[a.ESCALATION_LABEL] = escalation.label
        values[a.ESCALATION_SCORE] = escalation.score
    for name, value in event.features.items():
        values[a.FEATURE_PREFIX + name] = value
    return values


def _ground_truth(event: GroundTruth) -> dict[str, Any]:
    return {
        a.PREDICTION_ID: event.prediction_id,
        a.GROUND_TRUTH_LABEL: event.label,
        a.GROUND_TRUTH_VALUE: event.value,
        a.GROUND_TRUTH_SOURCE: event.source,
        a.GROUND_TRUTH_PROBABILITY: event.probability,
        a.SAMPLE_PROBABILITY: event.sample_probability,
    }


@lru_cache(maxsize=4096)
def _key(key: str) -> bytes:
    return _block(_KEY, _text(key))


@lru_cache(maxsize=4096)
def _double_prefix(key: str) -> bytes:
    """An attribute up to the eight bytes of its number."""
    name = _key(key)
    return bytes((_RECORD_ATTRIBUTE,)) + _varint(len(name) + 11) + name + bytes((_VALUE, 9, _DOUBLE))


def _any(value: Any) -> bytes:
    if isinstance(value, str):
        return _block(_STRING, _text(value))
    if isinstance(value, bool):
        return bytes((_BOOL, value))
    if isinstance(value, int):
        return bytes((_INT,)) + _varint(value & 0xFFFF_FFFF_FFFF_FFFF)
    if isinstance(value, float):
        return bytes((_DOUBLE,)) + _double(value)
    return _block(_ARRAY, b"".join(_block(_ARRAY_ITEM, _any(item)) for item in value))


def _text(value: str) -> bytes:
    # Half a surrogate pair is no text to protobuf, nor to anybody's decoder.
    return value.encode("utf-8", "replace")


def _block(tag: int, content: bytes) -> bytes:
    length = len(content)
    if length < 0x80:
        return bytes((tag, length)) + content
    return bytes((tag,)) + _varint(length) + content


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)
