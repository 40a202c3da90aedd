"""From JSON to frozen records. What a newer collector adds is left out."""

import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

Record = TypeVar("Record")


def read(kind: type[Record], document: Mapping[str, Any]) -> Record:
    """A JSON object as a record of this kind. Raises TypeError where a field is missing."""
    hints = _fields(kind)  # type: ignore[arg-type]  # a type is hashable
    given = {name: _value(hints[name], value) for name, value in document.items() if name in hints}
    return kind(**given)


@cache
def _fields(kind: type) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind)}


def _value(kind: Any, value: Any) -> Any:
    if value is None:
        return None
    origin = get_origin(kind)
    if origin in {Union, types.UnionType}:
        chosen = [part for part in get_args(kind) if part is not type(None)]
        return _value(chosen[0], value) if len(chosen) == 1 else value
    if origin is tuple:
        return tuple(_value(get_args(kind)[0], item) for item in value)
    if isinstance(kind, type) and is_dataclass(kind):
        return read(kind, value)
    return float(value) if kind is float and isinstance(value, int) else value
