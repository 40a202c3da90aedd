"""Wall and monotonic time, read together: their difference shows when somebody sets the clock."""

import time
from collections.abc import Callable

#: Two readings further apart than this were interrupted, and are taken again.
_STEADY_NS = 50_000_000
#: Less than this is drift and slewing, not a jump.
JUMP_NS = 1_000_000_000


class Clock:
    """Where time comes from; a test gives its own two functions."""

    def __init__(
        self,
        time_ns: Callable[[], int] = time.time_ns,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.time_ns = time_ns
        self._monotonic_ns = monotonic_ns
        self._wall, self._monotonic = self._read()

    def _read(self) -> tuple[int, int]:
        for _ in range(3):
            before = self._monotonic_ns()
            wall = self.time_ns()
            if self._monotonic_ns() - before < _STEADY_NS:
                break
        return wall, before

    def tick(self) -> "Tick":
        """Now, beside what the last tick led to expect."""
        wall, monotonic = self._read()
        last, expected = self._wall, self._wall + monotonic - self._monotonic
        self._wall, self._monotonic = wall, monotonic
        return Tick(wall, expected, last)


class Tick:
    """`now` as the clock says, and as `expected` from the `last` tick on; ns since the epoch."""

    __slots__ = ("expected", "last", "now")

    def __init__(self, now: int, expected: int, last: int) -> None:
        self.now = now
        self.expected = expected
        self.last = last

    @property
    def jump(self) -> int:
        """By how much the clock was set, in ns; 0 for less than a second."""
        by = self.now - self.expected
        return by if abs(by) > JUMP_NS else 0
