"""From a transport to the store: admission, decoding in groups, the answer after the commit.

One thread decodes whatever has come while the writer was busy. Decoding and committing overlap, and
the more comes at once, the less each request costs. What is admitted is bounded in requests and bytes until
it is answered, so memory is; above that the answer is OverloadedError.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from driftline_collector.errors import StoreError
from driftline_collector.receiver.batches import batch_of
from driftline_collector.receiver.decoded import Decoded, Rejected
from driftline_collector.receiver.profiles import Edges
from driftline_collector.receiver.signals import Signal
from driftline_collector.store.writer import UnstorableError, Writer

logger = logging.getLogger(__name__)

#: Bytes decoded at a time, at most, unless one request alone has more.
GROUP_BYTES = 4 * 2**20
#: Groups between decoder and commit: one that is being committed, and one to follow.
GROUPS_AHEAD = 2


class OverloadedError(Exception):
    """More has come than can be taken now; the same request is welcome in a second or two."""


@dataclass(frozen=True, slots=True, eq=False)
class _Request:
    signal: Signal
    body: bytes
    answer: "Future[Rejected]"
    alone: bool = False


class Intake:
    """Takes checked bodies of any transport; the future that it gives is done once they are durable."""

    def __init__(
        self,
        writer: Writer,
        edges: Edges,
        *,
        max_requests: int = 512,
        max_bytes: int = 256 * 2**20,
    ) -> None:
        self._writer = writer
        self._edges = edges
        self._max_requests = max_requests
        self._max_bytes = max_bytes
        self._requests = 0
        self._bytes = 0
        self._queue: deque[_Request] = deque()
        self._changed = threading.Condition()
        self._ahead = threading.Semaphore(GROUPS_AHEAD)
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="driftline-decoder", daemon=True)
        self._thread.start()

    def admit(self, size: int) -> None:
        """Raise OverloadedError where `size` more bytes cannot be taken now."""
        with self._changed:
            self._require_room(size)

    def submit(self, signal: Signal, body: bytes) -> "Future[Rejected]":
        """Queue a body that has passed `check`. Raises OverloadedError; the future may hold a StoreError."""
        answer: Future[Rejected] = Future()
        with self._changed:
            self._require_room(len(body))
            self._requests += 1
            self._bytes += len(body)
            self._queue.append(_Request(signal, body, answer))
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
        if self._requests >= self._max_requests:
            raise OverloadedError(f"{self._requests} requests are waiting to be stored; send again")
        if self._bytes and self._bytes + size > self._max_bytes:
            raise OverloadedError(f"{self._bytes} bytes are waiting to be stored; send again")

    # -- the decoder's thread --------------------------------------------------------------------------
    def _run(self) -> None:
        while True:
            self._ahead.acquire()
            group = self._next_group()
            if not group:
                return
            self._decode(group)

    def _next_group(self) -> list[_Request]:
        """What waits, of one signal and up to a group's bytes, in order of arrival. Empty when done."""
        with self._changed:
            while not self._queue and not (self._closing and not self._requests):
                self._changed.wait()
            group: list[_Request] = []
            size = 0
            while self._queue and (not group or self._joins(group[0], size)):
                group.append(self._queue.popleft())
                size += len(group[-1].body)
            return group

    def _joins(self, first: _Request, size: int) -> bool:
        following = self._queue[0]
        small = size + len(following.body) <= GROUP_BYTES
        return small and following.signal is first.signal and not first.alone and not following.alone

    def _decode(self, group: Sequence[_Request]) -> None:
        try:
            bodies = [request.body for request in group]
            decoded = batch_of(group[0].signal, bodies, time.time_ns(), self._edges)
        except Exception as error:
            if not isinstance(error, StoreError):
                logger.exception("%d %s requests could not be read", len(group), group[0].signal.name)
            self._ahead.release()
            self._fail(group, _unreadable(error))
            return
        committed = self._writer.submit(decoded.batch)
        committed.add_done_callback(lambda done: self._committed(group, decoded, done))

    def _committed(self, group: Sequence[_Request], decoded: Decoded, done: "Future[None]") -> None:
        self._ahead.release()
        if error := done.exception():
            self._fail(group, error)
            return
        self._forget(group)
        for request, rejected in zip(group, decoded.rejected, strict=True):
            request.answer.set_result(rejected)

    def _fail(self, group: Sequence[_Request], error: BaseException) -> None:
        if len(group) > 1:  # one of them may be at fault for all
            alone = [_Request(request.signal, request.body, request.answer, alone=True) for request in group]
            with self._changed:
                self._queue.extendleft(reversed(alone))
                self._changed.notify()
            return
        self._forget(group)
        group[0].answer.set_exception(error)

    def _forget(self, group: Sequence[_Request]) -> None:
        with self._changed:
            self._requests -= len(group)
            self._bytes -= sum(len(request.body) for request in group)
            self._changed.notify()


def _unreadable(error: Exception) -> StoreError:
    """A fault of ours that these bytes bring out, and will again: no client should repeat them for ever."""
    if isinstance(error, MemoryError):
        return StoreError("there is not enough memory to read this request now")
    return UnstorableError(f"the request cannot be read: {type(error).__name__}: {error}")
