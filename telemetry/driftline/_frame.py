"""Rows as columns: what single predictions and batches both become before they are counted."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, compress
from operator import attrgetter
from typing import Any

import numpy as np
import numpy.typing as npt

from driftline._handle import Batch, Context, Handle
from driftline._turns import give_way

Column = Sequence[Any] | npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

_MORE_FIELDS = attrgetter("value", "duration", "context")


@dataclass(frozen=True, slots=True)
class Frame:
    """`times` in ns, shape (n,). `columns` follow the layout: a table of shape (features, n) where all are
    numbers, else one for each feature, `None` for one that no row has.

    `rows[i]` is the handle of row i; for a batch it is made by asking.
    """

    times: npt.NDArray[np.int64]
    columns: Sequence[Column | None] | npt.NDArray[Any]
    labels: Column | None
    scores: Column | None
    values: Column | None
    durations: Column | None
    contexts: Sequence[Context | None] | None
    rows: Sequence[Handle] | Batch
    start: int = 0

    def __len__(self) -> int:
        return len(self.times)

    def handle(self, row: int) -> Handle:
        """The handle of a row."""
        return self.rows[self.start + row]

    @property
    def table(self) -> Floats | None:
        """The columns as one table of shape (features, n), where they are that."""
        columns = self.columns
        return columns.astype(np.float64, copy=False) if isinstance(columns, np.ndarray) else None

    def select(self, mask: Mask) -> "Frame":
        """Only the rows of a mask, shape (n,)."""
        return Frame(
            self.times[mask],
            self.columns[:, mask]
            if isinstance(self.columns, np.ndarray)
            else [_select(column, mask) for column in self.columns],
            _select(self.labels, mask),
            _select(self.scores, mask),
            _select(self.values, mask),
            _select(self.durations, mask),
            None if self.contexts is None else list(compress(self.contexts, mask)),
            [self.handle(row) for row in np.flatnonzero(mask).tolist()],
        )


def of_handles(handles: Sequence[Handle], *, numeric: bool = False) -> Frame:
    """The frame of single predictions, of which there is at least one. `numeric`: all features are known to
    be numbers."""
    values = [handle.values for handle in handles]
    give_way()
    # One None stands for nothing but None.
    answers: Sequence[Any] = (None,)
    durations: Sequence[Any] = (None,)
    contexts: Sequence[Context | None] = (None,)
    if set(map(type, handles)) != {Handle}:
        answers, durations, contexts = zip(*map(_MORE_FIELDS, handles), strict=True)
    widths = set(map(len, values))
    if len(widths) > 1:
        # The layout grew in between, and it only grows: what a shorter row has not, it misses.
        width = max(widths)
        values = [row + (None,) * (width - len(row)) for row in values]
    columns = _columns(values, numeric=numeric)
    give_way()
    return Frame(
        np.fromiter([handle.time_ns for handle in handles], np.int64, len(handles)),
        columns,
        _present([handle.label for handle in handles]),
        _present([handle.score for handle in handles]),
        _present(answers),
        _present(durations),
        contexts if any(contexts) else None,
        handles,
    )


def _columns(values: Sequence[tuple[Any, ...]], *, numeric: bool) -> Sequence[Column] | Floats:
    if numeric and (size := len(values) * len(values[0])):
        try:
            # The quickest way from Python's numbers to numpy's; what is not one it refuses.
            packed = struct.pack(f"{size}d", *chain.from_iterable(values))
        except (struct.error, TypeError, OverflowError):
            pass
        else:
            return np.ascontiguousarray(np.frombuffer(packed).reshape(len(values), -1).T)
    return list(zip(*values, strict=True))


def of_batch(batch: Batch, start: int, stop: int) -> Frame:
    """The frame of rows [start, stop) of a batch; views, no copies."""

    def part(column: Any) -> Any:
        return None if column is None else column[start:stop]

    return Frame(
        batch.times[start:stop],
        batch.columns[:, start:stop]
        if isinstance(batch.columns, np.ndarray)
        else [part(column) for column in batch.columns],
        part(batch.labels),
        part(batch.scores),
        part(batch.values),
        part(batch.durations),
        None,
        batch,
        start,
    )


def _present(column: Sequence[Any]) -> Sequence[Any] | None:
    # One look at the first value settles it for most.
    return None if column[0] is None and column.count(None) == len(column) else column


def _select(column: Column | None, mask: Mask) -> Column | None:
    if column is None or isinstance(column, np.ndarray):
        return column if column is None else column[mask]
    return list(compress(column, mask))


def _numbers_only(column: Column) -> Floats:
    return np.fromiter(column, np.float64, len(column))


def _numbers_and_none(column: Column) -> Floats:
    return np.array(column, dtype=np.float64)  # slower by half; None becomes NaN


def numbers(column: Column) -> tuple[Floats, int]:
    """A column as float64, shape (n,), NaN for what is no number, and how many were of a wrong type."""
    if isinstance(column, np.ndarray) and column.dtype.kind in "fiub":
        return column.astype(np.float64, copy=False), 0
    for convert in (_numbers_only, _numbers_and_none):
        try:
            return convert(column), 0
        except (TypeError, ValueError, OverflowError):
            continue
    result = np.full(len(column), np.nan)
    wrong = 0
    for i, value in enumerate(column):
        try:
            result[i] = np.nan if value is None else float(value)
        except (TypeError, ValueError, OverflowError):
            wrong += 1
    return result, wrong
