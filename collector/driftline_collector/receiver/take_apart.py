"""A log request, taken apart down to its records, which are not looked at."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from driftline_schemas import attributes as names

from driftline_collector.receiver.layout import LENGTH, OtherwiseError, fields, varint

_RECORD_TAG = 0x12
#: Where sizes differ from record to record, so many are noted before a run of the same size is looked for.
_AT_ONCE = 64
_EVENT = names.EVENT_PREDICTION.encode()


@dataclass(frozen=True, slots=True)
class TakenApart:
    """`header` is the request without its records; record i has `sizes[i]` bytes from `starts[i]`.

    `resources` tells how many records each resource has, in order.
    """

    header: bytes
    starts: npt.NDArray[np.int64]
    sizes: npt.NDArray[np.int64]
    resources: list[int]


def take_apart(body: bytes) -> TakenApart:
    """Find the records of a request. Raises OtherwiseError where its first one is no prediction event,
    or where there is anything but resources, scopes and records."""
    starts: list[int] = []
    sizes: list[int] = []
    resources: list[int] = []
    header = []
    for number, wire, at, to in fields(body, 0, len(body)):
        if (number, wire) != (1, LENGTH):
            raise OtherwiseError
        before = len(starts)
        header.append(_field(1, _resource_logs(body, at, to, starts, sizes)))
        resources.append(len(starts) - before)
    if not starts or _EVENT not in body[starts[0] : starts[0] + sizes[0]]:
        raise OtherwiseError
    return TakenApart(b"".join(header), np.asarray(starts), np.asarray(sizes), resources)


def _resource_logs(body: bytes, start: int, end: int, starts: list[int], sizes: list[int]) -> bytes:
    """Note the records of a ResourceLogs; it without them."""
    header = []
    for number, wire, at, to in fields(body, start, end):
        if number not in {1, 2, 3} or wire != LENGTH:
            raise OtherwiseError
        content = _scope_logs(body, at, to, starts, sizes) if number == 2 else body[at:to]
        header.append(_field(number, content))
    return b"".join(header)


def _scope_logs(body: bytes, start: int, end: int, starts: list[int], sizes: list[int]) -> bytes:
    """The same for a ScopeLogs. A loop over records, of which nothing but their length is read."""
    header = []
    at = start
    while at < end:
        if body[at] != _RECORD_TAG:
            number, wire, value, to = next(fields(body, at, end))
            if number not in {1, 3} or wire != LENGTH:
                raise OtherwiseError
            header.append(_field(number, body[value:to]))
            at = to
            continue
        size, first = varint(body, at + 1, end)
        step = first + size - at
        same = _same(body, at, first, step, end)
        starts.extend(range(first, first + same * step, step))
        sizes.extend([size] * same)
        at += same * step
        if at < end and same == 1:
            at = _one_by_one(body, at, end, starts, sizes)
    if at > end:
        raise OtherwiseError
    return b"".join(header)


def _same(body: bytes, at: int, first: int, step: int, end: int) -> int:
    """How many records of one size there are from `at` on, which take `step` bytes each; at least one."""
    most = (end - at) // step
    if most < 2 or body[at:first] != body[at + step : first + step]:
        return 1
    heads = np.frombuffer(body, np.uint8, most * step, at).reshape(most, step)[:, : first - at]
    other = (heads != heads[0]).any(axis=1)
    return int(other.argmax()) if other.any() else most


def _one_by_one(body: bytes, at: int, end: int, starts: list[int], sizes: list[int]) -> int:
    """Note some records of two bytes of length each; where what follows begins."""
    add_start, add_size = starts.append, sizes.append
    for _ in range(_AT_ONCE):
        if at + 3 > end or body[at] != _RECORD_TAG or not body[at + 1] >= 0x80 > body[at + 2]:
            break
        size = body[at + 1] & 0x7F | body[at + 2] << 7
        add_start(at + 3)
        add_size(size)
        at += 3 + size
    return at


def _field(number: int, content: bytes) -> bytes:
    """A length-delimited field, encoded."""
    size = len(content)
    length = bytearray()
    while size >= 0x80:
        length.append(size & 0x7F | 0x80)
        size >>= 7
    length.append(size)
    return bytes([number << 3 | LENGTH]) + bytes(length) + content
