"""A look into the files of a collector that does not run. Nothing is changed, and nothing taken in."""

import threading
from concurrent.futures import Future
from pathlib import Path

import duckdb

from driftline_collector.errors import StoreError
from driftline_collector.store.base import Tables
from driftline_collector.store.database import migrations
from driftline_collector.store.journal import unapplied_bytes
from driftline_collector.store.named_reads import NamedReads
from driftline_collector.store.opened import Database
from driftline_collector.store.queued import Waiting
from driftline_collector.store.timings import Timing


class ReadOnlyStore(NamedReads):
    """`Shown`, of a file that no collector holds. Raises StoreError where it cannot be read."""

    def __init__(self, path: Path) -> None:
        self._opened = _ReadOnly(path)
        self._journal = Path(f"{path}.journal")
        super().__init__(self._opened)

    def submit(self, tables: Tables) -> "Future[None]":
        """Refused: nothing is written."""
        raise StoreError(f"{', '.join(tables)}: nothing can be written to a database that is only read")

    def drop_revisions(self, model: str, start_ns: int, end_ns: int, *, before: int) -> None:
        """Refused likewise."""
        what = f"{model} in [{start_ns}, {end_ns}) before revision {before}"
        raise StoreError(f"{what}: nothing can be deleted from a database that is only read")

    def forget_sums(self, model: str, start_ns: int, end_ns: int) -> None:
        """Refused likewise."""
        what = f"counts of {model} in [{start_ns}, {end_ns})"
        raise StoreError(f"{what}: nothing can be deleted from a database that is only read")

    def show_names(self) -> None:
        """Nothing: they are shown as they were when something was written."""

    def slowest(self) -> list[Timing]:
        """None: they are those of a running collector."""
        return []

    def waiting(self) -> Waiting:
        """What the journal holds that the database does not; it is taken in when the collector starts."""
        ((database, applied),) = self._cursor().execute("SELECT id, applied FROM main.journal").fetchall()
        return Waiting(unapplied_bytes(self._journal, str(database), int(applied)), None, None)

    def close(self) -> None:
        """Let go of the file."""
        self._opened.close()


class _ReadOnly(Database):
    """The open file, which is not brought forward."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise StoreError(f"{path}: there is no such database; say where it is with --database")
        self._path = path
        self.generation = 0
        self.lock = threading.RLock()
        try:
            self._connection = duckdb.connect(path, read_only=True)
            rows = self._connection.execute("SELECT max(version) FROM schema_versions").fetchall()
        except duckdb.Error as error:
            raise StoreError(_advice(path, str(error))) from error
        present, newest = rows[0][0], max(migrations())
        if present != newest:
            self._connection.close()
            raise StoreError(
                f"{path}: its tables are of version {present}, this driftline knows version {newest};"
                " start the collector once, which brings them forward, or use the driftline that wrote it"
            )


def _advice(path: Path, message: str) -> str:
    if "lock" in message:
        return f"{path}: a collector holds this database; leave --database out, and ask that"
    # The last is what DuckDB says of JSON, CSV and the like.
    foreign = ("schema_versions", "not a valid DuckDB", "in-memory database")
    if any(each in message for each in foreign):
        return f"{path}: this is not a driftline database; say where that is with --database"
    return f"{path}: the database cannot be read: {message}"
