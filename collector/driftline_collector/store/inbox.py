"""The way into the store for what comes from outside: durable in the journal first, in the database soon.

One thread writes what has gathered while it was syncing, so a sync serves as many as there are under load.
"""

import logging
import threading
from collections import deque
from concurrent.futures import Future
from pathlib import Path

import pyarrow as pa

from driftline_collector.errors import StoreError
from driftline_collector.store.batch import Batch, Rows
from driftline_collector.store.entries import decode, encode, slim
from driftline_collector.store.journal import Journal
from driftline_collector.store.queued import Accepted
from driftline_collector.store.seldom import Seldom
from driftline_collector.store.writer import Writer

logger = logging.getLogger(__name__)

#: So much may be in the journal and not in the database. Reading it back after a crash takes about a second.
MOST_BYTES = 64 * 2**20

_Queued = tuple[Batch, bytes, "Future[None]"]


class Inbox:
    """Accepts batches for `writer`. Raises StoreError where what the journal holds cannot be taken in."""

    def __init__(self, folder: Path, writer: Writer, *, most_bytes: int = MOST_BYTES) -> None:
        self._writer = writer
        self._most_bytes = most_bytes
        self._folder = folder
        self._journal = _opened(folder, writer)
        writer.keep_aside = self._keep_aside
        self._read_back()
        self._queue: deque[_Queued] = deque()
        self._arrived = threading.Condition()
        self._closing = False
        self._unwritten = Seldom(logger, "%s: what came could not be written: %s")
        self._thread = threading.Thread(target=self._run, name="driftline-journal", daemon=True)
        self._thread.start()

    def submit(self, batch: Batch) -> "Future[None]":
        """Queue a batch. The future is done once it is durable, or fails with StoreError."""
        future: Future[None] = Future()
        rows = {name: Rows(slim(part.table), part.record) for name, part in batch.rows.items()}
        try:
            entry = encode(Batch(rows, batch.numbers, batch.refusals, batch.counted, batch.nbytes))
            # What waits lies in the entry: a column that was decoded keeps all of its request in memory.
            kept = decode(memoryview(entry))
        except (pa.ArrowException, ValueError, TypeError, MemoryError) as error:  # who waits must be told
            future.set_exception(StoreError(f"the rows cannot be written to the journal: {_why(error)}"))
            return future
        with self._arrived:
            if self._closing:
                future.set_exception(StoreError("the store is closing; send again to the next collector"))
                return future
            self._queue.append((kept, entry, future))
            self._arrived.notify()
        return future

    def close(self) -> None:
        """Make durable what is queued, then stop. The writer is to be closed next, then `leave` called."""
        with self._arrived:
            self._closing = True
            self._arrived.notify()
        self._thread.join()

    def leave(self) -> None:
        """Let go of the files; those are left that hold what the database has not taken in."""
        waiting = self._writer.waiting()
        if waiting.bytes:
            what = (
                "%s: %d bytes that were accepted are taken in at the next start, as the database did not: %s"
            )
            logger.warning(what, self._folder, waiting.bytes, waiting.fault)
        self._journal.close(self._writer.applied)

    def _read_back(self) -> None:
        last = None
        for position, entry in self._journal.unapplied():
            aligned = memoryview(bytes(entry))
            self._writer.take_in([Accepted(decode(aligned), position, len(entry))])
            last = position
            self._writer.wait_for_room(self._most_bytes, 60)
        if last is None:
            self._journal.forget(self._writer.forgettable)
            return
        if fault := self._writer.settle(None):
            raise StoreError(f"{self._folder}: what was accepted before cannot be stored: {fault}")
        logger.info("%s: took in what was accepted before the last end", self._folder)
        self._journal.forget(self._writer.forgettable)

    def _run(self) -> None:
        while group := self._next_group():
            try:
                positions = self._journal.append([entry for _, entry, _ in group])
            except (OSError, MemoryError) as error:
                self._unwritten(self._folder, error)
                for _, _, future in group:
                    future.set_exception(StoreError(f"the journal cannot be written: {_why(error)}"))
                continue
            # The writer first: who has been answered, and reads, waits for what the writer has.
            self._writer.take_in(
                [
                    Accepted(batch, position, len(entry))
                    for position, (batch, entry, _) in zip(positions, group, strict=True)
                ]
            )
            for _, _, future in group:
                future.set_result(None)
            self._journal.forget(self._writer.forgettable)

    def _next_group(self) -> list[_Queued]:
        """All that is queued, once the writer has room for more. Empty when closing."""
        while True:
            with self._arrived:
                while not self._queue and not self._closing:
                    self._arrived.wait()
            has_room = self._writer.wait_for_room(self._most_bytes, 1.0)
            fault = None if has_room else self._writer.waiting().fault
            if not has_room and fault is None and not self._closing:
                continue
            with self._arrived:
                group = list(self._queue)
                self._queue.clear()
            if fault is None or not group:
                return group
            for _, _, future in group:  # who waits for a database that fails is better told
                future.set_exception(StoreError(f"the database takes nothing in now: {fault}"))

    def _keep_aside(self, accepted: Accepted, fault: Exception) -> None:
        """Rows that were accepted and cannot be stored are kept in a file of their own."""
        path = self._folder / f"{accepted.position:016}.unstorable"
        path.write_bytes(encode(accepted.batch))
        logger.error("%d rows are not stored, but kept in %s: %s", accepted.batch.size, path, fault)


def _why(error: Exception) -> str:
    """What an error says; a MemoryError of Python's says nothing."""
    return str(error) or "there is no memory"


def _opened(folder: Path, writer: Writer) -> Journal:
    try:
        return Journal(folder, writer.database_id, writer.applied)
    except OSError as error:
        raise StoreError(f"{folder}: the journal cannot be opened: {error}") from error
