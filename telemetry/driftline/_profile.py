"""Rows → the counts of a window. All traffic, in numpy, on the worker's thread."""

from collections import Counter
from collections.abc import Sequence
from itertools import compress
from typing import Any

import numpy as np
from driftline_schemas.binning import DURATION, DURATION_EDGES, LABEL, SCORE, VALUE, Binning, FeatureBinning

from driftline._columns import (
    MAX_FREE_CATEGORIES,
    MAX_FREE_LABELS,
    Bins,
    Categories,
    Exponential,
    Floats,
)
from driftline._frame import Column, Frame, Mask, numbers
from driftline._handle import LOW_SCORE
from driftline._intake import Drops
from driftline._turns import give_way


class Profiler:
    """What stays the same from window to window: the bins of each feature, or of what kind it is."""

    def __init__(self, binning: Binning | None, drops: Drops) -> None:
        self.binning_id = binning.id if binning else None
        self.drops = drops
        self._bins = {feature.name: feature for feature in binning.features} if binning else {}
        self._edges = {
            name: np.asarray(feature.edges, dtype=np.float64)
            for name, feature in self._bins.items()
            if feature.kind == "numeric"
        }
        self._edges.setdefault(DURATION, np.asarray(DURATION_EDGES, dtype=np.float64))
        self._kinds: dict[str, str] = {name: feature.kind for name, feature in self._bins.items()}
        self._known_numeric = {name for name, kind in self._kinds.items() if kind == "numeric"}

    def binned(self, name: str) -> FeatureBinning | None:
        """The bins that the reference has for a feature."""
        return self._bins.get(name)

    def numeric(self, name: str) -> Bins | Exponential:
        """Fresh counts of a numeric feature."""
        edges = self._edges.get(name)
        return Exponential() if edges is None else Bins(edges)

    def categories(self, name: str) -> Categories:
        """Fresh counts of a categorical feature, or of the labels."""
        feature = self._bins.get(name)
        known = frozenset(feature.categories) if feature else frozenset()
        if name == LABEL:
            return Categories(known, MAX_FREE_LABELS)
        return Categories(known, 0 if feature else MAX_FREE_CATEGORIES)

    def kind(self, name: str, column: Column) -> str | None:
        """numeric or categorical: as the reference says, else as the first value ever seen; `None` before."""
        if (kind := self._kinds.get(name)) is None and (kind := _kind(column)) is not None:
            self._kinds[name] = kind
            if kind == "numeric":
                self._known_numeric.add(name)
        return kind

    def all_numeric(self, names: Sequence[str]) -> bool:
        """Whether it is known of all these features that they are numeric."""
        return self._known_numeric.issuperset(names)


class Profile:
    """The counts of one window."""

    def __init__(self, profiler: Profiler) -> None:
        self._profiler = profiler
        self.predictions = 0
        self.labels = profiler.categories(LABEL)
        self.escalations: Counter[str] = Counter()
        self.numeric: dict[str, Bins | Exponential] = {}
        self.categorical: dict[str, Categories] = {}
        self.absent: Counter[str] = Counter()

    @property
    def binning_id(self) -> str | None:
        return self._profiler.binning_id

    def binned(self, name: str) -> bool:
        """Whether the counts of a feature stand on the binning."""
        return self._profiler.binned(name) is not None or (name == DURATION and self.binning_id is not None)

    def by_number(self, name: str) -> bool:
        """Whether the counts of a numeric feature are sent by the numbers of their bins. Durations on edges
        of the reference's own are not: a latency can be read where nobody has registered the reference."""
        return self.binned(name) and (name != DURATION or self._profiler.binned(name) is None)

    def add(self, frame: Frame, names: Sequence[str], escalated: Mask | None) -> None:
        """Count a frame, whose columns have these names, and which rows of it escalated, shape (n,)."""
        rows = len(frame)
        self.predictions += rows
        if frame.labels is None:
            self.labels.missing += rows
        else:
            self.labels.add(frame.labels)
        if (table := frame.table) is not None and self._profiler.all_numeric(names[: len(table)]):
            self._count_table(names, table)
        else:
            for name, column in zip(names, frame.columns, strict=False):
                if column is not None and (kind := self._profiler.kind(name, column)) is not None:
                    self._count(name, kind, column)
                else:
                    self.absent[name] += rows
                give_way()
        self._answers(SCORE, frame.scores, rows)
        self._answers(VALUE, frame.values, rows)
        if frame.durations is not None:
            taken = self._numbers(frame.durations)
            self._numeric(DURATION).add(taken[~np.isnan(taken)])
        if escalated is not None:
            self._escalations(frame, escalated)

    def _count_table(self, names: Sequence[str], table: Floats) -> None:
        ordered = np.sort(table, axis=1)
        give_way()
        # NaN comes last, as infinity does: the ends of a row tell whether it is finite.
        finite = (np.isfinite(ordered[:, 0]) & np.isfinite(ordered[:, -1])).tolist()
        for name, row, whole in zip(names, ordered, finite, strict=False):
            counts = self._numeric(name)
            if whole and isinstance(counts, Bins):
                counts.add_ascending(row)
            else:
                counts.add(row)
            give_way()

    def _count(self, name: str, kind: str, column: Column) -> None:
        if kind == "numeric":
            self._numeric(name).add(self._numbers(column))
            return
        counts = self.categorical.get(name)
        if counts is None:
            counts = self.categorical[name] = self._profiler.categories(name)
        counts.add(column)

    def _answers(self, name: str, column: Column | None, rows: int) -> None:
        if column is not None:
            self._numeric(name).add(self._numbers(column))
        elif self._profiler.binned(name) is not None:
            self.absent[name] += rows

    def _numeric(self, name: str) -> Bins | Exponential:
        counts = self.numeric.get(name)
        if counts is None:
            counts = self.numeric[name] = self._profiler.numeric(name)
        return counts

    def _numbers(self, column: Column) -> Floats:
        found, wrong = numbers(column)
        if wrong:
            self._profiler.drops.add("wrong_type", "metrics", wrong, detail="(a text where numbers are)")
        return found

    def _escalations(self, frame: Frame, escalated: Mask) -> None:
        if frame.contexts is None:
            self.escalations[LOW_SCORE] += int(np.count_nonzero(escalated))
            return
        for context in compress(frame.contexts, escalated):
            self.escalations[(context and context.escalation_reason) or LOW_SCORE] += 1

    def missing(self) -> dict[str, int]:
        """Missing values by feature, where there are any."""
        found = Counter(self.absent)
        for name, counts in (*self.numeric.items(), *self.categorical.items()):
            found[name] += counts.missing
        return {name: count for name, count in found.items() if count}


def _kind(column: Column) -> str | None:
    if isinstance(column, np.ndarray) and column.dtype.kind != "O":
        return "categorical" if column.dtype.kind in "USb" else "numeric"
    first: Any = next((value for value in column if value is not None), None)
    if first is None:
        return None
    return "categorical" if isinstance(first, (str, bool, np.bool_)) else "numeric"
