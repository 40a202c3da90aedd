"""Where callers' threads leave what the worker takes up: bounded, and counting what does not fit."""

import collections
import itertools
import logging
import threading
from collections.abc import Callable, MutableSequence
from dataclasses import dataclass
from typing import Any

from driftline._handle import Batch, Context, Handle, Recent
from driftline._slot import Counter

log = logging.getLogger("driftline")

#: Wake the worker at this many rows, rather than let them wait for the flush interval.
CROWDED = 512


class Drops:
    """What was dropped, by reason and signal (metrics, logs, traces). The first of each reason is logged."""

    def __init__(self) -> None:
        self._counts: collections.Counter[tuple[str, str]] = collections.Counter()
        self._logged: set[str] = set()
        self._lock = threading.Lock()
        self.total = 0

    def add(self, reason: str, signal: str, count: int = 1, *, detail: object = "") -> None:
        """Count a loss."""
        if count <= 0:
            return
        with self._lock:
            self._counts[reason, signal] += count
            self.total += count
            first = reason not in self._logged
            self._logged.add(reason)
        if first:
            log.warning("driftline drops %s: %s %s", signal, reason, detail)

    def note(self, what: str, error: BaseException) -> None:
        """Log a failure by which nothing is lost yet, the first of each kind."""
        kind = f"{what}: {type(error).__name__}"
        with self._lock:
            first = kind not in self._logged
            self._logged.add(kind)
        if first:
            log.warning("driftline has trouble with its %s, will try again", what, exc_info=error)

    def take(self) -> dict[tuple[str, str], int]:
        """All counts since the last call."""
        with self._lock:
            taken = dict(self._counts)
            self._counts.clear()
        return taken

    def peek(self) -> dict[tuple[str, str], int]:
        """What `take` would return."""
        with self._lock:
            return dict(self._counts)

    def after_fork(self) -> None:
        """The parent reports its own losses."""
        self._lock = threading.Lock()
        self._counts.clear()


@dataclass(frozen=True, slots=True)
class Truth:
    """A call of `Monitor.ground_truth`; `handle` where the prediction is among the recent ones."""

    prediction_id: str
    time_ns: int
    label: Any
    value: Any
    source: str | None
    probability: float | None
    handle: Handle | None


@dataclass(frozen=True, slots=True)
class Deployment:
    """A call of `Monitor.deployed`."""

    time_ns: int
    kind: str
    from_: str
    to: str


@dataclass(frozen=True, slots=True)
class Failure:
    """An inference that ended without a prediction: only its span is left to send."""

    context: Context


class _Settled(list[Handle]):
    """Rows that are on the disk when `append` returns, so that `record` has no branch for it."""

    def __init__(self, settle: Callable[[], object]) -> None:
        self._settle = settle

    def append(self, handle: Handle, /) -> None:
        super().append(handle)
        self._settle()


class Intake:
    """The buffers. Rows are plain appends; all else is rarer and kept apart: rows need no sorting out.

    A list, not a deque: `rows[:n]` and `del rows[:n]` take a slice in C, atomically under the GIL.
    """

    def __init__(self, size: int, recent: int, settle: Callable[[], object] | None = None) -> None:
        """`settle` waits until what was left is on the disk: then whoever leaves something waits."""
        self.size = size
        self._settle = settle
        self.rows: list[Handle] = [] if settle is None else _Settled(settle)
        self.others: list[Batch | Truth | Deployment | Failure] = []
        self.recent = Recent(recent)
        self.drops = Drops()
        self.wake = threading.Event()
        self._batched = 0
        self._paused: str | None = None
        self._lock = threading.Lock()
        self.detach()

    def attach(self, counter: Counter) -> None:
        """From now on rows are welcome, and this counts them."""
        self.cells: MutableSequence[int] | memoryview = counter.cells
        self.steps = counter.steps
        self._attached = True
        self.rearm()

    def rearm(self) -> None:
        """The rows are taken up: have `record` call the worker when there are many again."""
        with self._lock:
            if self._attached and self._paused is None:
                #: Rows at which `record` looks closer: soon enough for the worker to come in time.
                self.attention = min(CROWDED, max(1, self.size // 2))

    def pause(self, reason: str | None) -> None:
        """From now on drop and count all that comes, for this reason; `None` ends it."""
        with self._lock:
            before, self._paused = self._paused, reason
            if reason is not None:
                self.attention = 0
        if before is not None and reason is None:
            self.rearm()

    def detach(self) -> None:
        """From now on each row is looked at closer, and the counter's file is let go."""
        with self._lock:
            self._attached = False
            self.attention = 0
        self.cells = [0, 0]
        self.steps = itertools.count()

    def admit(self) -> bool:
        """Wake the worker for many rows; whether there is room for one more."""
        if self._paused is not None:
            self.drops.add(self._paused, "metrics")
            return False
        self.wake.set()
        with self._lock:
            if self._attached and self._paused is None:
                self.attention = self.size  # it is called: until it comes, rows are plain appends again
        if len(self.rows) < self.size:
            return True
        self.drops.add("buffer_full", "metrics")
        return False

    def put(self, other: Batch | Truth | Deployment | Failure) -> bool:
        """Leave something that is not a single row; whether there was room."""
        weight = len(other) if isinstance(other, Batch) else 1
        if self._paused is not None:
            self.drops.add(self._paused, "metrics" if isinstance(other, Batch) else "logs", weight)
            return False
        with self._lock:
            # A batch larger than the whole buffer is let through alone.
            full = self._batched and self._batched + weight > self.size
            if not full:
                self._batched += weight
                self.others.append(other)
        if full:
            self.drops.add("buffer_full", "metrics" if isinstance(other, Batch) else "logs", weight)
        if full or self._batched >= CROWDED:
            self.wake.set()
        if self._settle is not None and not full:
            self._settle()
        return not full

    def take_rows(self, limit: int) -> list[Handle]:
        """Up to `limit` of the oldest rows, which are the worker's from now on."""
        taken = self.rows[:limit]
        del self.rows[: len(taken)]
        return taken

    def take_others(self) -> list[Batch | Truth | Deployment | Failure]:
        """All else. Taken before the rows, so that a truth never comes before its prediction."""
        with self._lock:
            taken, self.others = self.others, []
            self._batched = 0
        return taken

    def after_fork(self) -> None:
        """Leave the parent's rows to the parent."""
        self._lock = threading.Lock()
        self.detach()
        self.rows = [] if self._settle is None else _Settled(self._settle)
        self.others = []
        self._batched = 0
        self._paused = None
        self.wake = threading.Event()
        self.drops.after_fork()
        self.recent.after_fork()
