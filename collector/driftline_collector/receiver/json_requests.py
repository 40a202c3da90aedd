"""OTLP's JSON → protobuf bytes. protobuf's own `json_format` will not do: it reads hex ids as base64.

Otherwise it is protobuf's JSON mapping: lowerCamelCase names only (others are unknown and ignored), 64-bit
integers and doubles as numbers or strings, null for what is absent. More is taken where it can only mean one
thing, as a refusal costs a client its whole batch: names of enum values, which some SDKs send; what
JavaScript makes of NaN, `{"doubleValue": null}`, and of large doubles, `{"intValue": 1e+300}`; and half of a
surrogate pair, as text cut in the middle of an emoji has, which becomes U+FFFD.
"""

import base64
import binascii
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, NoReturn

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

from driftline_collector.receiver.answers import BadDataError
from driftline_collector.receiver.parts import require_few_json_parts
from driftline_collector.receiver.signals import Signal

#: Bytes that are hex digits in OTLP's JSON, where protobuf's has base64.
_HEX = frozenset({"trace_id", "span_id", "parent_span_id"})
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
_NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_URL_SAFE = str.maketrans("-_", "+/")
_LONGEST_PATH = 200
#: Messages within messages that protobuf reads back.
_MOST_LEVELS = 100


def to_protobuf(signal: Signal, body: bytes) -> bytes:
    """The protobuf bytes of a JSON request. Raises BadDataError with a path to the fault, or TooManyError."""
    require_few_json_parts(body)
    try:
        document = json.loads(body.decode(), parse_constant=_refuse_constant)
        request = signal.request()
        _fill(request, document)
        return request.SerializeToString()
    except UnicodeDecodeError as fault:
        raise BadDataError(f"the body is not UTF-8 ({fault.reason} at byte {fault.start})") from None
    except json.JSONDecodeError as fault:
        raise BadDataError(f"the body is not JSON: {fault}") from None
    except RecursionError:
        raise BadDataError(f"the body is nested too deeply; send at most {_MOST_LEVELS} levels") from None
    except _WrongError as fault:
        raise BadDataError(str(fault), fault.where()) from None
    except ValueError as fault:  # an integer with more digits than Python reads
        raise BadDataError(f"the body has a number that cannot be read: {fault}") from None


class _WrongError(Exception):
    """A value that its field cannot hold; the path is put together on the way up."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.path: list[str] = []

    def where(self) -> str:
        path = "".join(reversed(self.path)).removeprefix(".")
        return path if len(path) <= _LONGEST_PATH else f"…{path[-_LONGEST_PATH:]}"


@dataclass(frozen=True, slots=True)
class _Field:
    """How one field is read. `read` is None for messages; `rivals` are the other members of a oneof."""

    name: str
    repeated: bool
    read: Callable[[Any], Any] | None
    rivals: frozenset[str]


def _fill(message: Message, members: Any, level: int = 0) -> None:
    """Set the fields of `message` that a JSON object names; it stands `level` messages deep."""
    if level > _MOST_LEVELS:
        raise RecursionError
    if not isinstance(members, dict):
        raise _WrongError(f"expected an object, found {_shown(members)}")
    fields = _fields(message.DESCRIPTOR)
    for key, value in members.items():
        field = fields.get(key)
        if field is None:
            continue
        try:
            if value is None:
                if field.rivals and field.read is _double and field.rivals.isdisjoint(members):
                    setattr(message, field.name, math.nan)
            elif field.repeated:
                _extend(getattr(message, field.name), field, value, level + 1)
            elif field.read is None:
                part = getattr(message, field.name)
                part.SetInParent()
                _fill(part, value, level + 1)
            else:
                setattr(message, field.name, field.read(value))
        except _WrongError as fault:
            if field.name == "int_value" and type(value) in (int, float):
                setattr(message, "double_value", _double(value))  # noqa: B010  # any message, for the type checker
                continue
            fault.path.append(f".{key}")
            raise


def _extend(container: Any, field: _Field, items: Any, level: int) -> None:
    if not isinstance(items, list):
        raise _WrongError(f"expected a list, found {_shown(items)}")
    for position, item in enumerate(items):
        try:
            if field.read is None:
                _fill(container.add(), item, level)
            else:
                container.append(field.read(item))
        except _WrongError as fault:
            fault.path.append(f"[{position}]")
            raise


@cache
def _fields(descriptor: Descriptor) -> Mapping[str, _Field]:
    """The fields of a message by their names in JSON."""
    return {field.json_name: _field(field) for field in descriptor.fields}


def _field(field: FieldDescriptor) -> _Field:
    oneof = field.containing_oneof
    rivals = {other.json_name for other in oneof.fields} - {field.json_name} if oneof else ()
    return _Field(field.name, field.is_repeated, _reader(field), frozenset(rivals))


def _reader(field: FieldDescriptor) -> Callable[[Any], Any] | None:
    kind = FieldDescriptor
    if field.type == kind.TYPE_MESSAGE:
        return None
    if field.type == kind.TYPE_ENUM:
        assert field.enum_type is not None  # noqa: S101  # for the type checker: an enum field has one
        return _enum(field.enum_type)
    if field.type == kind.TYPE_BYTES:
        return _hex if field.name in _HEX else _base64
    others: dict[int, Callable[[Any], Any]] = {
        kind.TYPE_DOUBLE: _double,
        kind.TYPE_BOOL: _boolean,
        kind.TYPE_STRING: _text,
        kind.TYPE_INT32: _integer(-(2**31), 2**31 - 1),
        kind.TYPE_SINT32: _integer(-(2**31), 2**31 - 1),
        kind.TYPE_UINT32: _integer(0, 2**32 - 1),
        kind.TYPE_FIXED32: _integer(0, 2**32 - 1),
        kind.TYPE_INT64: _integer(-(2**63), 2**63 - 1),
        kind.TYPE_SFIXED64: _integer(-(2**63), 2**63 - 1),
        kind.TYPE_UINT64: _integer(0, 2**64 - 1),
        kind.TYPE_FIXED64: _integer(0, 2**64 - 1),
    }
    return others[field.type]


# -- values ------------------------------------------------------------------------------------------------
def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise _WrongError(f"expected a string, found {_shown(value)}")
    if value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return value


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _WrongError(f"expected true or false, found {_shown(value)}")
    return value


def _double(value: Any) -> float:
    if isinstance(value, str):
        if value in _NOT_FINITE:
            return _NOT_FINITE[value]
        number = float(value) if _NUMBER.fullmatch(value) else math.nan
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        number = _as_float(value)
    else:
        number = math.nan
    if not math.isfinite(number):
        raise _WrongError(f"expected a number of 64 bits, found {_shown(value)}")
    return number


def _integer(lowest: int, highest: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        number = value if type(value) is int else _exactly(value)
        if number is None or not lowest <= number <= highest:
            raise _WrongError(
                f"expected a whole number from {lowest} to {highest}, as a number or a string,"
                f" found {_shown(value)}"
            )
        return number

    return read


def _exactly(value: Any) -> int | None:
    """A whole number that is written as text, or with a point or an exponent; None if it is none."""
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value = float(value) if set(value) & set(".eE") else int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if type(value) is int else None


def _enum(kind: EnumDescriptor) -> Callable[[Any], int]:
    integer = _integer(-(2**31), 2**31 - 1)

    def read(value: Any) -> int:
        if isinstance(value, str) and value in kind.values_by_name:
            return int(kind.values_by_name[value].number)
        return integer(value)

    return read


def _hex(value: Any) -> bytes:
    if isinstance(value, str) and re.fullmatch(r"([0-9a-fA-F]{2})*", value):
        return bytes.fromhex(value)
    raise _WrongError(f"expected an id in hex digits, found {_shown(value)}")


def _base64(value: Any) -> bytes:
    if isinstance(value, str):
        standard = value.translate(_URL_SAFE).rstrip("=")
        try:
            return base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
        except (binascii.Error, ValueError):
            pass
    raise _WrongError(f"expected bytes in base64, found {_shown(value)}")


def _as_float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _refuse_constant(name: str) -> NoReturn:
    raise _WrongError(f'{name} is not JSON; write "{name}", in quotes')


def _shown(value: Any) -> str:
    if isinstance(value, (dict, list)):
        return "an object" if isinstance(value, dict) else "a list"
    text = json.dumps(value[:40] if isinstance(value, str) else value)
    return text if len(text) <= 50 else f"{text[:50]}…"
