"""The one thread that writes: takes what is queued, commits it as a group, then says so.

While a group is committed the next one gathers, so groups grow with the load and a lone batch waits for
nobody. Nobody is told before the commit. A batch that fails is tried alone, so that it fails for itself.
"""

import logging
import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future

import duckdb
import pyarrow as pa

from driftline_collector.errors import StoreError
from driftline_collector.store.batch import Batch
from driftline_collector.store.transaction import Transactions

logger = logging.getLogger(__name__)

#: Rows in a group commit, at most, unless one batch alone has more.
GROUP_ROWS = 10_000

_Queued = tuple[Batch, "Future[None]"]


class UnstorableError(StoreError):
    """Rows that the database will not take, however often they are sent."""


class Writer:
    """Commits batches in groups, in the order in which they came."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._transactions = Transactions(connection)
        self._queue: deque[_Queued] = deque()
        self._arrived = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="driftline-writer", daemon=True)
        self._thread.start()

    def submit(self, batch: Batch) -> "Future[None]":
        """Queue a batch. The future is done after the commit, or fails: UnstorableError, or StoreError."""
        future: Future[None] = Future()
        with self._arrived:
            if self._closing:
                future.set_exception(StoreError("the store is closing; send again to the next collector"))
                return future
            self._queue.append((batch, future))
            self._arrived.notify()
        return future

    def close(self) -> None:
        """Commit what is queued, then stop."""
        with self._arrived:
            self._closing = True
            self._arrived.notify()
        self._thread.join()
        self._transactions.close()

    def _run(self) -> None:
        while group := self._next_group():
            fault = self._commit([batch for batch, _ in group])
            if fault is None:
                for _, future in group:
                    future.set_result(None)
            elif len(group) == 1:
                _fail(*group[0], fault)
            else:
                self._commit_one_by_one(group)

    def _next_group(self) -> list[_Queued]:
        """What is queued, up to a group; waits for the first. Empty when closing."""
        with self._arrived:
            while not self._queue and not self._closing:
                self._arrived.wait()
            group: list[_Queued] = []
            rows = 0
            while self._queue and (not group or rows + self._queue[0][0].size <= GROUP_ROWS):
                group.append(self._queue.popleft())
                rows += group[-1][0].size
            return group

    def _commit_one_by_one(self, group: Sequence[_Queued]) -> None:
        for batch, future in group:
            fault = self._commit([batch])
            if fault is None:
                future.set_result(None)
            else:
                _fail(batch, future, fault)

    def _commit(self, batches: Sequence[Batch]) -> Exception | None:
        try:
            self._transactions.commit(batches)
        except Exception as fault:  # noqa: BLE001  # whatever it is, the thread must go on, and its sender be told
            return fault
        return None


def _fail(batch: Batch, future: "Future[None]", fault: Exception) -> None:
    logger.error("a batch of %d rows could not be committed: %s", batch.size, fault)
    future.set_exception(_explained(fault))


def _explained(fault: Exception) -> StoreError:
    """Whether it is the rows' fault, which no repetition cures, or the store's."""
    if isinstance(fault, (duckdb.DataError, duckdb.IntegrityError, duckdb.ProgrammingError, pa.ArrowInvalid)):
        return UnstorableError(f"the database does not take these rows: {fault}")
    return StoreError(f"the database could not commit: {fault}")
