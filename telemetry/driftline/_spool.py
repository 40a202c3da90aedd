"""The disk queue: encoded request bodies.

SQLite in WAL mode. A committed transaction survives kill -9; a power cut may take those since `sync`, never
half of one. One connection under one lock serves the worker, who puts, and the sender, who takes. What
the sender deletes is not synced: a batch that comes back is a repeat, told by its numbers.
"""

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from driftline._drain import Order
from driftline._forking import hold_at_fork, opening
from driftline._snapshot import sync
from driftline._spool_reads import Reads, listed
from driftline._spool_schema import COLUMNS, Batch, Stream, connect
from driftline._streams import Streams

#: Refused batches kept for a look at them.
MAX_QUARANTINE = 100
#: Bytes of the disk that are left alone.
RESERVE = 131_072

_ORDERS: Final[dict[Order, str]] = {"oldest": "id", "newest": "id DESC", "importance": "priority, id"}


class Spool(Reads):
    """Batches in the order of their arrival, at most `limit` bytes of bodies."""

    def __init__(self, path: Path | None, limit: int) -> None:
        """Open or make the file; `None` keeps all in memory. Raises OSError or sqlite3.Error."""
        self.limit = limit
        self._lock = threading.Lock()
        self._log = path and path.with_name(path.name + "-wal")
        self._dirty = path is not None
        self._in_flight: set[int] = set()
        self._arrived = set()
        self.damaged = False
        with opening:
            self._connect(path)
            hold_at_fork(self._lock)
        self.streams = Streams(self._db, self._lock)
        self._bytes: int = self._one("SELECT coalesce(sum(length(body)), 0) FROM batches")

    def _connect(self, path: Path | None) -> None:
        try:
            self._db = connect(path)
        except sqlite3.OperationalError:  # no room, no right to write: not a matter of what the file holds
            raise
        except sqlite3.DatabaseError:
            if path is None:
                raise
            # What a failing disk left is put aside, not thrown away: a person may want to look at it.
            path.rename(path.with_name(f"{path.name}.damaged-{time.time_ns()}"))
            self._db = connect(path)
            self.damaged = True

    # -- the worker's side ------------------------------------------------------------------------

    def put(
        self, batches: Sequence[Batch], stream: Stream, *, ended: Iterable[str] = (), buried: int = 0
    ) -> list[Batch]:
        """Take in batches of a stream and its numbers, in one transaction.

        `ended`: streams that are done with; `buried`: tombstones up to this one are announced. Returns what
        had to be dropped for room: of the least important the oldest first, without their bodies.
        Raises sqlite3.Error where the disk does not take it; then nothing has changed.
        """
        size = sum(len(batch.body) for batch in batches)
        with self._lock:
            if not self._has_room(size):
                self._forget_arrived()
                self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                if not self._has_room(size):
                    raise sqlite3.OperationalError("database or disk is nearly full")
        with self._lock, self._db:
            self._insert(batches)
            self._db.execute(
                "UPDATE streams SET logs = ?, spans = ?, window_end = ?, profiled = profiled + ?"
                " WHERE id = ?",
                (
                    stream.logs,
                    stream.spans,
                    stream.window_end,
                    sum(batch.records for batch in batches if batch.signal == "metrics"),
                    stream.id,
                ),
            )
            self._db.execute("DELETE FROM tombstones WHERE rowid <= ?", (buried,))
            self._db.executemany("UPDATE streams SET ended = 1 WHERE id = ?", [(name,) for name in ended])
            self._db.execute("DELETE FROM streams WHERE ended AND id NOT IN (SELECT stream FROM batches)")
            dropped, size = self._make_room(self._bytes + sum(len(batch.body) for batch in batches))
        self._bytes = size
        self._dirty = True
        return dropped

    def _has_room(self, size: int) -> bool:
        """Whether the disk has what it takes to delete, too: else what is full would never become empty."""
        if self._log is None:
            return True
        disk = os.statvfs(self._log.parent)
        free = self._one("PRAGMA freelist_count") * self._one("PRAGMA page_size")
        log = self._log.stat().st_size if self._log.exists() else 0
        return disk.f_bavail * disk.f_frsize + free >= log + 2 * size + RESERVE

    def _forget_arrived(self) -> None:
        with self._db:
            self._db.execute(f"DELETE FROM batches WHERE id IN ({self._done()})")
        self._arrived.clear()

    def sync(self) -> None:
        """Have all that was put on the medium, whatever happens to the power. Raises OSError."""
        if self._dirty and self._log is not None:
            self._dirty = False
            try:
                log = os.open(self._log, os.O_RDONLY | os.O_CLOEXEC)
                try:
                    sync(log)
                finally:
                    os.close(log)
            except BaseException:
                self._dirty = True
                raise

    def _insert(self, batches: Iterable[Batch]) -> None:
        self._db.executemany(
            "INSERT INTO batches (stream, signal, priority, created_ns, first, last, records, attempts, body)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (b.stream, b.signal, b.priority, b.created_ns, b.first, b.last, b.records, b.attempts, b.body)
                for b in batches
            ],
        )

    def _make_room(self, size: int) -> tuple[list[Batch], int]:
        dropped: list[Batch] = []
        while size > self.limit:
            row = self._db.execute(
                f"SELECT length(body), {COLUMNS} FROM batches"
                f" WHERE id NOT IN ({listed(self._in_flight | self._arrived)})"
                " ORDER BY priority DESC, id LIMIT 1"
            ).fetchone()
            if row is None:
                break
            size -= row[0]
            dropped.append(Batch(*row[1:]))
            self._bury(dropped[-1])
        return dropped, size

    def _bury(self, batch: Batch) -> None:
        """Delete a batch that will never arrive, within the caller's transaction."""
        self._db.execute("DELETE FROM batches WHERE id = ?", (batch.id,))
        if batch.signal == "metrics":
            self._db.execute(
                "UPDATE streams SET profiled = profiled - ? WHERE id = ?", (batch.records, batch.stream)
            )
        elif batch.first:  # what came from elsewhere has no numbers
            # One stone for neighbours: in days without a collector there would be as many as batches. A new
            # row, as the old one may be on its way into an announcement, and is deleted with it.
            own = batch.stream, batch.signal
            beside = self._db.execute(
                "SELECT rowid, first, last FROM tombstones WHERE stream = ? AND signal = ?"
                " AND (last = ? OR first = ?)",
                (*own, batch.first - 1, batch.last + 1),
            ).fetchall()
            first = min([batch.first, *(row[1] for row in beside)])
            last = max([batch.last, *(row[2] for row in beside)])
            self._db.execute("INSERT INTO tombstones VALUES (?, ?, ?, ?)", (*own, first, last))
            self._db.executemany("DELETE FROM tombstones WHERE rowid = ?", [row[:1] for row in beside])

    def adopt(self, other: "Spool", made: int) -> None:
        """Move in what a dead process left in its slot, whose counter stands at `made`.

        Raises sqlite3.Error. Killed in between, it leaves batches in both: repeats, which the collector tells
        by their numbers.
        """
        self.streams.adopt(other.streams, made)
        while (batch := other.next()) is not None:
            with self._lock, self._db:
                self._insert([batch])
                self._bytes += len(batch.body)
            other.delete(batch)

    # -- the sender's side ------------------------------------------------------------------------

    def next(
        self,
        signals: Sequence[str] = ("logs", "metrics", "traces"),
        *,
        after: int = 0,
        until: int = 2**63 - 1,
        order: Order = "oldest",
    ) -> Batch | None:
        """The first batch of these signals with an id in (`after`, `until`]. It stays where it is, safe from
        `put`'s need for room."""
        marks = ", ".join("?" * len(signals))
        with self._lock:
            row = self._db.execute(
                f"SELECT body, {COLUMNS} FROM batches WHERE signal IN ({marks}) AND id > ? AND id <= ?"
                f" AND id NOT IN ({self._done()}) ORDER BY {_ORDERS[order]} LIMIT 1",
                (*signals, after, until),
            ).fetchone()
            self._in_flight = {row[1]} if row else set()
        return None if row is None else Batch(*row[1:], *row[:1])

    def followers(self, batch: Batch, records: int) -> list[Batch]:
        """Those after a batch that are of its stream and signal, up to so many records, and as safe as it."""
        with self._lock:
            rows = self._db.execute(
                f"SELECT {COLUMNS}, body FROM batches WHERE stream = ? AND signal = ? AND id > ?"
                f" AND id NOT IN ({self._done()}) ORDER BY id LIMIT ?",
                (batch.stream, batch.signal, batch.id, records),
            ).fetchall()
            found = []
            for follower in (Batch(*row) for row in rows):
                if (records := records - follower.records) < 0:
                    break
                found.append(follower)
            self._in_flight |= {follower.id for follower in found}
        return found

    def delete(self, *batches: Batch) -> None:
        """The collector has them. Where the disk does not take that, this process sends them no more."""
        with self._lock:
            self._arrived |= {batch.id for batch in batches}
            self._bytes -= sum(len(batch.body) for batch in batches)
            self._in_flight -= self._arrived
            with contextlib.suppress(sqlite3.OperationalError):
                self._forget_arrived()  # else with the next one

    def retry(self, batch: Batch, *, counts: bool) -> None:
        """It is to be sent again; `counts` where it will be refused after some more of these."""
        with self._lock:
            self._in_flight.discard(batch.id)
            if counts:
                with self._db:
                    self._db.execute("UPDATE batches SET attempts = attempts + 1 WHERE id = ?", (batch.id,))

    def split(self, batch: Batch, parts: Sequence[Batch], budget: int) -> bool:
        """Put the parts of a refused batch in its place, at the end of the queue; whether that is within
        `budget` parts for what it was at first. Durable, so that a search ends though processes do."""
        with self._lock, self._db:
            row = self._db.execute("SELECT family FROM searches WHERE batch = ?", (batch.id,)).fetchone()
            family = row[0] if row else batch.id
            if self._one("SELECT count(*) FROM searches WHERE family = ?", family) + len(parts) > budget:
                return False
            for part in parts:
                self._insert([part])
                self._db.execute("INSERT INTO searches VALUES (last_insert_rowid(), ?)", (family,))
            self._db.execute("DELETE FROM batches WHERE id = ?", (batch.id,))
            # A family is forgotten when none of it waits any longer.
            self._db.execute(
                "DELETE FROM searches WHERE family NOT IN"
                " (SELECT family FROM searches WHERE batch IN (SELECT id FROM batches))"
            )
            self._bytes += sum(len(part.body) for part in parts) - len(batch.body)
            self._in_flight.discard(batch.id)
        return True

    def quarantine(self, batch: Batch, status: int, message: str, at_ns: int) -> None:
        """The collector will never take it: out of the queue, but kept for a look, the latest few."""
        with self._lock, self._db:
            self._db.execute(
                "INSERT OR REPLACE INTO quarantine VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (batch.id, batch.stream, batch.signal, at_ns, batch.records, status, message, batch.body),
            )
            self._db.execute(
                "DELETE FROM quarantine WHERE id NOT IN (SELECT id FROM quarantine ORDER BY id DESC LIMIT ?)",
                (MAX_QUARANTINE,),
            )
            self._bury(batch)
            self._bytes -= len(batch.body)
            self._in_flight.discard(batch.id)

    # -- both -------------------------------------------------------------------------------------

    @property
    def bytes(self) -> int:
        """Bytes of bodies that wait."""
        return self._bytes

    def close(self) -> None:
        """Close the file; what is in it stays."""
        with self._lock:
            self._db.close()
