"""Pearson's χ² of two samples: do the shares of any bins differ?

    score = Σ_b (p_b - r_b)² / π_b,    X² = score / c,    c = 1/n + 1/m

with shares p of n rows now, r of m rows of the reference and π of both together. Without change X² ~ χ²(B-1)
(Pearson 1900); with a true score of τ about noncentral χ²(B-1, τ/c). For small shifts the score is the PSI.
Where devices make counts overdispersed the law is that of `psi`, as Rao and Scott (1981) correct χ².

>>> import numpy as np
>>> found = detect(Sample(observed=[30, 40, 30], expected=[100, 100, 100]))
>>> round(float(found.score), 4), round(float(found.p_value), 3)
(0.0195, 0.495)
"""

import numpy as np
import numpy.typing as npt

from driftline_collector.analysis.detectors.psi import minimum_effect
from driftline_collector.analysis.detectors.sample import Detection, Sample

ORDERED = False


def detect(sample: Sample, *, effect: npt.ArrayLike = 0.0) -> Detection:
    """The χ² distance of the shares, and the p-value of "it is at most `effect`"."""
    now, reference = sample.shares
    pooled = sample.pooled
    terms = np.divide((now - reference) ** 2, pooled, out=np.zeros_like(pooled), where=pooled > 0)
    score = np.where(sample.comparable, terms.sum(-1), np.nan)
    p = minimum_effect(
        np.nan_to_num(score),
        sample.bins,
        np.where(sample.comparable, sample.c, 1.0),
        effect=effect,
        phi=sample.phi,
        phi_df=sample.phi_df,
    )
    return Detection(score, np.where(sample.comparable, p, np.nan))
