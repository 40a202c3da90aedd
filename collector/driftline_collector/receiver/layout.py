"""How one prediction event is laid out in bytes: where its values stand, and which bits they may not touch.

Records of one SDK look alike: the same keys in the same order, and only values differ. So one of them is
taken apart here, with care, and `alike` reads thousands by laying this pattern over them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt
from driftline_schemas import attributes as names
from google.protobuf.message import DecodeError
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from driftline_collector.receiver.predictions import LABELS, NUMBERS, TEXTS, feature_set_id, strings

Kind = Literal["double", "int", "bool", "text", "missing"]
Bytes = npt.NDArray[np.uint8]

_VARINT, _FIXED64, LENGTH, _FIXED32 = 0, 1, 2, 5
#: Fields of a LogRecord, by number: those that are kept, with their wire type and size.
_ATTRIBUTES, _EVENT_NAME = 6, 12
_OF_RECORD = {
    1: ("time", _FIXED64, 8),
    9: ("trace_id", LENGTH, 16),
    10: ("span_id", LENGTH, 8),
    11: ("observed", _FIXED64, 8),
}
#: Those that predictions do not keep: they are what they are in the example.
_UNREAD = {2, 3, 5, 7, 8}
_MEMBERS: dict[int, tuple[int, Kind]] = {
    1: (LENGTH, "text"),
    2: (_VARINT, "bool"),
    3: (_VARINT, "int"),
    4: (_FIXED64, "double"),
}
_NONE: tuple[int, Kind] = (-1, "missing")
_ARRAY = 5
#: Which kinds of value an attribute may have here. Others are read one by one, which is right for all.
_ALLOWED: dict[str, set[Kind]] = {
    **{key: {"text"} for key in (*TEXTS.values(), *LABELS.values())},
    **{key: {"double", "int"} for key in NUMBERS.values()},
    names.SEQUENCE: {"int"},
}
_TYPE_OF: dict[Kind, str] = {"double": "number", "int": "number", "bool": "boolean", "text": "text"}
_PREDICTION = names.EVENT_PREDICTION.encode()
_MOST_BYTES = 16 * 2**10


class OtherwiseError(Exception):
    """A record, or a request, that cannot be read by laying a pattern over it."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A value's place among the values of a record: `size` bytes from `at`."""

    kind: Kind
    at: int
    size: int


@dataclass(slots=True)
class Layout:
    """Where a record's values stand, and the bits that are the same in all records of this layout.

    `pattern` and `fixed` are those bits and which they are, a byte each. `values` is where values stand in
    the record, `width` bytes in all; slots and other places are within these values, one after the other.
    """

    pattern: Bytes
    fixed: Bytes
    values: list[slice] = field(default_factory=list)
    width: int = 0
    slots: dict[str, Slot] = field(default_factory=dict)
    features: list[tuple[str, Slot]] = field(default_factory=list)
    time: int | None = None
    observed: int | None = None
    trace_id: int | None = None
    span_id: int | None = None
    reasons: list[str] | None = None
    feature_set: int = 0

    @property
    def types(self) -> list[str]:
        """The features' types, as feature sets have them."""
        return [_TYPE_OF.get(slot.kind, "missing") for _, slot in self.features]


def learn(record: bytes) -> Layout:
    """The layout of an encoded LogRecord. Raises OtherwiseError where it is no plain prediction event."""
    if len(record) > _MOST_BYTES:
        raise OtherwiseError
    try:
        LogRecord.FromString(record)  # what is the same in all records is right in all, as it is here
    except DecodeError as error:
        raise OtherwiseError from error
    pattern = np.frombuffer(record, np.uint8).copy()
    layout = Layout(pattern, np.full(len(record), 0xFF, np.uint8))
    _Learner(record, layout).learn()
    pattern &= layout.fixed
    layout.feature_set = feature_set_id([name for name, _ in layout.features], layout.types)
    return layout


class _Learner:
    """Takes one record apart, and frees those bits of a layout that a value may change."""

    def __init__(self, record: bytes, layout: Layout) -> None:
        self._record = record
        self._layout = layout
        self._keys: set[str] = set()

    def learn(self) -> None:
        """Fill in the layout."""
        seen: set[int] = set()
        for number, wire, start, end in fields(self._record, 0, len(self._record)):
            if number == _ATTRIBUTES and wire == LENGTH:
                self._attribute(start, end)
                continue
            if number in seen:
                raise OtherwiseError
            seen.add(number)
            name, *shape = _OF_RECORD.get(number, ("",))
            if shape == [wire, end - start]:
                setattr(self._layout, name, self._value(start, end))
            elif number == _EVENT_NAME and self._record[start:end] == _PREDICTION:
                continue
            elif number not in _UNREAD:
                raise OtherwiseError
        identified = self._layout.slots.get(names.PREDICTION_ID)
        if _EVENT_NAME not in seen or identified is None or not identified.size:
            raise OtherwiseError

    def _attribute(self, start: int, end: int) -> None:
        parts = [(number, wire, at, to) for number, wire, at, to in fields(self._record, start, end)]
        if [part[:2] for part in parts] != [(1, LENGTH), (2, LENGTH)]:
            raise OtherwiseError
        key = self._record[parts[0][2] : parts[0][3]].decode()
        if key in self._keys:
            raise OtherwiseError
        self._keys.add(key)
        at, to = parts[1][2:]
        members = list(fields(self._record, at, to))
        if len(members) > 1:
            raise OtherwiseError
        if key == names.SAMPLE_REASONS and members and members[0][:2] == (_ARRAY, LENGTH):
            self._layout.reasons = strings(self._record[members[0][2] : members[0][3]])
            return
        slot = self._slot(*members[0]) if members else Slot("missing", 0, 0)
        if key.startswith(names.FEATURE_PREFIX):
            self._layout.features.append((key.removeprefix(names.FEATURE_PREFIX), slot))
        elif slot.kind in _ALLOWED.get(key, ()):
            self._layout.slots[key] = slot
        else:
            raise OtherwiseError

    def _slot(self, number: int, wire: int, start: int, end: int) -> Slot:
        expected, kind = _MEMBERS.get(number, _NONE)
        if wire != expected:
            raise OtherwiseError
        content = self._record[start:end]
        free = 0
        if kind == "bool":
            if content not in (b"\0", b"\1"):
                raise OtherwiseError
            free = 0x01
        elif kind == "text":
            free = 0x7F if content.isascii() else 0  # all are ASCII; other text is the same in all
        elif kind == "int":
            free = 0x7F
        elif kind == "double":
            free = 0xFF
        place = self._value(start, end, free)
        if kind == "int" and end - start == 10:
            self._layout.fixed[end - 1] = (
                0xFF  # the tenth byte of a negative integer has one bit, and no other
            )
        return Slot(kind, place, end - start)

    def _value(self, start: int, end: int, free: int = 0xFF) -> int:
        """Note a value, each byte of which may differ in the bits that are `free`; its place among values."""
        self._layout.fixed[start:end] = 0xFF & ~free
        place = self._layout.width
        self._layout.values.append(slice(start, end))
        self._layout.width += end - start
        return place


def fields(data: bytes, start: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Number, wire type, start and end of the value of each field of an encoded message.

    Raises OtherwiseError where a field reaches beyond the end, or is of a deprecated kind.
    """
    at = start
    while at < end:
        tag, at = varint(data, at, end)
        wire = tag & 7
        if wire == _VARINT:
            _, to = varint(data, at, end)
        elif wire == LENGTH:
            size, at = varint(data, at, end)
            to = at + size
        elif wire in {_FIXED64, _FIXED32}:
            to = at + (8 if wire == _FIXED64 else 4)
        else:
            raise OtherwiseError
        if to > end:
            raise OtherwiseError
        yield tag >> 3, wire, at, to
        at = to


def varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    """The integer at `at`, and where it ends. Raises OtherwiseError where it does not end before `end`."""
    value = shift = 0
    while at < end and shift < 70:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
        shift += 7
    raise OtherwiseError
