"""Requests gone wrong: a case for each seed, always the same.

Half of them are valid protobuf that says odd things with driftline's own names, as that is what reaches the
depths of the receiver; the rest is broken as bytes, as JSON, as gzip or as HTTP.
"""

import gzip
import json
import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from driftline_schemas import attributes
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from tests.conformance.payloads import REQUESTS, ordinary, to_json
from tests.conformance.registry import ALL_SIGNALS, TRANSPORTS, SignalName, Transport
from tests.conformance.rich import rich
from tests.schemas import golden_otlp

NAMES = sorted(
    value
    for name, value in vars(attributes).items()
    if name.isupper() and isinstance(value, str) and not name.startswith("SCHEMA")
)
TEXTS = [
    "",
    "\0",
    "__other__",
    "unknown",
    "*",
    "'; DROP TABLE predictions; --",
    '"; SELECT 1; /*',
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[a](javascript:alert(1)) **b** `c` | d",
    "../../../../etc/passwd",
    "C:\\Windows\\win.ini",
    "{{7*7}} ${7*7} %s %n",
    "model=a,version=*,device_type=%2C",
    "\u202egnihtemos",
    "e\u0301" * 20,
    "🚗" * 50,
    "a" * 5000,
    "\r\nx-injected: yes\r\n\r\n",
    "\x1b[31mred",
    "NaN",
    "null",
    "start",
    "closed",
    "018f3a5c-7b3a-7c3a-8c3a-0123456789ab",
    "a" * 32,
    "é" * 300,
    "\ud7ff\ue000\uffff",
]
INTEGERS = [
    0,
    1,
    2,
    3,
    -1,
    10**9,
    2**31 - 1,
    -(2**31),
    2**32 - 1,
    2**48,
    2**53 + 1,
    2**63 - 1,
    -(2**63),
    2**64 - 1,
]
DOUBLES = [0.0, -0.0, 0.5, 1.0, -1.0, 1e-320, 1e308, -1e308, math.nan, math.inf, -math.inf, 2.0**63, 1e22]
_RANGES = {
    FieldDescriptor.TYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_SINT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_ENUM: (-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.TYPE_FIXED32: (0, 2**32 - 1),
    FieldDescriptor.TYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_SFIXED64: (-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_UINT64: (0, 2**64 - 1),
    FieldDescriptor.TYPE_FIXED64: (0, 2**64 - 1),
}


@dataclass(frozen=True)
class Case:
    """One request; `headers` are HTTP's alone."""

    seed: int
    transport: Transport
    signal: SignalName
    body: bytes
    gzip: bool = False
    headers: dict[str, str] = field(default_factory=dict)


def case(seed: int) -> Case:
    """The case of a seed."""
    chance = random.Random(seed)
    transport = chance.choice(TRANSPORTS)
    signal = chance.choice(ALL_SIGNALS)
    message = _clone(chance.choice(_valid()[signal]))
    if chance.random() < 0.8:  # else it is a repeat of what came before, and goes no further
        _rename_streams(message, f"{seed:032x}")
    for _ in range(chance.choice((0, 1, 1, 2, 4, 8))):
        _change(chance, message)
    body = message.SerializeToString()
    if transport == "http/json":
        document = to_json(message)
        if chance.random() < 0.5:
            document = _change_json(chance, document)
        body = json.dumps(document, ensure_ascii=chance.random() < 0.5).encode("utf-8", "surrogatepass")
    if chance.random() < 0.4:
        body = _damaged(chance, body)
    packed = chance.random() < 0.3
    headers: dict[str, str] = {}
    if packed and transport != "grpc":
        body = gzip.compress(body, 1)
        headers["Content-Encoding"] = "gzip"
        if chance.random() < 0.3:
            body = _damaged(chance, body)
    if transport != "grpc" and chance.random() < 0.1:
        headers |= chance.choice(_ODD_HEADERS)
    return Case(seed, transport, signal, body, packed, headers)


_ODD_HEADERS: Sequence[dict[str, str]] = (
    {"Content-Type": "application/json; charset=latin-1"},
    {"Content-Type": "application/x-protobuf"},
    {"Content-Type": "application/json"},
    {"Content-Type": "\xff\xfe"},
    {"Content-Type": "x" * 2000},
    {"Content-Encoding": "gzip, gzip"},
    {"Content-Encoding": "deflate"},
    {"Origin": "https://stranger.example"},
    {"X-" + "a" * 500: "b" * 3000},
    {"Accept-Encoding": "*;q=0"},
    {"Expect": "200-ok"},
)


@cache
def _valid() -> Mapping[SignalName, Sequence[Message]]:
    kinds = {kind: signal for signal, kind in REQUESTS.items()}
    found: dict[SignalName, list[Message]] = {
        signal: [rich(signal), ordinary(signal), REQUESTS[signal]()] for signal in ALL_SIGNALS
    }
    for message in golden_otlp.requests().values():
        found[kinds[type(message)]] += [message] * 3
    return found


def _clone(message: Message) -> Message:
    copy = type(message)()
    copy.CopyFrom(message)
    return copy


def _rename_streams(message: Message, stream: str) -> None:
    if message.DESCRIPTOR.name == "KeyValue" and getattr(message, "key") == attributes.STREAM_ID:  # noqa: B009
        getattr(message, "value").string_value = stream  # noqa: B009
    for part in _parts(message):
        _rename_streams(part, stream)


def _parts(message: Message) -> list[Message]:
    """The messages right below one."""
    return [
        part
        for descriptor, value in message.ListFields()
        if descriptor.type == FieldDescriptor.TYPE_MESSAGE
        for part in (value if descriptor.is_repeated else [value])
    ]


# -- messages ----------------------------------------------------------------------------------------------
def _change(chance: random.Random, message: Message) -> None:
    """Walk down to some message and change one field of it."""
    at: Any = message
    while chance.random() < 0.85:
        below = _parts(at)
        if not below:
            break
        at = chance.choice(below)
    if at.DESCRIPTOR.name == "KeyValue" and chance.random() < 0.5:
        at.key = chance.choice(NAMES) + chance.choice(("", "", chance.choice(TEXTS)[:40]))
    descriptor = chance.choice(at.DESCRIPTOR.fields)
    if chance.random() < 0.2:
        at.ClearField(descriptor.name)
    elif descriptor.is_repeated:
        _change_list(chance, getattr(at, descriptor.name), descriptor)
    elif descriptor.type == FieldDescriptor.TYPE_MESSAGE:
        getattr(at, descriptor.name).SetInParent()
    else:
        setattr(at, descriptor.name, _value(chance, descriptor))


def _change_list(chance: random.Random, items: Any, descriptor: FieldDescriptor) -> None:
    is_message = descriptor.type == FieldDescriptor.TYPE_MESSAGE
    action = chance.random()
    if items and action < 0.3:
        del items[chance.randrange(len(items))]
    elif items and is_message and action < 0.7:
        items.extend([items[chance.randrange(len(items))]] * chance.choice((1, 1, 3, 20)))
    elif is_message:
        items.add()
    else:
        items.extend(_value(chance, descriptor) for _ in range(chance.choice((1, 1, 200))))


def _value(chance: random.Random, descriptor: FieldDescriptor) -> Any:
    kind = descriptor.type
    if kind == FieldDescriptor.TYPE_STRING:
        return chance.choice(NAMES if chance.random() < 0.4 else TEXTS)
    if kind == FieldDescriptor.TYPE_BYTES:
        return chance.randbytes(chance.choice((0, 1, 8, 16, 16, 17))) if chance.random() < 0.8 else bytes(16)
    if kind == FieldDescriptor.TYPE_BOOL:
        return chance.random() < 0.5
    if kind == FieldDescriptor.TYPE_DOUBLE:
        return chance.choice(DOUBLES)
    lowest, highest = _RANGES[kind]
    return chance.choice([number for number in INTEGERS if lowest <= number <= highest])


# -- JSON ----------------------------------------------------------------------------------------------------
def _change_json(chance: random.Random, document: Any) -> Any:
    """Replace a value somewhere by one of another kind."""
    if chance.random() < 0.15 or not document or not isinstance(document, (dict, list)):
        return chance.choice(_JSON)(chance)
    keys = list(document) if isinstance(document, dict) else range(len(document))
    key = chance.choice(keys)
    document[key] = _change_json(chance, document[key])
    return document


def _deep(chance: random.Random) -> Any:
    value: Any = {"stringValue": "x"}
    for _ in range(chance.choice((10, 60, 200))):
        value = {"arrayValue": {"values": [value]}}
    return value


_JSON: Sequence[Callable[[random.Random], Any]] = (
    lambda chance: chance.choice(TEXTS),
    lambda chance: chance.choice(INTEGERS),
    lambda chance: chance.choice(["1e3", "NaN", "-Infinity", "\ud800", 1.5, 1e300, -0.0, 10**25]),
    lambda chance: chance.choice([None, True, False, [], {}, [[]], [None], [{}]]),
    lambda chance: {chance.choice(("stringValue", "doubleValue", "intValue", "x")): None},
    _deep,
)


# -- bytes ---------------------------------------------------------------------------------------------------
def _damaged(chance: random.Random, body: bytes) -> bytes:
    data = bytearray(body)
    for _ in range(chance.choice((1, 1, 2, 8))):
        at = chance.randrange(len(data) + 1)
        match chance.randrange(6):
            case 0 if at < len(data):
                data[at] ^= 1 << chance.randrange(8)
            case 1:
                del data[at:]
            case 2:
                data[at:at] = chance.randbytes(chance.choice((1, 2, 10)))
            case 3:
                data[at : at + chance.choice((1, 4, 50))] = b""
            case 4:
                data[at:at] = data[chance.randrange(len(data) + 1) :][:200]
            case _:
                data[at:at] = chance.choice(_FRAGMENTS)
    return bytes(data)


_FRAGMENTS = (
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",  # the longest varint
    b"\x0a\xff\xff\xff\xff\x0f",  # a length of 4 GiB
    b"\x0b" * 20,  # groups that are opened
    b"\x0a\x00" * 50,
    b"\xc3\x28",
    b'{"a":',
    b"]}" * 20,
    b"\\ud800",
    b"\x1f\x8b\x08\x00",
)
