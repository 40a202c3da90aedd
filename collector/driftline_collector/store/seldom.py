"""A log line for what may fail many times a second, for days: the first at once, then one for many."""

import logging
import time

EVERY_S = 10.0


class Seldom:
    """Logs errors of one kind, at most every ten seconds, with how many there were since the last line."""

    def __init__(self, logger: logging.Logger, message: str) -> None:
        self._logger = logger
        self._message = message
        self._count = 0
        self._next = 0.0

    def __call__(self, *values: object) -> None:
        """`values` are those of the message."""
        self._count += 1
        if time.monotonic() < self._next:
            return
        often = "" if self._count == 1 else f" ({self._count} times)"
        self._logger.error("%s%s", self._message % values, often)
        self._count, self._next = 0, time.monotonic() + EVERY_S
