"""Sets of whole numbers kept as the intervals that they form: a gapless counter leaves one."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]


class IntervalSet:
    """A set of int64 as closed intervals in ascending order, no two of which touch."""

    __slots__ = ("_first", "_last")

    def __init__(self) -> None:
        self._first: list[int] = []
        self._last: list[int] = []

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(self._first, self._last, strict=True)

    def __len__(self) -> int:
        """How many numbers the set holds."""
        return sum(last - first + 1 for first, last in self)

    def add(self, first: int, last: int) -> None:
        """Take in all of [first, last]."""
        if self._last and first == self._last[-1] + 1:  # the next of a counter: by far the most frequent
            self._last[-1] = last
            return
        low = bisect_left(self._last, first - 1)
        high = bisect_right(self._first, last + 1)
        if low < high:
            first, last = min(first, self._first[low]), max(last, self._last[high - 1])
        self._first[low:high] = [first]
        self._last[low:high] = [last]

    def overlaps(self, first: int, last: int) -> bool:
        """Whether any of [first, last] is in the set."""
        low = bisect_left(self._last, first)
        return low < len(self._first) and self._first[low] <= last

    def contains(self, numbers: Numbers) -> npt.NDArray[np.bool_]:
        """Which of `numbers`, in ascending order, are in the set."""
        if not self._last or not len(numbers) or not self.overlaps(int(numbers[0]), int(numbers[-1])):
            return np.zeros(len(numbers), np.bool_)
        at = np.searchsorted(np.asarray(self._last), numbers)
        inside = at < len(self._last)
        inside[inside] = np.asarray(self._first)[at[inside]] <= numbers[inside]
        return inside


def runs(numbers: Numbers) -> tuple[Numbers, Numbers]:
    """The first and last of each run of consecutive numbers, given in strictly ascending order."""
    breaks = np.flatnonzero(np.diff(numbers) != 1)
    first = np.concatenate(([0], breaks + 1))
    last = np.concatenate((breaks, [len(numbers) - 1]))
    return numbers[first], numbers[last]
