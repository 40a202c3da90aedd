"""What is kept, how and for how long: closed days to Parquet, old profiles summed, what is too old dropped.

Each step is a short transaction, or none, and may be broken off and done again. Nothing that was received is
dropped without a row in `retention_log`.
"""

import datetime as dt
import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby
from pathlib import Path

import duckdb

from driftline_collector.store.archive import Archive, day_start
from driftline_collector.store.archive_files import ArchiveFile, has_place
from driftline_collector.store.database import vacuum
from driftline_collector.store.kinds import ARCHIVED, DAY_NS, HOUR_NS, JUDGED, KINDS, ArchivedTable, Kind
from driftline_collector.store.merging import joined, merged
from driftline_collector.store.opened import Cursor, Database
from driftline_collector.store.usage import files_bytes, hot_bytes, note_usage

logger = logging.getLogger(__name__)

#: Rows moved in one transaction, about: more would fill the log of the database.
_PART_ROWS = 4_000_000
#: So many files of a day and model are made one.
_MANY_FILES = 8
_USAGE_EVERY_NS = 600 * 10**9
#: Days of rows that came late are moved once they have gathered for so long.
_GATHER_NS = DAY_NS

#: Counts by cell are compared with for thirteen weeks, also by windows that are judged again.
_COMPARED_NS = 100 * DAY_NS

#: One step, which is done or not.
Work = Callable[[], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """How long and how much of a kind is kept; None: for good, and as much as there is room for."""

    age_ns: int | None = None
    most_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionPolicy:
    """What is kept. Days are closed `archive_after_ns` after their end.

    All files of the store together may take `most_bytes`; None: as much as there is room for. What was
    measured in the last `history_ns` may still be judged again, and does not go for its size.

    Profiles are summed to hours and to days that long after the end of their day; None: never. Those of
    windows that end `ahead_ns` after their receipt stay as they are.
    """

    archive_after_ns: int = 2 * DAY_NS
    kinds: Mapping[Kind, Keep] = field(default_factory=dict)
    most_bytes: int | None = None
    history_ns: int = 0
    hours_after_ns: int | None = None
    days_after_ns: int | None = None
    ahead_ns: int = 300 * 10**9


class Retention:
    """Applies a policy to the database at `path`; for one thread. `now` gives ns since the epoch.

    It ends soon after `stopping`.
    `checkpoints` is held by who must not have one made.
    """

    def __init__(
        self,
        database: Database,
        path: Path,
        archive: Archive,
        policy: RetentionPolicy,
        *,
        checkpoints: threading.Lock,
        now: Callable[[], int],
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._own = Cursor(database)
        self._path = path
        self._archive = archive
        self._policy = policy
        self._checkpoints = checkpoints
        self._now = now
        self._stopping = stopping
        self._noted_ns = 0

    def close(self) -> None:
        """Let go of the database."""
        self._own.close()

    @property
    def _cursor(self) -> duckdb.DuckDBPyConnection:
        return self._own()

    def tick(self) -> None:
        """Do what is due. What makes room comes first."""
        now_ns = self._now()
        changes = self._archive.changes
        for step in (
            self._drop_old,
            self._drop_much,
            self._drop_total,
            self._archive_closed,
            self._sum_profiles,
            self._join_files,
        ):
            for work in step(now_ns):
                if self._stopping():
                    return
                work()
        if self._archive.changes != changes:
            self._make_room()
        if now_ns - self._noted_ns >= _USAGE_EVERY_NS:
            note_usage(self._cursor, now_ns)
            self._archive.swap([], [], partial(_drop_sums, now_ns - _COMPARED_NS))
            self._noted_ns = now_ns

    def _make_room(self) -> None:
        """Let what comes next lie where deleted rows lay. Where it cannot be now, it comes by itself."""
        if not self._checkpoints.acquire(blocking=False):
            return
        try:
            with suppress(duckdb.TransactionException):
                vacuum(self._cursor)
        finally:
            self._checkpoints.release()

    # -- closed days -----------------------------------------------------------------------------------
    def _archive_closed(self, now_ns: int) -> Iterable[Work]:
        for table in ARCHIVED:
            for day, model, received_ns in self._closed(table, now_ns):
                yield partial(self._archive.move, table, day, model, received_ns)

    def _closed(self, table: ArchivedTable, now_ns: int) -> list[tuple[str, str | None, int]]:
        """Day, model and until when received, of rows that are due; large days in parts."""
        closed_ns = now_ns - self._policy.archive_after_ns
        gathered_ns = now_ns - min(_GATHER_NS, self._policy.archive_after_ns)
        model = "model" if table.by_model else "NULL"
        rows = self._cursor.execute(
            f"SELECT {table.moment} - {table.moment} % {DAY_NS} AS day_ns, {model} AS model, count(*),"
            f" min(received_ns), max(received_ns) FROM main.{table.name}"
            f" WHERE {table.moment} < ? AND received_ns < ? GROUP BY ALL ORDER BY ALL",
            [closed_ns - closed_ns % DAY_NS, gathered_ns],
        ).fetchall()
        due = []
        for day_ns, name, count, first, last in rows:
            if not has_place(name):
                logger.warning(
                    "%s of the model %.40s… stay in the database: its name is too long for a folder",
                    table.name,
                    name,
                )
                continue
            parts = -(-count // _PART_ROWS)
            due += [(_day(day_ns), name, first + (last - first) * (i + 1) // parts) for i in range(parts)]
        return due

    # -- fewer rows and files ----------------------------------------------------------------------------
    def _sum_profiles(self, now_ns: int) -> Iterable[Work]:
        for files in _days(self._archive.files("profiles")):
            width_ns = self._width(now_ns - day_start(files[0].day) - DAY_NS)
            if width_ns and (len(files) > 1 or files[0].width_ns < width_ns):
                yield partial(self._sum, files, width_ns)

    def _width(self, age_ns: int) -> int:
        hours, days = self._policy.hours_after_ns, self._policy.days_after_ns
        if days is not None and age_ns >= days:
            return DAY_NS
        return HOUR_NS if hours is not None and age_ns >= hours else 0

    def _sum(self, files: Sequence[ArchiveFile], width_ns: int) -> None:
        with self._archive.lock:
            new = merged(self._archive, files, width_ns, self._policy.ahead_ns)
            fewer = sum(file.rows for file in files) - new.rows
            smaller = sum(file.bytes for file in files) - new.bytes
            gone = replace(files[0], rows=fewer, bytes=smaller)
            self._archive.swap([new], files, partial(_log, self._now(), [gone], "merged"))

    def _join_files(self, _now_ns: int) -> Iterable[Work]:
        for table in ARCHIVED:
            for files in _days(self._archive.files(table.name)):
                if len(files) > _MANY_FILES:
                    yield partial(self._join, files)

    def _join(self, files: Sequence[ArchiveFile]) -> None:
        with self._archive.lock:
            self._archive.swap([joined(self._archive, files)], files)

    # -- what goes for good ------------------------------------------------------------------------------
    def _drop_old(self, now_ns: int) -> Iterable[Work]:
        for kind, keep in self._policy.kinds.items():
            if keep.age_ns is None:
                continue
            before_ns = now_ns - keep.age_ns
            if kind == "evaluations":
                yield partial(self._drop_evaluations, before_ns)
            old = [
                file
                for file in self._archive.files()
                if file.table.kind == kind
                and day_start(file.day) + DAY_NS <= before_ns
                and file.received_ns < before_ns
            ]
            if old:
                yield partial(self._drop, old, "age")

    def _drop_much(self, now_ns: int) -> Iterable[Work]:
        """The oldest days of kinds that take more than they may. What is in the database stays."""
        for kind, keep in self._policy.kinds.items():
            if keep.most_bytes is None:
                continue
            files = [file for file in self._archive.files() if file.table.kind == kind]
            excess = hot_bytes(self._cursor, kind) + sum(file.bytes for file in files) - keep.most_bytes
            for day in self._oldest(kind, files, excess, now_ns):
                yield partial(self._drop, day, "size")

    def _drop_total(self, now_ns: int) -> Iterable[Work]:
        """Where all files take more than they may: the oldest days, of one kind after the other."""
        if self._policy.most_bytes is None or self._checkpoints.locked():
            return  # while a backup is read the log grows, and is merged when that is done
        files = self._archive.files()
        archived = sum(file.bytes for file in files)
        excess = sum(files_bytes(self._path, archived).values()) - self._policy.most_bytes
        for kind in KINDS:
            of_kind = [file for file in files if file.table.kind == kind]
            for day in self._oldest(kind, of_kind, excess, now_ns):
                excess -= sum(file.bytes for file in day)
                yield partial(self._drop, day, "total")

    def _oldest(
        self, kind: Kind, files: Iterable[ArchiveFile], excess: int, now_ns: int
    ) -> Iterable[list[ArchiveFile]]:
        """The oldest days of a kind, as many as take `excess` bytes, but none that may be judged again."""
        before_ns = now_ns - (self._policy.history_ns if kind in JUDGED else 0)
        for day, group in groupby(sorted(files, key=lambda file: file.day), key=lambda file: file.day):
            if excess <= 0 or day_start(day) + DAY_NS > before_ns:
                return
            oldest = list(group)
            excess -= sum(file.bytes for file in oldest)
            yield oldest

    def _drop(self, files: Sequence[ArchiveFile], reason: str) -> None:
        with self._archive.lock:
            self._archive.swap([], files, partial(_log, self._now(), files, reason))
        logger.info("%d files of %s were dropped: %s", len(files), files[0].table.kind, reason)

    def _drop_evaluations(self, before_ns: int) -> None:
        self._archive.swap([], [], partial(_drop_evaluations, self._now(), before_ns))


def _drop_evaluations(now_ns: int, before_ns: int, cursor: duckdb.DuckDBPyConnection) -> None:
    old = "FROM main.evaluations WHERE window_end_ns < $before AND evaluated_ns < $before"
    day = f"window_start_ns - window_start_ns % {DAY_NS}"
    cursor.execute(
        f"""
        INSERT INTO retention_log
        SELECT $now, 'evaluations', 'evaluations', strftime(make_timestamp_ns({day}), '%Y-%m-%d') AS day,
               'age', count(*), 0, 0 {old} GROUP BY day
        """,
        {"now": now_ns, "before": before_ns},
    )
    cursor.execute(f"DELETE {old}", {"before": before_ns})


def _drop_sums(before_ns: int, cursor: duckdb.DuckDBPyConnection) -> None:
    cursor.execute("DELETE FROM main.window_counts WHERE end_ns < ?", [before_ns])


def _log(now_ns: int, files: Sequence[ArchiveFile], reason: str, cursor: duckdb.DuckDBPyConnection) -> None:
    for file in files:
        predictions = 0 if reason == "merged" else file.predictions
        table = file.table
        cursor.execute(
            "INSERT INTO retention_log VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [now_ns, table.kind, table.name, file.day, reason, file.rows, file.bytes, predictions],
        )


def _days(files: Iterable[ArchiveFile]) -> Iterable[list[ArchiveFile]]:
    """By day and model; `files` are in that order."""
    return (list(group) for _, group in groupby(files, lambda file: (file.day, file.model)))


def _day(day_ns: int) -> str:
    return (dt.date(1970, 1, 1) + dt.timedelta(days=day_ns // DAY_NS)).isoformat()
