"""Cells compared with their own past: what weeks tell of how much weeks differ."""

import numpy as np
import numpy.typing as npt
import pytest

from tests.analysis.simulated import compared, normal_counts, normal_family, past_of

WEEKS = 9
CELLS = 200
Floats = npt.NDArray[np.float64]


def weeks(rng: np.random.Generator, *, cells: int = CELLS, rows: int = 300, jitter: float = 0.0) -> Floats:
    """Counts of the same hour of nine weeks and of this one, whose means differ by `jitter` deviations."""
    family = normal_family(20_000, np.random.default_rng(31))
    correlation = jitter**2 / (1 + jitter**2)
    return normal_counts(family, rng, segments=cells, devices=WEEKS + 1, rows=rows, correlation=correlation)


@pytest.mark.parametrize(("jitter", "rows"), [(0.0, 300), (0.05, 300), (0.05, 1000), (0.2, 300)])
def test_weeks_that_differ_are_seldom_taken_for_drift(jitter: float, rows: int) -> None:
    rng = np.random.default_rng(32)
    family = normal_family(20_000, np.random.default_rng(31))
    p = []
    for _ in range(4):
        counts = weeks(rng, rows=rows, jitter=jitter, cells=100)
        p.append(compared(family, counts[:, -1:], effect=0.0, past=past_of(counts[:, :-1])).p)
    assert np.mean(np.array(p) < 0.05) <= 0.08  # of 400: .06, and twice what chance makes of it


def test_cells_whose_weeks_differ_alike_know_from_each_other_how_much() -> None:
    """Nine weeks of one cell have too long a tail to tell half a standard deviation in thousands of tests."""
    rng = np.random.default_rng(33)
    family = normal_family(20_000, np.random.default_rng(31))
    counts = weeks(rng)
    shifted = normal_counts(family, rng, segments=CELLS, devices=1, rows=300, shift=0.5)
    many = compared(family, shifted, past=past_of(counts[:, :-1]))
    few = compared(family, shifted[:8], past=past_of(counts[:8, :-1]))
    assert (many.phi_df > 50).mean() > 0.95
    assert (many.p < 1e-5).mean() > 0.7  # with eight degrees of freedom .43
    assert (few.phi_df < 50).all()


def test_cells_whose_weeks_differ_unlike_each_other_know_only_their_own() -> None:
    rng = np.random.default_rng(34)
    family = normal_family(20_000, np.random.default_rng(31))
    counts = np.concatenate([weeks(rng, cells=50, jitter=jitter) for jitter in (0.0, 0.05, 0.2, 0.4)])
    found = compared(family, counts[:, -1:], past=past_of(counts[:, :-1]))
    assert found.phi_df == pytest.approx(WEEKS - 1)
    assert (found.p < 0.001).mean() < 0.01


def test_a_cell_whose_weeks_differ_more_than_those_of_all_others_is_judged_by_them() -> None:
    rng = np.random.default_rng(35)
    family = normal_family(20_000, np.random.default_rng(31))
    counts = np.concatenate([weeks(rng, cells=CELLS - 1), weeks(rng, cells=1, jitter=0.4)])
    found = compared(family, counts[:, -1:], past=past_of(counts[:, :-1]))
    assert found.phi_df[-1] == pytest.approx(WEEKS - 1)
    assert found.phi[-1] > 3 > found.phi[:-1].max()


def test_cells_that_agree_say_nothing_of_whether_they_vary_together() -> None:
    """A week's weather that all cells share: each by itself, and all of them, of which there is only one."""
    rng = np.random.default_rng(36)
    family = normal_family(20_000, np.random.default_rng(31))
    by_week = [
        normal_counts(family, rng, segments=CELLS, devices=1, rows=300, shift=by)
        for by in 0.1 * rng.normal(size=WEEKS + 1)
    ]
    counts = np.concatenate(by_week, axis=1)
    found = compared(family, counts[:, -1:], past=past_of(counts[:, :-1]), fleet=True)
    assert found.phi_df[-1] == pytest.approx(WEEKS - 1)
    assert found.phi[-1] > 10
