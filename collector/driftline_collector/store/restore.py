"""A backup made a store again: unpacked beside its place, checked, and put there in one step."""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import tarfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import IO, Any, BinaryIO

import duckdb

from driftline_collector.errors import StoreError
from driftline_collector.store.backup import ARCHIVE, DATABASE, FORMAT, LOG, MANIFEST, count_rows
from driftline_collector.store.database import migrations
from driftline_collector.store.durable import sync

_CHUNK = 2**20
#: What belongs to a database and lies beside it, by how its name goes on.
_BESIDE = (".journal", ".archive", ".wal")
#: Streams that were heard of so shortly before the backup, and had not ended, went on after it.
_RECENT_NS = 3600 * 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What was restored, and what it lacks: all that came after `made`.

    `latest` is the last receipt in it; `streams` of so many `devices` had not ended then, and what they sent
    afterwards shows as missing. `replaced` is where the database that was there lies now.
    """

    database: str
    made: str
    age_s: float
    driftline: str
    rows: Mapping[str, int]
    latest: str | None
    streams: int
    devices: int
    replaced: str | None


def restore(source: BinaryIO, path: Path, *, force: bool = False) -> Restored:
    """Make the backup that `source` reads the database at `path`.

    Raises StoreError, and nothing is changed then.

    What is there is an error, or with `force` is moved aside.
    """
    present = [each for each in _all(path) if each.exists()]
    if present and not force:
        raise StoreError(
            f"{', '.join(map(str, present))}: there is a database already; restore to another path,"
            " or have it moved aside with --force"
        )
    _require_free(path)
    work = path.with_name(f".{path.name}.restoring")
    shutil.rmtree(work, ignore_errors=True)
    try:
        work.mkdir()
        manifest = _read(source, lambda member: _place(member, work, path.name))
        told = _check(work / path.name, manifest)
        replaced = _move_aside(path, present) if present else None
        _put(work, path)
    except OSError as error:
        raise StoreError(f"{path}: cannot be restored: {error.strerror or error}") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
    made = datetime.fromisoformat(manifest["made"])
    return Restored(
        database=str(path),
        made=manifest["made"],
        age_s=max(0.0, time.time() - made.timestamp()),
        driftline=manifest["driftline"],
        rows={name: count + manifest["archived"].get(name, 0) for name, count in manifest["rows"].items()},
        replaced=replaced,
        **told,
    )


def _all(path: Path) -> list[Path]:
    return [path, *(Path(f"{path}{end}") for end in _BESIDE)]


def _require_free(path: Path) -> None:
    """A running collector holds a lock on its file; under its feet nothing is to be moved."""
    with contextlib.suppress(FileNotFoundError), path.open("r+b") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StoreError(f"{path}: a collector holds this database; stop it first") from None


def verify(source: BinaryIO) -> dict[str, Any]:
    """The manifest of a backup whose files fit it. Raises StoreError."""
    return _read(source, lambda _: None)


def _read(source: BinaryIO, place: Callable[[str], Path | None]) -> dict[str, Any]:
    """Write the files of the tar where they have a place; the manifest, which they fit."""
    found: dict[str, tuple[int, str]] = {}
    manifest: dict[str, Any] | None = None
    try:
        with tarfile.open(fileobj=source, mode="r|") as tar:
            for member in tar:
                content = tar.extractfile(member) if member.isfile() else None
                if content is None:
                    raise StoreError(f"{member.name}: is no file; this is not a backup by driftline")
                if member.name == MANIFEST:
                    manifest = json.loads(content.read())
                    continue
                found[member.name] = _write(content, place(member.name))
    except (tarfile.TarError, ValueError, EOFError) as error:
        raise StoreError(f"this is not a whole backup by driftline ({error}); take another one") from error
    if manifest is None:
        raise StoreError("the backup breaks off before its manifest; make it again, or take another one")
    if manifest.get("format") != FORMAT:
        raise StoreError(
            f"a backup of the form {manifest.get('format')!r} is not known here; upgrade driftline"
        )
    expected = {part["name"]: (part["bytes"], part["sha256"]) for part in manifest["files"]}
    if wrong := sorted(part for part in expected.keys() | found if expected.get(part) != found.get(part)):
        raise StoreError(
            f"the backup is damaged: {', '.join(wrong)} differs from its manifest; take another one"
        )
    if manifest["schema"] > (newest := max(migrations())):
        raise StoreError(
            f"its tables are of version {manifest['schema']}, this driftline knows up to {newest}; restore it"
            f" with driftline {manifest['driftline']} or a newer one"
        )
    return manifest


def _place(member: str, work: Path, name: str) -> Path:
    """Where a file of the tar goes, which is nowhere but under `work`."""
    parts = PurePosixPath(member).parts
    if member == DATABASE:
        return work / name
    if member == LOG:
        return work / f"{name}.wal"
    if len(parts) > 1 and parts[0] == ARCHIVE and ".." not in parts:
        return work.joinpath(f"{name}.archive", *parts[1:])
    raise StoreError(f"{member}: a backup by driftline has no such file")


def _write(content: IO[bytes], place: Path | None) -> tuple[int, str]:
    """Bytes and SHA-256 of a file's content, which is written where it has a place."""
    digest, size = hashlib.sha256(), 0
    with ExitStack() as files:
        file = None
        if place is not None:
            place.parent.mkdir(parents=True, exist_ok=True)
            file = files.enter_context(place.open("xb"))
        while chunk := content.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
            if file is not None:
                file.write(chunk)
        if file is not None:
            file.flush()
            os.fsync(file.fileno())
    return size, digest.hexdigest()


def _check(path: Path, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Open it, compare its rows, bring its log into the file; what it can tell of its end."""
    try:
        with duckdb.connect(path) as database:
            counts = count_rows(database)
            if wrong := [table for table, rows in manifest["rows"].items() if counts.get(table) != rows]:
                raise StoreError(
                    f"the backup is damaged: {wrong[0]} has {counts.get(wrong[0])} rows, not"
                    f" {manifest['rows'][wrong[0]]}; take another one"
                )
            row = database.execute(_END, {"recent": _RECENT_NS}).fetchall()[0]
            database.execute("CHECKPOINT")
    except duckdb.Error as error:
        raise StoreError(f"the backup cannot be opened: {error}") from error
    latest = datetime.fromtimestamp(row[0] / 1e9, UTC).isoformat(timespec="milliseconds") if row[0] else None
    return {"latest": latest, "streams": row[1], "devices": row[2]}


_END = """
    WITH heard AS (
        SELECT stream, device, max(received_ns) AS received_ns FROM stream_windows
        WHERE stream <> '' GROUP BY stream, device
    ), going AS (
        SELECT stream, device FROM heard
        WHERE received_ns > (SELECT max(received_ns) FROM heard) - $recent
          AND stream NOT IN (SELECT stream FROM stream_events WHERE phase IN ('end', 'closed'))
    )
    SELECT (SELECT max(received_ns) FROM heard), count(DISTINCT stream), count(DISTINCT device) FROM going
"""


def _move_aside(path: Path, present: list[Path]) -> str:
    aside = f"{path}.replaced-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    for each in present:
        each.rename(f"{aside}{str(each).removeprefix(str(path))}")
    return aside


def _put(work: Path, path: Path) -> None:
    """What lies beside it first, so that the database is never there without."""
    archive = work / f"{path.name}.archive"
    if archive.exists():
        archive.rename(f"{path}.archive")
    sync(work / path.name)
    (work / path.name).rename(path)
    sync(path.parent)
