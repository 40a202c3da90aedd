"""The store on an embedded DuckDB file: one process, one writer thread, a cursor per reading thread."""

from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path

from driftline_collector.store.archive import Archive
from driftline_collector.store.base import Tables
from driftline_collector.store.batch import Batch, Rows
from driftline_collector.store.database import MEMORY_BYTES
from driftline_collector.store.inbox import Inbox
from driftline_collector.store.opened import Database
from driftline_collector.store.reader import Reader
from driftline_collector.store.reads_cases import CaseReads
from driftline_collector.store.reads_devices import DeviceReads
from driftline_collector.store.reads_fleet import FleetReads
from driftline_collector.store.reads_judged import JudgedReads
from driftline_collector.store.reads_profiles import ProfileReads
from driftline_collector.store.reads_system import SystemReads
from driftline_collector.store.retention import Retention, RetentionPolicy
from driftline_collector.store.seen import REMEMBER_NS
from driftline_collector.store.shown import Shown
from driftline_collector.store.timings import Timing, Timings, timed
from driftline_collector.store.writer import PATIENCE_S, Waiting, Writer

#: The named reads: what the protocol has, and neither writes nor tells of this process.
_READS = sorted(
    name
    for name in dir(Shown)
    if not name.startswith("_") and name not in {"submit", "close", "waiting", "slowest"}
)


@timed(_READS)
class DuckDBStore(Reader, ProfileReads, FleetReads, DeviceReads, JudgedReads, CaseReads, SystemReads):
    """`Store` and `Shown`. Raises StoreError where the file cannot be opened, saying why and what to do.

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

    def recover(self) -> None:
        """Have the database opened anew where a fault has ended it: an empty commit finds that out."""
        with suppress(TimeoutError):
            self.writer.submit(Batch({})).exception(PATIENCE_S)

    def changes_of_files(self) -> int:
        """Goes up whenever files that a read was about to open may have been replaced."""
        return self.archive.changes

    def retention(
        self, policy: RetentionPolicy, *, now: Callable[[], int], stopping: Callable[[], bool] = lambda: False
    ) -> Retention:
        """What applies a policy to this store, for one thread; to be closed before the store is."""
        return Retention(self._database, self.archive, policy, now=now, stopping=stopping)

    def submit(self, tables: Tables) -> "Future[None]":
        """See `Store.submit`."""
        rows = {name: Rows(table) for name, table in tables.items()}
        return self.writer.submit(Batch(rows, nbytes=sum(table.nbytes for table in tables.values())))

    def close(self) -> None:
        """Commit what is queued, then let go of the files."""
        self.inbox.close()
        self.writer.close()
        self.inbox.leave()
        self._database.close()
