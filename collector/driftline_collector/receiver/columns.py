"""Nested OTLP batches → flat columns: records with their resource and scope, and attributes looked up by key.

No loop over records anywhere: everything is an index into, or a mask over, flat arrays.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from driftline_collector.receiver.signals import Signal

Index = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
#: A million a second for nine years. More is no count that a device can have, and sums of it would overflow.
LARGEST_COUNT = 2**48
#: The largest time that fits BIGINT nanoseconds; OTLP's times are unsigned.
_MAX_INT64 = np.uint64(np.iinfo(np.int64).max)


@dataclass(frozen=True, slots=True, eq=False)
class Records:
    """The records of a batch, flat: record i came in request `request[i]` under resource `resource[i]`.

    `resources` and `scopes` are the structs that hold a resource or a scope; `scope` indexes `scopes`.
    """

    records: pa.StructArray
    request: Index
    resource: Index
    scope: Index
    resources: pa.StructArray
    scopes: pa.StructArray

    def __len__(self) -> int:
        return len(self.records)


def flatten(signal: Signal, batch: pa.RecordBatch) -> Records:
    """Unnest a decoded batch down to its records."""
    outer, middle, inner = signal.path
    resources, request_of_resource = unnest(batch.column(outer))
    scopes, resource_of_scope = unnest(resources.field(middle))
    records, scope = unnest(scopes.field(inner))
    resource = resource_of_scope[scope]
    return Records(records, request_of_resource[resource], resource, scope, resources, scopes)


def unnest(lists: pa.ListArray) -> tuple[Any, Index]:
    """The items of all lists in a row, and the list that each stood in."""
    lengths = np.diff(np.asarray(lists.offsets))
    return lists.flatten(), np.repeat(np.arange(len(lists), dtype=np.int64), lengths)


def times(values: pa.Array) -> npt.NDArray[np.int64]:
    """Unsigned OTLP nanoseconds as BIGINT ones; what does not fit becomes the largest time there is."""
    clipped: npt.NDArray[np.uint64] = np.minimum(np.asarray(values), _MAX_INT64)
    return clipped.astype(np.int64)


def ids(values: pa.Array, width: int) -> pa.Array:
    """Trace or span ids of `width` bytes; null where there is none: another length, or all zero."""
    lengths = np.asarray(pc.binary_length(values))
    good = lengths == width
    if not good.any():
        return pa.nulls(len(values), pa.binary())
    good &= ~np.asarray(pc.equal(values, pa.scalar(bytes(width), values.type)))
    return values if good.all() else pc.if_else(pa.array(good), values, pa.scalar(None, pa.binary()))


def take(values: Any, index: Index) -> Any:
    """The values at `index`; null where it is -1."""
    missing = index < 0
    return values.take(pa.array(index, mask=missing) if missing.any() else pa.array(index))


class Attributes:
    """Attribute lists of n rows, by key: keys are compared as codes, values stay where they are."""

    def __init__(self, lists: pa.ListArray) -> None:
        pairs, self.row = unnest(lists)
        self.rows = len(lists)
        keys = pairs.field("key").dictionary_encode()
        self.codes: npt.NDArray[np.int32] = np.asarray(keys.indices)
        self.names: list[str] = keys.dictionary.to_pylist()
        self.values = pairs.field("value")
        self._code = {name: code for code, name in enumerate(self.names)}
        self._where: dict[str, Index] = {}
        self._members: dict[tuple[str, str], pa.Array] = {}

    def __len__(self) -> int:
        return len(self.codes)

    def any_of(self, belongs: Callable[[str], bool]) -> Mask:
        """Which attributes have a key that `belongs`."""
        return np.fromiter((belongs(name) for name in self.names), np.bool_, len(self.names))[self.codes]

    def where(self, key: str) -> Index:
        """For each row the position of attribute `key`, -1 where it has none; the last one wins."""
        if key not in self._where:
            position = self._where[key] = np.full(self.rows, -1, np.int64)
            if (code := self._code.get(key)) is not None:
                found = np.flatnonzero(self.codes == code)
                position[self.row[found]] = found
        return self._where[key]

    def has(self, key: str) -> Mask:
        """Which rows have attribute `key`, whatever its value."""
        return self.where(key) >= 0

    def member(self, key: str, member: str, kind: pa.DataType) -> pa.Array:
        """For each row the given member of the value of `key`; null where it has another, or none."""
        if (key, member) not in self._members:
            values = self.values.field(member) if key in self._code else None
            self._members[key, member] = (
                pa.nulls(self.rows, kind)
                if values is None or values.null_count == len(values)
                else take(values, self.where(key))
            )
        return self._members[key, member]

    def text(self, *keys: str) -> pa.Array:
        """For each row the string under the first of `keys` that holds one that is not empty."""
        found = pa.nulls(self.rows, pa.string())
        for key in keys:
            if key in self._code and found.null_count:
                value = self.member(key, "string_value", pa.string())
                value = pc.if_else(pc.equal(value, ""), pa.scalar(None, pa.string()), value)
                found = value if found.null_count == len(found) else pc.coalesce(found, value)
        return found

    def number(self, key: str) -> pa.Array:
        """For each row the number under `key`, as float64; null where there is none."""
        double = self.member(key, "double_value", pa.float64())
        if double.null_count:
            whole = self.member(key, "int_value", pa.int64())
            if whole.null_count < len(whole):
                double = pc.coalesce(double, whole.cast(pa.float64(), safe=False))
        return double

    def integer(self, key: str) -> pa.Array:
        """For each row the integer under `key`; null where there is none."""
        return self.member(key, "int_value", pa.int64())

    def count(self, key: str) -> Index:
        """For each row the integer under `key`; 0 where there is none."""
        return np.asarray(self.integer(key).fill_null(0))

    def label(self, key: str) -> pa.Array:
        """For each row the class named under `key`: a string, or a number or bool as text."""
        text = self.member(key, "string_value", pa.string())
        for member in ("int_value", "bool_value", "double_value"):
            if text.null_count:
                other = self.member(key, member, self.values.field(member).type)
                if other.null_count < len(other):
                    text = pc.coalesce(text, other.cast(pa.string()))
        return text

    def nested(self, key: str) -> pa.Array:
        """For each row the encoded ArrayValue under `key`; null where there is none."""
        return self.member(key, "array_value", pa.binary())


def map_distinct(values: pa.Array, function: Callable[[Any], Any], kind: pa.DataType) -> pa.Array:
    """Apply a Python function once to each distinct value; null stays null."""
    if values.null_count == len(values):
        return pa.nulls(len(values), kind)
    encoded = values.dictionary_encode()
    made = pa.array([function(value) for value in encoded.dictionary.to_pylist()], kind)
    return made.take(encoded.indices)


def counts(rows: Index, size: int) -> npt.NDArray[np.int64]:
    """How often each of `size` rows occurs in `rows`."""
    return np.bincount(rows, minlength=size)[:size]


def offsets(rows: Index, size: int) -> pa.Array:
    """List offsets for items that stand in row order and belong to `rows`."""
    made = np.zeros(size + 1, np.int32)
    np.cumsum(counts(rows, size), out=made[1:])
    return pa.array(made)


def constant(value: Any, size: int, kind: pa.DataType) -> pa.Array:
    """The same value `size` times."""
    return pa.repeat(pa.scalar(value, kind), size)


def first_of(columns: Iterable[pa.Array]) -> pa.Array:
    """Row by row the first value that is not null."""
    first, *rest = columns
    for column in rest:
        if not first.null_count:
            break
        if column.null_count < len(column):
            first = pc.coalesce(first, column)
    return first
