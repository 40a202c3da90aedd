import itertools

import numpy as np
from driftline_collector.store.intervals import IntervalSet, runs
from hypothesis import given
from hypothesis import strategies as st

INTERVALS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 12)).map(lambda pair: (pair[0], sum(pair))))


def of(intervals: list[tuple[int, int]]) -> IntervalSet:
    made = IntervalSet()
    for first, last in intervals:
        made.add(first, last)
    return made


def members(intervals: list[tuple[int, int]]) -> set[int]:
    return {number for first, last in intervals for number in range(first, last + 1)}


@given(INTERVALS)
def test_it_holds_what_was_added_and_nothing_else(intervals: list[tuple[int, int]]) -> None:
    every = np.arange(-2, 80)
    held = of(intervals)
    assert set(every[held.contains(every)].tolist()) == members(intervals)
    assert sum(last - first + 1 for first, last in held) == len(members(intervals))


@given(INTERVALS)
def test_intervals_that_touch_are_one(intervals: list[tuple[int, int]]) -> None:
    kept = list(of(intervals))
    assert all(after[0] > before[1] + 1 for before, after in itertools.pairwise(kept))


@given(INTERVALS, st.integers(0, 80), st.integers(0, 20))
def test_it_tells_whether_an_interval_overlaps(
    intervals: list[tuple[int, int]], first: int, size: int
) -> None:
    assert of(intervals).overlaps(first, first + size) == bool(
        members(intervals) & set(range(first, first + size + 1))
    )


@given(st.sets(st.integers(-50, 50), min_size=1))
def test_runs_are_the_intervals_that_numbers_form(numbers: set[int]) -> None:
    firsts, lasts = runs(np.array(sorted(numbers)))
    assert list(zip(firsts.tolist(), lasts.tolist(), strict=True)) == list(
        of([(number, number) for number in sorted(numbers)])
    )
