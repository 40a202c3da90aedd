"""Takes batch after batch from the spool and settles each by its answer: deleted, kept for later, or split
until the record is found that the collector refuses."""

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from driftline._bisect import halves
from driftline._drain import Drain, Throttle
from driftline._export import MAX_ATTEMPTS, MAX_BACKOFF, Later, Outcome, Refused
from driftline._intake import Drops
from driftline._spool import Spool
from driftline._spool_schema import Batch, Signal
from driftline._together import Together

log = logging.getLogger("driftline")

SIGNALS: Final[tuple[Signal, ...]] = ("logs", "metrics", "traces")
FIRST_BACKOFF: Final = 1.0
#: Requests that may be spent on the parts of one refused batch: four bad records among 256 are found.
MAX_SEARCH: Final = 64
#: So many refusals of a signal in a row speak of the collector, not of a record: nothing is split then.
MAX_BARREN: Final = 64


class Sender(threading.Thread):
    """Takes batch after batch from the spool. A signal that is refused waits; the others go on.

    Samples and spans wait about `patience` seconds for others to go up with them in one request.
    """

    def __init__(
        self,
        spool: Spool,
        send: Callable[[Batch], Outcome],
        drops: Drops,
        drain: Drain,
        *,
        patience: float = 0.0,
        rng: random.Random | None = None,
    ) -> None:
        super().__init__(name="driftline-sender", daemon=True)
        self._spool = spool
        self._send = send
        self._drops = drops
        self._rng = rng or random.Random()  # noqa: S311 - jitter
        self._wake = threading.Event()
        self._progress = threading.Condition()
        self._stopped = False
        self._until = dict.fromkeys(SIGNALS, 0.0)
        self._failures = dict.fromkeys(SIGNALS, 0)
        self._barren = dict.fromkeys(SIGNALS, 0)
        self._said = ""
        self._order = drain.order
        self._throttle = Throttle(drain.bytes_per_second, self._rng, time.monotonic())
        #: Batches up to this one gathered while nobody took them: before we started, or in an outage.
        self._backlog = spool.last_id()
        self._away = False
        self._together = Together(spool, patience)
        #: CPU time that this thread has taken, in seconds.
        self.cpu = 0.0

    def run(self) -> None:
        """Until `stop`: send what is ready, sleep until something is."""
        while not self._stopped:
            try:
                wait = self._step()
            except Exception as error:  # noqa: BLE001 - the thread must live
                # A full disk, or a fault of ours: the batch is still in the spool.
                self._drops.note("sender", error)
                wait = FIRST_BACKOFF
            self.cpu = time.thread_time()
            if wait is None or wait > 0:
                self._wake.wait(wait)
                self._wake.clear()

    def _step(self) -> float | None:
        """Send one batch; seconds to wait for the next, `None` until there is one."""
        now = time.monotonic()
        ready = [signal for signal in SIGNALS if self._until[signal] <= now]
        waiting = [until - now for until in self._until.values() if until > now]
        away = bool(waiting)
        pauses = {signal: self._together.wait(signal, now, after=self._backlog) for signal in ready}
        waiting += [pause for pause in pauses.values() if pause > 0]
        due = [signal for signal in ready if pauses[signal] <= 0]
        parts: list[Batch] = []
        if (batch := self._spool.next(due, after=self._backlog) if due else None) is not None:
            batch, parts = self._together.join(batch)
        elif ready and self._backlog:
            if (pause := self._throttle.wait(now)) > 0:
                return min([*waiting, pause])
            batch = self._spool.next(ready, until=self._backlog, order=self._order)
            if batch is not None:
                parts = [batch]
                self._throttle.spend(len(batch.body))
            elif not away:
                self._backlog = 0
        if batch is not None:
            self._settle(batch, parts, self._send(batch))
            with self._progress:
                self._progress.notify_all()
            return 0.0
        return min(waiting) if waiting else None

    def _settle(self, batch: Batch, parts: Sequence[Batch], outcome: Outcome) -> None:
        """`parts` are what went up as this batch: itself, or several from the spool."""
        if len(parts) > 1 and (
            isinstance(outcome, Refused) or (isinstance(outcome, Later) and outcome.counts)
        ):
            self._together.part(parts[-1].id)  # the next answer speaks of one of them
            self._spool.retry(batch, counts=False)
            return
        if isinstance(outcome, Later):
            self._spool.retry(batch, counts=outcome.counts)
            self._back_off(batch, outcome)
            return
        self._until[batch.signal], self._failures[batch.signal] = 0.0, 0
        if isinstance(outcome, Refused):
            self._barren[batch.signal] += 1
            if not self._split(batch):
                detail = f"(refused with {outcome.status}: {outcome.message})"
                self._spool.quarantine(batch, outcome.status, outcome.message, time.time_ns())
                # Part of a window may have no predictions of its own; it is a loss all the same.
                self._drops.add("refused", batch.signal, max(1, batch.records), detail=detail)
            return
        self._barren[batch.signal] = 0
        self._spool.delete(*parts)
        if self._away:
            self._away, self._backlog = False, self._spool.last_id()
        self._said = ""
        self._drops.add("rejected", batch.signal, outcome.rejected, detail=f"({outcome.message})")

    def _split(self, batch: Batch) -> bool:
        """Try the halves of a refused batch, one request each, after all that waits; whether it has any."""
        if self._barren[batch.signal] > MAX_BARREN:
            return False
        # What failed often enough as a whole is not tried as often in parts.
        parts = [replace(part, attempts=MAX_ATTEMPTS - 1) for part in halves(batch)]
        if not parts or not self._spool.split(batch, parts, MAX_SEARCH):
            return False
        self._together.part(self._spool.last_id())
        if batch.id <= self._backlog:
            self._backlog = self._spool.last_id()  # they are no newer than the whole was
        return True

    def _back_off(self, batch: Batch, outcome: Later) -> None:
        if outcome.why != self._said:
            self._said = outcome.why
            log.warning("driftline cannot send %s, will try again: %s", batch.signal, outcome.why)
        failures = self._failures[batch.signal] = self._failures[batch.signal] + 1
        if outcome.after is None:
            wait = min(FIRST_BACKOFF * 2.0 ** min(failures - 1, 10), MAX_BACKOFF) * self._rng.uniform(
                0.5, 1.0
            )
        else:
            # Never earlier than asked for; a little later, so that a fleet does not come back as one.
            wait = outcome.after * self._rng.uniform(1.0, 1.1)
        self._away = True
        until = time.monotonic() + wait
        for signal in SIGNALS if outcome.everywhere else (batch.signal,):
            self._until[signal] = max(self._until[signal], until)

    def notify(self) -> None:
        """There is something new in the spool."""
        self._wake.set()

    def drain(self, timeout: float) -> bool:
        """Wait until the spool is empty, at most `timeout` seconds; whether it is.

        Gives up at once where nothing will be tried in that time: nobody waits for a collector that is away.
        """
        deadline = time.monotonic() + timeout
        self._together.hurry(deadline)
        self._wake.set()
        with self._progress:
            while waiting := self._spool.signals():
                left = deadline - time.monotonic()
                if left <= 0 or self._stopped or min(self._until[signal] for signal in waiting) > deadline:
                    return False
                self._progress.wait(left)
        return True

    def stop(self, timeout: float) -> bool:
        """End after the batch that is under way; whether it ended within `timeout` seconds."""
        self._stopped = True
        self._wake.set()
        if self.is_alive():
            self.join(timeout)
        return not self.is_alive()
