"""How times, segments and rows are written in requests and answers."""

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from driftline_schemas.segments import Segment

from driftline_collector.api.problems import ProblemError

#: Times in Arrow.
TIME_TYPE = pa.timestamp("ms", "UTC")
_AGO = re.compile(r"([0-9]{1,12})(s|m|h|d)")
_WHOLE = re.compile(r"[0-9]{1,19}")
_LAST_NS = 2**63 - 1
_UNITS = {"s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9, "d": 86400 * 10**9}
#: Columns of the store that hold JSON.
_JSON = frozenset({"details", "document", "payload"})


def read_time(text: str | None, parameter: str, now_ns: int) -> int | None:
    """A time of a query: RFC 3339, nanoseconds since the epoch, or `6h` for so long ago."""
    if text is None:
        return None
    if ago := _AGO.fullmatch(text):
        time_ns = max(0, now_ns - span_ns(ago[1], ago[2]))
    elif _WHOLE.fullmatch(text):
        time_ns = int(text)
    else:
        time_ns = _calendar(text, parameter)
    if not 0 <= time_ns <= _LAST_NS:
        raise ProblemError(422, f"{parameter}: {text!r} is before 1970 or after 2262; no data are from then")
    return time_ns


def span_ns(number: str, unit: str) -> int:
    """How long `6`, `h` is, of a unit among s, m, h and d."""
    return int(number) * _UNITS[unit]


def _calendar(text: str, parameter: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        whole = int(moment.replace(microsecond=0).timestamp())
    except (ValueError, OverflowError):
        raise ProblemError(
            422,
            f"{parameter}: {text!r} is no time;"
            " write 2026-11-21T09:41:20Z, nanoseconds, or 6h for 6 hours ago",
        ) from None
    return whole * 10**9 + moment.microsecond * 1000


def moment(ns: int) -> str:
    """A time that is known, as `write_time` writes it."""
    return write_time(ns) or ""


def write_time(ns: int | None) -> str | None:
    """Nanoseconds since the epoch in RFC 3339, UTC, to the millisecond; what no calendar holds is None."""
    if ns is None:
        return None
    try:
        whole = datetime.fromtimestamp(ns // 10**9, UTC)
    except (OverflowError, ValueError, OSError):
        return None
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{ns % 10**9 // 10**6:03d}Z"


def read_segment(text: str | None) -> str | None:
    """A segment key in its one spelling. Raises SchemaError."""
    return None if text is None else str(Segment.parse(text))


def rows_of(table: pa.Table) -> list[dict[str, Any]]:
    """Rows as JSON has them: `…_ns` becomes a time, JSON text what it says, NaN null, bytes hex."""
    names = [_name(column) for column in table.column_names]
    columns = [_column(name, table[name]) for name in table.column_names]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _column(name: str, column: pa.ChunkedArray) -> list[Any]:
    """What `_value` makes of each; most columns stand as they are."""
    values: list[Any] = column.to_pylist()
    kind = column.type
    plain = name not in _JSON and _name(name) == name
    if plain and (pa.types.is_string(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind)):
        return values
    return [_value(name, value) for value in values]


def shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """One row, likewise."""
    return {_name(name): _value(name, value) for name, value in row.items()}


def _name(column: str) -> str:
    return column.removesuffix("_ns") if column.endswith("_ns") and column != "window_holes_ns" else column


def _value(column: str, value: Any) -> Any:
    if column in _JSON and isinstance(value, str):
        return json.loads(value)
    if column.endswith("_ns") and column != "window_holes_ns":
        return write_time(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value.hex() if isinstance(value, bytes) else value
