"""How a feature moved: higher or lower, wider or narrower, more often missing; which bins gained and lost.

Along the axis and away from its middle are the first two components of Neyman's smooth test
(`detectors.neyman_smooth`); whichever is larger names the direction. What is missing is set against both by
its share of the PSI.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from driftline_collector.analysis.detectors.neyman_smooth import polynomials
from driftline_collector.analysis.detectors.psi import SMOOTHING

Floats = npt.NDArray[np.float64]

#: How many bins are named on each side.
_NAMED = 3
#: A change of share below this is not told as one.
_LEAST = 0.005
#: Where the two components hold less of the PSI of the values than this, neither names what happened.
_TELLING = 0.25
_LONGEST_NAME = 40


@dataclass(frozen=True, slots=True)
class BinChange:
    """The share of one bin in the reference, and now."""

    bin: str
    reference: float
    now: float


@dataclass(frozen=True, slots=True)
class Direction:
    """`word` completes "is now …" of a feature; `gained` and `lost` are the bins that did so most."""

    word: str
    gained: tuple[BinChange, ...]
    lost: tuple[BinChange, ...]


def of_numbers(now: npt.ArrayLike, reference: npt.ArrayLike, names: Sequence[str]) -> Direction:
    """Of a numeric feature: counts in order of the axis, the last one of what is missing, each (bins,)."""
    p, r = _shares(now), _shares(reference)
    missing = _psi(np.array([p[-1], 1 - p[-1]]), np.array([r[-1], 1 - r[-1]]))
    before, after = _shares(np.asarray(reference)[:-1]), _shares(np.asarray(now)[:-1])
    (first, second), _ = polynomials((before + after) / 2)
    shift, spread = (float(((after - before) * h).sum()) for h in (first, second))
    values = _psi(after, before)
    if missing > values * (1 - p[-1]):
        word = "more often missing" if p[-1] > r[-1] else "less often missing"
    elif shift**2 + spread**2 < _TELLING * values:
        word = "spread otherwise"
    elif abs(shift) >= abs(spread):
        word = "higher" if shift > 0 else "lower"
    else:
        word = "wider" if spread > 0 else "narrower"
    return _with_bins(word, p, r, names)


def of_categories(now: npt.ArrayLike, reference: npt.ArrayLike, names: Sequence[str]) -> Direction:
    """Of a categorical feature: counts of its categories, of all others together, of what is missing."""
    p, r = _shares(now), _shares(reference)
    change = p - r
    most = int(np.abs(change).argmax())
    if most == len(p) - 1:
        word = "more often missing" if change[most] > 0 else "less often missing"
    elif int(change.argmax()) == len(p) - 2:
        word = "of other categories than the reference"
    else:
        name = names[most]
        shown = name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"
        word = f"{'more' if change[most] > 0 else 'less'} often {shown}"
    return _with_bins(word, p, r, names)


def _with_bins(word: str, p: Floats, r: Floats, names: Sequence[str]) -> Direction:
    change = p - r
    order = np.argsort(change, kind="stable")

    def told(at: Sequence[int]) -> tuple[BinChange, ...]:
        return tuple(BinChange(names[i], float(r[i]), float(p[i])) for i in at if abs(change[i]) >= _LEAST)

    return Direction(
        word,
        gained=told([i for i in order[::-1][:_NAMED].tolist() if change[i] > 0]),
        lost=told([i for i in order[:_NAMED].tolist() if change[i] < 0]),
    )


def _shares(counts: npt.ArrayLike) -> Floats:
    own = np.asarray(counts, dtype=np.float64)
    return own / max(float(own.sum()), 1.0)


def _psi(p: Floats, r: Floats) -> float:
    """Of shares; where one is nothing it counts as half a row in a thousand."""
    small = SMOOTHING / 1000
    return float(((p - r) * np.log((p + small) / (r + small))).sum())
