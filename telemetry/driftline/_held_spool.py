"""A spool in a slot that this process holds: opened, filled with what dead processes left, and given back."""

import contextlib
import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from driftline._intake import Drops
from driftline._slot import Slot, acquire
from driftline._snapshot import sync_folder
from driftline._spool import Spool
from driftline._succession import ADOPT_EVERY, adopt

# SQLite forbids to close in a child what its parent opened: doing so would drop the parent's locks.
_inherited: list[object] = []


class HeldSpool:
    """Without a folder all is in memory, and there is no slot. Raises OSError or sqlite3.Error."""

    def __init__(self, folder: Path | None, limit: int, drops: Drops) -> None:
        self._drops = drops
        self._adopted = -math.inf
        self.slot: Slot | None = acquire(folder) if folder else None
        with self.or_released():
            self.spool = Spool(self.slot.database if self.slot else None, limit)

    @contextlib.contextmanager
    def or_released(self) -> Iterator[None]:
        """Give the slot back where the body raises: nobody will use what was about to be started."""
        try:
            yield
        except BaseException:
            if self.slot is not None:
                self.slot.release()
            raise

    def sync_names(self) -> None:
        """Have the files that were made found after a power cut."""
        if self.slot is not None:
            with contextlib.suppress(OSError):  # some file systems cannot, and need not
                sync_folder(self.slot.path)
                sync_folder(self.slot.path.parent)

    def adopt(self) -> bool:
        """Take over what dead processes left in other slots, if it is time to look; whether it was."""
        if time.monotonic() - self._adopted < ADOPT_EVERY:
            return False
        self._adopted = time.monotonic()
        if self.slot is not None:
            adopt(self.spool, self.slot, self.slot.path.parent, self._drops)
        return True

    def close(self, users: Sequence[threading.Thread], then: Callable[[], None]) -> None:
        """Give the slot back when these threads, which were told to end, have: a request may be under way, or
        the disk stand still, and nobody waits for that here. `then` is called after it."""
        if not any(user.is_alive() for user in users):
            self._close(users, then)
            return
        with contextlib.suppress(RuntimeError):  # the interpreter ends, and takes no new threads
            closer = threading.Thread(
                target=self._close, args=(users, then), name="driftline-closer", daemon=True
            )
            closer.start()

    def _close(self, users: Sequence[threading.Thread], then: Callable[[], None]) -> None:
        for user in users:
            user.join()
        self.spool.close()
        if self.slot is not None:
            self.slot.release()
        then()

    def abandon(self, owner: object) -> None:
        """In a forked child: nothing of this is ours, nor of its owner, which is kept from being closed."""
        _inherited.append(owner)
        if self.slot is not None:
            self.slot.abandon()
