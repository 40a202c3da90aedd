"""Sets of whole numbers kept as the intervals that they form: a gapless counter leaves one."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]


class IntervalSet:
    """A set of int64 as closed intervals in ascending order, no two of which touch.

    With a `gap` it holds also what lies between two intervals, where that is no more than so many numbers.
    """

    __slots__ = ("_first", "_last", "_reach")

    def __init__(self, gap: int = 0) -> None:
        self._first: list[int] = []
        self._last: list[int] = []
        self._reach = gap + 1

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(self._first, self._last, strict=True)

    def __len__(self) -> int:
        """How many intervals the set consists of."""
        return len(self._first)

    def add(self, first: int, last: int) -> None:
        """Take in all of [first, last]."""
        if self._last and self._last[-1] < first <= self._last[-1] + self._reach:
            self._last[-1] = last  # the next of a counter: by far the most frequent
            return
        low = bisect_left(self._last, first - self._reach)
        high = bisect_right(self._first, last + self._reach)
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
        near = slice(bisect_left(self._last, int(numbers[0])), bisect_right(self._first, int(numbers[-1])))
        first, last = np.asarray(self._first[near]), np.asarray(self._last[near])
        at = np.searchsorted(last, numbers)
        inside = at < len(last)
        inside[inside] = first[at[inside]] <= numbers[inside]
        return inside


def runs(numbers: Numbers) -> tuple[Numbers, Numbers]:
    """The first and last of each run of consecutive numbers, given in strictly ascending order."""
    breaks = np.flatnonzero(np.diff(numbers) != 1)
    first = np.concatenate(([0], breaks + 1))
    last = np.concatenate((breaks, [len(numbers) - 1]))
    return numbers[first], numbers[last]
