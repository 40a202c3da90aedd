"""A directory of one's own under the spool directory: locked while its process lives, then a successor's."""

import fcntl
import itertools
import mmap
import os
from collections.abc import Iterator
from pathlib import Path

from driftline._snapshot import Snapshot

#: More processes than this, with one spool directory on one device, are a mistake in a loop.
MAX_SLOTS = 1024


class Counter:
    """Predictions made in this slot, ever: two 64-bit numbers in a mapped file, of single rows and batches.

    A store into the mapping is the kernel's at once, so it survives kill -9. A power cut may take it back to
    what the kernel last wrote: then `at_least` puts it right from what was synced.
    Without a path it lives in memory only.
    `next(steps)` is atomic under the GIL; a store that comes late is put right by the next one.
    """

    def __init__(self, path: Path | None) -> None:
        if path is None:
            self._map = mmap.mmap(-1, 16, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        else:
            # Not a hole: storing into one of a mapped file on a full disk ends the process (SIGBUS).
            with path.open("ab") as file:
                file.write(bytes(max(0, 16 - file.tell())))
                file.truncate(16)
            with path.open("r+b") as file:
                self._map = mmap.mmap(file.fileno(), 16)
        self.cells = memoryview(self._map).cast("Q")
        self.steps = itertools.count(self.cells[0] + 1)

    def at_least(self, made: int) -> None:
        """Never go back behind what is known to have been made; before anybody counts."""
        self.cells[0] += max(0, made - self.made)
        self.steps = itertools.count(self.cells[0] + 1)

    @property
    def made(self) -> int:
        """How many predictions in all."""
        return self.cells[0] + self.cells[1]


class Slot:
    """One numbered directory, held by a lock until `release`. `flock` goes with the open file: the kernel
    lets go of it when the process dies, and two Monitors of one process exclude each other, too."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock = lock
        self.counter = Counter(path / "predictions.made")
        self.snapshot = Snapshot(path)

    @property
    def database(self) -> Path:
        return self.path / "spool.db"

    def release(self) -> None:
        """Let a successor have it. The counter stays mapped: somebody may be about to store into it."""
        os.close(self._lock)

    def abandon(self) -> None:
        """In a forked child: drop the inherited descriptor, which would keep the parent's lock alive when the
        parent dies. Closing one of two descriptors of an open file does not unlock it."""
        os.close(self._lock)


def acquire(parent: Path) -> Slot:
    """The first slot that nobody holds, made where there is none. Raises OSError."""
    parent.mkdir(parents=True, exist_ok=True)
    for number in range(MAX_SLOTS):
        path = parent / str(number)
        path.mkdir(mode=0o700, exist_ok=True)  # what is spooled is nobody else's to read
        if (lock := _try_lock(path)) is not None:
            try:
                return Slot(path, lock)
            except BaseException:
                os.close(lock)
                raise
    raise OSError(f"all {MAX_SLOTS} slots under {parent} are taken")


def orphans(parent: Path, own: Path) -> Iterator[Slot]:
    """Slots whose process is gone, each locked; the caller releases them."""
    for path in sorted(parent.iterdir()):
        if path == own or not (path / "spool.db").exists():
            continue
        if (lock := _try_lock(path)) is not None:
            yield Slot(path, lock)


def _try_lock(path: Path) -> int | None:
    lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    except BaseException:
        os.close(lock)
        raise
    return lock
