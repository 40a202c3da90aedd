"""What runs behind a Monitor in one process: a slot, a spool, the worker's thread and the sender's.

Two threads, because a collector that does not answer holds a request for `timeout` seconds, and in that
time rows are to be counted and windows closed. This module pulls in protobuf and requests: Monitor imports
it when it is made, not in the middle of the user's loop.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Callable

from driftline._breaker import Breaker
from driftline._clock import Clock
from driftline._export import Outcome, Uplink
from driftline._intake import Drops, Intake
from driftline._layout import Layout
from driftline._outbox import Outbox
from driftline._pipeline import Pipeline
from driftline._sender import Sender
from driftline._settings import Settings
from driftline._slot import Counter, acquire
from driftline._snapshot import sync_folder
from driftline._spool import Spool
from driftline._spool_schema import Batch
from driftline._succession import ADOPT_EVERY, adopt, revive

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
        self._settings = settings
        self._clock = clock
        self._drops = intake.drops
        self._uplink: Uplink | None = None
        self._slot = None if in_memory else acquire(settings.spool_dir)
        counter = self._slot.counter if self._slot else Counter(None)
        try:
            self._spool = Spool(self._slot.database if self._slot else None, settings.max_spool_bytes)
            self._outbox = self._open(counter)
        except BaseException:
            if self._slot is not None:
                self._slot.release()
            raise
        if transport is None:
            self._uplink = Uplink(settings)
            transport = self._uplink.send
        self._sender = Sender(self._spool, transport, self._drops, settings.drain, patience=settings.window)
        self._breaker = Breaker(settings.limits, intake, self._slot.path if self._slot else None)
        pipeline = Pipeline(settings, intake, layout, self._outbox, counter=counter, clock=clock)
        self._worker = Worker(
            pipeline,
            self._drops,
            intake.wake,
            settings.tick_interval,
            notify=self._sender.notify,
            adopt=self._adopt,
            check=self._check,
        )
        intake.attach(counter)
        self._sender.start()
        self._worker.start()

    def _open(self, counter: Counter) -> Outbox:
        """Start a stream, and speak for those that died in this slot and in others that nobody holds."""
        if self._spool.damaged:
            self._drops.add("spool_damaged", "logs", detail="(the file is kept beside the new one)")
        snapshot = self._slot.snapshot if self._slot else None
        if snapshot is not None:
            counter.at_least(revive(self._spool, snapshot))
        self._outbox = Outbox(
            self._settings,
            self._spool,
            self._drops,
            snapshot=snapshot,
            base=counter.made,
            now_ns=self._clock.time_ns(),
        )
        self._adopt()
        self._outbox.sync()
        if self._slot is not None:
            with contextlib.suppress(OSError):  # some file systems cannot, and need not
                sync_folder(self._slot.path)
                sync_folder(self._slot.path.parent)
        return self._outbox

    def _adopt(self) -> None:
        """Take over what dead processes left in other slots, and announce the dead."""
        if self._slot is not None:
            adopt(self._spool, self._slot, self._settings.spool_dir, self._drops)
        self._outbox.announce_dead(self._clock.time_ns())

    def _check(self) -> None:
        self._breaker.check(time.thread_time() + self._sender.cpu)

    def settle(self, timeout: float) -> bool:
        """Count, spool and sync; whether it was done within `timeout` seconds."""
        return self._worker.request(timeout, cut=False)

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
        if ended and stopped:
            self._release()
            return sent
        # A request is under way, or the disk stands still: the slot is given back when it is over.
        with contextlib.suppress(RuntimeError):  # the interpreter ends, and takes no new threads
            threading.Thread(target=self._release_later, name="driftline-closer", daemon=True).start()
        return False

    def _release_later(self) -> None:
        self._worker.join()
        self._sender.join()
        self._release()

    def _release(self) -> None:
        self._spool.close()
        if self._slot is not None:
            self._slot.release()
        if self._uplink is not None:
            self._uplink.close()

    def abandon(self) -> None:
        """In a forked child: nothing of this is ours."""
        _inherited.append(self)
        if self._slot is not None:
            self._slot.abandon()


class Worker(threading.Thread):
    """Ticks every `interval` seconds, and when the buffer fills or somebody asks."""

    def __init__(
        self,
        pipeline: Pipeline,
        drops: Drops,
        wake: threading.Event,
        interval: float,
        *,
        notify: Callable[[], None],
        adopt: Callable[[], None],
        check: Callable[[], None],
    ) -> None:
        super().__init__(name="driftline-worker", daemon=True)
        self._pipeline = pipeline
        self._drops = drops
        self._wake = wake
        self._interval = interval
        self._notify = notify
        self._adopt = adopt
        self._check = check
        self._requests: list[tuple[threading.Event, bool]] = []
        self._lock = threading.Lock()
        self._finishing = False

    def run(self) -> None:
        """Until `finish`. A fault in one tick is logged and counted; the next tick goes on."""
        adopted = time.monotonic()
        while not self._finishing:
            self._wait()
            if time.monotonic() - adopted >= ADOPT_EVERY:
                adopted = time.monotonic()
                self._guarded(self._adopt)
            with self._lock:  # who asks during the tick is served by the next one
                requests, self._requests = self._requests, []
            cut, sync = any(cut for _, cut in requests), any(not cut for _, cut in requests)
            self._guarded(self._pipeline.tick, cut=cut, sync=sync)
            self._guarded(self._check)
            self._notify()
            for done, _ in requests:
                done.set()
        self._guarded(self._pipeline.end)
        self._notify()
        with self._lock:
            for done, _ in self._requests:
                done.set()

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
            self._drops.add("internal_error", "metrics", detail=f"({error!r})")
            log.exception("driftline's worker stumbled; it goes on")

    def request(self, timeout: float, *, cut: bool = True) -> bool:
        """Have all rows taken up, and the open window closed or, without `cut`, all synced; whether it was
        done within `timeout` seconds."""
        done = threading.Event()
        with self._lock:
            self._requests.append((done, cut))
        self._wake.set()
        return done.wait(max(0.0, timeout))

    def finish(self, timeout: float) -> bool:
        """End the stream and the thread; whether it ended within `timeout` seconds."""
        self._finishing = True
        self._wake.set()
        self.join(max(0.0, timeout))
        return not self.is_alive()
