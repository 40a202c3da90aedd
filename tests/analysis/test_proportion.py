"""Shares with intervals that cover what they promise."""

import numpy as np
import pytest
from driftline_collector.analysis.detectors.proportion import (
    beta_interval,
    binned_quantile,
    clustered_share,
    weighted_share,
)
from scipy import stats


def test_equal_weights_give_the_plain_share_and_a_clopper_pearson_interval() -> None:
    hits = np.array([1] * 27 + [0] * 3, dtype=bool)
    share = weighted_share(hits, np.full(30, 100.0))
    n_eff = 29.0  # p(1-p)/v with the variance's n/(n-1)
    assert share.value == pytest.approx(0.9)
    assert share.n_eff == pytest.approx(n_eff)
    exact = stats.binomtest(27, 30).proportion_ci(method="exact")
    assert (share.lower, share.upper) == pytest.approx((exact.low, exact.high), abs=0.01)


@pytest.mark.parametrize("share", [1e-6, 0.02, 0.5, 0.97])
@pytest.mark.parametrize("n_eff", [0.3, 7.5, 99.0, 1e6])
def test_the_few_rows_interval_is_scipys_beta_also_for_a_broken_number_of_rows(
    share: float, n_eff: float
) -> None:
    hit, missed = share * n_eff, (1 - share) * n_eff
    expected = (stats.beta.ppf(0.025, hit, missed + 1), stats.beta.ppf(0.975, hit + 1, missed))
    assert beta_interval(share, n_eff, 0.95) == pytest.approx(expected, rel=1e-12)


def test_many_rows_get_wilsons_interval() -> None:
    share = weighted_share(np.arange(1000) < 900, np.ones(1000))
    wilson = stats.binomtest(900, 1000).proportion_ci(method="wilson")
    assert (share.lower, share.upper) == pytest.approx((wilson.low, wilson.high), rel=1e-3)


def test_a_share_is_weighted_by_one_over_the_probability_of_being_chosen() -> None:
    share = weighted_share([True, False], [1.0, 3.0])
    assert share.value == pytest.approx(0.25)


@pytest.mark.parametrize("hits", [[True] * 40, [False] * 40])
def test_all_right_or_all_wrong_is_still_uncertain(hits: list[bool]) -> None:
    share = weighted_share(hits, np.ones(40))
    assert share.upper - share.lower == pytest.approx(1 - 0.025 ** (1 / 40), abs=1e-9)
    assert share.lower <= share.value <= share.upper


@pytest.mark.parametrize("n", [30, 300])
def test_the_interval_covers_the_truth_under_uncertainty_sampling(n: int) -> None:
    """Unsure predictions are wrong more often and sampled ten times as often; the weights must undo it."""
    rng = np.random.default_rng(41)
    covered = 0
    rounds = 800
    for _ in range(rounds):
        unsure = rng.random(n * 12) < 0.2
        wrong = rng.random(n * 12) < np.where(unsure, 0.4, 0.03)
        pi = np.where(unsure, 0.3, 0.03)
        chosen = rng.random(n * 12) < pi
        share = weighted_share(~wrong[chosen], 1 / pi[chosen])
        covered += share.lower <= 1 - (0.2 * 0.4 + 0.8 * 0.03) <= share.upper
    assert covered / rounds >= 0.90


def test_clusters_that_differ_widen_the_interval() -> None:
    alike = clustered_share([10, 10, 10, 10], [100, 100, 100, 100])
    apart = clustered_share([0, 0, 20, 20], [100, 100, 100, 100])
    assert apart.value == alike.value == pytest.approx(0.1)
    assert apart.upper - apart.lower > 2 * (alike.upper - alike.lower)
    assert alike.n_eff == 400


def test_a_quantile_lies_within_its_bin_and_its_interval() -> None:
    rng = np.random.default_rng(42)
    values = rng.exponential(size=20_000)
    edges = np.geomspace(0.01, 10, 40)
    counts = np.bincount(np.searchsorted(edges, values), minlength=41)
    value, lower, upper = binned_quantile(counts, edges, 0.95)
    assert value == pytest.approx(np.quantile(values, 0.95), rel=0.03)
    assert lower < value < upper


def test_a_quantile_beyond_the_last_edge_is_told_as_that_edge() -> None:
    assert binned_quantile([0, 0, 10], [1.0, 2.0], 0.95) == (2.0, 2.0, 2.0)
