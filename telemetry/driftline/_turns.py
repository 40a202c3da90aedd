"""Turns at Python's interpreter lock, which a background thread must not hold for long: a model that comes
back from its own code waits for it, for as long as five milliseconds.

`time.sleep(0)` does not do: who lets go of the lock for no time has it back before the other thread is awake.
"""

import threading
import time
from typing import Final

#: Seconds that a background thread works at a stretch, and sleeps then (the kernel makes that 100 µs).
STRETCH: Final = 200e-6
NAP: Final = 20e-6


class _Turn(threading.local):
    #: When this thread's turn began.
    began = 0.0
    #: Whether it keeps the lock all the same, as work comes faster than it can be done.
    hurry = False


_turn = _Turn()


def give_way() -> None:
    """Called often by our threads: let the others have the lock if this one has had it for a stretch."""
    if time.perf_counter() - _turn.began > STRETCH and not _turn.hurry:
        time.sleep(NAP)
        _turn.began = time.perf_counter()


def hurry(needed: bool) -> None:
    """Whether this thread has no time to give way."""
    _turn.hurry = needed
