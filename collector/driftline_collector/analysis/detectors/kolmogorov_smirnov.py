"""Kolmogorov and Smirnov's distance on bins: where do the cumulative shares lie furthest apart?

    D = max_b |P_b - R_b|

with cumulative shares P now and R of the reference, over bins in their order. P(D > d) is at most that of
Kolmogorov's distribution at d/√c, c = 1/n + 1/m (Smirnov 1939): exact where bins are fine, and on few bins
less, so that the test errs on the quiet side (Conover 1972). If the true distance is at most τ, D - τ takes
the place of D (triangle inequality). Overdispersion is taken to lie in the direction of the shift, all of
it; where φ is an estimate with k degrees of freedom the tail is widened as Student's t widens the normal's.

>>> found = detect(Sample(observed=[40, 40, 20], expected=[100, 100, 100]))
>>> round(float(found.score), 4), round(float(found.p_value), 3)
(0.1333, 0.139)
"""

import numpy as np
import numpy.typing as npt
from scipy import special

from driftline_collector.analysis.detectors.sample import Detection, Sample

ORDERED = True


def detect(sample: Sample, *, effect: npt.ArrayLike = 0.0) -> Detection:
    """The largest distance between cumulative shares, and the p-value of "it is at most `effect`"."""
    now, reference = sample.shares
    distance = np.abs(np.cumsum(now, axis=-1) - np.cumsum(reference, axis=-1)).max(-1, initial=0.0)
    score = np.where(sample.comparable, distance, np.nan)
    beyond = np.maximum(score - np.asarray(effect), 0.0) / np.sqrt(sample.c * (1 + sample.excess))
    known = special.kolmogorov(beyond)
    k = np.asarray(sample.phi_df, dtype=np.float64)
    widened = special.fdtrc(1.0, np.where(k > 0, k, 1.0), np.minimum(special.chdtri(1.0, known), 1e300))
    return Detection(score, np.where(k > 0, widened, known))
