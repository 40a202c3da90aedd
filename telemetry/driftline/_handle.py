"""One prediction on its way through the SDK, and the recent ones that somebody may still speak of."""

import os
import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

#: Why a prediction is escalated, where the caller says nothing else.
LOW_SCORE = "score"


class Handle:
    """What `Monitor.record` returns. Its values are read already; its `id` is made when asked for."""

    __slots__ = ("_id", "_recent", "label", "score", "sent", "time_ns", "values")

    def __init__(
        self, time_ns: int, values: tuple[Any, ...], label: Any, score: Any, recent: "Recent"
    ) -> None:
        self.time_ns = time_ns
        self.values = values
        self.label = label
        self.score = score
        self._recent = recent

    # What most predictions do not have costs them nothing; see `FullHandle`.
    value: Any = None
    duration: Any = None
    context: "Context | None" = None
    _id: str
    #: Set, to True, when it was sent whole. Not set before, which spares the caller a store.
    sent: bool

    @property
    def id(self) -> str:
        """The prediction's id, a UUIDv7 of its time. Keep it to tell the truth later (`ground_truth`)."""
        # An exception, made and caught, takes twice as long as the rest.
        found: str | None = getattr(self, "_id", None)
        return self.named(uuid7(self.time_ns)) if found is None else found

    def named(self, prediction_id: str) -> str:
        """Take this id, if there is none yet, and be remembered by it."""
        with self._recent.lock:
            found: str | None = getattr(self, "_id", None)
            if found is not None:
                return found
            self._id = prediction_id
            self._recent.keep(prediction_id, self)
        return prediction_id

    @property
    def was_sent(self) -> bool:
        """Whether this prediction was sent whole already."""
        return getattr(self, "sent", False)

    def __repr__(self) -> str:
        return f"<driftline prediction {self.label!r} at {self.time_ns}>"


class FullHandle(Handle):
    """A prediction with a value, a duration, or a context."""

    __slots__ = ("context", "duration", "value")

    def __init__(
        self,
        time_ns: int,
        values: tuple[Any, ...],
        label: Any,
        score: Any,
        recent: "Recent",
        *,
        value: Any,
        duration: Any,
        context: "Context | None",
    ) -> None:
        super().__init__(time_ns, values, label, score, recent)
        self.value = value
        self.duration = duration
        self.context = context


class Context:
    """What only some predictions have: whom they answer, their span, and how they were escalated."""

    __slots__ = (
        "duration_ns",
        "error",
        "escalation_label",
        "escalation_reason",
        "escalation_score",
        "parent_id",
        "parent_span_id",
        "remote",
        "span_id",
        "start_ns",
        "trace_id",
        "traced",
        "tracestate",
    )

    def __init__(self, parent_id: str | None = None) -> None:
        self.parent_id = parent_id
        self.trace_id = b""
        self.span_id = b""
        self.parent_span_id = b""
        self.remote = False
        self.traced = False
        self.tracestate = ""
        self.start_ns = 0
        self.duration_ns = 0
        self.error: str | None = None
        self.escalation_reason: str | None = None
        self.escalation_label: Any = None
        self.escalation_score: Any = None


class Batch:
    """What `Monitor.record_batch` returns: `batch[i]` is the handle of row i, made when asked for.

    `times` is int64 of shape (rows,), in ns. `columns` follow the layout: a table of numbers, of shape
    (features, rows), or one for each feature, of which an absent one is `None`.
    """

    __slots__ = (
        "_handles",
        "_lock",
        "_recent",
        "columns",
        "durations",
        "labels",
        "scores",
        "times",
        "values",
    )

    def __init__(
        self,
        times: npt.NDArray[np.int64],
        columns: Sequence[Any] | npt.NDArray[Any],
        *,
        labels: Any,
        scores: Any,
        values: Any,
        durations: Any,
        recent: "Recent",
    ) -> None:
        self.times = times
        self.columns = columns
        self.labels = labels
        self.scores = scores
        self.values = values
        self.durations = durations
        self._recent = recent
        self._handles: dict[int, Handle] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self.times)

    def __getitem__(self, row: int) -> Handle:
        if not -len(self) <= row < len(self):
            raise IndexError(f"row {row} of a batch of {len(self)}")
        row %= len(self)
        with self._lock:
            if (handle := self._handles.get(row)) is None:
                handle = self._handles[row] = self._handle(row)
        return handle

    def _handle(self, row: int) -> Handle:
        label, score = _plain(self.labels, row), _plain(self.scores, row)
        usual = int(self.times[row]), self._values(row), label, score, self._recent
        if self.values is None and self.durations is None:
            return Handle(*usual)
        value, duration = _plain(self.values, row), _plain(self.durations, row)
        return FullHandle(*usual, value=value, duration=duration, context=None)

    def _values(self, row: int) -> tuple[Any, ...]:
        if isinstance(self.columns, np.ndarray):
            return tuple(self.columns[:, row].tolist())
        return tuple(_plain(column, row) for column in self.columns)


def _plain(column: Any, row: int) -> Any:
    """The value in a row as Python's own kind."""
    if column is None:
        return None
    return column.item(row) if isinstance(column, np.ndarray) else column[row]


class Recent:
    """The latest predictions whose id was asked for, by id: at most `size`, the oldest go first."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._handles: OrderedDict[str, Handle] = OrderedDict()
        self.lock = threading.Lock()

    def keep(self, prediction_id: str, handle: Handle) -> None:
        """Remember a handle; the caller holds the lock."""
        self._handles[prediction_id] = handle
        if len(self._handles) > self._size:
            self._handles.popitem(last=False)

    def find(self, prediction_id: str) -> Handle | None:
        """The prediction of this id, `None` where it is not, or no longer, among the recent ones."""
        with self.lock:
            return self._handles.get(prediction_id)

    def after_fork(self) -> None:
        """Start anew in a forked child, where another thread of the parent may have held the lock."""
        self.lock = threading.Lock()
        self._handles = OrderedDict()


def uuid7(time_ns: int) -> str:
    """RFC 9562, section 5.7: 48 bits of milliseconds, then 74 random bits around version and variant."""
    time = f"{time_ns // 1_000_000 & 0xFFFF_FFFF_FFFF:012x}"
    drawn = os.urandom(10).hex()
    variant = "89ab"[int(drawn[3], 16) & 3]
    return f"{time[:8]}-{time[8:]}-7{drawn[:3]}-{variant}{drawn[4:7]}-{drawn[7:19]}"
