"""What the disk queue tells about what waits in it."""

import sqlite3
import threading
from collections.abc import Iterable

from driftline._spool_schema import Signal


class Reads:
    """The questions to a spool; `_lock` is that of its connection."""

    _db: sqlite3.Connection
    _lock: threading.Lock
    #: Batches that have arrived, but that a full disk would not let us delete.
    _arrived: set[int]

    def __len__(self) -> int:
        with self._lock:
            return self._one("SELECT count(*) FROM batches") - len(self._arrived)

    def waiting(self, signal: Signal) -> tuple[int, int]:
        """How many records of a signal wait, and the priority of the most important; 0, 0 where none do."""
        with self._lock:
            found: tuple[int, int] = self._db.execute(
                "SELECT coalesce(sum(records), 0), coalesce(min(priority), 0) FROM batches"
                f" WHERE signal = ? AND id NOT IN ({self._done()})",
                (signal,),
            ).fetchone()
        return found

    def signals(self) -> set[Signal]:
        """The signals of which batches wait."""
        with self._lock:
            waiting = f"SELECT DISTINCT signal FROM batches WHERE id NOT IN ({self._done()})"
            return {row[0] for row in self._db.execute(waiting)}

    def last_id(self) -> int:
        """The id of the newest batch that waits; 0 where none does."""
        with self._lock:
            return self._one("SELECT coalesce(max(id), 0) FROM batches")

    def oldest_ns(self) -> int | None:
        """When the oldest batch was made."""
        with self._lock:
            row = self._db.execute("SELECT created_ns FROM batches ORDER BY id LIMIT 1").fetchone()
        return int(row[0]) if row else None

    def _done(self) -> str:
        """The ids of what has arrived and is still there, as SQL's list."""
        return listed(self._arrived)

    def _one(self, sql: str, *values: object) -> int:
        return int(self._db.execute(sql, values).fetchone()[0])


def listed(ids: Iterable[int]) -> str:
    """Ids as SQL's list."""
    return ", ".join(map(str, ids))
