"""Sets of sequence numbers as intervals: what was seen, what is new, what is missing.

`Intervals` is an int64 array of shape (k, 2): closed [first, last], ascending, with at least one number
between two of them. Flattened, it is what `driftline.stream.tombstones.*` carries. `golden/sequences.json`
fixes the arithmetic.
"""

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]
Intervals = npt.NDArray[np.int64]

NONE: Intervals = np.empty((0, 2), dtype=np.int64)
NONE.flags.writeable = False


def runs(numbers: npt.ArrayLike) -> Intervals:
    """The intervals that hold just these numbers, shape (n,), in any order and with repeats."""
    distinct = np.unique(np.asarray(numbers, dtype=np.int64))
    if not len(distinct):
        return NONE
    # Not np.diff: the distance of two int64 may not fit into one.
    breaks = np.flatnonzero(distinct[1:] != distinct[:-1] + 1)
    return np.stack([distinct[np.r_[0, breaks + 1]], distinct[np.r_[breaks, -1]]], axis=1)


def union(*sets: npt.ArrayLike) -> Intervals:
    """The intervals that hold what any of these holds; they need not be ascending or apart before."""
    intervals = np.concatenate([NONE, *(np.asarray(each, dtype=np.int64).reshape(-1, 2) for each in sets)])
    if not len(intervals):
        return NONE
    intervals = intervals[np.argsort(intervals[:, 0], kind="stable")]
    firsts, lasts = intervals[:, 0], np.maximum.accumulate(intervals[:, 1])
    # The first comparison keeps the second from wrapping around at the least int64.
    breaks = np.flatnonzero((firsts[1:] > lasts[:-1]) & (firsts[1:] - 1 > lasts[:-1]))
    return np.stack([firsts[np.r_[0, breaks + 1]], lasts[np.r_[breaks, -1]]], axis=1)


def contains(seen: Intervals, numbers: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Which of the numbers, shape (n,), are in the set."""
    wanted = np.asarray(numbers, dtype=np.int64)
    if not len(seen):
        return np.zeros(len(wanted), dtype=np.bool_)
    at = np.searchsorted(seen[:, 0], wanted, side="right") - 1
    return np.asarray((at >= 0) & (wanted <= seen[at, 1]))


def fresh(seen: Intervals, numbers: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Which of the numbers, shape (n,), are neither in the set nor earlier in the array: not repeats."""
    arrived = np.asarray(numbers, dtype=np.int64)
    result = np.zeros(len(arrived), dtype=np.bool_)
    result[np.unique(arrived, return_index=True)[1]] = True
    return result & ~contains(seen, arrived)


def gaps(seen: Intervals, last: int, *, first: int = 1) -> Intervals:
    """What of first … last is not in the set."""
    inside = seen[(seen[:, 1] >= first) & (seen[:, 0] <= last)]
    lows = [first, *(int(end) + 1 for end in inside[:, 1])]
    highs = [*(int(start) - 1 for start in inside[:, 0]), last]
    found = [(low, high) for low, high in zip(lows, highs, strict=True) if low <= high]
    return np.asarray(found, dtype=np.int64).reshape(-1, 2)


def total(intervals: Intervals) -> int:
    """How many numbers there are in the set."""
    return sum(int(last) - int(first) + 1 for first, last in intervals)
