"""When retention is applied: every minute, on a thread of its own; and who tells that room runs out."""

import logging
import threading
from collections.abc import Callable

import duckdb

from driftline_collector.errors import CollectorError
from driftline_collector.store.duckdb import DuckDBStore
from driftline_collector.store.retention import RetentionPolicy
from driftline_collector.store.usage import Space

logger = logging.getLogger(__name__)

PAUSE_S = 60.0
_LOOK_S = 2.0


class Keeper:
    """Applies a policy to a store, from `start` to `stop`. `now` gives ns since the epoch."""

    def __init__(
        self,
        store: DuckDBStore,
        policy: RetentionPolicy,
        space: Space,
        *,
        now: Callable[[], int],
        pause_s: float = PAUSE_S,
    ) -> None:
        self._stopping = threading.Event()
        self._retention = store.retention(policy, now=now, stopping=self._stopping.is_set)
        self._space = space
        self._told = "ample"
        self._pause_s = pause_s
        self._thread = threading.Thread(target=self._run, name="driftline-keeper", daemon=True)

    def start(self) -> None:
        """Begin after a pause."""
        self._thread.start()

    def stop(self) -> None:
        """End after the step under way, and let go of the database."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        self._retention.close()

    def _run(self) -> None:
        left_s = self._pause_s
        while not self._stopping.wait(min(_LOOK_S, left_s)):
            self._tell()
            left_s -= _LOOK_S
            if left_s <= 0:
                self._tick()
                left_s = self._pause_s

    def _tick(self) -> None:
        try:
            self._retention.tick()
        except (CollectorError, duckdb.Error, OSError) as error:
            logger.warning("what is old could not be put away; trying again: %s", error)
        except Exception:
            logger.exception("a fault in putting away what is old; trying again")

    def _tell(self) -> None:
        """Log when room begins to run out, and when it is there again."""
        if (state := self._space.state) != self._told:
            self._told = state
            log = logger.info if state == "ample" else logger.error
            log("%s", self._space)
