"""The store on an embedded DuckDB file: one process, one writer thread, a cursor per reading thread."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from pathlib import Path

from driftline_collector.store.archive import Archive
from driftline_collector.store.backup import Backup
from driftline_collector.store.base import Tables
from driftline_collector.store.batch import Batch, Rows
from driftline_collector.store.database import MEMORY_BYTES
from driftline_collector.store.export import Export
from driftline_collector.store.inbox import Inbox
from driftline_collector.store.named_reads import NamedReads
from driftline_collector.store.opened import Database
from driftline_collector.store.purge import Purge, Purged, drop_revisions, forget_sums, plan
from driftline_collector.store.queued import Waiting
from driftline_collector.store.retention import Retention, RetentionPolicy
from driftline_collector.store.scopes import Scope
from driftline_collector.store.seen import REMEMBER_NS
from driftline_collector.store.shown import Shown, Where
from driftline_collector.store.timings import Timing, Timings, timed
from driftline_collector.store.writer import PATIENCE_S, Writer

#: The named reads: what the protocol has, and neither writes nor tells of this process.
_READS = sorted(
    name
    for name in dir(Shown)
    if not name.startswith("_")
    and name not in {"submit", "close", "waiting", "slowest", "drop_revisions", "forget_sums", "show_names"}
)


@timed(_READS)
class DuckDBStore(NamedReads):
    """`Store`, `Shown` and `Operated`. Raises StoreError where the file cannot be opened, with advice.

    A file of an earlier driftline is brought forward, and copied before that where `copy_first` is true.
    The database keeps within `memory` bytes, and puts what it needs beyond in a folder beside the file.
    A stream is remembered for `remember_ns` after the last that came of it.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        copy_first: bool = True,
        memory: int = MEMORY_BYTES,
        remember_ns: int = REMEMBER_NS,
    ) -> None:
        self._database = Database(Path(path), copy_first=copy_first, memory=memory)
        super().__init__(self._database)
        #: How long named reads took.
        self.timings = Timings()
        self._path = Path(path)
        self._descriptor: int | None = None
        self._backing_up = threading.Lock()
        try:
            self.archive = Archive(self._database, Path(f"{path}.archive"))
            self.writer = Writer(self._database, remember_ns=remember_ns)
            try:
                self.inbox = Inbox(Path(f"{path}.journal"), self.writer)
            except BaseException:
                self.writer.close()
                raise
        except BaseException:
            self._database.close()
            raise

    def slowest(self) -> list[Timing]:
        """See `Shown.slowest`."""
        return self.timings.slowest()

    def waiting(self) -> Waiting:
        """See `Shown.waiting`."""
        return self.writer.waiting()

    def settle(self) -> None:
        """Bring what has been accepted into the database, where reads see it."""
        self.writer.settle()

    def catch_up(self) -> None:
        """Bring in what has been accepted, as far as a reader waits for that."""
        self.writer.catch_up()

    def recover(self) -> None:
        """Have the database opened anew where a fault has ended it: an empty commit finds that out."""
        with suppress(TimeoutError):
            self.writer.submit(Batch({})).exception(PATIENCE_S)

    def show_names(self) -> None:
        """See `Shown.show_names`."""
        self.archive.show_names()

    def changes_of_files(self) -> int:
        """Goes up whenever files that a read was about to open may have been replaced."""
        return self.archive.changes

    def retention(
        self, policy: RetentionPolicy, *, now: Callable[[], int], stopping: Callable[[], bool] = lambda: False
    ) -> Retention:
        """What applies a policy to this store, for one thread; to be closed before the store is."""
        return Retention(
            self._database,
            self._path,
            self.archive,
            policy,
            checkpoints=self._backing_up,
            now=now,
            stopping=stopping,
        )

    def submit(self, tables: Tables) -> "Future[None]":
        """See `Store.submit`."""
        rows = {name: Rows(table) for name, table in tables.items()}
        return self.writer.submit(Batch(rows, nbytes=sum(table.nbytes for table in tables.values())))

    def backup(self) -> Backup:
        """See `Operated.backup`."""
        if self._descriptor is None:  # and kept open as long as the database, see Backup
            self._descriptor = os.open(self._path, os.O_RDONLY)
        return Backup(
            self._database,
            self._path,
            self._descriptor,
            writer=self.writer,
            archive=self.archive,
            busy=self._backing_up,
        )

    def export(self, name: str, where: Where) -> Export:
        """See `Operated.export`."""
        self.settle()
        return Export(self._database, self.archive, name, where)

    def names_of(self, device: str) -> tuple[str, ...]:
        """See `Operated.names_of`."""
        query = "SELECT device FROM device_names WHERE name = ? AND device <> ? ORDER BY ALL"
        return (device, *self._read(query, device, device).column("device").to_pylist())

    def drop_revisions(self, model: str, start_ns: int, end_ns: int, *, before: int) -> None:
        """See `Store.drop_revisions`."""
        self.archive.swap([], [], partial(drop_revisions, model, start_ns, end_ns, before))

    def forget_sums(self, model: str, start_ns: int, end_ns: int) -> None:
        """See `Store.forget_sums`."""
        scope = Scope(model=model, start_ns=start_ns, end_ns=end_ns)
        self.archive.swap([], [], partial(forget_sums, scope))

    def purge_plan(self, scope: Scope) -> list[Purged]:
        """See `Operated.purge_plan`."""
        self.settle()
        return plan(self._database, scope)

    def purge(self, scope: Scope, author: str, reason: str | None) -> list[Purged]:
        """See `Operated.purge`."""
        gone = Purge(self._database, self.archive, self.writer, self._backing_up)(scope, author, reason)
        self.forget_catalogue()
        return gone

    def close(self) -> None:
        """Commit what is queued, then let go of the files."""
        self.inbox.close()
        self.writer.close()
        self.inbox.leave()
        self._database.close()
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
