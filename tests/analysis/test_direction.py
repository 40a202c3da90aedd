"""How a feature moved, in a word, and the bins that gained and lost."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from driftline_collector.analysis import direction
from driftline_collector.analysis.direction import Direction
from driftline_collector.analysis.readable import readable
from driftline_schemas.binning import FeatureBinning, quantile_edges

Floats = npt.NDArray[np.float64]
HEALTHY = np.random.default_rng(1).normal(size=20_000)
BRIGHTNESS = FeatureBinning("brightness", "numeric", edges=quantile_edges(HEALTHY))
LIGHT = FeatureBinning("light", "categorical", categories=("day", "dusk", "night"))


def of_numbers(values: Floats) -> Direction:
    reference = BRIGHTNESS.count(HEALTHY).astype(np.float64)
    bins = readable(BRIGHTNESS, reference)
    now = BRIGHTNESS.count(values).astype(np.float64)
    return direction.of_numbers(bins.sums(now), bins.sums(reference), bins.names)


def missing(values: Floats) -> Floats:
    return np.where(np.arange(len(values)) % 4 == 0, np.nan, values)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda values: values + 0.3, "higher"),
        (lambda values: values - 0.3, "lower"),
        (lambda values: values + 20.0, "higher"),
        (lambda values: values * 1.6, "wider"),
        (lambda values: values * 0.6, "narrower"),
        (lambda values: np.full_like(values, 0.1), "narrower"),
        (lambda values: np.where(values > 0, 1.0, -1.0), "spread otherwise"),
        (missing, "more often missing"),
    ],
    ids=["up", "down", "out of range", "wider", "narrower", "stuck", "two humps", "missing"],
)
def test_a_word_says_how_numbers_moved(change: Callable[[Floats], Floats], word: str) -> None:
    values = np.random.default_rng(2).normal(size=3000)
    assert of_numbers(change(values)).word == word


def test_the_bins_that_gained_and_lost_most_are_named_with_both_shares() -> None:
    found = of_numbers(np.random.default_rng(2).normal(size=3000) + 9.0)
    assert found.gained[0].bin == f"> {BRIGHTNESS.edges[-1]:.6g}"
    assert found.gained[0].now == pytest.approx(1.0)
    assert found.gained[0].reference == 0.0
    assert len(found.lost) == 3
    assert all(change.now == 0 and change.reference == pytest.approx(0.1, abs=0.02) for change in found.lost)


def test_bins_stand_in_the_order_of_the_axis_and_those_beyond_the_range_apart() -> None:
    bins = readable(BRIGHTNESS, BRIGHTNESS.count(HEALTHY).astype(np.float64))
    assert bins.names[0].startswith("<= ")
    assert bins.names[-2].startswith("> ")
    assert bins.names[-1] == "missing"
    assert len(bins.names) == 13
    assert (np.diff(bins.place) >= 0).all()


@pytest.mark.parametrize(
    ("now", "word"),
    [
        ([30, 30, 40, 0, 0], "more often night"),
        ([50, 25, 5, 20, 0], "of other categories than the reference"),
        ([45, 20, 5, 0, 30], "more often missing"),
        ([20, 40, 40, 0, 0], "less often day"),
    ],
)
def test_a_word_says_how_categories_moved(now: list[int], word: str) -> None:
    found = direction.of_categories(now, [60, 30, 10, 0, 0], LIGHT.bin_names)
    assert found.word == word


def test_a_feature_that_is_as_its_reference_has_gained_and_lost_nothing() -> None:
    found = direction.of_categories([60, 30, 10, 0, 0], [600, 300, 100, 0, 0], LIGHT.bin_names)
    assert found.gained == found.lost == ()


def test_a_long_name_of_a_category_is_cut() -> None:
    names = ("a" * 200, "b", "__other__", "missing")
    found = direction.of_categories([90, 10, 0, 0], [10, 90, 0, 0], names)
    assert len(found.word) < 60
