"""What has been seen: numbers by stream and signal, windows by stream.

Of streams that send it is in memory, for the others in the store: a start reads no more than a hash of each
stream. A stream whose hash is not known is new, so hundreds of thousands that come once and never again cost
eight bytes each, and no look at the store.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Protocol

import numpy as np
import numpy.typing as npt

from driftline_collector.store.batch import Numbers
from driftline_collector.store.intervals import IntervalSet, runs
from driftline_collector.store.seen import GAP_NS, NUMBERED, Hashes, Mask, Sighting, Window, last_of

#: Intervals in memory, at most, where each stream counts for four more: some 40 MB.
MOST_INTERVALS = 200_000


class Remembered(Protocol):
    """What is durable of what was seen."""

    #: Streams of which nothing came since then may have been forgotten.
    forgotten_ns: int

    def known(self) -> Hashes:
        """The hash of each stream of which anything is remembered."""

    def hashes(self, streams: Sequence[str]) -> Hashes:
        """The hash of each of these."""

    def read(self, streams: Sequence[str]) -> Iterable[tuple[str, str, int, int]]:
        """Stream, signal, first and last of each interval of these."""


class Ledger:
    """Numbers and windows that are durable. `look` and `suspects` change nothing that they tell.

    `note` and `note_windows` are to be called after the commit, and `settle` after those or after a rollback.
    """

    def __init__(self, remembered: Remembered, *, most_intervals: int = MOST_INTERVALS) -> None:
        self._remembered = remembered
        self._most = most_intervals
        self._streams: dict[str, dict[str, IntervalSet]] = {}  # whole or not at all; the latest used last
        self._weight = 0
        self._new: dict[str, int] = {}  # streams of this commit that nobody knows, and their hashes
        self._known = KnownHashes(remembered.known())

    def look(self, numbers: Numbers) -> Sighting:
        """Tell new records from repeats of what is durable and of each other."""
        self._fetch(numbers.streams)
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

    def suspects(self, windows: Sequence[Window]) -> list[Window]:
        """Those of which points may be in the store already: they overlap what was seen.

        Or they are from a time of which streams have been forgotten.
        """
        self._fetch(tuple({window[1] for window in windows}))
        return [window for window in windows if self._is_suspect(window)]

    def note(self, sighting: Sighting) -> None:
        """The sighting is durable now."""
        for stream, first, last in zip(sighting.streams, sighting.first, sighting.last, strict=True):
            self._add(stream, sighting.signal, first, last)

    def note_windows(self, windows: Iterable[Window]) -> None:
        """Points of these windows are durable now."""
        for window in windows:
            self._add(window[1], window[0], window[2], last_of(window))

    def settle(self) -> None:
        """The commit is over: let go of what has not been used for long, where there is much."""
        self._new.clear()
        for stream in list(self._streams) if self._weight > self._most else ():
            self._weight -= _weight(self._streams.pop(stream))
            if self._weight <= self._most // 2:
                return

    def reload(self) -> None:
        """Forget what is in memory: what is durable has changed."""
        self._streams.clear()
        self._weight = 0
        self._known = KnownHashes(self._remembered.known())

    def _fetch(self, streams: Sequence[str]) -> None:
        """Have in memory what the store knows of these."""
        told = self._streams
        unheld = []
        for stream in streams:
            if stream in told:
                told[stream] = told.pop(stream)
            elif stream not in self._new:
                unheld.append(stream)
        if not unheld:
            return
        hashes = self._remembered.hashes(unheld)
        known = self._known.contains(hashes)
        self._new |= {unheld[i]: int(hashes[i]) for i in np.flatnonzero(~known)}
        if known.any():
            found = [unheld[i] for i in np.flatnonzero(known)]
            told |= {stream: {} for stream in found}
            self._weight += 4 * len(found)
            for stream, signal, first, last in self._remembered.read(found):
                self._add(stream, signal, first, last)

    def _add(self, stream: str, signal: str, first: int, last: int) -> None:
        signals = self._streams.get(stream)
        if signals is None:
            signals = self._streams[stream] = {}
            self._weight += 4
            self._known.add(self._new.pop(stream))
        intervals = signals.get(signal)
        if intervals is None:
            intervals = signals[signal] = IntervalSet(0 if signal in NUMBERED else GAP_NS)
        self._weight -= len(intervals)
        intervals.add(first, last)
        self._weight += len(intervals)

    def _seen(self, signal: str, stream: str, numbers: npt.NDArray[np.int64]) -> Mask:
        intervals = self._streams.get(stream, {}).get(signal)
        return np.zeros(len(numbers), np.bool_) if intervals is None else intervals.contains(numbers)

    def _is_suspect(self, window: Window) -> bool:
        table, stream, start, end = window
        if end < self._remembered.forgotten_ns:
            return True
        intervals = self._streams.get(stream, {}).get(table)
        return intervals is not None and intervals.overlaps(start, last_of(window))


class KnownHashes:
    """A set of hashes at eight bytes each, but for the latest few thousand."""

    def __init__(self, hashes: Hashes) -> None:
        self._sorted = np.unique(hashes)
        self._latest: set[int] = set()

    def contains(self, hashes: Hashes) -> Mask:
        """Which of these are in the set."""
        at = np.searchsorted(self._sorted, hashes)
        inside = at < len(self._sorted)
        inside[inside] = self._sorted[at[inside]] == hashes[inside]
        if self._latest:
            inside |= np.fromiter(map(self._latest.__contains__, hashes.tolist()), np.bool_, len(hashes))
        return inside

    def add(self, value: int) -> None:
        """Take in one."""
        self._latest.add(value)
        if len(self._latest) > 10_000:
            self._sorted = np.union1d(self._sorted, np.fromiter(self._latest, np.uint64, len(self._latest)))
            self._latest.clear()


def _weight(signals: dict[str, IntervalSet]) -> int:
    return 4 + sum(map(len, signals.values()))
