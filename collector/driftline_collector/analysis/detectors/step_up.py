"""Many segments, many features: which p-values to believe, at a false discovery rate of q.

Simes' test per segment over its features, Benjamini-Hochberg over segments, and inside each of the R of S
segments that are kept Benjamini-Hochberg over its features at q·R/S (Benjamini and Bogomolov 2014).
"""

from dataclasses import dataclass, fields, replace

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


def simes(p: Floats) -> Floats:
    """Simes' p-value of each row of `p`, shape (segments, features), NaN where nothing was tested."""
    scaled = _scaled(np.sort(p, axis=-1))  # NaN sorts last
    least: Floats = np.fmin.reduce(scaled, axis=-1, initial=np.nan)
    return np.minimum(least, 1.0)


def adjusted(p: Floats) -> Floats:
    """Benjamini-Hochberg adjusted p-values along the last axis, among those that are not NaN.

    What is kept at q are those ≤ q. As `scipy.stats.false_discovery_control`, which does not skip NaN.
    """
    order = np.argsort(p, axis=-1)
    scaled = _scaled(np.take_along_axis(p, order, axis=-1))
    running = np.fmin.accumulate(scaled[..., ::-1], axis=-1)[..., ::-1]
    result = np.empty_like(p)
    np.put_along_axis(result, order, np.minimum(running, 1.0), axis=-1)
    return np.where(np.isnan(p), np.nan, result)


def _scaled(ascending: Floats) -> Floats:
    """p · tested / rank."""
    tested = np.isfinite(ascending).sum(-1, keepdims=True)
    return np.asarray(ascending * tested / np.arange(1, ascending.shape[-1] + 1), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Kept:
    """What the step-up procedure keeps. Shapes (segments,) and (segments, features)."""

    p: Floats
    q: Floats
    segments: Flags
    features: Flags
    feature_q: Floats

    def with_rows(self, rows: Flags, other: "Kept") -> "Kept":
        """This, with the answers on some segments, (segments,), taken from another procedure."""
        if not rows.any():
            return self
        answers = {}
        for field in fields(self):
            values = getattr(self, field.name).copy()
            values[rows] = getattr(other, field.name)[rows]
            answers[field.name] = values
        return replace(self, **answers)

    def among(self, segments: Flags) -> "Kept":
        """This, with nothing kept but among some segments, (segments,)."""
        kept = self.segments & segments
        return replace(self, segments=kept, features=self.features & kept[:, None])


def step_up(p: Floats, q: float) -> Kept:
    """Judge p-values of shape (segments, features), NaN where nothing was tested, at rate `q`."""
    per_segment = simes(p)
    segment_q = adjusted(per_segment)
    segments = np.nan_to_num(segment_q, nan=1.0) <= q
    inflation = int(np.isfinite(per_segment).sum()) / max(int(segments.sum()), 1)
    feature_q = np.minimum(adjusted(p) * inflation, 1.0)
    features = (np.nan_to_num(feature_q, nan=1.0) <= q) & segments[:, None]
    return Kept(per_segment, segment_q, segments, features, feature_q)
