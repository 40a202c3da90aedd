"""`driftline.prediction` events → rows of `predictions`, and the feature sets that they speak of."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from driftline_schemas import attributes as names
from opentelemetry.proto.common.v1.common_pb2 import ArrayValue

from driftline_collector.receiver import json_text
from driftline_collector.receiver.columns import Attributes, Index, Mask, map_distinct, offsets

#: Columns, and the attributes that fill them: with a string that is not empty, a class, a number.
TEXTS = {
    "id": names.PREDICTION_ID,
    "parent_id": names.PREDICTION_PARENT_ID,
    "escalation_reason": names.ESCALATION_REASON,
}
LABELS = {"label": names.PREDICTION_LABEL, "escalation_label": names.ESCALATION_LABEL}
NUMBERS = {
    "value": names.PREDICTION_VALUE,
    "score": names.PREDICTION_SCORE,
    "duration": names.PREDICTION_DURATION,
    "escalation_score": names.ESCALATION_SCORE,
    "probability": names.SAMPLE_PROBABILITY,
}
#: All that have a column of their own.
_COLUMNS = frozenset(
    [
        *(key for keys in (TEXTS, LABELS, NUMBERS) for key in keys.values()),
        names.SAMPLE_REASONS,
        names.SEQUENCE,
        names.MODEL_NAME,
        names.MODEL_VERSION,
    ]
)
#: Types of features in a feature set. `number` and `boolean` fill `numbers`, `text` and `json` fill
#: `texts`, `missing` (sent without a value) fills nothing.
TYPES = ("missing", "number", "boolean", "text", "json")
_NUMBER, _BOOLEAN, _TEXT, _JSON = 1, 2, 3, 4
_SETS = pa.schema({"id": pa.int64(), "names": pa.list_(pa.string()), "types": pa.list_(pa.string())})
#: An odd 64-bit multiplier (splitmix64's), to tell the same features in another order apart.
_MIX = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """`id`, `numbers`, `texts`: a column each; `sets`: the feature sets that occur."""

    id: pa.Array
    numbers: pa.Array
    texts: pa.Array
    sets: pa.Table


def columns(own: Attributes) -> tuple[dict[str, pa.Array], pa.Table]:
    """The columns that a prediction's own attributes fill, and the feature sets."""
    feature = own.any_of(lambda key: key.startswith(names.FEATURE_PREFIX))
    left = ~feature & ~own.any_of(_COLUMNS.__contains__)
    found = features(own, feature)
    return {
        **{column: own.text(key) for column, key in TEXTS.items()},
        **{column: own.label(key) for column, key in LABELS.items()},
        **{column: own.number(key) for column, key in NUMBERS.items()},
        "reasons": map_distinct(own.nested(names.SAMPLE_REASONS), strings, pa.list_(pa.string())),
        "feature_set": found.id,
        "numbers": found.numbers,
        "texts": found.texts,
        "attributes": json_text.objects(own, left),
    }, found.sets


def refusals(own: Attributes) -> dict[str, Mask]:
    """Which predictions cannot be taken, by reason; a reason tells what was expected."""
    return {
        f"no {names.PREDICTION_ID}": np.asarray(own.text(names.PREDICTION_ID).is_null()),
        f"{names.SAMPLE_PROBABILITY} is not in (0, 1]": bad_probability(own, names.SAMPLE_PROBABILITY),
    }


def bad_probability(own: Attributes, key: str) -> Mask:
    """Which rows have something under `key` that is no probability in (0, 1]."""
    value = own.number(key)
    good = pc.and_(pc.greater(value, 0.0), pc.less_equal(value, 1.0)).fill_null(False)
    bad: Mask = own.has(key) & ~np.asarray(good)
    return bad


def features(own: Attributes, chosen: Mask) -> Features:
    """The features of each row in their order, and their feature set. No pivot: they stay lists."""
    at = np.flatnonzero(chosen)
    row, code = own.row[at], own.codes[at]
    kept = own.values if len(at) == len(own) else own.values.take(pa.array(at))
    kind = _kinds(kept)
    set_of_row, sets = _feature_sets(own, row, code, kind)
    numeric = (kind == _NUMBER) | (kind == _BOOLEAN)
    textual = (kind == _TEXT) | (kind == _JSON)
    return Features(
        set_of_row,
        _lists(_numbers(kept), numeric, row, own.rows),
        _lists(_texts(kept, kind), textual, row, own.rows),
        sets,
    )


def _kinds(values: pa.StructArray) -> npt.NDArray[np.int8]:
    kind = np.zeros(len(values), np.int8)
    members = {
        "double_value": _NUMBER,
        "int_value": _NUMBER,
        "bool_value": _BOOLEAN,
        "string_value": _TEXT,
        "array_value": _JSON,
        "kvlist_value": _JSON,
        "bytes_value": _JSON,
    }
    for name, code in members.items():
        member = values.field(name)
        if not member.null_count:
            return np.full(len(values), code, np.int8)
        if member.null_count < len(member):
            kind[np.asarray(member.is_valid())] = code
    return kind


def _numbers(values: pa.StructArray) -> pa.Array:
    number = values.field("double_value")
    for name in ("int_value", "bool_value"):
        other = values.field(name)
        if number.null_count and other.null_count < len(other):
            whole = other.cast(pa.int8()) if name == "bool_value" else other
            number = pc.coalesce(number, whole.cast(pa.float64(), safe=False))
    return number


def _texts(values: pa.StructArray, kind: npt.NDArray[np.int8]) -> pa.Array:
    text = values.field("string_value")
    if (kind == _JSON).any():
        made = json_text.values(values)
        text = pc.if_else(pa.array(kind == _JSON), made, text)
    return text


def _lists(items: pa.Array, chosen: Mask, row: Index, rows: int) -> pa.Array:
    if not chosen.all():
        items, row = items.filter(pa.array(chosen)), row[chosen]
    return pa.ListArray.from_arrays(offsets(row, rows), items)


def _feature_sets(
    own: Attributes, row: Index, code: npt.NDArray[np.int32], kind: npt.NDArray[np.int8]
) -> tuple[pa.Array, pa.Table]:
    """Each row's feature set, and the sets; rows are told apart by a hash of their features in order."""
    start = np.zeros(own.rows + 1, np.int64)
    np.cumsum(np.bincount(row, minlength=own.rows), out=start[1:])
    # A random number for each name and type, so that nobody can make two sets look alike.
    token = np.random.default_rng().integers(0, 2**64, (len(own.names), len(TYPES)), np.uint64)
    place = (np.arange(len(row)) - start[:-1][row]).astype(np.uint64)
    mixed = token[code, kind] * (place * _MIX | np.uint64(1))
    mixed ^= mixed >> np.uint64(31)
    total = np.concatenate((np.zeros(1, np.uint64), np.cumsum(mixed, dtype=np.uint64)))
    signature = total[start[1:]] - total[start[:-1]]
    _, first, which = np.unique(signature, return_index=True, return_inverse=True)
    spans = [slice(start[example], start[example + 1]) for example in first]
    sets = feature_sets(
        (
            [own.names[c].removeprefix(names.FEATURE_PREFIX) for c in code[span]],
            [TYPES[k] for k in kind[span]],
        )
        for span in spans
    )
    return sets.column("id").combine_chunks().take(pa.array(which)), sets


def feature_sets(told: Iterable[tuple[list[str], list[str]]]) -> pa.Table:
    """Rows of `feature_sets`, of the names and types of each."""
    columns = zip(*((feature_set_id(*one), *one) for one in told), strict=True)
    return pa.table([pa.array(c, t) for c, t in zip(columns, _SETS.types, strict=True)], schema=_SETS)


def feature_set_id(ordered: list[str], types: list[str]) -> int:
    """The id of a feature set: 63 bits of a hash of its content, the same in every collector."""
    digest = hashlib.blake2b(json.dumps([ordered, types]).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def strings(encoded: bytes) -> list[str]:
    """The strings of an encoded ArrayValue."""
    return [item.string_value for item in ArrayValue.FromString(encoded).values]
