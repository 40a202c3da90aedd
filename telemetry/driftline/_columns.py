"""Counts of one feature in one window: on a binning's bins, by category, or exponential."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from driftline_schemas.binning import OTHER, category_text, cut

#: Categories counted by name where no binning lists them; those beyond count under `__other__`.
MAX_FREE_CATEGORIES = 100
#: Labels that the binning does not list but that go out by name all the same.
MAX_FREE_LABELS = 50
MAX_TEXT = 256
#: OpenTelemetry's default size of an exponential histogram, for each sign.
MAX_BUCKETS = 160
MAX_SCALE = 20
#: A histogram that is sent has no more buckets, for each sign, than this times the square root of its
#: values: most would hold one or none, which tells nothing, and is the dearest of all that goes up.
BUCKETS_BY_ROOT = 2
MIN_BUCKETS = 20

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Bins:
    """A numeric feature on edges: the layout of `driftline_schemas.binning`, missing last."""

    __slots__ = ("counts", "edges")

    def __init__(self, edges: Floats) -> None:
        self.edges = edges
        self.counts: Ints = np.zeros(len(edges) + 2, dtype=np.int64)

    def add(self, values: Floats) -> None:
        """Count values, shape (n,), into the bins of `driftline_schemas.binning.cut`."""
        ordered = np.sort(values)
        if len(values) and math.isfinite(ordered[0]) and math.isfinite(ordered[-1]):
            self.add_ascending(ordered)
        else:
            self.counts += np.bincount(cut(values, self.edges), minlength=len(self.counts))

    def add_ascending(self, values: Floats) -> None:
        """Count finite values in ascending order, shape (n,): looking up the edges among them takes half the
        time of the reverse, sorting included."""
        below = values.searchsorted(self.edges, side="right")
        self.counts[0] += below[0]
        self.counts[1:-2] += below[1:] - below[:-1]
        self.counts[-2] += len(values) - below[-1]

    @property
    def missing(self) -> int:
        return int(self.counts[-1])


class Categories:
    """A categorical feature, or the labels: named ones, and up to `free` others by name."""

    __slots__ = ("_known", "counts", "missing", "room")

    def __init__(self, known: frozenset[str], free: int) -> None:
        self._known = known
        self.room = free
        self.counts: Counter[str] = Counter()
        self.missing = 0

    def add(self, values: Sequence[Any] | npt.NDArray[Any]) -> None:
        """Count values of any kind, shape (n,)."""
        for text, count in texts(values).items():
            if text is None:
                self.missing += count
                continue
            self.counts[self._name(text[:MAX_TEXT])] += count

    def _name(self, text: str) -> str:
        """What it is counted under."""
        if text in self._known or text in self.counts:
            return text
        if not self.room:
            return OTHER
        self.room -= 1
        return text


class Exponential:
    """A numeric feature without edges, as OTLP's exponential histogram: bucket i is (b^i, b^(i+1)],
    b = 2^(2^-scale). The scale falls until the values fit into `MAX_BUCKETS` for each sign."""

    __slots__ = ("_counts", "missing", "scale", "zero")

    def __init__(self) -> None:
        self.scale = MAX_SCALE
        self.zero = 0
        self.missing = 0
        self._counts: list[tuple[int, Ints]] = [_EMPTY, _EMPTY]

    @property
    def positive(self) -> tuple[int, Ints]:
        """Offset and counts."""
        return self._counts[0]

    @property
    def negative(self) -> tuple[int, Ints]:
        """Offset and counts, of the values without their sign."""
        return self._counts[1]

    @property
    def count(self) -> int:
        """Values in all, without the missing ones."""
        return self.zero + int(self.positive[1].sum() + self.negative[1].sum())

    def add(self, values: Floats) -> None:
        """Count values, shape (n,)."""
        finite = values[np.isfinite(values)]
        self.missing += len(values) - len(finite)
        self.zero += int(np.count_nonzero(finite == 0.0))
        for sign, part in enumerate((finite[finite > 0], -finite[finite < 0])):
            if len(part):
                self._add(sign, part)

    def _add(self, sign: int, values: Floats) -> None:
        index = np.ceil(np.ldexp(np.log2(values), self.scale)).astype(np.int64) - 1
        offset, counts = self._counts[sign]
        low, high = int(index.min()), int(index.max())
        if len(counts):
            low, high = min(low, offset), max(high, offset + len(counts) - 1)
        shift = 0
        while (high >> shift) - (low >> shift) >= MAX_BUCKETS:
            shift += 1
        if shift:
            self._downscale(shift)
            offset, counts = self._counts[sign]
            index, low, high = index >> shift, low >> shift, high >> shift
        merged = np.bincount(index - low, minlength=high - low + 1).astype(np.int64, copy=False)
        if len(counts):
            merged[offset - low : offset - low + len(counts)] += counts
        self._counts[sign] = low, merged

    def coarse(self) -> "Exponential":
        """These counts with no more buckets than they are worth."""
        most = min(MAX_BUCKETS, max(MIN_BUCKETS, BUCKETS_BY_ROOT * math.isqrt(self.count)))
        shift = 0
        for offset, counts in self._counts:
            while len(counts) and (offset + len(counts) - 1 >> shift) - (offset >> shift) >= most:
                shift += 1
        coarse = Exponential()
        coarse.scale, coarse.zero, coarse.missing = self.scale, self.zero, self.missing
        coarse._counts = list(self._counts)
        coarse._downscale(shift)
        return coarse

    def _downscale(self, shift: int) -> None:
        self.scale -= shift
        for sign, (offset, counts) in enumerate(self._counts):
            if len(counts):
                index = (offset + np.arange(len(counts))) >> shift
                low = int(index[0])
                merged = np.zeros(int(index[-1]) - low + 1, dtype=np.int64)
                np.add.at(merged, index - low, counts)
                self._counts[sign] = low, merged


_EMPTY: tuple[int, Ints] = (0, np.zeros(0, dtype=np.int64))


def texts(values: Sequence[Any] | npt.NDArray[Any]) -> Counter[str | None]:
    """How often each value occurs, by its text; `None` is missing."""
    if isinstance(values, np.ndarray):
        values = values.tolist()
    try:
        found: Counter[str | None] = Counter(values)
    except TypeError:  # something that cannot be hashed
        return Counter(map(category_text, values))
    if not all(value is None or type(value) is str for value in found):
        return Counter(map(category_text, values))  # to Counter True, 1 and 1.0 are one
    if "" in found:
        found[None] += found.pop("")
    return found
