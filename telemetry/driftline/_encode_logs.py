"""Events → one OTLP logs request body, written byte by byte.

A sampled prediction is the dearest thing that the worker does: protobuf's own classes take 50 µs for one,
this takes 8. Fields stand in the order of their numbers, so that the bytes are those that protobuf would
write; `tests/telemetry/test_encode.py` holds the two equal.
"""

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
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
    time = _fixed64(event.time_ns)
    parts = [bytes((_RECORD_TIME,)), time]
    if isinstance(event, Prediction):
        name = a.EVENT_PREDICTION
        parts += _prediction(event, sequence, escalations.get(event.id))
        trace_id, span_id = event.trace_id, event.span_id
    elif isinstance(event, GroundTruth):
        name = a.EVENT_GROUND_TRUTH
        parts += _attributes(_ground_truth(event) | {a.SEQUENCE: sequence})
    elif isinstance(event, Deployment):
        name = a.EVENT_DEPLOYMENT
        values = {a.DEPLOYMENT_KIND: event.kind, a.DEPLOYMENT_FROM: event.from_, a.DEPLOYMENT_TO: event.to}
        parts += _attributes(values | {a.SEQUENCE: sequence})
    else:
        name = a.EVENT_STREAM
        parts += _attributes({**event.attributes, a.SEQUENCE: sequence})
    if trace_id:
        parts.append(_block(_RECORD_TRACE_ID, trace_id))
    if span_id:
        parts.append(_block(_RECORD_SPAN_ID, span_id))
    parts += (bytes((_RECORD_OBSERVED_TIME,)), time, _block(_RECORD_EVENT_NAME, name.encode()))
    return b"".join(parts)


def _prediction(event: Prediction, sequence: int, escalation: Escalation | None) -> Iterator[bytes]:
    """The attributes of a prediction, in the order of their keys without sorting them."""
    if escalation is not None:
        told = {
            a.ESCALATION_REASON: escalation.reason,
            a.ESCALATION_LABEL: escalation.label,
            a.ESCALATION_SCORE: escalation.score,
        }
        yield from _attributes(told)
    features = event.features
    if set(map(type, features.values())) == {float}:
        pack, prefixes, order = _numbers(tuple(features))
        pieces = prefixes.copy()
        pieces[1::2] = map(features.__getitem__, order)
        yield pack(*pieces)
    else:
        yield from _attributes({a.FEATURE_PREFIX + name: value for name, value in features.items()})
    if event.duration is not None:
        yield _attribute(a.PREDICTION_DURATION, event.duration)
    yield _attribute(a.PREDICTION_ID, event.id)
    if event.label is not None:
        yield _common(a.PREDICTION_LABEL, event.label)
    if event.parent_id is not None:
        yield _attribute(a.PREDICTION_PARENT_ID, event.parent_id)
    for key, number in (
        (a.PREDICTION_SCORE, event.score),
        (a.PREDICTION_VALUE, event.value),
        (a.SAMPLE_PROBABILITY, event.probability),
    ):
        if number is not None:
            yield _attribute(key, number)
    if event.reasons:
        yield _common(a.SAMPLE_REASONS, event.reasons)
    yield _attribute(a.SEQUENCE, sequence)


def _ground_truth(event: GroundTruth) -> dict[str, Any]:
    return {
        a.PREDICTION_ID: event.prediction_id,
        a.GROUND_TRUTH_LABEL: event.label,
        a.GROUND_TRUTH_VALUE: event.value,
        a.GROUND_TRUTH_SOURCE: event.source,
        a.GROUND_TRUTH_PROBABILITY: event.probability,
        a.SAMPLE_PROBABILITY: event.sample_probability,
    }


@lru_cache(maxsize=64)
def _numbers(names: tuple[str, ...]) -> tuple[Callable[..., bytes], list[Any], Sequence[str]]:
    """For features that are all numbers: what packs them at once; what it packs, in which every other piece
    is the place of a value; and the names in the order of those."""
    ordered = sorted(names)
    prefixes = [_double_prefix(a.FEATURE_PREFIX + name) for name in ordered]
    form = struct.Struct("<" + "".join(f"{len(prefix)}sd" for prefix in prefixes))
    return form.pack, [piece for prefix in prefixes for piece in (prefix, 0.0)], ordered


def _attributes(values: Mapping[str, Any]) -> Iterator[bytes]:
    return (_attribute(key, values[key]) for key in sorted(values) if values[key] is not None)


def _attribute(key: str, value: Any) -> bytes:
    if type(value) is float:
        return _double_prefix(key) + _double(value)
    return _block(_RECORD_ATTRIBUTE, _key(key) + _block(_VALUE, _any(value)))


@lru_cache(maxsize=4096)
def _common(key: str, value: Any) -> bytes:
    """An attribute that has the same few values again and again."""
    return _attribute(key, value)


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
