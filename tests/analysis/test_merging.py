"""Test bins: unions of fine bins, chosen from the reference alone."""

import numpy as np
from driftline_collector.analysis.detectors.merging import MAX_TEST_BINS, merge_ordered, merge_unordered
from hypothesis import given
from hypothesis import strategies as st

_COUNTS = st.lists(st.integers(0, 1000), min_size=3, max_size=67)


@given(_COUNTS)
def test_test_bins_are_numbered_without_gaps_and_few(counts: list[int]) -> None:
    for merged in (merge_ordered(counts), merge_unordered(counts)):
        assert len(merged) == len(counts)
        assert set(merged) == set(range(max(merged) + 1))
        assert max(merged) + 1 <= MAX_TEST_BINS + 3


@given(_COUNTS)
def test_neighbours_stay_neighbours_in_a_numeric_feature(counts: list[int]) -> None:
    inner = merge_ordered(counts)[1:-2]
    assert (np.diff(inner) >= 0).all()


def test_test_bins_of_a_numeric_feature_have_about_equal_counts() -> None:
    counts = np.array([0, *[100] * 64, 0, 0])
    merged = merge_ordered(counts)
    share = np.bincount(merged, weights=counts) / counts.sum()
    assert len(share) == MAX_TEST_BINS + 1
    assert share[:-1].min() > 0.08
    assert share[:-1].max() < 0.12


def test_a_frequent_value_keeps_a_bin_of_its_own() -> None:
    counts = np.array([0, *[10] * 20, 400, *[10] * 20, 0, 0])
    merged = merge_ordered(counts)
    assert (merged == merged[21]).sum() == 1


def test_what_the_reference_never_saw_is_one_bin() -> None:
    merged = merge_ordered([0, 500, 500, 0, 0])
    assert merged[0] == merged[3] == merged[4]
    assert merged[0] not in (merged[1], merged[2])


def test_what_is_often_missing_in_the_reference_has_a_bin_of_its_own() -> None:
    merged = merge_ordered([0, 500, 500, 0, 100])
    assert merged[4] not in (merged[0], merged[1], merged[2])


def test_frequent_categories_stay_by_themselves_and_rare_ones_are_gathered_evenly() -> None:
    counts = np.array([500, 300, *[2] * 100, 0, 0])
    merged = merge_unordered(counts)
    assert (merged == merged[0]).sum() == 1
    assert (merged == merged[1]).sum() == 1
    gathered = np.bincount(merged, weights=counts)[2:-1]
    assert gathered.max() - gathered.min() <= 2


def test_a_listed_category_that_the_reference_never_saw_is_judged_as_other() -> None:
    merged = merge_unordered([100, 100, 0, 0, 0])
    assert merged[2] == merged[3]
