"""What the disk queue keeps, and how its file is opened."""

import sqlite3
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Signal = Literal["logs", "metrics", "traces"]
#: What a batch is worth. When the spool is full the highest number goes first.
STREAM, PROFILE, SAMPLE, SPAN = 0, 1, 2, 3

SCHEMA = """
CREATE TABLE IF NOT EXISTS batches (
    id INTEGER PRIMARY KEY AUTOINCREMENT, stream TEXT NOT NULL, signal TEXT NOT NULL,
    priority INTEGER NOT NULL, created_ns INTEGER NOT NULL, records INTEGER NOT NULL,
    first INTEGER NOT NULL, last INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS searches (
    batch INTEGER PRIMARY KEY, family INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS batches_by_priority ON batches (priority, id);
CREATE TABLE IF NOT EXISTS streams (
    id TEXT PRIMARY KEY, started_ns INTEGER NOT NULL, base INTEGER NOT NULL, made INTEGER,
    logs INTEGER NOT NULL DEFAULT 0, spans INTEGER NOT NULL DEFAULT 0, window_end INTEGER NOT NULL,
    profiled INTEGER NOT NULL DEFAULT 0, ended INTEGER NOT NULL DEFAULT 0, reserved INTEGER);
CREATE TABLE IF NOT EXISTS tombstones (
    stream TEXT NOT NULL, signal TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS quarantine (
    id INTEGER PRIMARY KEY, stream TEXT NOT NULL, signal TEXT NOT NULL, at_ns INTEGER NOT NULL,
    records INTEGER NOT NULL, status INTEGER NOT NULL, message TEXT NOT NULL, body BLOB NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Batch:
    """A request body, gzip. `first` and `last` number its log records or spans; `records` is how many there
    are, or how many predictions stand behind a window. `id` is the spool's."""

    id: int
    stream: str
    signal: Signal
    priority: int
    created_ns: int
    records: int
    first: int
    last: int
    attempts: int
    body: bytes = field(default=b"", repr=False)


@dataclass(slots=True)
class Stream:
    """What is durable of a stream: last numbers given, end of the last window, predictions in windows.

    `base` is where the slot's counter of predictions stood when it started. `reserved`: how many predictions
    it made at most, where a power cut took the count.
    """

    id: str
    started_ns: int
    base: int
    window_end: int
    logs: int = 0
    spans: int = 0
    profiled: int = 0
    made: int | None = None
    reserved: int | None = None


@dataclass(slots=True)
class Tombstones:
    """Numbers that a stream gave to what was dropped or refused, as closed intervals by signal."""

    logs: list[tuple[int, int]] = field(default_factory=list)
    traces: list[tuple[int, int]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.logs or self.traces)


# In the order of Batch's fields.
COLUMNS = "id, stream, signal, priority, created_ns, records, first, last, attempts"


def connect(path: Path | None) -> sqlite3.Connection:
    """Open the file, made where there is none; `None` is memory. Raises sqlite3.Error."""
    db = sqlite3.connect(
        ":memory:" if path is None else path,
        timeout=5.0,
        check_same_thread=False,
        isolation_level="IMMEDIATE",
    )
    try:
        # A commit writes whole pages: a few small ones, as a batch is a few hundred bytes.
        db.execute("PRAGMA page_size = 1024")
        # The slot is ours alone: the log's index may be in memory, and needs no file that is written as well.
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")  # `Spool.sync` makes commits durable, many at once
        db.execute("PRAGMA journal_size_limit = 1048576")
        # What stands in the log has to fit into the file once more: on a small disk that is room.
        db.execute("PRAGMA wal_autocheckpoint = 1024")
        # Debian's SQLite overwrites what is deleted: that would write each batch to the flash once more.
        db.execute("PRAGMA secure_delete = OFF")
        db.executescript(SCHEMA)
        if "reserved" not in {row[1] for row in db.execute("PRAGMA table_info(streams)")}:
            db.execute("ALTER TABLE streams ADD COLUMN reserved INTEGER")  # a file of an earlier version
    except BaseException:
        db.close()
        raise
    return db
