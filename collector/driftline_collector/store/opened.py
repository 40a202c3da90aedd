"""The database as the parts of the store hold it: opened anew under them after a fault that ends it.

DuckDB takes no further statement after some faults (a disk that is full in the middle of a checkpoint), until
it is closed and opened again. The writer does that, as it is the one who knows what was committed.
"""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from driftline_collector.errors import StoreError
from driftline_collector.store.database import MEMORY_BYTES, open_database

logger = logging.getLogger(__name__)

#: What cursors raise once the database has ended, or was closed to be opened anew.
ENDED = (duckdb.FatalException, duckdb.ConnectionException)
#: For a cursor that reads: what is in the archive as well, under the tables' own names.
WITH_ARCHIVE = "SET search_path = 'kept,main'"
#: How long it is waited for those who read, and for who holds the lock.
PATIENCE_S = 2.0


class Database:
    """The open file. Raises StoreError where it cannot be opened, saying why and what to do."""

    def __init__(self, path: Path, *, copy_first: bool = True, memory: int = MEMORY_BYTES) -> None:
        self._path = path
        self._memory = memory
        self._connection = open_database(path, copy_first=copy_first, memory=memory)
        #: How often it was opened anew. Cursors from before are closed.
        self.generation = 0
        #: Held by who begins a transaction on a `Cursor` that it asks for more than once.
        self.lock = threading.RLock()

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A cursor of its own, until the database is opened anew."""
        return self._connection.cursor()

    def reopen(self) -> None:
        """Close it with all its cursors, and open it. Raises StoreError; then it may be tried again."""
        deadline = time.monotonic() + PATIENCE_S
        if not self.lock.acquire(timeout=PATIENCE_S):
            raise StoreError(f"{self._path}: the database is in use, and cannot be opened anew now")
        try:
            while not self._closed():
                if time.monotonic() > deadline:
                    raise StoreError(f"{self._path}: the database is read, and cannot be opened anew now")
                time.sleep(0.01)
            self._connection = open_database(self._path, copy_first=False, memory=self._memory)
            self.generation += 1
        finally:
            self.lock.release()
        logger.warning("%s: the database was opened anew", self._path)

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def _closed(self) -> bool:
        try:
            self._connection.close()
        except duckdb.Error:  # a read is under way, and will soon fail
            return False
        return True


class Cursor:
    """A cursor for one thread at a time, taken anew where the database was opened anew."""

    def __init__(self, database: Database, *setup: str) -> None:
        self._database = database
        self._setup = setup
        self._generation = -1
        self._cursor: duckdb.DuckDBPyConnection | None = None

    def __call__(self) -> duckdb.DuckDBPyConnection:
        """The cursor, on which the statements of `setup` were executed first."""
        generation = self._database.generation
        if self._cursor is None or self._generation != generation:
            self._cursor = self._database.cursor()
            for statement in self._setup:
                self._cursor.execute(statement)
            self._generation = generation
        return self._cursor

    def close(self) -> None:
        """Let go of the database."""
        if self._cursor is not None:
            self._cursor.close()


@contextmanager
def transaction(cursor: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Commit what is done in the block, or roll it back where anything fails."""
    cursor.execute("BEGIN")
    try:
        yield
        cursor.execute("COMMIT")
    except BaseException:
        try:
            cursor.execute("ROLLBACK")
        except duckdb.Error as error:  # the failure that led here is the one worth telling
            logger.debug("no transaction to roll back: %s", error)
        raise
