"""Rows of closed days, as they would be after a while."""

import datetime as dt
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from driftline_collector.store.archive import day_start
from driftline_collector.store.archive_files import ArchiveFile
from driftline_collector.store.duckdb import DuckDBStore
from driftline_collector.store.kinds import DAY_NS
from driftline_collector.store.retention import RetentionPolicy

from tests.store.batches import SOURCE

EVER = 1 << 62
HOUR_NS = 3_600 * 10**9
MINUTE_NS = 60 * 10**9
FIRST_DAY = "2026-03-01"
START_NS = day_start(FIRST_DAY)


def at(day: int, hour: float = 12.0) -> int:
    """So many days after the first, ns since the epoch."""
    return START_NS + day * DAY_NS + int(hour * HOUR_NS)


def date(day: int) -> str:
    return (dt.date.fromisoformat(FIRST_DAY) + dt.timedelta(days=day)).isoformat()


def prediction(id_: str, time_ns: int, **columns: Any) -> dict[str, Any]:
    return SOURCE | {"id": id_, "time_ns": time_ns, "received_ns": time_ns + 10**9} | columns


def profile(time_ns: int, counts: Sequence[int], **columns: Any) -> dict[str, Any]:
    """A histogram of one minute, received when it is over."""
    end_ns = time_ns + MINUTE_NS
    told = {"stream": "s", "start_ns": time_ns, "end_ns": end_ns, "received_ns": end_ns + 10**9}
    told |= {"binning": "b", "feature": "x", "kind": "numeric", "counts": list(counts)}
    return SOURCE | told | columns


def put(store: DuckDBStore, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows with the times of receipt that they say."""
    columns = {name for row in rows for name in row}
    store.submit(
        {table: pa.table({name: [row.get(name) for row in rows] for name in sorted(columns)})}
    ).result(30)


def keep(store: DuckDBStore, now_ns: int, **policy: Any) -> None:
    """One tick of retention at that time."""
    retention = store.retention(RetentionPolicy(**policy), now=lambda: now_ns)
    try:
        retention.tick()
    finally:
        retention.close()


def ids(store: DuckDBStore, model: str = "digits") -> list[str]:
    found: list[str] = store.predictions(model, 0, EVER).column("id").to_pylist()
    return found


def parquet(folder: Path) -> list[Path]:
    """The files that have rows: not those that only tell columns."""
    tables = [each.relative_to(folder) for each in folder.glob("[!.]*/**/*") if each.is_file()]
    return sorted(tables)


def left_behind(path: Path, folder: Path) -> Path:
    """The files as they lie there now, somewhere else: what a killed process leaves behind."""
    shutil.copytree(path.parent, folder, ignore=shutil.ignore_patterns(folder.name))
    return folder / path.name


def rewritten(store: DuckDBStore, file: ArchiveFile, keep: str) -> ArchiveFile:
    """A new file of those rows of `file` for which a condition is true, for `Archive.swap` with it."""
    query = f"SELECT * FROM ({store.archive.scan(file)}) WHERE {keep}"
    return store.archive.write(file.table.name, file.day, file.model, query, width_ns=file.width_ns)
