"""What every detector takes, and what it gives: counts in, a score and perhaps a p-value out."""

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Counts now beside counts of the reference, both (..., bins) and never negative.

    The bins of a feature with an order stand in it, what is missing last. `places`, (..., bins), are where
    they lie on the feature's axis, NaN for a bin that lies nowhere. `phi` ≥ 1 is the overdispersion of the
    counts now and `phi_df` its degrees of freedom, 0 where it is known; both (...).
    """

    observed: npt.ArrayLike
    expected: npt.ArrayLike
    phi: npt.ArrayLike = 1.0
    phi_df: npt.ArrayLike = 0.0
    places: npt.ArrayLike | None = None

    @cached_property
    def counts(self) -> tuple[Floats, Floats]:
        """Both counts with one shape."""
        now, reference = np.broadcast_arrays(
            np.asarray(self.observed, dtype=np.float64), np.asarray(self.expected, dtype=np.float64)
        )
        return now, reference

    @property
    def comparable(self) -> Flags:
        """Where there are rows on both sides, (...)."""
        now, reference = self.counts
        return np.asarray((now.sum(-1) > 0) & (reference.sum(-1) > 0))

    @property
    def shares(self) -> tuple[Floats, Floats]:
        """The share of each bin now and in the reference, (..., bins); NaN without rows."""
        now, reference = (_shares(counts) for counts in self.counts)
        return now, reference

    @property
    def pooled(self) -> Floats:
        """The share of each bin in both together, (..., bins)."""
        now, reference = self.counts
        return _shares(now + reference)

    @property
    def bins(self) -> Floats:
        """How many bins have rows on either side, (...)."""
        now, reference = self.counts
        return np.asarray(((now > 0) | (reference > 0)).sum(-1), dtype=np.float64)

    @property
    def c(self) -> Floats:
        """1/n + 1/m for n rows now and m of the reference: the variance that chance gives to a difference."""
        with np.errstate(divide="ignore"):
            now, reference = (1 / counts.sum(-1) for counts in self.counts)
        return np.asarray(now + reference, dtype=np.float64)

    @property
    def excess(self) -> Floats:
        """By how much the variance in one direction is larger than chance makes it, at most: (φ-1)(B-1)."""
        return np.asarray((np.asarray(self.phi) - 1) * np.maximum(self.bins - 1, 0), dtype=np.float64)


def _shares(counts: Floats) -> Floats:
    with np.errstate(invalid="ignore"):
        return np.asarray(counts / counts.sum(-1, keepdims=True), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Detection:
    """A detector's answer, arrays of shape (...), NaN where there are no rows to compare.

    `score` is 0 where the shares are equal, grows with the shift and does not grow with rows. `p_value` is
    that of "the true score is at most `effect`"; None from a detector that has no law.
    """

    score: Floats
    p_value: Floats | None = None


class Detector(Protocol):
    """A function of counts that holds no limit of its own; `effect` is the score that does not matter yet."""

    def __call__(self, sample: Sample, *, effect: npt.ArrayLike = 0.0) -> Detection: ...
