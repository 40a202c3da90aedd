"""Answers as Arrow IPC streams, for whoever asks with `Accept: application/vnd.apache.arrow.stream`."""

import types
from collections.abc import Sequence
from dataclasses import asdict, fields
from functools import cache
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

import pyarrow as pa
from fastapi import Depends, Request, Response

from driftline_collector.answers.records import Page, Time
from driftline_collector.api.values import TIME_TYPE

MEDIA_TYPE = "application/vnd.apache.arrow.stream"
Record = TypeVar("Record")
_TYPES = {str: pa.string(), float: pa.float64(), int: pa.int64(), bool: pa.bool_()}
#: For the OpenAPI document of a route that answers in either form.
RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "JSON, or the rows as an Arrow IPC stream where `Accept` asks for it",
        "content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}},
    }
}


def _wanted(request: Request) -> bool:
    accepted = request.headers.get("accept", "").lower()
    return any(part.partition(";")[0].strip() == MEDIA_TYPE for part in accepted.split(","))


#: Whether the client asks for Arrow.
AsArrow = Annotated[bool, Depends(_wanted)]


def stream(kind: type[Record], rows: Sequence[Record], headers: dict[str, str] | None = None) -> Response:
    """Records of one kind as a table: times as timestamps, nested records as JSON has them."""
    columns = {}
    for name, arrow in _schema(kind).items():  # type: ignore[arg-type]  # a type is hashable
        values = [getattr(row, name) for row in rows]
        if pa.types.is_timestamp(arrow):
            columns[name] = pa.array(values, pa.string()).cast(arrow)
        elif arrow is _INFERRED:
            columns[name] = pa.array([_plain(value) for value in values])
        else:
            columns[name] = pa.array(values, arrow)
    table = pa.table(columns)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return Response(sink.getvalue().to_pybytes(), media_type=MEDIA_TYPE, headers=headers)


def page(kind: type[Record], answer: Page[Record]) -> Response:
    """A part of a list; `next` and `as_of` stand in headers."""
    headers = {"driftline-as-of": answer.as_of or ""} | (
        {"driftline-next": answer.next} if answer.next else {}
    )
    return stream(kind, answer.items, headers)


_INFERRED = pa.null()


@cache
def _schema(kind: type) -> dict[str, pa.DataType]:
    hints = get_type_hints(kind, include_extras=True)
    return {field.name: _type(hints[field.name]) for field in fields(kind)}


def _type(hint: Any) -> pa.DataType:
    if get_origin(hint) in {Union, types.UnionType}:
        known = [part for part in get_args(hint) if part is not type(None)]
        return _type(known[0]) if len(known) == 1 else _INFERRED
    if hint == Time:
        return TIME_TYPE
    if get_origin(hint) is tuple and get_args(hint)[0] is str:
        return pa.list_(pa.string())
    return _TYPES.get(hint, _INFERRED)


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return asdict(value) if hasattr(value, "__dataclass_fields__") else value
