"""What happens to monitors when the interpreter ends and when the process forks."""

import atexit
import logging
import os
import threading
import weakref
from typing import Protocol

log = logging.getLogger("driftline")

#: What is left to the uplink when the interpreter ends; the rest is the next process's.
EXIT_TIMEOUT = 2.0


class Lives(Protocol):
    """What has threads."""

    def close(self, timeout: float) -> bool:
        """End them."""

    def after_fork(self) -> None:
        """They are the parent's."""


_lock = threading.Lock()
_watched: "list[weakref.ref[Lives]]" = []


def watch(alive: Lives) -> None:
    """Have it closed at exit, and told of forks in the child, as long as it lives."""
    with _lock:
        _watched[:] = [*(known for known in _watched if known() is not None), weakref.ref(alive)]


def _at_exit() -> None:
    for known in _watched:
        if (alive := known()) is not None:
            try:
                alive.close(EXIT_TIMEOUT)
            except Exception as error:  # noqa: BLE001 - the user's program has ended; it ends in peace
                log.warning("driftline could not close: %s", error)


def _in_child() -> None:
    global _lock  # noqa: PLW0603 - another thread of the parent may have held it
    _lock = threading.Lock()
    for known in _watched:
        if (alive := known()) is not None:
            alive.after_fork()


atexit.register(_at_exit)
os.register_at_fork(after_in_child=_in_child)
