"""Reading JSON documents: each value is of just the type that the JSON Schema says, never converted."""

import reprlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from driftline_schemas.errors import SchemaError

T = TypeVar("T")
_JSON_NAMES = {dict: "an object", list: "a list", str: "a text", int: "an integer"}


@contextmanager
def within(where: str) -> Iterator[None]:
    """Let a SchemaError say in which document or part of it the fault lies."""
    try:
        yield
    except SchemaError as error:
        raise SchemaError(str(error), where=where) from error


def require(document: Any, key: str, kind: type[T]) -> T:
    """The value of a key in an object read from JSON, of just this type. Raises SchemaError."""
    if not isinstance(document, Mapping):
        raise SchemaError(f"found {reprlib.repr(document)}; expected an object")
    if key not in document:
        raise SchemaError(f"{key!r} is missing; expected {_JSON_NAMES[kind]}")
    value = whole(document[key]) if kind is int else document[key]
    if not isinstance(value, kind):
        raise SchemaError(f"{key!r} is {reprlib.repr(document[key])}; expected {_JSON_NAMES[kind]}")
    return value


def whole(value: Any) -> int | None:
    """The integer that a value from JSON is, else `None`. As in JSON Schema, 1.0 is one and true is not."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) else None


def check_text(text: object, *, where: str) -> None:
    """Raise SchemaError for what is no text, or one with half a surrogate pair: JSON can, UTF-8 cannot."""
    if not isinstance(text, str):
        raise SchemaError(f"{text!r} is not a text", where=where)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise SchemaError(f"{text!r} cannot be written in UTF-8", where=where) from error
