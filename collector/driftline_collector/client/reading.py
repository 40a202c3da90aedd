"""From JSON to frozen records. What a newer collector adds is left out."""

import types
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache, partial
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

Record = TypeVar("Record")
#: From a JSON value that is not null to a field's; None where it is taken as it is.
Convert = Callable[[Any], Any] | None


def read(kind: type[Record], document: Mapping[str, Any]) -> Record:
    """A JSON object as a record of this kind. Raises TypeError where a field is missing."""
    return kind(**_given(_fields(kind), document))  # type: ignore[arg-type]  # a type is hashable


def read_all(kind: type[Record], documents: Any) -> tuple[Record, ...]:
    """A list of JSON objects, likewise."""
    known = _fields(kind)  # type: ignore[arg-type]  # a type is hashable
    return tuple([kind(**_given(known, document)) for document in documents])


def _given(known: Mapping[str, Convert], document: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value if value is None or (convert := known[name]) is None else convert(value)
        for name, value in document.items()
        if name in known
    }


@cache  # types are looked into once, not for each of thousands of rows
def _fields(kind: type) -> dict[str, Convert]:
    hints = get_type_hints(kind)
    return {field.name: _convert(hints[field.name]) for field in fields(kind)}


def _convert(hint: Any) -> Convert:
    origin = get_origin(hint)
    if origin in {Union, types.UnionType}:
        chosen = [part for part in get_args(hint) if part is not type(None)]
        return _convert(chosen[0]) if len(chosen) == 1 else None
    if origin is tuple:
        item = get_args(hint)[0]
        return partial(read_all, item) if _is_record(item) else tuple
    if _is_record(hint):
        return partial(read, hint)
    return _number if hint is float else None


def _is_record(hint: Any) -> bool:
    return isinstance(hint, type) and is_dataclass(hint)


def _number(value: Any) -> Any:
    return float(value) if isinstance(value, int) else value
