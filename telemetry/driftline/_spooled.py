"""A spool for requests that somebody else made: what stands behind `driftline.exporters`.

Unlike a Monitor's outbox it numbers nothing and announces nothing: these records are OpenTelemetry's own.
"""

import logging
import sqlite3
import threading
import time
from pathlib import Path
from typing import Final

from driftline._encode import gzip
from driftline._errors import ConfigurationError
from driftline._export import Uplink
from driftline._held_spool import HeldSpool
from driftline._intake import Drops
from driftline._lifecycle import EXIT_TIMEOUT, watch
from driftline._sender import Sender
from driftline._settings import Destination
from driftline._spool_schema import PROFILE, SAMPLE, SPAN, Batch, Signal, Stream

log = logging.getLogger("driftline")

PRIORITIES: Final[dict[Signal, int]] = {"metrics": PROFILE, "logs": SAMPLE, "traces": SPAN}
#: Requests that wait in memory while the disk takes nothing.
MAX_WAITING: Final = 64
#: Whose they are, as far as the spool asks.
_NOBODY: Final = Stream("", 0, 0, 0)


class Spooled:
    """Requests of one signal on their way through a spool. Safe to use from any thread, and after a fork."""

    def __init__(self, signal: Signal, destination: Destination, *, sync: bool) -> None:
        """Raises ConfigurationError where the folder that the user named cannot be used."""
        self._signal = signal
        self._destination = destination
        self._sync = sync
        self._lock = threading.Lock()
        self._closed = False
        self._waiting: list[Batch] = []
        self.drops = Drops()
        self._uplink: _Uplink | None = None
        if not destination.disabled:
            self._uplink = self._open()
            watch(self)

    def _open(self) -> "_Uplink":
        destination, folder = self._destination, self._destination.spool_dir
        try:
            return _Uplink(destination, folder, self.drops)
        except (OSError, sqlite3.Error) as error:
            if destination.spool_dir_given:
                raise ConfigurationError(
                    f"spool_dir {str(folder)!r} cannot be used: {error}; name one that can be written to"
                ) from error
            log.warning("driftline spools in memory: %s cannot be used: %s", folder, error)
            return _Uplink(destination, None, self.drops)

    def put(self, body: bytes, records: int) -> bool:
        """Take a request of so many records; whether it was kept. It is on the medium then, with `sync`."""
        if self._destination.disabled:
            self.drops.add("disabled", self._signal, records)
            return True
        now = time.time_ns()
        made = Batch(0, "", self._signal, PRIORITIES[self._signal], now, records, 0, 0, 0, gzip(body, 1))
        with self._lock:
            if self._closed:
                self.drops.add("closed", self._signal, records)
                return False
            if self._uplink is None:
                self._uplink = self._open()  # a forked child's own
            self._waiting.append(made)
            self._write(self._uplink)
            for lost in self._waiting[:-MAX_WAITING]:
                self.drops.add("spool_error", self._signal, lost.records)
            del self._waiting[:-MAX_WAITING]
        return True

    def _write(self, uplink: "_Uplink") -> None:
        try:
            dropped = uplink.held.spool.put(self._waiting, _NOBODY)
            self._waiting.clear()
            if self._sync:
                uplink.held.spool.sync()
        except (sqlite3.Error, OSError) as error:
            self.drops.note("spool", error)
            return
        for batch in dropped:
            self.drops.add(
                "spool_full", batch.signal, batch.records, detail=f"(over {uplink.held.spool.limit} bytes)"
            )
        uplink.sender.notify()
        uplink.held.adopt()

    def flush(self, timeout: float) -> bool:
        """Whether all that was put is with the collector, within `timeout` seconds."""
        with self._lock:
            uplink = self._uplink
            if uplink is not None and self._waiting:
                self._write(uplink)
        return uplink is None or (not self._waiting and uplink.sender.drain(timeout))

    def close(self, timeout: float = EXIT_TIMEOUT) -> bool:
        """Send what there is time for; what is left waits for the next process. Whether all is sent."""
        sent = self.flush(timeout)
        with self._lock:
            uplink, self._uplink, self._closed = self._uplink, None, True
        if uplink is not None:
            uplink.close()
        return sent

    def after_fork(self) -> None:
        """The spool is the parent's: a child that exports gets its own."""
        uplink, self._uplink = self._uplink, None
        self._lock = threading.Lock()
        self._waiting = []
        self.drops.after_fork()
        if uplink is not None:
            uplink.held.abandon(uplink)


class _Uplink:
    """A spool, and the thread that sends what is in it. Raises OSError or sqlite3.Error."""

    def __init__(self, destination: Destination, folder: Path | None, drops: Drops) -> None:
        self.held = HeldSpool(folder, destination.max_spool_bytes, drops)
        self.held.sync_names()
        self._requests = Uplink(destination)
        self.sender = Sender(self.held.spool, self._requests.send, drops, destination.drain)
        self.held.adopt()
        self.sender.start()

    def close(self) -> None:
        """Give the slot back, when the request that is under way is over."""
        self.sender.stop(0.1)
        self.held.close([self.sender], self._requests.close)
