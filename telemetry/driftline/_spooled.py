"""A spool for requests that somebody else made: what stands behind `driftline.exporters`.

Unlike a Monitor's outbox it numbers nothing and announces nothing: these records are OpenTelemetry's own.
"""

import contextlib
import logging
import sqlite3
import threading
import time
from pathlib import Path
from typing import Final

from driftline._encode import gzip
from driftline._errors import ConfigurationError
from driftline._export import Uplink
from driftline._intake import Drops
from driftline._lifecycle import EXIT_TIMEOUT, watch
from driftline._sender import Sender
from driftline._settings import Destination
from driftline._slot import Slot, acquire
from driftline._snapshot import sync_folder
from driftline._spool import Spool
from driftline._spool_schema import PROFILE, SAMPLE, SPAN, Batch, Signal, Stream
from driftline._succession import ADOPT_EVERY, adopt

log = logging.getLogger("driftline")

PRIORITIES: Final[dict[Signal, int]] = {"metrics": PROFILE, "logs": SAMPLE, "traces": SPAN}
#: Requests that wait in memory while the disk takes nothing.
MAX_WAITING: Final = 64
#: Whose they are, as far as the spool asks.
_NOBODY: Final = Stream("", 0, 0, 0)
# SQLite forbids to close in a child what its parent opened.
_inherited: list[object] = []


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
            dropped = uplink.spool.put(self._waiting, _NOBODY)
            self._waiting.clear()
            if self._sync:
                uplink.spool.sync()
        except (sqlite3.Error, OSError) as error:
            self.drops.note("spool", error)
            return
        for batch in dropped:
            self.drops.add(
                "spool_full", batch.signal, batch.records, detail=f"(over {uplink.spool.limit} bytes)"
            )
        uplink.sender.notify()
        uplink.adopt()

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
            _inherited.append(uplink)
            if uplink.slot is not None:
                uplink.slot.abandon()


class _Uplink:
    """A slot, its spool, and the thread that sends. Raises OSError or sqlite3.Error."""

    def __init__(self, destination: Destination, folder: Path | None, drops: Drops) -> None:
        self._folder = folder
        self._drops = drops
        self._adopted = 0.0
        self.slot: Slot | None = acquire(folder) if folder else None
        try:
            self.spool = Spool(self.slot.database if self.slot else None, destination.max_spool_bytes)
            if self.slot is not None:
                with contextlib.suppress(OSError):  # some file systems cannot, and need not
                    sync_folder(self.slot.path)
                    sync_folder(self.slot.path.parent)
        except BaseException:
            if self.slot is not None:
                self.slot.release()
            raise
        self._requests = Uplink(destination)
        self.sender = Sender(self.spool, self._requests.send, drops, destination.drain)
        self.adopt()
        self.sender.start()

    def adopt(self) -> None:
        """Take over what dead processes left, now and then."""
        if self.slot is None or self._folder is None or time.monotonic() - self._adopted < ADOPT_EVERY:
            return
        self._adopted = time.monotonic()
        adopt(self.spool, self.slot, self._folder, self._drops)

    def close(self) -> None:
        """Give the slot back, when the request that is under way is over."""
        if self.sender.stop(0.1):
            self._release()
        else:
            with contextlib.suppress(RuntimeError):  # the interpreter ends, and takes no new threads
                threading.Thread(target=self._release_later, name="driftline-closer", daemon=True).start()

    def _release_later(self) -> None:
        self.sender.join()
        self._release()

    def _release(self) -> None:
        self.spool.close()
        if self.slot is not None:
            self.slot.release()
        self._requests.close()
