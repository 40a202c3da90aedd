"""A share with its interval: of independent rows, of weighted ones, and a quantile of counts in bins.

Korn and Graubard (1998): the Clopper-Pearson interval of an effective sample size, n* = p(1-p)/v, where v is
the variance of the weighted share; it holds its level also for few rows and shares near 0 and 1. From a
hundred rows on Wilson's interval on the same n* is shorter and good enough.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import special

Floats = npt.NDArray[np.float64]

FEW = 100


@dataclass(frozen=True, slots=True)
class Share:
    """A share in [0, 1] with its two-sided interval. `n` rows, worth `n_eff` independent ones."""

    value: float
    lower: float
    upper: float
    n: int
    n_eff: float


def weighted_share(hits: npt.ArrayLike, weights: npt.ArrayLike, *, level: float = 0.95) -> Share:
    """Hájek's share Σ w·hit / Σ w of n > 0 rows, shape (n,), with w = 1/π > 0.

    n* is at most n: an estimate that would claim more than all rows says only that they happened to agree.
    """
    hit, w = np.asarray(hits, dtype=np.float64), np.asarray(weights, dtype=np.float64)
    n, total = len(hit), w.sum()
    value = float((w * hit).sum() / total)
    kish = float(total**2 / (w**2).sum())
    variance = float((w**2 * (hit - value) ** 2).sum() / total**2) * n / max(n - 1, 1)
    n_eff = kish if variance <= 0 or n < 2 else min(value * (1 - value) / variance, float(n))
    lower, upper = (beta_interval if n < FEW else wilson_interval)(value, n_eff, level)
    return Share(value, lower, upper, n, n_eff)


def clustered_share(hits: npt.ArrayLike, totals: npt.ArrayLike, *, level: float = 0.95) -> Share:
    """A share of counts by cluster (`hits` of `totals`, (clusters,), not all zero), by Wilson's interval.

    The variance is that of a ratio between clusters, and at least that of independent rows.
    """
    hit, of = np.asarray(hits, dtype=np.float64), np.asarray(totals, dtype=np.float64)
    n, clusters = float(of.sum()), int((of > 0).sum())
    value = float(hit.sum() / n)
    independent = value * (1 - value) / n
    between = (
        clusters / (clusters - 1) * float(((hit - value * of) ** 2).sum()) / n**2 if clusters > 1 else 0.0
    )
    n_eff = n * independent / between if between > independent > 0 else n
    lower, upper = wilson_interval(value, n_eff, level)
    return Share(value, lower, upper, round(n), n_eff)


@lru_cache(maxsize=16)  # for each of two thousand segments
def _z(level: float) -> float:
    return -float(special.ndtri((1 - level) / 2))


def beta_interval(share: float, n_eff: float, level: float) -> tuple[float, float]:
    """Clopper and Pearson's interval of a share of `n_eff` rows, which need not be a whole number."""
    tail = (1 - level) / 2
    hit, missed = share * n_eff, (1 - share) * n_eff
    lower = float(special.betaincinv(hit, missed + 1, tail)) if hit > 0 else 0.0
    upper = float(special.betaincinv(hit + 1, missed, 1 - tail)) if missed > 0 else 1.0
    return lower, upper


def wilson_interval(share: float, n_eff: float, level: float) -> tuple[float, float]:
    """Wilson's score interval of a share of `n_eff` rows."""
    z2 = _z(level) ** 2
    centre = (share + z2 / (2 * n_eff)) / (1 + z2 / n_eff)
    half = math.sqrt(z2 * (share * (1 - share) / n_eff + z2 / (4 * n_eff**2))) / (1 + z2 / n_eff)
    return max(0.0, centre - half), min(1.0, centre + half)


def binned_quantiles(counts: Floats, edges: npt.ArrayLike, q: float) -> Floats:
    """The quantile of each of n rows of counts, shape (n, m + 1), none all zero; see `binned_quantile`."""
    edge = np.asarray(edges, dtype=np.float64)
    bounds = np.concatenate([edge[:1], edge, edge[-1:]])
    rank = np.pad(np.cumsum(counts, axis=-1), ((0, 0), (1, 0))) / counts.sum(-1, keepdims=True)
    at = np.minimum((rank <= q).sum(-1) - 1, counts.shape[-1] - 1)
    low = np.take_along_axis(rank, at[:, None], -1)[:, 0]
    high = np.take_along_axis(rank, at[:, None] + 1, -1)[:, 0]
    slope = (bounds[at + 1] - bounds[at]) / (high - low)
    return np.asarray(slope * (q - low) + bounds[at], dtype=np.float64)


def binned_quantile(
    counts: npt.ArrayLike, edges: npt.ArrayLike, q: float, *, level: float = 0.95
) -> tuple[float, float, float]:
    """A quantile of counts in bins, linear within a bin, with its interval from the order statistics.

    `counts`, shape (m + 1,), not all zero, on m ascending `edges`; the outer bins are taken to end at them.
    """
    count, edge = np.asarray(counts, dtype=np.float64), np.asarray(edges, dtype=np.float64)
    n = count.sum()
    bounds = np.concatenate([edge[:1], edge, edge[-1:]])
    rank = np.concatenate([[0.0], np.cumsum(count)]) / n
    half = _z(level) * math.sqrt(q * (1 - q) / n)
    # Where in a bin the order statistics lie is not known: the interval reaches to the ends of their bins.
    first = np.searchsorted(rank, max(q - half, 0.0), side="right") - 1
    last = np.searchsorted(rank, min(q + half, 1.0), side="left")
    return float(np.interp(q, rank, bounds)), float(bounds[first]), float(bounds[last])
