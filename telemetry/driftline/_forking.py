"""Nobody is inside of SQLite while a process forks.

SQLite has locks of its own, which fork copies as they stand: a child that comes into being while another
thread is inside waits for ever at its first statement.
"""

import os
import threading
import weakref

#: Seconds that a fork waits for a statement that is under way, at most.
FORK_TIMEOUT = 5.0

#: Held by who opens a file.
opening = threading.Lock()
_locks: "weakref.WeakSet[threading.Lock]" = weakref.WeakSet()
_held: list[threading.Lock] = []


def hold_at_fork(lock: threading.Lock) -> None:
    """Have forks wait for this lock, which guards all use of a connection; the caller has `opening`."""
    _locks.add(lock)


def _before_fork() -> None:
    _held.extend(lock for lock in (opening, *_locks) if lock.acquire(timeout=FORK_TIMEOUT))


def _after_fork() -> None:
    while _held:
        _held.pop().release()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
