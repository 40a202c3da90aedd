"""What the spool's file knows of streams: how far each has come, and which of its numbers were dropped."""

import sqlite3
import threading

from driftline._spool_schema import Stream, Tombstones


class Streams:
    """The streams of one spool, under its lock."""

    def __init__(self, db: sqlite3.Connection, lock: threading.Lock) -> None:
        self._db = db
        self._lock = lock

    def begin(self, stream: Stream) -> None:
        """Make a stream known, before anything of it is. Raises sqlite3.Error, as `Spool.put` does."""
        with self._lock, self._db:
            self._db.execute(
                "INSERT INTO streams (id, started_ns, base, window_end) VALUES (?, ?, ?, ?)",
                (stream.id, stream.started_ns, stream.base, stream.window_end),
            )

    def reserve(self, stream: Stream) -> None:
        """Keep what a stream may have made at most. Raises sqlite3.Error."""
        with self._lock, self._db:
            self._db.execute("UPDATE streams SET reserved = ? WHERE id = ?", (stream.reserved, stream.id))

    def profiled(self, stream: str) -> int:
        """How many predictions of a stream stand in windows that have arrived or still may."""
        with self._lock:
            row = self._db.execute(
                "SELECT coalesce(max(profiled), 0) FROM streams WHERE id = ?", (stream,)
            ).fetchone()
        return int(row[0])

    def unfinished(self, own: str) -> list[Stream]:
        """Other streams that have not ended: their processes died without a word."""
        with self._lock:
            rows = self._db.execute(
                "SELECT id, started_ns, base, window_end, logs, spans, profiled, made, reserved FROM streams"
                " WHERE NOT ended AND id != ? ORDER BY started_ns",
                (own,),
            ).fetchall()
        return [Stream(*row) for row in rows]

    def tombstones(self) -> tuple[dict[str, Tombstones], int]:
        """Numbers that are buried and not announced, by stream, and what to tell `Spool.put` then."""
        with self._lock:
            rows = self._db.execute(
                "SELECT rowid, stream, signal, first, last FROM tombstones ORDER BY rowid LIMIT 10000"
            ).fetchall()
        found: dict[str, Tombstones] = {}
        for _, stream, signal, first, last in rows:
            stones = found.setdefault(stream, Tombstones())
            (stones.logs if signal == "logs" else stones.traces).append((first, last))
        return found, rows[-1][0] if rows else 0

    def adopt(self, other: "Streams", made: int) -> None:
        """Take over those of a dead process, whose counter stands at `made`. Raises sqlite3.Error."""
        for stream in other.unfinished(""):
            with self._lock, self._db:
                self._db.execute(
                    "INSERT OR IGNORE INTO streams"
                    " (id, started_ns, base, made, logs, spans, window_end, profiled, reserved)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        stream.id,
                        stream.started_ns,
                        stream.base,
                        made - stream.base,
                        stream.logs,
                        stream.spans,
                        stream.window_end,
                        stream.profiled,
                        stream.reserved,
                    ),
                )
        stones = [
            (stream, signal, *interval)
            for stream, buried in other.tombstones()[0].items()
            for signal, intervals in (("logs", buried.logs), ("traces", buried.traces))
            for interval in intervals
        ]
        with self._lock, self._db:
            self._db.executemany("INSERT INTO tombstones VALUES (?, ?, ?, ?)", stones)
