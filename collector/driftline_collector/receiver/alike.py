"""Requests of prediction events that are laid out alike → rows, thousands at a time.

`layout` takes one record apart. Here its pattern is laid over all records of its size, in one comparison, and
the values of those that fit are sliced out, a column at a time. What does not fit is learned as a further
layout, or its request is left to `logs`: nothing is guessed, as every bit that is not within a value must be
the example's, and values whose every bit is free are the only ones that are free.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from driftline_schemas import attributes as names
from numpy.lib.stride_tricks import as_strided, sliding_window_view

from driftline_collector.receiver.alike_rows import Bytes, Part, own_columns, sets_of
from driftline_collector.receiver.columns import Index, Mask, flatten
from driftline_collector.receiver.decoded import ACCEPTED, Decoded
from driftline_collector.receiver.dimensions import Sources
from driftline_collector.receiver.layout import Layout, OtherwiseError, learn
from driftline_collector.receiver.ptars_adapter import UndecodableError, check, decode
from driftline_collector.receiver.signals import LOGS
from driftline_collector.receiver.take_apart import take_apart
from driftline_collector.store.batch import Batch, Rows

#: A layout pays from so many records of a request on. Where there are fewer, reading one by one is cheaper.
LEAST_RECORDS = 32
#: After requests that it did not pay for, as many as this are not tried at most.
_MOST_DOUBT = 63
#: Layouts that are remembered; when there are more, all are learned anew.
_MOST_LAYOUTS = 1024
#: Sets of resources that are remembered as they were read: devices send again and again.
_MOST_SOURCES = 64


class Alike:
    """Reads requests whose records are alike, and remembers their layouts. For one thread."""

    def __init__(self) -> None:
        self._layouts: dict[int, list[Layout]] = {}
        self._known = 0
        self._doubt = self._skipped = 0
        self._sources: dict[tuple[bytes, ...], Sources] = {}

    def decode(self, bodies: Sequence[bytes], received_ns: int) -> tuple[list[int], Decoded | None]:
        """Which of these log requests can be read here, and their rows. The others are for `logs`.

        A request that is read here is a valid one, and all of its records are taken.
        """
        taken: list[int] = []
        requests: list[_Request] = []
        for at, body in enumerate(bodies):
            try:
                requests.append(self._read(body))
            except (OtherwiseError, UndecodableError):
                continue
            taken.append(at)
        return taken, self._rows(requests, received_ns) if requests else None

    def _read(self, body: bytes) -> "_Request":
        """The records of a request by layout. Raises OtherwiseError, or UndecodableError.

        Request by request, as one fits into a core's cache.
        """
        if self._skipped < self._doubt:
            self._skipped += 1
            raise OtherwiseError
        request = take_apart(body)
        if len(request.sizes) < LEAST_RECORDS:
            raise OtherwiseError
        check(LOGS, request.header)
        resource = np.repeat(np.arange(len(request.resources)), request.resources)
        parts: list[Part] = []
        for size in np.unique(request.sizes).tolist():
            at = np.flatnonzero(request.sizes == size)
            raw = _records(body, request.starts[at], size)
            known = iter(tuple(self._layouts.get(size, ())))
            while len(at):
                if (len(parts) + 1) * LEAST_RECORDS > len(resource):
                    self._doubt, self._skipped = min(2 * self._doubt + 1, _MOST_DOUBT), 0
                    raise OtherwiseError
                layout = next(known, None) or self._learn(raw[0].tobytes())
                fits = _fits(raw, layout)
                if fits is None:
                    parts.append(_part(layout, resource[at], raw))
                    break
                if fits.any():
                    parts.append(_part(layout, resource[at[fits]], raw[fits]))
                    at, raw = at[~fits], raw[~fits]
        self._doubt = 0
        return _Request(request.header, len(request.resources), len(body), parts)

    def _learn(self, record: bytes) -> Layout:
        layout = learn(record)
        if self._known >= _MOST_LAYOUTS:
            self._layouts.clear()
            self._known = 0
        self._layouts.setdefault(len(record), []).append(layout)
        self._known += 1
        return layout

    def _rows(self, requests: Sequence["_Request"], received_ns: int) -> Decoded:
        """The rows of all records, one layout's after the other's."""
        sources, first = self._speakers(requests)
        of_layout: dict[int, list[Part]] = {}
        for request in requests:
            for part in request.parts:
                moved = Part(part.layout, part.resource + first[request.header], part.values)
                of_layout.setdefault(id(part.layout), []).append(moved)
        parts = [_joined(same) for same in of_layout.values()]
        resource = np.concatenate([part.resource for part in parts])
        numbers = sources.numbers("logs", resource, np.concatenate([part.sequence() for part in parts]))
        unnumbered = numbers.stream < 0
        columns = own_columns(parts, received_ns) | sources.dimensions(resource)
        columns |= {
            "stream": sources.optional(names.STREAM_ID, resource),
            "sequence": pa.array(numbers.sequence, mask=unnumbered if unnumbered.any() else None),
            "firmware": sources.optional(names.FIRMWARE_VERSION, resource),
            "segment": sources.segment(resource),
        }
        rows = {
            "predictions": Rows(pa.table(columns), np.arange(len(resource))),
            "feature_sets": Rows(sets_of(parts)),
        }
        nbytes = sum(request.nbytes for request in requests)
        return Decoded(Batch(rows, numbers, nbytes=nbytes), [ACCEPTED] * len(requests))

    def _speakers(self, requests: Sequence["_Request"]) -> tuple[Sources, dict[bytes, int]]:
        """The resources of these requests, each once, and where those of each header begin."""
        distinct = {request.header: request.resources for request in requests}
        ends = np.cumsum(list(distinct.values()))
        first = {
            header: int(end) - count for (header, count), end in zip(distinct.items(), ends, strict=True)
        }
        sources = self._sources.get(key := tuple(distinct))
        if sources is None:
            if len(self._sources) >= _MOST_SOURCES:
                self._sources.clear()
            sources = self._sources[key] = Sources.of(flatten(LOGS, decode(LOGS, key)))
        return sources, first


@dataclass(frozen=True, slots=True)
class _Request:
    """A request: what stands around its records, how many resources that has, and the records by layout."""

    header: bytes
    resources: int
    nbytes: int
    parts: list[Part]


def _records(body: bytes, starts: Index, size: int) -> Bytes:
    """The bytes of records of one size, a row each."""
    data = np.frombuffer(body, np.uint8)
    step = int(starts[1] - starts[0]) if len(starts) > 1 else size
    if bool((np.diff(starts) == step).all()):
        return as_strided(data[starts[0] :], (len(starts), size), (step, 1), writeable=False)
    return sliding_window_view(data, size)[starts]


def _fits(raw: Bytes, layout: Layout) -> Mask | None:
    """Which records have the layout's bits wherever they are fixed; None where all have."""
    other = raw ^ layout.pattern
    other &= layout.fixed
    return np.logical_not(other.any(axis=1)) if other.any() else None


def _part(layout: Layout, resource: Index, raw: Bytes) -> Part:
    """The values of records that fit. Raises OtherwiseError where one of them is to be refused."""
    values = np.empty((len(raw), layout.width), np.uint8)
    at = 0
    for value in layout.values:
        values[:, at : at + value.stop - value.start] = raw[:, value]
        at += value.stop - value.start
    part = Part(layout, resource, values)
    if part.improbable().any():
        raise OtherwiseError
    return part


def _joined(parts: Sequence[Part]) -> Part:
    """Records of one layout."""
    if len(parts) == 1:
        return parts[0]
    return Part(
        parts[0].layout,
        np.concatenate([part.resource for part in parts]),
        np.concatenate([part.values for part in parts]),
    )
