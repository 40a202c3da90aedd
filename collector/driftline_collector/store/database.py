"""The DuckDB file: opening, and bringing its tables forward."""

import contextlib
import logging
import re
from importlib import resources
from pathlib import Path

import duckdb

from driftline_collector.errors import StoreError
from driftline_collector.store.before_migration import copy_before, remove_copies

logger = logging.getLogger(__name__)

#: The oldest DuckDB that shall read our files: its long-term release.
STORAGE_VERSION = "v1.5.0"
#: A log of this size is merged into the file. Merging may stall for over a second, so seldom; but reading the
#: log back after a crash takes a second of CPU for 128 MiB, so not too seldom.
CHECKPOINT_AT = "64MB"
#: Row groups that `vacuum` merges, or copies without their deleted rows, at most in one go: a few seconds.
_VACUUM_TASKS = 8
#: DuckDB's own limit would be most of the machine, and it fills it with what it has read.
MEMORY_BYTES = 96 * 10**6
_HOLDER = re.compile(r"held in (?P<program>\S+)(?: by user (?P<user>\S+))? \(PID (?P<pid>\d+)\)")


def open_database(
    path: Path, *, copy_first: bool = True, memory: int = MEMORY_BYTES
) -> duckdb.DuckDBPyConnection:
    """Open the file at `path`, made if it is not there, and migrate it. Raises StoreError.

    What it is to use beyond `memory` bytes goes to a folder beside the file.
    """
    if not path.parent.is_dir():
        raise StoreError(f"{path}: the folder {path.parent} does not exist; make it, or set store.path")
    try:
        connection = duckdb.connect(
            path,
            config={
                "storage_compatibility_version": STORAGE_VERSION,
                "checkpoint_threshold": CHECKPOINT_AT,
                "memory_limit": f"{memory}B",
                # A group commit ends in a small row group. To merge those, each checkpoint would write all of
                # its rows again, which costs as much as storing them.
                "max_vacuum_tasks": 0,
                # Else it is what was free when the file was opened, and stays so when there is room again.
                "max_temp_directory_size": "1TiB",
            },
        )
    except duckdb.Error as error:
        raise StoreError(_advice(path, str(error))) from error
    try:
        migrate(connection, path, copy_first=copy_first)
    except BaseException:
        connection.close()
        raise
    return connection


def vacuum(cursor: duckdb.DuckDBPyConnection) -> None:
    """A checkpoint after which what was deleted leaves room, also amid rows that stay."""
    cursor.execute(f"SET GLOBAL max_vacuum_tasks = {_VACUUM_TASKS}")
    try:
        cursor.execute("CHECKPOINT")
    finally:
        cursor.execute("SET GLOBAL max_vacuum_tasks = 0")


def _advice(path: Path, message: str) -> str:
    if holder := _HOLDER.search(message):
        return (
            f"{path}: process {holder['pid']} ({holder['program']}) holds this database;"
            f" only one collector can. Stop that process, or set store.path to another file"
        )
    if "lock" in message:
        return f"{path}: another process holds this database; stop it, or set store.path to another file"
    if "not a valid DuckDB" in message:
        return f"{path}: this is not a DuckDB database; move it away, or set store.path to another file"
    if "replaying WAL" in message:
        return (
            f"{path}: the database's log is damaged: {message}. To open the database without it, move"
            f" {path}.wal away: what was committed since it was last merged into the file (64 MB at most) is"
            " lost then; or restore a backup"
        )
    return f"{path}: the database cannot be opened: {message}"


def migrate(connection: duckdb.DuckDBPyConnection, path: Path, *, copy_first: bool = True) -> None:
    """Apply the migrations that the file has not had: all of them, or none.

    A file that has been in use is copied first (see `before_migration`), unless `copy_first` is false. Raises
    StoreError where there is no room for that, or a migration fails.
    """
    connection.execute(
        "CREATE TABLE IF NOT EXISTS schema_versions (version INTEGER NOT NULL, name VARCHAR NOT NULL)"
    )
    (present,) = connection.execute("SELECT coalesce(max(version), 0) FROM schema_versions").fetchall()[0]
    known = migrations()
    if present > (newest := max(known)):
        raise StoreError(
            f"{path}: its tables are of version {present}, this driftline knows up to {newest};"
            " it was written by a newer driftline: upgrade, or set store.path to another file"
        )
    pending = sorted(version for version in known if version > present)
    if not pending:
        return
    if present:
        told = "%s: bringing its tables forward from version %d to %d; of a large file that takes minutes"
        logger.warning(told, path, present, newest)
    copy = copy_before(pending[0], connection, path) if present and copy_first else None
    # In one transaction: the driftline that wrote the file can still open it where one of them fails.
    connection.execute("BEGIN")
    name = ""
    try:
        for version in pending:
            name, statements = known[version]
            connection.execute(statements)
            connection.execute("INSERT INTO schema_versions VALUES (?, ?)", [version, name])
        connection.execute("COMMIT")
    except duckdb.Error as error:
        with contextlib.suppress(duckdb.Error):  # a commit that failed has ended the transaction
            connection.execute("ROLLBACK")
        raise StoreError(f"{path}: migration {name} failed, nothing was changed: {error}") from error
    logger.info("%s: applied migrations up to %s", path, name)
    if copy is not None:
        remove_copies(path, but=copy)
        logger.warning(
            "%s was brought forward from version %d to %d. How it was before is kept in %s, for going back:"
            " remove that once you will not",
            *(path, present, newest, copy),
        )


def migrations() -> dict[int, tuple[str, str]]:
    """Version → name and SQL of each file `migrations/<version>_<what>.sql`."""
    files = resources.files("driftline_collector.store") / "migrations"
    return {
        int(file.name.partition("_")[0]): (file.name, file.read_text(encoding="utf-8"))
        for file in files.iterdir()
        if file.name.endswith(".sql")
    }
