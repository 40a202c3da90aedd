"""The engine of a Monitor in this process: started with it, started again in a forked child, stopped once."""

import logging
import sqlite3
import threading
from typing import TYPE_CHECKING

from driftline import _lifecycle
from driftline._clock import Clock
from driftline._errors import ConfigurationError
from driftline._intake import Intake
from driftline._layout import Layout
from driftline._settings import Settings

if TYPE_CHECKING:
    from driftline._engine import Engine, Transport

log = logging.getLogger("driftline")


class Runtime:
    """Starts when made. Raises ConfigurationError where the spool that the user named cannot be used."""

    def __init__(
        self,
        settings: Settings,
        intake: Intake,
        layout: Layout,
        clock: Clock,
        transport: "Transport | None" = None,
    ) -> None:
        self._settings = settings
        self._intake = intake
        self._layout = layout
        self._clock = clock
        self._transport = transport
        self._lock = threading.Lock()
        # In a test's own memory nothing can be in the way.
        self._disabled = settings.disabled and transport is None
        self._closed = self._disabled
        self._engine: Engine | None = None
        if not self._disabled:
            self._start()
            _lifecycle.watch(self)

    def is_open(self, weight: int = 1) -> bool:
        """Whether something may be left in the intake, which is counted as `weight` if not. A forked child
        starts its own engine here."""
        if self._engine is not None:
            return True
        with self._lock:
            if not self._closed:
                self._closed = True  # should it fail, it is not tried again for every row
                self._restart()
                self._closed = False
                return True
        self._intake.drops.add("disabled" if self._disabled else "closed", "metrics", weight)
        return False

    def admit(self) -> bool:
        """Look closer at one more row, where the buffer fills up, this is a forked child's first, or we are
        closed; whether it may be appended."""
        if not self.is_open():
            return False
        if self._intake.admit():
            return True
        self._intake.cells[0] = next(self._intake.steps)  # made, though not kept: so the loss is announced
        return False

    def count(self, rows: int) -> None:
        """So many predictions were made in a batch."""
        with self._lock:
            self._intake.cells[1] += rows

    def settle(self) -> bool:
        """Wait until all that was recorded is on the disk, a tick at most; whether it was done in time."""
        engine = self._engine
        return engine is not None and engine.settle(self._settings.timeout)

    def flush(self, timeout: float) -> bool:
        """See `Monitor.flush`."""
        engine = self._engine
        return self._disabled or (engine is not None and engine.flush(timeout))

    def close(self, timeout: float) -> bool:
        """See `Monitor.close`."""
        with self._lock:
            engine, self._engine, self._closed = self._engine, None, True
            self._intake.detach()
        return engine is None or engine.close(timeout)

    def _restart(self) -> None:
        if self._engine is None:  # another thread may have been faster
            self._start()

    def _start(self) -> None:
        from driftline._engine import Engine

        parts = self._settings, self._intake, self._layout, self._clock, self._transport
        try:
            self._engine = Engine(*parts, in_memory=self._transport is not None)
        except (OSError, sqlite3.Error) as error:
            where = self._settings.spool_dir
            if self._settings.spool_dir_given:
                raise ConfigurationError(
                    f"spool_dir {str(where)!r} cannot be used: {error}; name one that can be written to"
                ) from error
            log.warning("driftline spools in memory: %s cannot be used: %s", where, error)
            self._engine = Engine(*parts, in_memory=True)

    def after_fork(self) -> None:
        """A child has neither threads nor a right to its parent's spool: it gets its own, if it records."""
        engine, self._engine = self._engine, None
        self._lock = threading.Lock()
        self._intake.after_fork()
        self._layout.after_fork()
        if engine is not None:
            engine.abandon()
