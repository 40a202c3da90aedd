"""Whether scores mean what they say: of answers with a score of 0.9, nine in ten should be right."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from driftline_collector.analysis.detectors.proportion import weighted_share

Floats = npt.NDArray[np.float64]

BINS = 10
_RESAMPLES = 200
_SEED = 20_261_121


def calibration(scores: Sequence[float], hits: Sequence[bool], weights: Sequence[float]) -> Mapping[str, Any]:
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


def _error(
    score: Floats, hit: Floats, weight: Floats, place: npt.NDArray[np.int64]
) -> Mapping[str, Any] | None:
    n = len(score)
    squared = _squared_error(score, hit, weight[None], place)[0]
    if np.isnan(squared):
        return None
    draws = np.random.default_rng(_SEED).multinomial(n, np.full(n, 1 / n), size=_RESAMPLES)
    spread = float(np.nanstd(_squared_error(score, hit, draws * weight, place)))
    half = float(stats.norm.isf(0.025)) * spread
    value, lower, upper = np.sqrt(np.maximum([squared, squared - half, squared + half], 0.0)).tolist()
    return {"value": value, "lower": lower, "upper": upper, "n": n}


def _squared_error(score: Floats, hit: Floats, weights: Floats, place: npt.NDArray[np.int64]) -> Floats:
    """The debiased squared error under each row of `weights`, shape (draws, rows)."""
    inside = np.eye(BINS)[place]
    total, squares = weights @ inside, weights**2 @ inside
    some = np.where(total > 0, total, 1.0)
    right, said = (weights * hit) @ inside / some, (weights * score) @ inside / some
    rows = total**2 / np.where(squares > 0, squares, 1.0)
    usable = rows >= 2
    noise = right * (1 - right) / np.where(usable, rows - 1, 1.0)
    mass = np.where(usable, total, 0.0)
    whole = mass.sum(-1)
    error = (mass * ((right - said) ** 2 - noise)).sum(-1) / np.where(whole > 0, whole, np.nan)
    return np.asarray(error, dtype=np.float64)
