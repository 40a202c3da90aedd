"""The experiment on selected samples in small: `make proof` runs it whole."""

import pytest

from benchmarks._selected_samples import SETTINGS, weighted


def test_selected_samples_raise_no_false_alarm_where_a_test_that_ignores_the_selection_does() -> None:
    figures = weighted([1], ["mixed"], ["nothing differs"], types=3, regions=6)
    assert figures["weighted_size_max"] <= 0.1  # of 336 features of segments, many of the same rows
    assert figures["weighted_false_share"] <= 0.004
    assert figures["unweighted_ks_size_max"] >= 0.9
    assert figures["weighted_power"] == 1


@pytest.mark.proof
def test_selected_samples_keep_the_size_of_the_test_whatever_they_were_chosen_for() -> None:
    figures = weighted(range(1, 6), settings=sorted(SETTINGS))
    assert figures["weighted_size_max"] <= 0.06
    assert figures["weighted_false_share"] <= 0.001
    assert figures["weighted_power"] >= 0.95
