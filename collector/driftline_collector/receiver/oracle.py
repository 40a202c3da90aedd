"""OTLP bytes → nested Arrow by a loop over protobuf objects: slow, and right by definition.

What the tests hold the fast path against, and what reads the rare body that ptars would read otherwise.
"""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
from google.protobuf.message import Message

from driftline_collector.receiver.signals import Signal


def decode(signal: Signal, bodies: Sequence[bytes], schema: pa.Schema) -> pa.RecordBatch:
    """Decode valid bodies of `signal` into `schema`: a row each. Raises DecodeError for invalid ones."""
    rows = [_struct(signal.request.FromString(body), schema) for body in bodies]
    return pa.RecordBatch.from_pylist(rows, schema=schema)


def _struct(message: Message, fields: pa.Schema | pa.StructType) -> dict[str, Any]:
    """The fields of a message that an Arrow type asks for; None for an absent message or optional value."""
    return {field.name: _value(message, field) for field in fields}


def _value(message: Message, field: pa.Field) -> Any:
    descriptor = message.DESCRIPTOR.fields_by_name[field.name]
    if descriptor.is_repeated:
        items = getattr(message, field.name)
        if pa.types.is_struct(field.type.value_type):
            return [_struct(item, field.type.value_type) for item in items]
        return list(items)
    if descriptor.has_presence and not message.HasField(field.name):
        return None
    value = getattr(message, field.name)
    if pa.types.is_struct(field.type):
        return _struct(value, field.type)
    return value.SerializeToString(deterministic=True) if isinstance(value, Message) else value
