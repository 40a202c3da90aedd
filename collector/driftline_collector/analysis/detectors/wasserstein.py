"""Wasserstein's distance on bins: how far must rows be carried to turn one sample into the other?

    W = ∫ |P(x) - R(x)| dx / σ

with cumulative shares P now and R of the reference, each bin's rows at its place, and σ the reference's
standard deviation (Vallender 1974 for the integral). A shift of all rows by half a standard deviation is
0.5, if they stay within the range: what lies beyond counts as lying at its edge. Bins without a place, as of
missing values, are left out on both sides. Chance alone makes it about √c: a magnitude to show, and no test.

>>> found = detect(Sample(observed=[10, 40, 50], expected=[25, 50, 25], places=[-1.0, 0.0, 1.0]))
>>> round(float(found.score), 4), found.p_value
(0.5657, None)
"""

import numpy as np
import numpy.typing as npt

from driftline_collector.analysis.detectors.sample import Detection, Sample

ORDERED = True


def detect(sample: Sample, *, effect: npt.ArrayLike = 0.0) -> Detection:  # noqa: ARG001  # no law, no test
    """The distance in standard deviations of the reference; NaN where that is constant.

    Raises ValueError without `places`.
    """
    if sample.places is None:
        raise ValueError("a distance needs places: say where each bin lies on the feature's axis")
    now, reference = sample.counts
    at, now = np.broadcast_arrays(np.asarray(sample.places, dtype=np.float64), now)
    placed = np.isfinite(at)
    here = Sample(observed=np.where(placed, now, 0.0), expected=np.where(placed, reference, 0.0))
    order = np.argsort(at, axis=-1)  # NaN sorts last
    at = np.take_along_axis(np.where(placed, at, 0.0), order, axis=-1)
    p, r = (np.take_along_axis(shares, order, axis=-1) for shares in here.shares)
    apart = np.abs(np.cumsum(p - r, axis=-1))[..., :-1]
    between = np.where(np.take_along_axis(placed, order, axis=-1)[..., 1:], np.diff(at, axis=-1), 0.0)
    mean = (r * at).sum(-1, keepdims=True)
    deviation = np.sqrt((r * (at - mean) ** 2).sum(-1))
    usable = here.comparable & (deviation > 0)
    score = (apart * between).sum(-1) / np.where(usable, deviation, 1.0)
    return Detection(np.where(usable, score, np.nan))
