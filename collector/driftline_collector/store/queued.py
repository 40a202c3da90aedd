"""What waits for the writer, and what a failed commit means for it."""

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

import duckdb
import pyarrow as pa

from driftline_collector.errors import StoreError
from driftline_collector.store.batch import Batch


@dataclass(frozen=True, slots=True, eq=False)
class Accepted:
    """A batch that is in the journal, at `position`, where it takes `size` bytes."""

    batch: Batch
    position: int
    size: int


@dataclass(frozen=True, slots=True, eq=False)
class Submitted:
    """A batch whose sender waits for the commit."""

    batch: Batch
    done: "Future[None]"


@dataclass(frozen=True, slots=True, eq=False)
class Pause:
    """Nothing is committed from `done` until `over`."""

    done: "Future[None]" = field(default_factory=Future)
    over: threading.Event = field(default_factory=threading.Event)
    batch: Batch = field(default_factory=lambda: Batch({}))


Queued = Accepted | Submitted | Pause


@dataclass(frozen=True, slots=True)
class Waiting:
    """Bytes of the journal that the database has not taken in, for how many s the oldest have waited.

    `fault` is why the last attempt to take them in failed, None where it did not.
    """

    bytes: int
    oldest_s: float | None
    fault: str | None

    def taken_in_until(self, now_ns: int) -> int:
        """Up to when, in ns, all that came is in the database: what came later may still wait."""
        return now_ns - round(1e9 * (self.oldest_s or 0.0))


class UnstorableError(StoreError):
    """Rows that the database will not take, however often they are sent."""


def position_of(group: Sequence[Queued]) -> int | None:
    """The last place in the journal that a group reaches; None where nothing of it came from there."""
    positions = [queued.position for queued in group if isinstance(queued, Accepted)]
    return positions[-1] if positions else None


def is_lasting(fault: Exception) -> bool:
    """Whether another attempt would fail as well: the rows' fault, or ours."""
    # Arrow loads parts of itself when they are first used, which fails where there is no memory.
    passing = (duckdb.OperationalError, duckdb.FatalException, StoreError, OSError, MemoryError, ImportError)
    # What fails in Arrow while DuckDB reads from it is told in its words only.
    return not isinstance(fault, passing) and MemoryError.__name__ not in str(fault)


def explained(fault: Exception) -> StoreError:
    """Whether it is the rows' fault, which no repetition cures, or the store's."""
    rows = (duckdb.DataError, duckdb.IntegrityError, duckdb.ProgrammingError, pa.ArrowInvalid)
    if isinstance(fault, rows) and is_lasting(fault):
        return UnstorableError(f"the database does not take these rows: {fault}")
    return StoreError(f"the database could not commit: {fault}")
