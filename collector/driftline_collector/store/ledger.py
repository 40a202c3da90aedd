"""What has been seen: numbers by stream and signal, windows by stream. In memory, rebuilt at start."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from driftline_collector.store.batch import Numbers
from driftline_collector.store.intervals import IntervalSet, runs

Mask = npt.NDArray[np.bool_]
#: The window of points in a table: table, stream, start and end in ns.
Window = tuple[str, str, int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Sighting:
    """What a look at numbers tells: which records are new, the intervals they fill, the repeats by stream."""

    fresh: Mask
    signal: str
    streams: list[str] = field(default_factory=list)
    first: list[int] = field(default_factory=list)
    last: list[int] = field(default_factory=list)
    repeats: dict[str, int] = field(default_factory=dict)


class Ledger:
    """Numbers and windows that are durable. `look` changes nothing; `note` is called after the commit."""

    def __init__(self) -> None:
        self._numbers: defaultdict[tuple[str, str], IntervalSet] = defaultdict(IntervalSet)
        self._windows: defaultdict[tuple[str, str], IntervalSet] = defaultdict(IntervalSet)

    def restore(self, intervals: pa.Table) -> None:
        """Take in the numbers that the store holds: `signal, stream, first, last`."""
        columns = (intervals.column(name).to_pylist() for name in ("signal", "stream", "first", "last"))
        for signal, stream, first, last in zip(*columns, strict=True):
            self._numbers[signal, stream].add(first, last)

    def look(self, numbers: Numbers) -> Sighting:
        """Tell new records from repeats of what is durable and of each other."""
        sighting = Sighting(np.ones(len(numbers), np.bool_), numbers.signal)
        order = np.lexsort((numbers.sequence, numbers.stream))
        order = order[np.searchsorted(numbers.stream[order], 0) :]  # the numbered ones
        streams, sequence = numbers.stream[order], numbers.sequence[order]
        starts = np.flatnonzero(np.diff(streams, prepend=-1))
        for start, end in pairwise([*starts, len(streams)]):
            stream = numbers.streams[streams[start]]
            own = sequence[start:end]
            repeated = self._seen(numbers.signal, stream, own)
            repeated[1:] |= own[1:] == own[:-1]
            if repeated.any():
                sighting.fresh[order[start:end][repeated]] = False
                sighting.repeats[stream] = int(repeated.sum())
                own = own[~repeated]
            if len(own):
                for first, last in zip(*(bound.tolist() for bound in runs(own)), strict=True):
                    sighting.streams.append(stream)
                    sighting.first.append(first)
                    sighting.last.append(last)
        return sighting

    def _seen(self, signal: str, stream: str, numbers: npt.NDArray[np.int64]) -> Mask:
        known = self._numbers.get((signal, stream))
        return np.zeros(len(numbers), np.bool_) if known is None else known.contains(numbers)

    def note(self, sighting: Sighting) -> None:
        """The sighting is durable now."""
        for stream, first, last in zip(sighting.streams, sighting.first, sighting.last, strict=True):
            self._numbers[sighting.signal, stream].add(first, last)

    def window_seen(self, window: Window) -> bool:
        """Whether points of this window, or of one that overlaps it, may be in the store already."""
        table, stream, start, end = window
        known = self._windows.get((table, stream))
        return known is not None and known.overlaps(start, max(start, end - 1))

    def note_windows(self, windows: Iterable[Window]) -> None:
        """Points of these windows are durable now."""
        for table, stream, start, end in windows:
            self._windows[table, stream].add(start, max(start, end - 1))
