"""Many segments, many features: which p-values to believe, at a false discovery rate of q.

Simes' test per segment over its features, Benjamini-Hochberg over segments, and inside each of the R of S
segments that are kept Benjamini-Hochberg over its features at q·R/S (Benjamini and Bogomolov 2014).
"""

from dataclasses import dataclass, fields, replace

import numpy as np
import numpy.typing as npt
from scipy import stats

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


def simes(p: Floats) -> Floats:
    """Simes' p-value of each row of `p`, shape (segments, features), NaN where nothing was tested."""
    tested = np.isfinite(p).sum(-1, keepdims=True)
    rank = np.arange(1, p.shape[-1] + 1)
    with np.errstate(invalid="ignore"):
        scaled = np.sort(p, axis=-1) * tested / rank  # NaN sorts last
        result = np.fmin.reduce(scaled, axis=-1, initial=np.inf)
    return np.where(tested[:, 0] > 0, np.minimum(result, 1.0), np.nan)


def adjusted(p: Floats) -> Floats:
    """Benjamini-Hochberg adjusted p-values of those that are not NaN, shape (n,): kept at q are those ≤ q."""
    result = np.full(p.shape, np.nan)
    tested = np.isfinite(p)
    if tested.any():
        result[tested] = stats.false_discovery_control(p[tested])
    return result


@dataclass(frozen=True, slots=True)
class Kept:
    """What the step-up procedure keeps. Shapes (segments,) and (segments, features)."""

    p: Floats
    q: Floats
    segments: Flags
    features: Flags
    feature_q: Floats

    def with_row(self, row: int, other: "Kept") -> "Kept":
        """This, with one segment's answers taken from another procedure."""
        answers = {}
        for field in fields(self):
            values = getattr(self, field.name).copy()
            values[row] = getattr(other, field.name)[row]
            answers[field.name] = values
        return replace(self, **answers)


def step_up(p: Floats, q: float) -> Kept:
    """Judge p-values of shape (segments, features), NaN where nothing was tested, at rate `q`."""
    per_segment = simes(p)
    segment_q = adjusted(per_segment)
    segments = np.nan_to_num(segment_q, nan=1.0) <= q
    tested = int(np.isfinite(per_segment).sum())
    inflation = tested / max(int(segments.sum()), 1)
    feature_q = np.full(p.shape, np.nan)
    for i in np.flatnonzero(np.isfinite(per_segment)):
        feature_q[i] = np.minimum(adjusted(p[i]) * inflation, 1.0)
    features = (np.nan_to_num(feature_q, nan=1.0) <= q) & segments[:, None]
    return Kept(per_segment, segment_q, segments, features, feature_q)
