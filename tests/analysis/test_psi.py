"""Minimum-effect PSI: its value, its law, and the figures that docs/statistics.md promises."""

import doctest

import numpy as np
import pytest
from driftline_collector.analysis.detectors import psi as subject
from driftline_collector.analysis.detectors.psi import (
    confidence_bounds,
    minimum_effect,
    population_stability,
)
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

from tests.analysis.simulated import compared, normal_counts, normal_family


def test_psi_is_the_sum_over_bins_of_smoothed_shares() -> None:
    psi, bins = population_stability([10, 30, 0], [40, 40, 20])
    p = np.array([10.5, 30.5, 0.5]) / 41.5
    r = np.array([40.5, 40.5, 20.5]) / 101.5
    assert psi == pytest.approx(((p - r) * np.log(p / r)).sum(), abs=1e-12)
    assert bins == 3


def test_bins_that_are_empty_on_both_sides_do_not_count() -> None:
    plain = population_stability([10, 30], [40, 60])
    padded = population_stability([10, 0, 30, 0], [40, 0, 60, 0])
    assert np.array_equal(padded, plain)


@given(st.lists(st.integers(1, 500), min_size=2, max_size=12))
def test_identical_shares_have_no_effect_to_speak_of(counts: list[int]) -> None:
    reference = np.array(counts, dtype=float)
    psi, bins = population_stability(reference * 3, reference * 50)
    c = 1 / (3 * reference.sum()) + 1 / (50 * reference.sum())
    assert minimum_effect(psi, bins, c, effect=0.02) > 0.5


def test_one_bin_cannot_differ() -> None:
    psi, bins = population_stability([500], [1000])
    assert psi == 0
    assert bins == 1
    assert minimum_effect(psi, bins, 0.003, effect=0.02) == 1
    assert [float(bound) for bound in confidence_bounds(psi, bins, 0.003)] == [0, 0]


def test_the_p_value_is_that_of_the_formula() -> None:
    p = minimum_effect(0.08, 11, 0.002, effect=0.02)
    assert p == pytest.approx(stats.ncx2.sf(0.08 / 0.002, 10, 0.02 / 0.002), rel=1e-12)


@pytest.mark.parametrize("phi_df", [0.0, 0.5, 3.0, 40.0, 1e6])
def test_the_tails_are_those_of_scipys_distributions(phi_df: float) -> None:
    bins, c, effect = 11, 0.002, np.array([1e-9, 0.02, 0.3, 5.0])[:, None]
    psi = np.geomspace(1e-4, 2.0, 200)
    p = minimum_effect(psi, bins, c, effect=effect, phi_df=phi_df)
    law = stats.ncf(10, 10 * phi_df, effect / c) if phi_df else stats.ncx2(10, effect / c)
    assert p == pytest.approx(law.sf(psi / c / (10 if phi_df else 1)), abs=1e-12)
    assert p.min() < 1e-3 or phi_df == 0.5
    assert p.max() > 0.999


def test_a_statistic_far_from_its_mean_is_certain_either_way() -> None:
    """Below, scipy's series of the noncentral F would be NaN."""
    assert np.isnan(special.ncfdtr(10, 10_000, 2900, 29.0))
    below, above = minimum_effect([0.58, 3000.0], 11, 0.002, effect=[5.8, 0.3], phi_df=1000)
    assert below == 1
    assert above == 0


def test_known_dispersion_of_one_changes_nothing_and_estimating_it_costs_certainty() -> None:
    known = minimum_effect(0.08, 11, 0.002, effect=0.02)
    many = minimum_effect(0.08, 11, 0.002, effect=0.02, phi=1.0, phi_df=1e6)
    few = minimum_effect(0.08, 11, 0.002, effect=0.02, phi=1.0, phi_df=2)
    assert many == pytest.approx(known, rel=1e-3)
    assert few > known


def test_more_dispersion_never_makes_a_finding_surer() -> None:
    phi = np.linspace(1, 30, 60)
    p = minimum_effect(0.1, 11, 0.002, effect=0.02, phi=phi, phi_df=10)
    assert (np.diff(p) > 0).all()


@pytest.mark.parametrize("phi_df", [0.0, 3.0, 40.0])
@pytest.mark.parametrize("phi", [1.0, 4.0])
def test_the_bounds_are_the_effects_that_the_data_only_just_allow(phi: float, phi_df: float) -> None:
    psi, bins, c = np.array([0.01, 0.08, 0.5]), 11, 0.002
    lower, upper = confidence_bounds(psi, bins, c, phi=phi, phi_df=phi_df)
    at_upper = minimum_effect(psi, bins, c, effect=upper, phi=phi, phi_df=phi_df)
    assert at_upper == pytest.approx(0.95, abs=1e-6)
    inside = lower > 0
    at_lower = minimum_effect(psi, bins, c, effect=lower, phi=phi, phi_df=phi_df)
    assert at_lower[inside] == pytest.approx(0.05, abs=1e-6)
    without = minimum_effect(psi, bins, c, effect=0.0, phi=phi, phi_df=phi_df)
    assert (without[~inside] > 0.05).all()
    assert inside.any()


def test_a_lower_bound_above_the_minimum_effect_and_a_small_p_are_the_same_thing() -> None:
    psi = np.linspace(0.01, 0.1, 200)
    lower, _ = confidence_bounds(psi, 11, 0.002, phi=1.5, phi_df=8)
    p = minimum_effect(psi, 11, 0.002, effect=0.02, phi=1.5, phi_df=8)
    assert ((lower > 0.02) == (p < 0.05)).all()


def test_a_billion_rows_and_a_huge_shift_have_finite_answers() -> None:
    p = minimum_effect([0.0200001, 0.03, 20.0], 11, 1e-9, effect=0.02, phi=[1, 1, 5], phi_df=[0, 0, 30])
    assert np.isfinite(p).all()
    assert p[0] > 0.05 > p[1]
    lower, upper = confidence_bounds([0.03, 20.0], 11, 1e-9)
    assert (lower < [0.03, 20.0]).all()
    assert lower == pytest.approx([0.03, 20.0], rel=0.01)
    assert upper == pytest.approx([0.03, 20.0], rel=0.01)


def test_the_approximation_meets_the_series_where_it_takes_over() -> None:
    c = 1e-5
    edge = subject._SERIES_LIMIT * c
    psi = np.array([0.029, 0.03, 0.031])
    below = minimum_effect(psi, 11, c, effect=edge * (1 - 1e-9))
    above = minimum_effect(psi, 11, c, effect=edge * (1 + 1e-9))
    assert above == pytest.approx(below, abs=2e-3)


@pytest.mark.parametrize(("rows", "reference_rows"), [(50, 2000), (200, 50_000), (5000, 5000)])
def test_without_a_shift_few_are_flagged_and_psi_over_c_is_chi_square(rows: int, reference_rows: int) -> None:
    """The two rows of the table in docs/statistics.md without drift, and the law behind them."""
    rng = np.random.default_rng(11)
    flagged, beyond, tried = 0, 0, 0
    for _ in range(250):  # the reference is random, too
        family = normal_family(reference_rows, rng)
        counts = normal_counts(family, rng, segments=4, devices=1, rows=rows)
        flagged += int((compared(family, counts).p < 0.05).sum())
        beyond += int((compared(family, counts, effect=0.0).p < 0.05).sum())
        tried += 4
    assert flagged / tried <= 0.03
    assert beyond / tried == pytest.approx(0.05, abs=0.025)


@pytest.mark.parametrize("devices", [1, 4, 25])
def test_a_quarter_of_a_standard_deviation_is_found_in_five_thousand_rows(devices: int) -> None:
    rng = np.random.default_rng(12)
    family = normal_family(5000, rng)
    counts = normal_counts(family, rng, segments=200, devices=devices, rows=5000 // devices, shift=0.25)
    assert (compared(family, counts).p < 0.05).mean() >= 0.99


def test_the_example_in_the_docstring_is_true() -> None:
    assert doctest.testmod(subject).failed == 0


@pytest.mark.parametrize("phi_df", [0.0, 5.0])
def test_bounds_are_found_for_all_shapes_at_once_as_for_each_alone(phi_df: float) -> None:
    psi = np.random.default_rng(3).uniform(0, 0.5, (4, 3))
    together = confidence_bounds(psi, 11, 0.002, phi_df=phi_df)
    for at in np.ndindex(psi.shape):
        alone = confidence_bounds(psi[at], 11, 0.002, phi_df=phi_df)
        assert [float(b[at]) for b in together] == pytest.approx(
            [float(b) for b in alone], rel=1e-6, abs=1e-12
        )


def test_far_out_the_tail_is_no_lighter_than_that_of_rows_that_are_overdispersed_in_one_direction() -> None:
    """Twenty thousand p-values an hour are decided there. Satterthwaite's law alone has 17 times as many."""
    rng = np.random.default_rng(12)
    bins, phi, c = 11, 1.76, 1e-3
    most = 1 + (phi - 1) * (bins - 1)
    psi = c * (most * rng.normal(size=4_000_000) ** 2 + rng.chisquare(bins - 2, size=4_000_000))
    far = psi[psi > np.quantile(psi, 0.999)]
    p = minimum_effect(far, bins, c, effect=0.0, phi=phi)
    assert (p < 1e-5).sum() <= 2 * 40
    assert (p < 1e-4).sum() <= 2 * 400
