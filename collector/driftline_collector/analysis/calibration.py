"""Whether scores mean what they say: of answers with a score of 0.9, nine in ten should be right."""

from collections.abc import Mapping
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

from driftline_collector.analysis.detectors.proportion import weighted_share

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]

BINS = 10
_BINS = np.arange(BINS)
_RESAMPLES = 200
_SEED = 20_261_121
#: Up to so many rows they are drawn again one by one.
_RESAMPLED_ROWS = 1000


def calibration(scores: npt.ArrayLike, hits: npt.ArrayLike, weights: npt.ArrayLike) -> Mapping[str, Any]:
    """The reliability diagram of n > 0 rows, and their calibration error; scores in [0, 1], weights 1/π.

    `bins` has those with rows: (low, high], mean score, share of right answers with its 95% interval, rows.
    `ece` is the root of the debiased squared error Σ W_b [(ȳ_b - p̄_b)² - ȳ_b(1-ȳ_b)/(n_b-1)], with weighted
    means and n_b = (Σw)²/Σw² (Kish), and its interval by the bootstrap; None where no bin has two rows.
    """
    score, hit = np.asarray(scores, dtype=np.float64), np.asarray(hits, dtype=np.float64)
    weight = np.asarray(weights, dtype=np.float64)
    edges = np.linspace(0.0, 1.0, BINS + 1)
    place = np.clip(np.searchsorted(edges, score, side="left") - 1, 0, BINS - 1)
    bins = []
    for i in np.unique(place):
        at = place == i
        share = weighted_share(hit[at], weight[at])
        bins.append(
            {
                "low": float(edges[i]),
                "high": float(edges[i + 1]),
                "mean_score": float(np.average(score[at], weights=weight[at])),
                "value": share.value,
                "lower": share.lower,
                "upper": share.upper,
                "n": int(at.sum()),
            }
        )
    return {"bins": bins, "ece": _error(score, hit, weight, place)}


def _error(score: Floats, hit: Floats, weight: Floats, place: Places) -> Mapping[str, Any] | None:
    n = len(score)
    parts = np.stack([weight, weight * hit, weight * score, weight**2])
    total = np.stack([_by_bin(part, place) for part in parts]).ravel()
    squared = _squared_error(total[None])[0]
    if np.isnan(squared):
        return None
    sums = _resampled(parts, place) if n <= _RESAMPLED_ROWS else _normal(parts, place, total)
    half = -float(special.ndtri(0.025)) * float(np.nanstd(_squared_error(sums)))
    value, lower, upper = np.sqrt(np.maximum([squared, squared - half, squared + half], 0.0)).tolist()
    return {"value": value, "lower": lower, "upper": upper, "n": n}


def _by_bin(values: Floats, place: Places) -> Floats:
    return np.asarray(np.bincount(place, weights=values, minlength=BINS), dtype=np.float64)


def _resampled(parts: Floats, place: Places) -> Floats:
    """Sums by bin over rows drawn again, (draws, sums). A row drawn twice is one row of twice the weight."""
    n = len(place)
    draws = np.random.default_rng(_SEED).multinomial(n, np.full(n, 1 / n), size=_RESAMPLES).astype(np.float64)
    inside = np.eye(BINS)[place]
    linear = [(draws * part) @ inside for part in parts[:-1]]
    return np.concatenate([*linear, (draws**2 * parts[-1]) @ inside], axis=1)


def _normal(parts: Floats, place: Places, total: Floats) -> Floats:
    """The same of many rows, whose sums are as good as normal: drawing each of them would take a second."""
    kinds = len(parts)
    covariance = -np.outer(total, total) / len(place)
    within = covariance.reshape(kinds, BINS, kinds, BINS)
    for i, j in product(range(kinds), repeat=2):
        within[i, _BINS, j, _BINS] += _by_bin(parts[i] * parts[j], place)
    values, vectors = np.linalg.eigh(covariance)
    normal = np.random.default_rng(_SEED).standard_normal((_RESAMPLES, len(total)))
    return np.asarray(total + (normal * np.sqrt(np.maximum(values, 0.0))) @ vectors.T, dtype=np.float64)


def _squared_error(sums: Floats) -> Floats:
    """The debiased squared error from sums by bin: of weights, right ones, scores, squared weights."""
    total, hits, scores, squares = np.moveaxis(sums.reshape(len(sums), 4, BINS), 1, 0)
    some = np.where(total > 0, total, 1.0)
    right, said = hits / some, scores / some
    rows = total**2 / np.where(squares > 0, squares, 1.0)
    usable = (rows >= 2) & (total > 0)
    noise = right * (1 - right) / np.where(usable, rows - 1, 1.0)
    mass = np.where(usable, total, 0.0)
    whole = mass.sum(-1)
    error = (mass * ((right - said) ** 2 - noise)).sum(-1) / np.where(whole > 0, whole, np.nan)
    return np.asarray(error, dtype=np.float64)
