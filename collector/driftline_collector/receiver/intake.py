"""From a transport to the store: admission, decoding in groups, the answer after the commit.

One thread decodes whatever has come while the writer was busy. A group has a price of its own, whatever its
size (some 2 ms to decode, 6 ms to commit), so the more comes at once the less each request costs: groups wait
for each other a little, and are decoded during a commit where they are large enough. What is admitted is
bounded in requests and bytes until it is answered, so memory is; above that the answer is OverloadedError.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from typing import Protocol

from driftline_collector.errors import StoreError
from driftline_collector.receiver.batches import Reading
from driftline_collector.receiver.decoded import Decoded, Rejected
from driftline_collector.receiver.folding import fold
from driftline_collector.receiver.names import Names
from driftline_collector.receiver.profiles import Edges
from driftline_collector.receiver.ptars_adapter import UndecodableError
from driftline_collector.receiver.shedding import Shedding
from driftline_collector.receiver.signals import SIGNALS, Signal
from driftline_collector.store.batch import Batch

logger = logging.getLogger(__name__)

#: Bytes decoded at a time, at most, unless one request alone has more.
GROUP_BYTES = 4 * 2**20
#: Bytes that wait to be stored, unless one request alone has more: a second's work, and little memory.
MAX_BYTES = 24 * 2**20
#: While a group of a signal is committed, what comes gathers, and costs less the more it is; from this size
#: on it is decoded meanwhile. A third group waits for the writer.
LARGE_BYTES = 2**20
#: Who was answered tends to send again at once: a group waits this long for as many as were answered last.
GATHER_S = 0.005
#: A group costs as much as many small requests: while less than this waits, one follows another by the pause,
#: but for a few that come after a quiet time.
SMALL_BYTES = 64 * 2**10
PAUSE_S = 0.05
BURST = 20


class OverloadedError(Exception):
    """More has come than can be taken now; the same request is welcome in a second or two."""


@dataclass(frozen=True, slots=True, eq=False)
class _Request:
    signal: Signal
    body: bytes
    answer: "Future[Rejected]"
    arrival: int
    alone: bool = False


class Sink(Protocol):
    """Where rows go."""

    def submit(self, batch: Batch) -> "Future[None]":
        """Queue a batch; the future is done once it is durable, or holds a StoreError."""


class Intake:
    """Takes bodies of any transport; the future that it gives is done once they are durable."""

    def __init__(
        self,
        sink: Sink,
        edges: Edges,
        names: Names | None = None,
        *,
        shedding: Shedding | None = None,
        max_requests: int = 512,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self._sink = sink
        self._reading = Reading(edges)
        self._names = names or Names()
        self._shedding = shedding
        self._max_requests = max_requests
        self._max_bytes = max_bytes
        self._requests = 0
        self._bytes = 0
        self._queues: dict[str, deque[_Request]] = {signal.name: deque() for signal in SIGNALS}
        self._arrivals = count()
        self._changed = threading.Condition()
        self._ahead = dict.fromkeys(self._queues, 0)
        self._closing = False
        self._next_at = 0.0
        self._expected = 0
        self._expected_until = 0.0
        self._thread = threading.Thread(target=self._run, name="driftline-decoder", daemon=True)
        self._thread.start()

    def admit(self, size: int) -> None:
        """Raise OverloadedError where `size` more bytes cannot be taken now."""
        with self._changed:
            self._require_room(size)

    def submit(self, signal: Signal, body: bytes) -> "Future[Rejected]":
        """Queue a body. Raises OverloadedError; the future may hold an UndecodableError or a StoreError."""
        answer: Future[Rejected] = Future()
        with self._changed:
            self._require_room(len(body))
            self._requests += 1
            self._bytes += len(body)
            self._queues[signal.name].append(_Request(signal, body, answer, next(self._arrivals)))
            self._changed.notify()
        return answer

    @property
    def pending(self) -> tuple[int, int]:
        """Requests and bytes that are admitted and not yet answered."""
        with self._changed:
            return self._requests, self._bytes

    def close(self) -> None:
        """Answer what was admitted, refuse the rest, stop. The writer must still be there."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join()

    def _require_room(self, size: int) -> None:
        if self._closing:
            raise OverloadedError("the collector is stopping; send again to the next one")
        if self._shedding and (why := self._shedding.full()):
            raise OverloadedError(f"{why}; send again")
        if self._requests >= self._max_requests:
            raise OverloadedError(f"{self._requests} requests are waiting to be stored; send again")
        if self._bytes and self._bytes + size > self._max_bytes:
            raise OverloadedError(f"{self._bytes} bytes are waiting to be stored; send again")

    # -- the decoder's thread --------------------------------------------------------------------------
    def _run(self) -> None:
        while True:
            group = self._next_group()
            if not group:
                return
            self._decode(group)

    def _next_group(self) -> list[_Request]:
        """What waits of the signal that has waited longest, up to a group's bytes. Empty when done.

        Clients send the three signals in turn, so a group that ended with its signal would hold one request.
        """
        with self._changed:
            while not self._is_due():
                if self._closing and not self._requests:
                    return []
                self._changed.wait(self._patience())
            # What was not used of the last second may be used at once.
            self._next_at = max(self._next_at, time.monotonic() - (BURST - 1) * PAUSE_S) + PAUSE_S
            queue = min(self._ready(), key=lambda queue: queue[0].arrival)
            group = [queue.popleft()]
            self._ahead[group[0].signal.name] += 1
            size = len(group[0].body)
            while queue and not group[0].alone and not queue[0].alone:
                size += len(queue[0].body)
                if size > GROUP_BYTES:
                    break
                group.append(queue.popleft())
            return group

    def _ready(self) -> list[deque[_Request]]:
        """What waits, of signals that are not too far ahead of the writer."""
        return [
            queue
            for name, queue in self._queues.items()
            if queue and (not self._ahead[name] or (self._ahead[name] == 1 and _size(queue) >= LARGE_BYTES))
        ]

    def _is_due(self) -> bool:
        ready = self._ready()
        if not ready or self._closing:
            return bool(ready)
        now = time.monotonic()
        if now < self._expected_until and sum(map(len, ready)) < self._expected:
            return False
        return now >= self._next_at or sum(map(_size, ready)) >= SMALL_BYTES

    def _patience(self) -> float | None:
        """Until what waits is due by itself; None where something must come first."""
        if not self._ready():
            return None
        now = time.monotonic()
        due = self._next_at if now >= self._expected_until else self._expected_until
        return max(0.0, due - now)

    def _decode(self, group: Sequence[_Request]) -> None:
        signal = group[0].signal
        try:
            bodies = [request.body for request in group]
            parts = [
                ([group[at] for at in read.bodies], self._folded(read.decoded))
                for read in self._reading.read(signal, bodies, time.time_ns())
            ]
        except Exception as error:
            if not isinstance(error, StoreError):
                logger.exception("%d %s requests could not be read", len(group), signal.name)
            self._fail(group, _unreadable(error))
            return
        with self._changed:
            self._ahead[signal.name] += len(parts) - 1
        for requests, decoded in parts:
            if isinstance(decoded, UndecodableError):
                self._fail(requests, decoded)
            else:
                self._submit(requests, decoded)

    def _submit(self, requests: Sequence[_Request], decoded: Decoded) -> None:
        if self._shedding and self._shedding.hits(decoded):
            if len(requests) > 1:  # each is told how much of its own is given up
                self._apart(requests)
                return
            decoded = self._shedding.shed(requests[0].signal, decoded)
        committed = self._sink.submit(decoded.batch)
        committed.add_done_callback(partial(self._committed, requests, decoded))

    def _folded(self, decoded: Decoded | UndecodableError) -> Decoded | UndecodableError:
        return decoded if isinstance(decoded, UndecodableError) else fold(decoded, self._names)

    def _committed(self, group: Sequence[_Request], decoded: Decoded, done: "Future[None]") -> None:
        if error := done.exception():
            self._fail(group, error)
            return
        self._done(group, answered=True)
        for request, rejected in zip(group, decoded.rejected, strict=True):
            request.answer.set_result(rejected)

    def _fail(self, group: Sequence[_Request], error: BaseException) -> None:
        if len(group) > 1:  # one of them may be at fault for all
            self._apart(group)
            return
        self._done(group, answered=True)
        group[0].answer.set_exception(error)

    def _apart(self, group: Sequence[_Request]) -> None:
        """Have each of them decoded by itself."""
        with self._changed:
            queue = self._queues[group[0].signal.name]
            queue.extendleft(replace(request, alone=True) for request in reversed(group))
        self._done(group, answered=False)

    def _done(self, group: Sequence[_Request], *, answered: bool) -> None:
        with self._changed:
            self._ahead[group[0].signal.name] -= 1
            if answered:
                self._expected, self._expected_until = len(group), time.monotonic() + GATHER_S
                self._requests -= len(group)
                self._bytes -= _size(group)
            self._changed.notify()


def _size(queue: Iterable[_Request]) -> int:
    return sum(len(request.body) for request in queue)


def _unreadable(error: Exception) -> StoreError:
    """A fault of ours, as protobuf could read these bytes: the sender keeps them for a better collector."""
    return StoreError(f"the request could not be read: {type(error).__name__}: {error}")
