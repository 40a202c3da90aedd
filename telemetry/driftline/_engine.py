"""What runs behind a Monitor in one process: a slot, a spool, the worker's thread and the sender's.

Two threads, because a collector that does not answer holds a request for `timeout` seconds, and in that
time rows are to be counted and windows closed. This module pulls in protobuf and requests: Monitor imports
it when it is made, not in the middle of the user's loop.
"""

import logging
import threading
import time
from collections.abc import Callable

from driftline._breaker import Breaker
from driftline._clock import Clock
from driftline._export import Outcome, Uplink
from driftline._held_spool import HeldSpool
from driftline._intake import Drops, Intake
from driftline._layout import Layout
from driftline._outbox import Outbox
from driftline._pipeline import Pipeline
from driftline._sender import Sender
from driftline._settings import Settings
from driftline._slot import Counter
from driftline._spool_schema import Batch
from driftline._succession import revive

log = logging.getLogger("driftline")

Transport = Callable[[Batch], Outcome]


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
        folder = None if in_memory else settings.spool_dir
        self._held = HeldSpool(folder, settings.max_spool_bytes, intake.drops)
        slot, spool = self._held.slot, self._held.spool
        counter = slot.counter if slot else Counter(None)
        with self._held.or_released():
            self._outbox = self._open(counter)
        if transport is None:
            self._uplink = Uplink(settings)
            transport = self._uplink.send
        self._sender = Sender(spool, transport, self._drops, settings.drain, patience=settings.window)
        self._breaker = Breaker(settings.limits, intake, slot.path if slot else None)
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
        slot, spool = self._held.slot, self._held.spool
        if spool.damaged:
            self._drops.add("spool_damaged", "logs", detail="(the file is kept beside the new one)")
        snapshot = slot.snapshot if slot else None
        if snapshot is not None:
            counter.at_least(revive(spool, snapshot))
        self._outbox = Outbox(
            self._settings,
            spool,
            self._drops,
            snapshot=snapshot,
            base=counter.made,
            now_ns=self._clock.time_ns(),
        )
        self._adopt()
        self._outbox.sync()
        self._held.sync_names()
        return self._outbox

    def _adopt(self) -> None:
        """Now and then: take over what dead processes left in other slots, and announce the dead."""
        if self._held.adopt():
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
        self._held.close([self._worker, self._sender], self._hang_up)
        return sent and ended and stopped

    def _hang_up(self) -> None:
        if self._uplink is not None:
            self._uplink.close()

    def abandon(self) -> None:
        """In a forked child: nothing of this is ours."""
        self._held.abandon(self)


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
        while not self._finishing:
            self._wait()
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
