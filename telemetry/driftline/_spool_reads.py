"""What the disk queue tells about what waits in it."""

import sqlite3
import threading
from collections.abc import Iterable

from driftline._spool_schema import PROFILE, STREAM, Signal


class Reads:
    """The questions to a spool; `_lock` is that of its connection."""

    _db: sqlite3.Connection
    _lock: threading.Lock
    #: Batches that have arrived, but that a full disk would not let us delete.
    _arrived: set[int]

    def __len__(self) -> int:
        with self._lock:
            return self._one("SELECT count(*) FROM batches") - len(self._arrived)

    def waiting(self, signal: Signal, *, after: int, limit: int) -> tuple[int, int]:
        """How many records wait in the first `limit` batches of a signal with ids after this one, and the
        priority of the most important; 0, 0 where none do. Not in all: they may be tens of thousands."""
        with self._lock:
            found: tuple[int, int] = self._db.execute(
                "SELECT coalesce(sum(records), 0), coalesce(min(priority), 0) FROM ("
                f" SELECT records, priority FROM batches WHERE signal = ? AND id > ?"
                f" AND id NOT IN ({self._done()}) ORDER BY id LIMIT ?)",
                (signal, after, limit),
            ).fetchone()
        return found

    def waits(self, priority: int) -> bool:
        """Whether a batch of this priority waits."""
        with self._lock:
            found = f"SELECT EXISTS (SELECT * FROM batches WHERE priority = ? AND id NOT IN ({self._done()}))"
            return bool(self._one(found, priority))

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
        """When the oldest batch was made of those that do not wait for others."""
        with self._lock:
            row = self._db.execute(
                "SELECT min(created_ns) FROM batches WHERE id IN"
                " ((SELECT min(id) FROM batches WHERE priority = ?),"
                "  (SELECT min(id) FROM batches WHERE priority = ?))",
                (STREAM, PROFILE),
            ).fetchone()
        return None if row[0] is None else int(row[0])

    def _done(self) -> str:
        """The ids of what has arrived and is still there, as SQL's list."""
        return listed(self._arrived)

    def _one(self, sql: str, *values: object) -> int:
        return int(self._db.execute(sql, values).fetchone()[0])


def listed(ids: Iterable[int]) -> str:
    """Ids as SQL's list."""
    return ", ".join(map(str, ids))
