"""Aligned windows and the holes in a chain of them."""

from random import Random

from driftline_schemas.windows import holes, window_end, window_start
from hypothesis import given
from hypothesis import strategies as st

times = st.integers(-(2**63), 2**63 - 1)
widths = st.integers(1, 10**15)
steps = st.lists(st.tuples(st.integers(0, 5), st.integers(1, 5)), max_size=12)


@given(times, widths)
def test_a_window_starts_at_a_multiple_of_its_width_and_holds_its_time(time: int, width: int) -> None:
    start = window_start(time, width)
    assert start % width == 0
    assert start <= time < window_end(time, width) == start + width


@given(steps, st.randoms(use_true_random=False))
def test_holes_are_what_the_windows_leave_out_whatever_their_order(
    steps: list[tuple[int, int]], random: Random
) -> None:
    chain: list[tuple[int, int]] = []
    expected: list[tuple[int, int]] = []
    now = 0
    for gap, width in steps:
        if gap and chain:
            expected.append((now, now + gap))
        chain.append((now + gap, now + gap + width))
        now += gap + width
    random.shuffle(chain)
    assert holes(chain + chain[:2]) == expected


@given(steps, st.integers(-5, 60))
def test_holes_and_windows_together_cover_the_chain_once(steps: list[tuple[int, int]], until: int) -> None:
    windows = [(start, start + width) for start, width in steps]
    covered = {t for start, end in windows for t in range(start, end)}
    if windows:
        missing = set(range(min(covered), max(max(covered) + 1, until))) - covered
        found = [t for start, end in holes(windows, until=until) for t in range(start, end)]
        assert sorted(missing) == found
    else:
        assert holes(windows, until=until) == []
