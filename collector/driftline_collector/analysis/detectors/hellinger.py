"""Hellinger's distance: how far apart are the roots of the shares?

    H = √( ½ Σ_b (√p_b - √r_b)² )

in [0, 1], 1 where the samples share no bin (Hellinger 1909). Roots make bins of few rows count as much as
bins of many. Chance alone makes it about √((B-1)c / 8): a magnitude to show, and no test.

>>> found = detect(Sample(observed=[50, 50, 0], expected=[0, 50, 50]))
>>> round(float(found.score), 4), found.p_value
(0.7071, None)
"""

import numpy as np
import numpy.typing as npt

from driftline_collector.analysis.detectors.sample import Detection, Sample

ORDERED = False


def detect(sample: Sample, *, effect: npt.ArrayLike = 0.0) -> Detection:  # noqa: ARG001  # no law, no test
    """The distance."""
    now, reference = sample.shares
    squares = ((np.sqrt(now) - np.sqrt(reference)) ** 2).sum(-1)
    return Detection(np.where(sample.comparable, np.sqrt(squares / 2), np.nan))
