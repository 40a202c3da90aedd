"""Devices differ: what φ makes of it, and that it keeps false alarms rare."""

from dataclasses import replace

import numpy as np
import pytest
from driftline_collector.analysis.cell_sums import CellSums
from driftline_collector.analysis.comparison import compare
from driftline_collector.analysis.detectors import overdispersion as subject
from driftline_collector.analysis.mixtures import Mixture

from tests.analysis.simulated import compared, normal_counts, normal_family


def test_independent_rows_are_not_taken_for_clusters() -> None:
    rng = np.random.default_rng(21)
    family = normal_family(20_000, rng)
    counts = normal_counts(family, rng, segments=500, devices=24, rows=40)
    phi = compared(family, counts).phi
    assert (phi >= 1).all()
    assert phi.mean() < 1.1


def test_the_design_effect_of_like_rows_is_found() -> None:
    """Σ V_b/p_b is known here by brute force: the variance between as many fleets."""
    rng = np.random.default_rng(22)
    family = normal_family(50_000, rng)
    counts = normal_counts(family, rng, segments=400, devices=20, rows=50, correlation=0.1)
    pooled = counts.sum(1)
    share = pooled.mean(0) / pooled.sum(-1).mean()
    used = share > 0.001
    between = (pooled[:, used] / 1000).var(axis=0, ddof=1)
    expected = (1000 * between / share[used]).sum() / (used.sum() - 1)
    assert compared(family, counts).phi.mean() == pytest.approx(expected, rel=0.15)


@pytest.mark.parametrize("rows", [300, 2000])
@pytest.mark.parametrize("devices", [2, 3, 8, 24])
def test_devices_that_differ_are_seldom_taken_for_drift(devices: int, rows: int) -> None:
    """Day one: no history, only the devices of the window itself, correlation .1, and down to two of them."""
    rng = np.random.default_rng(23)
    found, any_effect = [], []
    for _ in range(6):
        family = normal_family(20_000, rng)
        counts = normal_counts(
            family, rng, segments=80_000 // rows, devices=devices, rows=rows // devices, correlation=0.1
        )
        found.append((compared(family, counts).p < 0.001).mean())
        any_effect.append((compared(family, counts, effect=0.0).p < 0.05).mean())
    assert np.mean(found) <= 0.004
    assert np.mean(any_effect) <= 0.065


def test_a_device_by_itself_is_judged_by_how_much_devices_differ_elsewhere() -> None:
    rng = np.random.default_rng(24)
    family = normal_family(20_000, rng)
    pairs = normal_counts(family, rng, segments=40, devices=2, rows=200, correlation=0.1)
    alone = normal_counts(family, rng, segments=400, devices=1, rows=200, correlation=0.1)
    few_by_themselves = compared(family, alone[:4])
    many_by_themselves = compared(family, alone)
    among_others = compared(
        family, np.concatenate([np.concatenate([alone, np.zeros_like(alone)], axis=1), pairs])
    )
    assert (few_by_themselves.phi_df == 0).all()
    assert (many_by_themselves.p < 0.05).mean() < 0.1
    assert (many_by_themselves.p < 0.001).mean() < 0.01
    assert (among_others.p[:400] < 0.05).mean() < 0.1
    assert (among_others.p[:400] < 0.001).mean() < 0.01


def test_what_all_devices_of_a_cell_share_for_a_day_is_known_from_other_cells() -> None:
    """A jitter of .05σ: eight devices of a cell agree on it, and only other cells show that it is nothing."""
    rng = np.random.default_rng(26)
    family = normal_family(50_000, rng)
    counts = np.concatenate(
        [
            normal_counts(family, rng, segments=1, devices=8, rows=1000, shift=by)
            for by in 0.05 * rng.normal(size=100)
        ]
    )
    together = compared(family, counts, effect=0.0)
    assert (together.p < 0.05).mean() <= 0.1
    one_by_one = [float(compared(family, counts[[i]], effect=0.0).p[0, 0]) for i in range(100)]
    assert (np.array(one_by_one) < 0.05).mean() > 0.2


def test_what_all_lines_of_a_place_share_for_a_day_is_known_from_other_places() -> None:
    """A jitter of .05σ that is the same on six lines: by themselves they vary no more than lines do."""
    rng = np.random.default_rng(28)
    family = normal_family(50_000, rng)
    counts = np.concatenate(
        [
            normal_counts(family, rng, segments=6, devices=2, rows=300, shift=by)
            for by in 0.05 * rng.normal(size=100)
        ]
    )
    place = np.repeat(np.arange(100), 6)
    cells = CellSums.of(
        counts.reshape(1200, 1, -1),
        np.repeat(np.arange(600), 2),
        Mixture.of_versions(family, np.zeros(600, dtype=np.int64)),
        family,
    )
    places = place == np.arange(100)[:, None]
    taken_for_drift = [
        float((compare(sums, places, family, effect=0.0, minimum_rows=50).p < 0.05).mean())
        for sums in (replace(cells, place=place), cells)
    ]
    assert taken_for_drift[0] <= 0.08
    assert taken_for_drift[1] > 0.12


@pytest.mark.parametrize("share", [0.1, 0.3, 0.8, 1.0])
def test_cells_that_have_drifted_do_not_excuse_themselves_be_they_few_or_most(share: float) -> None:
    rng = np.random.default_rng(27)
    family = normal_family(20_000, rng)
    counts = normal_counts(family, rng, segments=60, devices=3, rows=200)
    moved = round(share * 60)
    counts[:moved] = normal_counts(family, rng, segments=moved, devices=3, rows=200, shift=0.7)
    p = compared(family, counts).p
    assert (p[:moved] < 0.001).mean() > 0.95
    assert not (p[moved:] < 0.001).any()


def test_a_shift_on_all_devices_is_found_though_they_differ() -> None:
    rng = np.random.default_rng(25)
    family = normal_family(20_000, rng)
    counts = normal_counts(family, rng, segments=100, devices=24, rows=100, correlation=0.02, shift=0.5)
    assert (compared(family, counts).p < 0.001).mean() >= 0.99


def test_the_median_is_numpys_without_what_is_not_known() -> None:
    values = np.random.default_rng(5).normal(size=(9, 4))
    values[2, 1] = values[7, 1] = values[0, 3] = np.nan
    assert subject._median(values) == pytest.approx(np.nanmedian(values, axis=0), abs=1e-12)


def test_what_cells_are_worth_to_each_other_is_how_much_they_agree() -> None:
    rng = np.random.default_rng(27)
    family = normal_family(50_000, rng)
    alike = normal_counts(family, rng, segments=200, devices=2, rows=150, correlation=0.1)
    unlike = np.concatenate(
        [normal_counts(family, rng, segments=100, devices=2, rows=150, correlation=rho) for rho in (0.0, 0.5)]
    )
    few = alike[:8]
    df = [float(compared(family, counts).phi_df.mean()) for counts in (alike, unlike, few)]
    assert df[0] > 50
    assert df[1] < 20
    assert df[2] < 10


def test_what_chance_makes_of_devices_and_cells_that_are_alike_is_none() -> None:
    """The positive halves of errors have a mean: 2,400 rows would be worth 2,250."""
    rng = np.random.default_rng(28)
    family = normal_family(50_000, rng)
    phi = [
        float(compared(family, normal_counts(family, rng, segments=60, devices=2, rows=300)).phi.mean())
        for _ in range(8)
    ]
    assert np.mean(phi) < 1.03


def test_a_little_correlation_that_is_there_is_not_taken_for_chance() -> None:
    rng = np.random.default_rng(29)
    family = normal_family(50_000, rng)
    counts = normal_counts(family, rng, segments=200, devices=2, rows=300, correlation=0.02)
    assert compared(family, counts).phi.mean() > 1.2
