"""Neyman's smooth test with two components: have rows moved along the axis, or away from its middle?

    δ_j = Σ_b (p_b - r_b) h_j(u_b),    score = δ_1² + δ_2²,    c = 1/n + 1/m

with the bins' mid-ranks u in both samples together, and h_1, h_2 the polynomials of first and second degree
in u that are orthonormal under their shares: δ_1 is a shift, δ_2 a change of spread, both in standard
deviations. Without change score/c ~ χ²(2) (Neyman 1937; Janic-Wróblewska and Ledwina 2000 for two samples);
with a true score of τ noncentral χ²(2, τ/c). Two directions in place of B-1 find what is smooth from fewer
rows, and miss what is not. The score is the part of the χ² distance that lies in them. Overdispersion is
taken to lie in them, all of it.

>>> found = detect(Sample(observed=[40, 40, 20], expected=[100, 100, 100]))
>>> round(float(found.score), 4), round(float(found.p_value), 3)
(0.0847, 0.042)
"""

import numpy as np
import numpy.typing as npt

from driftline_collector.analysis.detectors.psi import minimum_effect
from driftline_collector.analysis.detectors.sample import Detection, Floats, Sample

ORDERED = True
#: A polynomial with a smaller variance than this is none: two bins have no second degree.
_LEAST = 1e-12


def detect(sample: Sample, *, effect: npt.ArrayLike = 0.0) -> Detection:
    """The squared distance along the two components, and the p-value of "it is at most `effect`"."""
    now, reference = sample.shares
    components, degrees = polynomials(np.nan_to_num(sample.pooled))
    score = sum(((now - reference) * h).sum(-1) ** 2 for h in components)
    p = minimum_effect(
        np.nan_to_num(score),
        1 + degrees,
        np.where(sample.comparable, sample.c, 1.0),
        effect=effect,
        phi=1 + sample.excess / np.maximum(degrees, 1),
        phi_df=sample.phi_df,
    )
    return Detection(np.where(sample.comparable, score, np.nan), np.where(sample.comparable, p, np.nan))


def polynomials(share: Floats) -> tuple[tuple[Floats, Floats], Floats]:
    """h_1 and h_2 at the bins, (..., bins), zero where there is none; and how many there are, (...)."""
    first = np.cumsum(share, axis=-1) - share / 2
    first = first - (share * first).sum(-1, keepdims=True)
    spread, skew = ((share * first**power).sum(-1, keepdims=True) for power in (2, 3))
    second = (
        first**2 - spread - np.divide(skew, spread, out=np.zeros_like(skew), where=spread > _LEAST) * first
    )
    found, degrees = [], np.zeros(share.shape[:-1])
    for h in (first, second):
        variance = (share * h**2).sum(-1, keepdims=True)
        some = variance > _LEAST
        found.append(np.divide(h, np.sqrt(variance), out=np.zeros_like(h), where=some))
        degrees = degrees + some[..., 0]
    return (found[0], found[1]), degrees
