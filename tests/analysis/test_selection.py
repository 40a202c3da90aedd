"""What selected rows are worth: held against samplics, the eigenvalues of the law, and plain counts."""

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from driftline_collector.analysis.detectors.selection import worth

from tests.analysis import survey_shares

Floats = npt.NDArray[np.float64]
SAMPLICS = json.loads(Path(survey_shares.FILE).read_text(encoding="utf-8"))["cases"]


def sums(case: str) -> tuple[Floats, Floats, Floats]:
    """Σ w, Σ w² and rows by bin."""
    bins = survey_shares.CASES[case]
    return (
        np.array([sum(n / pi for pi, n in b.items()) for b in bins]),
        np.array([sum(n / pi**2 for pi, n in b.items()) for b in bins]),
        np.array([sum(b.values()) for b in bins], dtype=np.float64),
    )


@pytest.mark.parametrize("case", survey_shares.CASES)
def test_shares_and_their_variance_are_those_of_a_survey_package(case: str) -> None:
    """Where the reference is what the samples say, so that both have the same centre."""
    w, w2, rows = sums(case)
    told = SAMPLICS[case]
    shares, errors = (np.array([told[k][str(b)] for b in range(len(w))]) for k in ("shares", "errors"))
    assert w / w.sum() == pytest.approx(shares, abs=1e-12)
    found = worth(w, w2, shares * 1e15)  # of so many rows that it has no variance of its own
    n = rows.sum()
    expected = (errors**2 * (n - 1) / n / shares).sum()
    assert float(found.c) * (len(w) - 1) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("case", survey_shares.CASES)
def test_mean_and_variance_are_those_of_the_eigenvalues(case: str) -> None:
    w, w2, _ = sums(case)
    m, r = 1e6, np.full(len(w), 1 / len(w))
    h = w2 / w / w.sum() + 1 / m
    centred = np.eye(len(w)) - np.sqrt(np.outer(r, r))
    eigenvalues = np.linalg.eigvalsh(centred @ np.diag(h) @ centred)
    found = worth(w, w2, r * m)
    assert float(found.c) * (len(w) - 1) == pytest.approx(eigenvalues.sum(), rel=1e-6)
    assert float(found.directions) == pytest.approx(eigenvalues.sum() ** 2 / (eigenvalues**2).sum(), rel=1e-6)
    assert float(found.directions) <= len(w) - 1 + 1e-9


def test_rows_that_all_stand_for_as_many_are_worth_what_they_are() -> None:
    counts, reference = np.array([30.0, 50.0, 20.0]), np.array([300.0, 400.0, 300.0])
    for stands_for in (1.0, 50.0):
        told = worth(counts * stands_for, counts * stands_for**2, reference)
        assert (float(told.n_eff), float(told.rows)) == pytest.approx((100, 100))
        assert float(told.c) == pytest.approx(1 / 100 + 1 / 1000)
        assert float(told.directions) == pytest.approx(2)


def test_one_heavy_row_takes_all_others_their_worth() -> None:
    told = worth([100.0, 100.0 + 1e4], [100.0, 100.0 + 1e8], [500.0, 500.0])
    assert float(told.n_eff) < 1.1


def test_bins_that_nobody_has_are_none_and_nothing_is_worth_nothing() -> None:
    whole = worth([40.0, 60.0], [80.0, 90.0], [500.0, 500.0])
    padded = worth([40.0, 60.0, 0.0], [80.0, 90.0, 0.0], [500.0, 500.0, 0.0])
    assert float(padded.c) == pytest.approx(float(whole.c))
    empty = worth([[0.0, 0.0], [1.0, 1.0]], [[0.0, 0.0], [1.0, 1.0]], [[5.0, 5.0], [0.0, 0.0]])
    assert empty.n_eff.tolist() == [0, 0]
    assert np.isinf(empty.c).all()
