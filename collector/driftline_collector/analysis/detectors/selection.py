"""Rows that were chosen with unequal probabilities: what they are worth, for a test of their shares.

A row that was chosen with probability π stands for w = 1/π rows. Its bins' shares are p_b = Σ_b w / Σ w
(Hájek 1971), and all rows say as much of a plain mean as n_eff = (Σw)²/Σw² independent ones (Kish 1965).
Shares vary otherwise: with ω_b = Σ_b w² / Σ_b w, the mean weight in a bin, the covariance of the shares under
"nothing has changed" (reference shares r), where each row is chosen on its own, is

    V = R^½ P diag(ω/Σw) P R^½,    R = diag(r),    P = I - √r √r'

so that X² = Σ (p_b - r_b)²/r_b is Σ λ_i χ²(1) with λ the eigenvalues of P diag(h) P, h_b = ω_b/Σw + 1/m for a
reference of m rows. Rao and Scott (1981, second order; Satterthwaite 1946) take it for a multiple of χ² with
the same mean and variance:

    t₁ = Σ h_b (1 - r_b),    t₂ = Σ h_b² (1 - 2 r_b) + (Σ r_b h_b)²,    X² t₁/t₂ ~ χ²(t₁²/t₂)

and so is PSI, which is X² to first order. A PSI of τ adds the noncentrality τ t₁/t₂. With all weights alike
this is the law of `psi`: t₁ = (B-1)(1/n + 1/m), and t₁²/t₂ = B-1.

>>> told = worth([50.0, 50.0], [50.0, 50.0], [500.0, 500.0])
>>> float(told.n_eff), float(told.rows), float(told.directions), float(told.c)
(100.0, 100.0, 1.0, 0.011)
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from driftline_collector.analysis.detectors.psi import SMOOTHING

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Worth:
    """What weighted rows are worth; all are (...).

    `n_eff` is Kish's. `rows` are as many independent rows as have shares that vary as much on average, and
    `c` is the variance of a difference from the reference, 1/rows + 1/m, spread evenly over `directions`:
    t₁²/t₂, which is less than B-1 where some bins' rows weigh more than others'.
    """

    n_eff: Floats
    rows: Floats
    directions: Floats
    c: Floats


def worth(weights: npt.ArrayLike, squares: npt.ArrayLike, reference: npt.ArrayLike) -> Worth:
    """From sums of w and of w² by bin and counts of the reference, all (..., bins). 0 rows are worth 0.

    A bin that is empty in all is none. One without rows now is taken to weigh as rows do on average.
    """
    w, w2, expected = np.broadcast_arrays(
        *(np.asarray(a, dtype=np.float64) for a in (weights, squares, reference))
    )
    used = (w > 0) | (expected > 0)
    bins = used.sum(-1)
    total, of_squares, m = w.sum(-1), w2.sum(-1), expected.sum(-1)
    some = (total > 0) & (m > 0)
    safe, reference_rows = np.where(some, total, 1.0), np.where(some, m, 1.0)
    r = np.where(used, expected + SMOOTHING, 0.0) / (reference_rows + SMOOTHING * bins)[..., None]
    typical = np.where(some, of_squares, 1.0) / safe
    of_bin = np.where(w > 0, w2 / np.where(w > 0, w, 1.0), typical[..., None]) / safe[..., None]
    several = np.maximum(bins - 1, 1)
    own = np.where(used, of_bin * (1 - r), 0.0).sum(-1)
    h = np.where(used, of_bin + 1 / reference_rows[..., None], 0.0)
    first = (h * (1 - r)).sum(-1)
    second = (h**2 * (1 - 2 * r)).sum(-1) + (r * h).sum(-1) ** 2
    testable = some & (bins > 1) & (own > 0) & (second > 0)
    directions = np.where(testable, first**2 / np.where(testable, second, 1.0), several)
    n_eff = np.where(some, safe / typical, 0.0)
    rows = np.where(testable, several / np.where(testable, own, 1.0), n_eff)
    c = np.where(some, first / several, np.inf)
    return Worth(n_eff, rows, directions, c)
