"""Attribute values → JSON text, a column at a time.

Strings, booleans, integers, finite doubles, arrays, key-value lists and empty values are themselves. What
JSON cannot say is said in OTLP's own JSON mapping: `{"bytesValue": "…"}` in base64, `{"doubleValue": "NaN"}`.
So that nothing can be taken for something else, a key-value list that would look like one of those, or that
repeats a key, is `{"kvlistValue": {"values": [{"key": …, "value": …}]}}`. A double keeps its point: `1.0`.
"""

import base64
import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValueList

from driftline_collector.receiver.columns import Attributes, Mask, constant, map_distinct, offsets

_MARKS = {"bytesValue", "doubleValue", "kvlistValue"}


def objects(attributes: Attributes, keep: Mask | None = None) -> pa.Array:
    """For each row its attributes as a JSON object, only those of `keep`; null where none is left."""
    kept = np.arange(len(attributes)) if keep is None else np.flatnonzero(keep)
    if not len(kept):
        return pa.nulls(attributes.rows, pa.string())
    names = pa.array([json.dumps(name) + ":" for name in attributes.names], pa.string())
    keys = names.take(pa.array(attributes.codes[kept]))
    members = pc.binary_join_element_wise(keys, values(attributes.values.take(pa.array(kept))), "")
    return joined(members, attributes.row[kept], attributes.rows, "{", "}")


def joined(items: pa.Array, row: Any, rows: int, opening: str, closing: str) -> pa.Array:
    """JSON lists or objects from their items, which stand in order of `row`; null where a row has none."""
    if not len(items):
        return pa.nulls(rows, pa.string())
    bounds = offsets(row, rows)
    text = pc.binary_join(pa.ListArray.from_arrays(bounds, items), ",")
    text = pc.binary_join_element_wise(opening, text, closing, "")
    filled = np.diff(np.asarray(bounds)) > 0
    return text if filled.all() else pc.if_else(pa.array(filled), text, pa.scalar(None, pa.string()))


def record(fields: Mapping[str, pa.Array]) -> pa.Array:
    """A JSON object per row, of columns that hold JSON text; members that are null or `""` are left out."""
    # Each member ends in a comma, absent ones are empty: `null_handling="skip"` would drop rows without any.
    members = []
    for name, column in fields.items():
        member = pc.binary_join_element_wise(json.dumps(name) + ":", column, ",", "")
        told = pc.not_equal(column, '""').fill_null(False)
        members.append(member if pc.all(told).as_py() else pc.if_else(told, member, ""))
    inside = pc.utf8_rtrim(pc.binary_join_element_wise(*members, ""), ",")
    return pc.binary_join_element_wise("{", inside, "}", "")


def lists(numbers: pa.ListArray) -> pa.Array:
    """Lists of numbers as JSON arrays."""
    text = pc.cast(numbers, pa.list_(pa.string()))
    return pc.binary_join_element_wise("[", pc.binary_join(text, ","), "]", "")


def values(structs: pa.StructArray) -> pa.Array:
    """Each AnyValue as JSON text; an empty or absent one is `null`."""
    text = pa.nulls(len(structs), pa.string())
    made = (
        ("string_value", quoted),
        ("double_value", doubles),
        ("int_value", lambda number: number.cast(pa.string())),
        ("bool_value", lambda truth: truth.cast(pa.string())),
        ("array_value", lambda encoded: map_distinct(encoded, array_json, pa.string())),
        ("kvlist_value", lambda encoded: map_distinct(encoded, kvlist_json, pa.string())),
        ("bytes_value", lambda raw: map_distinct(raw, _bytes_json, pa.string())),
    )
    for name, to_json in made:
        member = structs.field(name)
        if member.null_count < len(member):
            part = to_json(member)
            text = part if text.null_count == len(text) else pc.coalesce(text, part)
    return pc.coalesce(text, constant("null", len(text), pa.string())) if text.null_count else text


def quoted(strings: pa.Array) -> pa.Array:
    """Strings as JSON strings; null stays null."""
    if pc.any(pc.match_substring_regex(strings, r'[\x00-\x1f\x7f"\\]')).as_py():
        return map_distinct(strings, json.dumps, pa.string())
    return pc.binary_join_element_wise('"', strings, '"', "")


def whole(numbers: pa.Array) -> pa.Array:
    """Integers as JSON numbers; zero, protobuf's "not set", is null."""
    text = numbers.cast(pa.string())
    return pc.if_else(pc.equal(numbers, pa.scalar(0, numbers.type)), pa.scalar(None, pa.string()), text)


def hexadecimal(raw: pa.Array) -> pa.Array:
    """Bytes as JSON strings of hex digits."""
    return map_distinct(raw, lambda value: f'"{value.hex()}"', pa.string())


def doubles(numbers: pa.Array) -> pa.Array:
    """float64 as JSON numbers that read back equal; null stays null."""
    text = numbers.cast(pa.string())
    pointless = pc.match_substring_regex(text, r"^-?\d+$")
    if pc.any(pointless).as_py():
        text = pc.if_else(pointless, pc.binary_join_element_wise(text, ".0", ""), text)
    if not pc.all(pc.is_finite(numbers)).as_py():
        special = map_distinct(text, _special, pa.string())
        text = pc.if_else(pc.is_finite(numbers), text, special)
    return text


def array_json(encoded: bytes) -> str:
    """The JSON of an encoded ArrayValue."""
    return _dump([plain(item) for item in ArrayValue.FromString(encoded).values])


def kvlist_json(encoded: bytes) -> str:
    """The JSON of an encoded KeyValueList."""
    return _dump(_plain_kvlist(KeyValueList.FromString(encoded)))


def plain(value: AnyValue) -> Any:
    """An AnyValue as what `json.dumps` takes, by the rules above."""
    member = value.WhichOneof("value")
    if member == "array_value":
        return [plain(item) for item in value.array_value.values]
    if member == "kvlist_value":
        return _plain_kvlist(value.kvlist_value)
    if member == "bytes_value":
        return _plain_bytes(value.bytes_value)
    if member == "double_value" and not math.isfinite(value.double_value):
        return {"doubleValue": non_finite(value.double_value)}
    return (
        getattr(value, member)
        if member in ("string_value", "bool_value", "int_value", "double_value")
        else None
    )


def _plain_kvlist(kvlist: KeyValueList) -> dict[str, Any]:
    made = {pair.key: plain(pair.value) for pair in kvlist.values}
    if len(made) == len(kvlist.values) and not (len(made) == 1 and _MARKS & made.keys()):
        return made
    pairs = [{"key": pair.key, "value": plain(pair.value)} for pair in kvlist.values]
    return {"kvlistValue": {"values": pairs}}


def _plain_bytes(raw: bytes) -> dict[str, str]:
    return {"bytesValue": base64.b64encode(raw).decode()}


def _bytes_json(raw: bytes) -> str:
    return _dump(_plain_bytes(raw))


def _special(text: str) -> str:
    return _dump({"doubleValue": non_finite(float(text))})


def non_finite(number: float) -> str:
    """What protobuf's JSON calls NaN and the infinities."""
    return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
