"""OTLP bytes → nested Arrow, by ptars. The only file that knows ptars.

ptars cannot express a message that contains itself, so it is given OTLP's descriptors trimmed: the two
recursive fields of `AnyValue` become `bytes` (the encoded `ArrayValue` or `KeyValueList`), and fields that
driftline does not read are left out. It is laxer than protobuf: it takes bytes that protobuf refuses
(groups left open, rubbish in what is now `bytes`) and keeps every member of a oneof that was sent twice.
Hence `check` parses with protobuf first (a quarter of what ptars costs), and what ptars reads otherwise than
protobuf does is read by `oracle` instead.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import ptars
import pyarrow as pa
from google.protobuf.descriptor import Descriptor
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError

from driftline_collector.receiver import oracle
from driftline_collector.receiver.signals import SIGNALS, Signal

RECURSIVE = {("AnyValue", "array_value"), ("AnyValue", "kvlist_value")}
#: Profiling's string table and the entities of a resource, both under development and read by nobody here.
UNREAD = {("AnyValue", "string_value_strindex"), ("KeyValue", "key_strindex"), ("Resource", "entity_refs")}
ANY_VALUE = (
    "string_value",
    "bool_value",
    "int_value",
    "double_value",
    "array_value",
    "kvlist_value",
    "bytes_value",
)


#: In protobuf's complaint about a message that it has no memory for; all others are the message's fault.
_NO_MEMORY = "alloc failed"


class UndecodableError(ValueError):
    """A body that is not a message of its signal, by protobuf's own parser."""


def check(signal: Signal, body: bytes) -> None:
    """Raise UndecodableError unless protobuf takes `body` for a request of `signal`.

    Raises MemoryError where it cannot tell for want of memory.
    """
    try:
        signal.request.FromString(body)
    except DecodeError as error:
        if _NO_MEMORY in str(error):
            raise MemoryError(f"protobuf has no memory for {len(body)} bytes") from None
        name = signal.request.DESCRIPTOR.full_name
        raise UndecodableError(
            f"the body is not a protobuf {name} ({error}); send OTLP 1.x as protobuf"
        ) from None


def decode(signal: Signal, bodies: Sequence[bytes]) -> pa.RecordBatch:
    """Decode bodies that have passed `check`: a row each, in the schema of the trimmed descriptor."""
    handler = _handler(signal.name)
    try:
        batch = handler.list_to_record_batch(list(bodies))
    except ValueError:  # checked bodies are valid: what ptars cannot read, protobuf can
        return oracle.decode(signal, bodies, schema(signal))
    if _has_double_oneof(batch):
        return oracle.decode(signal, bodies, schema(signal))
    return batch


@cache
def schema(signal: Signal) -> pa.Schema:
    """The Arrow schema of a decoded batch of `signal`."""
    return _handler(signal.name).schema()


def _has_double_oneof(batch: pa.RecordBatch) -> bool:
    """Whether a value holds several members of its oneof, of which only the last was meant."""
    return any(_double_in(column) for column in batch.columns)


def _double_in(array: pa.Array) -> bool:
    if pa.types.is_list(array.type):
        return _double_in(array.flatten())
    if not pa.types.is_struct(array.type):
        return False
    names = [field.name for field in array.type]
    fields = array.flatten()
    if "string_value" in names:
        return _crowded(fields)
    oneofs = ({"as_double", "as_int"}, {"gauge", "sum", "histogram", "exponential_histogram", "summary"})
    for oneof in oneofs:
        if oneof <= set(names) and _crowded([f for n, f in zip(names, fields, strict=True) if n in oneof]):
            return True
    return any(_double_in(field) for field in fields if pa.types.is_nested(field.type))


def _crowded(members: Sequence[pa.Array]) -> bool:
    present = [member for member in members if member.null_count < len(member)]
    if len(present) < 2:
        return False
    count = sum(np.asarray(member.is_valid()).view(np.int8) for member in present)
    return bool(np.max(count) > 1)


@cache
def _handler(name: str) -> Any:
    signal = next(signal for signal in SIGNALS if signal.name == name)
    descriptor = trimmed(signal)
    return ptars.HandlerPool([descriptor.file]).get_for_message(descriptor)


@cache
def trimmed(signal: Signal) -> Descriptor:
    """The descriptor of a request of `signal` without recursion and without unread fields."""
    pool = DescriptorPool()
    _add_trimmed(pool, signal.request.DESCRIPTOR.file, set())
    return pool.FindMessageTypeByName(signal.request.DESCRIPTOR.full_name)


def _add_trimmed(pool: DescriptorPool, file: Any, done: set[str]) -> None:
    if file.name in done:
        return
    done.add(file.name)
    for dependency in file.dependencies:
        _add_trimmed(pool, dependency, done)
    proto = FileDescriptorProto()
    file.CopyToProto(proto)
    for message in proto.message_type:
        for field in list(message.field):
            if (message.name, field.name) in UNREAD:
                message.field.remove(field)
            elif (message.name, field.name) in RECURSIVE:
                field.type = FieldDescriptorProto.TYPE_BYTES
                field.ClearField("type_name")
    pool.Add(proto)
