"""A copy of the database as it was before its tables are brought forward, to go back to.

It is a database of its own, with its journal beside it where there was one: the driftline that wrote it
opens it under the copy's name, or under the old one once it has been moved there.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb

from driftline_collector.errors import StoreError
from driftline_collector.store.amounts import size
from driftline_collector.store.durable import sync

PARTIAL = ".partial"
_COPY = "import shutil, sys; shutil.copy(*sys.argv[1:])"
_BEFORE = re.compile(r"\.before-(\d+)(\.journal|\.wal)?(\.partial)?")


def copy_before(version: int, connection: duckdb.DuckDBPyConnection, path: Path) -> Path:
    """Copy the database at `path`, which `connection` alone has open, to `<path>.before-<version>`.

    The copy is on disk, whole, when this returns; its path. Raises StoreError, with nothing left behind.
    """
    copy = Path(f"{path}.before-{version:04}")
    try:
        connection.execute("CHECKPOINT")  # all of it is in the one file then, and none in its log
        for left in _copies(path, version):  # of an attempt that failed: the database is as it was
            _remove(left)
        _require_room(path)
        try:
            _copy_folder(_journal(path), _journal(copy))
            _copy_file(path, copy)
            sync(copy.parent)
        except OSError:
            for left in _copies(path, version):
                _remove(left)
            raise
    except (OSError, duckdb.Error) as error:
        raise StoreError(f"{path}: no copy could be made before migration {version:04}: {error}") from error
    return copy


def remove_copies(path: Path, *, but: Path) -> None:
    """Remove the copies of earlier migrations of the database at `path`."""
    for copy in _copies(path):
        if not copy.name.startswith(but.name):
            _remove(copy)


def _copies(path: Path, version: int | None = None) -> Iterator[Path]:
    """The copies of the database at `path`, before any migration or this one, and what belongs to them."""
    for each in list(path.parent.iterdir()):
        found = _BEFORE.fullmatch(each.name.removeprefix(path.name))
        if found and each.name.startswith(path.name) and version in (None, int(found[1])):
            yield each


def _journal(path: Path) -> Path:
    return Path(f"{path}.journal")


def _require_room(path: Path) -> None:
    journal = _journal(path)
    files = [path, *(journal.iterdir() if journal.is_dir() else ())]
    needed, free = sum(file.stat().st_size for file in files), shutil.disk_usage(path.parent).free
    if needed > free:
        older = ", ".join(str(copy) for copy in _copies(path))
        raise StoreError(
            f"{path}: its tables are to be brought forward, and a copy made first: it takes {size(needed)},"
            f" but {path.parent} has {size(free)} left. Make room"
            + (f" (an earlier copy is there: {older})" if older else "")
            + ", or back the file up elsewhere and set store.copy_before_migration to false"
        )


def _copy_folder(source: Path, target: Path) -> None:
    """With what was accepted and is not in the file yet. Whole, or not under its name."""
    if not source.is_dir():
        return
    partial = target.with_name(target.name + PARTIAL)
    partial.mkdir()
    for file in source.iterdir():
        shutil.copy(file, partial / file.name)
        sync(partial / file.name)
    sync(partial)
    partial.rename(target)


def _copy_file(source: Path, target: Path) -> None:
    """In a process of its own: to close the file in this one would take DuckDB's lock on it away."""
    partial = target.with_name(target.name + PARTIAL)
    command = [sys.executable, "-I", "-c", _COPY, str(source), str(partial)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(done.stderr.strip().rpartition("\n")[2] or f"copying ended with {done.returncode}")
    sync(partial)
    partial.rename(target)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
