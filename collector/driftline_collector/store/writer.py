"""The one thread that writes to the database: takes what is queued, commits it as a group, then says so.

While a group is committed the next one gathers, so groups grow with the load. Who waits for the commit waits
for nobody else. What the journal holds already is taken in when it fills a row group, which costs a quarter,
or after a moment. A batch that fails is tried alone, so that it fails for itself.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager

import duckdb

from driftline_collector.errors import StoreError
from driftline_collector.store.batch import Batch
from driftline_collector.store.opened import ENDED, Database
from driftline_collector.store.queued import (
    Accepted,
    Pause,
    Queued,
    Submitted,
    Waiting,
    explained,
    is_lasting,
    position_of,
)
from driftline_collector.store.seen import REMEMBER_NS
from driftline_collector.store.seldom import Seldom
from driftline_collector.store.transaction import Transactions

logger = logging.getLogger(__name__)

#: A row group of DuckDB's, which goes straight into its file instead of its log.
ENOUGH_ROWS = 122_880
#: Rows in a group commit, at most, unless one batch alone has more.
GROUP_ROWS = 160_000
#: What is in the journal waits this long for more. Readers do not: they have it taken in.
LINGER_S = 2.0
#: Between attempts to take in what is in the journal, while the database cannot.
RETRY_S = 0.5
#: A reader waits so long for what was accepted before it; a read of what there is is better than none.
PATIENCE_S = 5.0
#: Where more than a commit waits, more comes than the database takes, and readers wait no longer than this.
BEHIND_BYTES = 24 * 2**20
BEHIND_S = 0.5


class Writer:
    """Commits batches in groups, in the order in which they came."""

    def __init__(self, database: Database, *, remember_ns: int = REMEMBER_NS) -> None:
        self._database = database
        self._remember_ns = remember_ns
        self._transactions = Transactions(database, remember_ns=remember_ns)
        self._queue: deque[Queued] = deque()
        lock = threading.RLock()
        self._arrived = threading.Condition(lock)
        self._committed = threading.Condition(lock)
        self._closing = False
        self._rows = self._bytes = 0
        self._oldest = 0.0
        #: The position of what was taken in at once, and when; of what is not committed yet.
        self._arrivals: deque[tuple[int, float]] = deque()
        self._hurry = False
        self._fault: Exception | None = None
        self._ended = Seldom(logger, "the database takes no more statements, and is opened anew: %s")
        self._uncommitted = Seldom(logger, "a batch of %d rows could not be committed: %s")
        self._accepted = self._applied = self._forgettable = self._transactions.applied
        #: Called with what was accepted and yet is not to be stored, before that is counted and left out.
        self.keep_aside: Callable[[Accepted, Exception], None] = lambda _accepted, _fault: None
        self._thread = threading.Thread(target=self._run, name="driftline-writer", daemon=True)
        self._thread.start()

    @property
    def database_id(self) -> str:
        """What tells this database from others."""
        return self._transactions.database_id

    @property
    def applied(self) -> int:
        """Up to which position the database has taken in its journal."""
        return self._applied

    def waiting(self) -> Waiting:
        """What is in the journal and not in the database."""
        with self._arrived:
            since = self._arrivals[0][1] if self._arrivals else None
            fault = None if self._fault is None else str(self._fault)
            return Waiting(self._bytes, None if since is None else time.monotonic() - since, fault)

    @property
    def forgettable(self) -> int:
        """Up to which position the journal is not needed: that of the commit before the last.

        A crash may tear the database's log, and take the last commit along.
        """
        return self._forgettable

    def submit(self, batch: Batch) -> "Future[None]":
        """Queue a batch. The future is done after the commit, or fails: UnstorableError, or StoreError."""
        future: Future[None] = Future()
        with self._arrived:
            if self._closing:
                future.set_exception(StoreError("the store is closing; send again to the next collector"))
                return future
            self._put(Submitted(batch, future))
            self._hurry = True
        return future

    @contextmanager
    def paused(self, patience_s: float = 30.0) -> Iterator[Transactions]:
        """Once all that was accepted before is committed, nothing more is until the block ends.

        Who sends is answered by the journal meanwhile, as long as that has room. Raises StoreError where the
        database does not commit.
        """
        pause = Pause()
        with self._arrived:
            if self._closing:
                raise StoreError("the store is closing; ask the next collector")
            self._put(pause)
            self._hurry = True
        try:
            try:
                pause.done.result(patience_s)
            except TimeoutError:
                fault = self._fault or "it is busy"
                raise StoreError(f"the database does not take in what was accepted: {fault}") from None
            yield self._transactions
        finally:
            pause.over.set()

    def take_in(self, accepted: Sequence[Accepted]) -> None:
        """Queue what is in the journal, in its order."""
        with self._arrived:
            for each in accepted:
                self._put(each)
                self._bytes += each.size
                self._accepted = each.position
            if accepted:
                self._arrivals.append((self._accepted, time.monotonic()))

    def wait_for_room(self, most: int, patience_s: float | None = None) -> bool:
        """Whether no more than `most` bytes of the journal wait to be taken in; waits for that."""
        if self._bytes <= most:
            return True
        with self._committed:
            self._hurry = True
            self._arrived.notify_all()
            return self._committed.wait_for(lambda: self._bytes <= most, patience_s)

    def catch_up(self) -> None:
        """As `settle`, for a reader, who waits less where he would have to wait every time."""
        self.settle(BEHIND_S if self._bytes > BEHIND_BYTES else PATIENCE_S)

    def settle(self, patience_s: float | None = PATIENCE_S) -> Exception | None:
        """Return once all that was accepted before is committed; after a while, or where that fails, why."""
        if self._accepted == self._applied:
            return None
        with self._committed:
            target, self._hurry = self._accepted, True
            self._arrived.notify_all()
            self._committed.wait_for(lambda: self._applied >= target or self._fault is not None, patience_s)
            return None if self._applied >= target else self._fault

    def close(self) -> None:
        """Commit what is queued, then stop. What the database does not take then stays in the journal."""
        with self._arrived:
            self._closing = True
            self._arrived.notify_all()
        self._thread.join()
        self._transactions.close()

    # -- the writer's thread ---------------------------------------------------------------------------
    def _put(self, queued: Queued) -> None:
        if not self._queue:
            self._oldest = time.monotonic()
        self._queue.append(queued)
        self._rows += queued.batch.size
        self._arrived.notify_all()

    def _run(self) -> None:
        while group := self._next_group():
            last = self._closing  # else another attempt follows: the disk may have room by then
            left = self._commit(group)
            if left and not self._put_back(left, last):
                return

    def _next_group(self) -> list[Queued]:
        """What is queued, up to a group; waits until it is worth it. Empty when closing."""
        with self._arrived:
            while not self._is_due() and not self._closing:
                wait = self._oldest + LINGER_S - time.monotonic() if self._queue else None
                self._arrived.wait(wait)
            group: list[Queued] = []
            rows = 0
            while self._queue and (not group or rows + self._queue[0].batch.size <= GROUP_ROWS):
                if isinstance(self._queue[0], Pause) and group:
                    break
                group.append(self._queue.popleft())
                rows += group[-1].batch.size
                if isinstance(group[-1], Pause):
                    break
            self._rows -= rows
            self._oldest = time.monotonic()
            self._hurry = self._hurry and bool(self._queue)
            return group

    def _is_due(self) -> bool:
        if not self._queue:
            return False
        late = time.monotonic() >= self._oldest + LINGER_S
        return self._hurry or self._rows >= ENOUGH_ROWS or late

    def _commit(self, group: Sequence[Queued]) -> list[Accepted]:
        """Commit a group, and tell who waits for it; those that stay accepted, as the database cannot now."""
        if isinstance(group[0], Pause):
            group[0].done.set_result(None)
            group[0].over.wait()
            self._transactions.altered()
            return []
        fault = self._try([queued.batch for queued in group], position_of(group))
        if fault is None:
            self._tell(group)
            return []
        if len(group) == 1:
            return self._failed(group[0], fault)
        left: list[Accepted] = []
        for queued in group:
            if left and isinstance(queued, Accepted):  # in their order, or none
                left.append(queued)
            else:
                left += self._commit([queued])
        return left

    def _failed(self, queued: Accepted | Submitted, fault: Exception) -> list[Accepted]:
        self._uncommitted(queued.batch.size, fault)
        if isinstance(queued, Submitted):
            queued.done.set_exception(explained(fault))
            return []
        if not is_lasting(fault) or self._leave_out(queued, fault) is not None:
            with self._committed:
                self._fault = fault
                self._committed.notify_all()
            return [queued]
        self._tell([queued])
        return []

    def _leave_out(self, accepted: Accepted, fault: Exception) -> Exception | None:
        """Keep aside and count what was accepted but will never be taken."""
        try:
            self.keep_aside(accepted, fault)
        except OSError as error:
            return error
        signal = accepted.batch.numbers.signal if accepted.batch.numbers else "metrics"
        counted: dict[tuple[str, str], int] = {
            (signal, "rows that the database does not take"): accepted.batch.size
        }
        return self._try([Batch({}, counted=counted)], accepted.position)

    def _tell(self, group: Sequence[Queued]) -> None:
        with self._committed:
            self._fault = None
            self._bytes -= sum(queued.size for queued in group if isinstance(queued, Accepted))
            if position := position_of(group):
                self._forgettable, self._applied = self._applied, position
            while self._arrivals and self._arrivals[0][0] <= self._applied:
                self._arrivals.popleft()
            self._committed.notify_all()
        for queued in group:
            if isinstance(queued, Submitted):
                queued.done.set_result(None)

    def _put_back(self, left: Sequence[Accepted], last: bool) -> bool:
        """To be tried again after a pause; False where that attempt began after the end did."""
        with self._arrived:
            self._queue.extendleft(reversed(left))
            self._rows += sum(each.batch.size for each in left)
            if not last:
                self._arrived.wait_for(lambda: self._closing, RETRY_S)
                return True
            waiting = [queued for queued in self._queue if not isinstance(queued, Accepted)]
        for queued in waiting:
            queued.done.set_exception(StoreError("the store is closing, and the database does not commit"))
        return False

    def _try(self, batches: Sequence[Batch], position: int | None) -> Exception | None:
        """Commit; why that failed. Where the fault ends the database it is opened anew, and tried again."""
        fault: Exception | None = None
        for _ in range(2):
            transactions = self._transactions
            try:
                if position is None:
                    transactions.commit(batches)
                else:
                    transactions.commit(batches, position)
            except ENDED as ended:
                fault = ended
                self._ended(ended)
                try:
                    self._reopen()
                except (StoreError, duckdb.Error) as error:
                    return error
                if self._transactions.committed_ns >= transactions.stamped_ns:
                    return None  # what failed came after the commit
            except Exception as other:  # noqa: BLE001  # the thread must go on, and its sender be told
                return other
            else:
                return None
        return fault

    def _reopen(self) -> None:
        self._database.reopen()
        self._transactions = Transactions(self._database, remember_ns=self._remember_ns)
