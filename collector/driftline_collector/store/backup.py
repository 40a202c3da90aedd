"""A copy of a store while it goes on: its files as they stood at one instant, as one tar.

Until its next checkpoint DuckDB writes over nothing that its last one, or its log, refers to. So with
checkpoints put off, its file and its log, each as far as it went at that instant, are what a crash would have
left then, whatever is written while they are read. The journal need not be copied: all that had been accepted
is in the database by then. Nothing is written beside the database, and commits wait for milliseconds only.
"""

import hashlib
import json
import logging
import os
import tarfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import duckdb

from driftline_collector.errors import StoreError
from driftline_collector.store.archive import Archive
from driftline_collector.store.database import CHECKPOINT_AT
from driftline_collector.store.opened import ENDED, Database
from driftline_collector.store.writer import Writer

logger = logging.getLogger(__name__)

FORMAT = "driftline backup 1"
#: Names in the tar. The manifest is the last: a tar without it is not whole.
DATABASE, LOG, ARCHIVE, MANIFEST = "database", "database.wal", "archive", "manifest.json"
#: Checkpoints are put off while a client reads, but only until the log has grown to this: to read it back
#: after a crash takes a second for each 128 MiB.
MOST_LOG_BYTES = 512 * 2**20
_NEVER = "1000TB"
#: DuckDB's headers. A checkpoint writes one of them.
_HEADERS = 3 * 4096
_CHUNK = 2**20
#: While days are moved to the archive, a backup waits, but not for ever.
_PATIENCE_S = 20.0


class Backup:
    """What a store held at the instant of construction; `chunks` may be read once, `close` is to be called.

    `descriptor` is the open file of the database at `path`: to open and close it anew would take DuckDB's
    lock on it away, which keeps others out. `busy` is held meanwhile. Raises StoreError where another
    backup holds it, or the database cannot commit.
    """

    def __init__(
        self,
        database: Database,
        path: Path,
        descriptor: int,
        *,
        writer: Writer,
        archive: Archive,
        busy: threading.Lock,
    ) -> None:
        if not busy.acquire(blocking=False):
            raise StoreError("another backup is being made; try again when it is done")
        self._descriptor = descriptor
        self._log = path.with_name(f"{path.name}.wal")
        with ExitStack() as undo:
            undo.callback(busy.release)
            cursor = undo.enter_context(closing(database.cursor()))
            with _held(archive.lock), writer.paused() as transactions:
                began = time.perf_counter()
                files = archive.pin()
                undo.callback(archive.unpin)
                cursor.execute(f"SET checkpoint_threshold = '{_NEVER}'")
                undo.callback(_checkpoint_again, cursor)
                made_ns = transactions.stamp()
                self._headers = self._read_headers()
                self._parts = [(DATABASE, path, path.stat().st_size)]
                if self._log.exists():
                    self._parts.append((LOG, self._log, self._log.stat().st_size))
                cursor.execute("BEGIN")  # what it reads first is what it sees from then on
                described = _describe(cursor)
            logger.info("a backup is made; commits waited for %.0f ms", 1e3 * (time.perf_counter() - began))
            self._parts += [
                (f"{ARCHIVE}/{f.place.as_posix()}", archive.folder / f.place, f.bytes) for f in files
            ]
            archived = Counter[str]()
            for file in files:
                archived[file.table.name] += file.rows
            self.manifest: dict[str, Any] = {
                "format": FORMAT,
                "made": datetime.fromtimestamp(made_ns / 1e9, UTC).isoformat(timespec="milliseconds"),
                "driftline": version("driftline"),
                "duckdb": duckdb.__version__,
                **described,
                "rows": count_rows(cursor),
                "archived": dict(archived),
            }
            cursor.execute("ROLLBACK")
            self._undo = undo.pop_all()

    def close(self) -> None:
        """Let the database make checkpoints again, and the archive remove files."""
        self._undo.close()

    def chunks(self) -> Iterator[bytes]:
        """The tar, piece by piece. Raises StoreError where it cannot be completed, without manifest then."""
        files: list[dict[str, Any]] = []
        for name, path, size in self._parts:
            digest = hashlib.sha256()
            yield _header(name, size)
            for chunk in self._read(name, path, size):
                digest.update(chunk)
                yield chunk
            yield _padding(size)
            files.append({"name": name, "bytes": size, "sha256": digest.hexdigest()})
        if self._read_headers() != self._headers:
            raise StoreError("a checkpoint was made while the database was read; make the backup again")
        manifest = json.dumps({**self.manifest, "files": files}, indent=2).encode()
        yield _header(MANIFEST, len(manifest)) + manifest + _padding(len(manifest))
        yield bytes(2 * tarfile.BLOCKSIZE)

    def _read(self, name: str, path: Path, size: int) -> Iterator[bytes]:
        with ExitStack() as opened:
            descriptor = self._descriptor
            if name != DATABASE:
                descriptor = opened.enter_context(path.open("rb")).fileno()
            for start in range(0, size, _CHUNK):
                self._require_short_log()
                chunk = os.pread(descriptor, min(_CHUNK, size - start), start)
                if len(chunk) < min(_CHUNK, size - start):
                    raise StoreError(f"{path} is shorter than it was; make the backup again")
                yield chunk

    def _require_short_log(self) -> None:
        if self._log.exists() and self._log.stat().st_size > MOST_LOG_BYTES:
            raise StoreError(
                f"the backup took so long that the log grew to {MOST_LOG_BYTES >> 20} MiB, and the database"
                " needs a checkpoint; make it on the collector's own machine, then move it"
            )

    def _read_headers(self) -> bytes:
        return os.pread(self._descriptor, _HEADERS, 0)


def _checkpoint_again(cursor: duckdb.DuckDBPyConnection) -> None:
    with suppress(*ENDED):  # then it has been opened anew, and makes them already
        cursor.execute(f"SET checkpoint_threshold = '{CHECKPOINT_AT}'")


def _describe(cursor: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    ((schema,),) = cursor.execute("SELECT max(version) FROM schema_versions").fetchall()
    ((database_id, applied),) = cursor.execute("SELECT id, applied FROM journal").fetchall()
    return {"schema": schema, "database": database_id, "position": applied}


@contextmanager
def _held(lock: threading.RLock) -> Iterator[None]:
    if not lock.acquire(timeout=_PATIENCE_S):
        raise StoreError("days are being moved to the archive; make the backup when that is done")
    try:
        yield
    finally:
        lock.release()


def count_rows(cursor: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Table → rows in the database file."""
    named = "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'main' AND NOT internal ORDER BY ALL"
    tables = [name for (name,) in cursor.execute(named).fetchall()]
    counts = ", ".join(f"(SELECT count(*) FROM main.{name})" for name in tables)
    return dict(zip(tables, cursor.execute(f"SELECT {counts}").fetchall()[0], strict=True))


def _header(name: str, size: int) -> bytes:
    member = tarfile.TarInfo(name)
    member.size, member.mtime, member.mode = size, int(time.time()), 0o600
    return member.tobuf(tarfile.PAX_FORMAT)


def _padding(size: int) -> bytes:
    return bytes(-size % tarfile.BLOCKSIZE)
