"""What runs behind a Monitor in one process: a slot, a spool, the worker's thread and the sender's.

Two threads, because a collector that does not answer holds a request for `timeout` seconds, and in that
time rows are to be counted and windows closed. This module pulls in protobuf and requests: Monitor imports
it when it is made, not in the middle of the user's loop.
"""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

from driftline._clock import Clock
from driftline._export import Outcome, Sender, Uplink
from driftline._intake import Drops, Intake
from driftline._layout import Layout
from driftline._outbox import Outbox, revive
from driftline._pipeline import Pipeline
from driftline._settings import Settings
from driftline._slot import Counter, Slot, acquire, orphans
from driftline._spool import Spool
from driftline._spool_schema import Batch

log = logging.getLogger("driftline")

Transport = Callable[[Batch], Outcome]

# SQLite forbids to close in a child what its parent opened: doing so would drop the parent's locks.
_inherited: list[object] = []


class Engine:
    """Starts when made. Raises OSError or sqlite3.Error where there is no place for the spool."""

    def __init__(
        self,
        settings: Settings,
        intake: Intake,
        layout: Layout,
        clock: Clock,
        transport: Transport | None = None,
        *,
        in_memory: bool = False,
    ) -> None:
        self._slot = None if in_memory else acquire(settings.spool_dir)
        try:
            self._spool = Spool(self._slot.database if self._slot else None, settings.max_spool_bytes)
        except BaseException:
            if self._slot is not None:
                self._slot.release()
            raise
        drops = intake.drops
        if self._spool.damaged:
            drops.add("spool_damaged", "logs", detail="(the file is kept beside the new one)")
        self.counter = self._slot.counter if self._slot else Counter(None)
        now = clock.time_ns()
        snapshot = None
        if self._slot is not None:
            snapshot = self._slot.snapshot
            revive(self._spool, snapshot)
            adopt(self._spool, self._slot, settings.spool_dir, drops)
        base = self.counter.made
        outbox = Outbox(settings, self._spool, drops, snapshot=snapshot, base=base, now_ns=now)
        outbox.announce_dead(now)
        self._uplink: Uplink | None = None
        if transport is None:
            self._uplink = Uplink(settings)
            transport = self._uplink.send
        self._sender = Sender(self._spool, transport, drops)
        pipeline = Pipeline(settings, intake, layout, outbox, counter=self.counter, clock=clock)
        self._worker = Worker(pipeline, intake, settings.flush_interval, self._sender.notify)
        intake.attach(self.counter)
        self._sender.start()
        self._worker.start()

    def flush(self, timeout: float) -> bool:
        """Count, close the open window, spool and send; whether all was sent within `timeout` seconds."""
        deadline = time.monotonic() + timeout
        return self._worker.request(timeout) and self._sender.drain(deadline - time.monotonic())

    def close(self, timeout: float) -> bool:
        """End the stream, send what there is time for, and leave the rest to a successor."""
        deadline = time.monotonic() + timeout
        ended = self._worker.finish(timeout)
        sent = self._sender.drain(max(0.0, deadline - time.monotonic()))
        stopped = self._sender.stop(max(0.1, deadline - time.monotonic()))
        if not (ended and stopped):
            # Somebody is still at work on it. The process is about to end; its successor will find it.
            _inherited.append(self)
            return False
        self._spool.close()
        if self._slot is not None:
            self._slot.release()
        if self._uplink is not None:
            self._uplink.close()
        return sent

    def abandon(self) -> None:
        """In a forked child: nothing of this is ours."""
        _inherited.append(self)
        if self._slot is not None:
            self._slot.abandon()


class Worker(threading.Thread):
    """Ticks every `interval` seconds, and when the buffer fills or somebody asks."""

    def __init__(
        self, pipeline: Pipeline, intake: Intake, interval: float, notify: Callable[[], None]
    ) -> None:
        super().__init__(name="driftline-worker", daemon=True)
        self._pipeline = pipeline
        self._intake = intake
        self._wake = intake.wake
        self._interval = interval
        self._notify = notify
        self._requests: list[threading.Event] = []
        self._lock = threading.Lock()
        self._finishing = False

    def run(self) -> None:
        """Until `finish`. A fault in one tick is logged and counted; the next tick goes on."""
        while not self._finishing:
            self._wait()
            with self._lock:  # who asks during the tick is served by the next one
                requests, self._requests = self._requests, []
            self._guarded(self._pipeline.tick, cut=bool(requests))
            self._notify()
            for request in requests:
                request.set()
        self._guarded(self._pipeline.end)
        self._notify()
        with self._lock:
            for request in self._requests:
                request.set()

    def _wait(self) -> None:
        """Until a tick is due or asked for. Meanwhile only make room where the buffer fills up: what is to be
        written can wait for its time."""
        due = time.monotonic() + self._interval
        while (left := due - time.monotonic()) > 0 and self._wake.wait(left):
            # Cleared before looking: who asks after the look wakes the next wait.
            self._wake.clear()
            if self._requests or self._finishing:
                return
            self._guarded(self._pipeline.drain)

    def _guarded(self, step: Callable[..., object], **options: bool) -> None:
        try:
            step(**options)
        except Exception as error:
            self._intake.drops.add("internal_error", "metrics", detail=f"({error!r})")
            log.exception("driftline's worker stumbled; it goes on")

    def request(self, timeout: float) -> bool:
        """Have all rows taken up and the open window closed; whether it was done within `timeout` seconds."""
        done = threading.Event()
        with self._lock:
            self._requests.append(done)
        self._wake.set()
        return done.wait(max(0.0, timeout))

    def finish(self, timeout: float) -> bool:
        """End the stream and the thread; whether it ended within `timeout` seconds."""
        self._finishing = True
        self._wake.set()
        self.join(max(0.0, timeout))
        return not self.is_alive()


def adopt(spool: Spool, own: Slot, parent: Path, drops: Drops) -> None:
    """Move in what dead processes left in other slots. What cannot be read stays where it is."""
    for slot in orphans(parent, own.path):
        try:
            left = Spool(slot.database, spool.limit)
            try:
                revive(left, slot.snapshot)
                spool.adopt(left, slot.counter.made)
            finally:
                left.close()
            slot.database.unlink()
        except (OSError, sqlite3.Error) as error:
            drops.note("adoption of a spool", error)
        finally:
            slot.release()
