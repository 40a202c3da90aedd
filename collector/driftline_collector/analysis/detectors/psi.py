"""Population stability index with a minimum effect: is the shift larger than what anyone cares about?

    PSI = Σ_b (p_b - r_b) ln(p_b / r_b)

over bins b with current shares p and reference shares r (Kullback 1959, as J). Without change PSI/c ~
χ²(B-1), c = 1/n + 1/m (arXiv 2307.11878), and with a true PSI of τ about noncentral χ²(B-1, τ/c). So the
p-value of "PSI ≤ τ" is the upper tail of that, and the confidence bounds are those τ at which this tail is
.05 and .95.

Where devices make counts overdispersed by φ, the mean of PSI/c is (B-1)φ. A device that sees everything a
bit brighter moves all bins together, so the excess (φ-1)(B-1) is taken to lie in one direction: one variance
of 1 + (φ-1)(B-1) and B-2 of 1. By Satterthwaite's rule that is χ² with ν = (Σ variances)² / Σ variances²
degrees of freedom, and with φ estimated from k more devices than means, noncentral F(ν, kν, τν/(cφ(B-1))).
That has the right mean and variance, but too light a tail: far out a sum is as its heaviest direction, normal
with the variance v = 1 + (φ-1)(B-1) about √(τ/c), the B-2 others at their mean. The larger of both tails is
taken, since among thousands of p-values it is the tail that decides.

>>> found = detect(Sample(observed=[30, 40, 30], expected=[100, 100, 100]), effect=0.02)
>>> round(float(found.score), 4), round(float(found.p_value), 3)
(0.0186, 0.703)
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt
from scipy import special

from driftline_collector.analysis.detectors.sample import Detection, Sample

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

ORDERED = False
#: Added to each count of both sides, so that an empty bin has a finite logarithm.
SMOOTHING = 0.5
#: Above this noncentrality scipy's series do not converge; Patnaik's approximation is off by < 1e-4 there
#: where φ was estimated, and by < .002 where it was not.
_SERIES_LIMIT = 3000.0
#: A series whose weightiest term is less than this is as good as zero.
_LEAST_TERM = 1e-290
#: Below it a tail is one.
_BODY = 0.5
#: Bounds are found to this part of their root.
_PRECISION = 1e-9
#: After so many secants what is left to search is halved once; so many turns end every search.
_PATIENCE, _TURNS = 12, 200
#: Tails nearer to 0 or 1 are no longer told from them in double precision.
_CLEAR = (1e-15, 1 - 1e-15)


def detect(sample: Sample, *, effect: npt.ArrayLike = 0.0) -> Detection:
    """PSI of smoothed counts, and the p-value of "it is at most `effect`"."""
    score, bins = population_stability(*sample.counts)
    c = np.where(sample.comparable, sample.c, 1.0)
    p = minimum_effect(score, bins, c, effect=effect, phi=sample.phi, phi_df=sample.phi_df)
    return Detection(*(np.where(sample.comparable, number, np.nan) for number in (score, p)))


def population_stability(
    observed: npt.ArrayLike, expected: npt.ArrayLike, *, smoothing: float = SMOOTHING
) -> tuple[Floats, Floats]:
    """PSI of smoothed counts, and how many bins it is of.

    `observed` and `expected` are counts, shape (..., bins). A bin that is empty in both is none: it does not
    count, so that shapes may be padded. Returns two arrays of shape (...).
    """
    current, reference = np.broadcast_arrays(
        np.asarray(observed, dtype=np.float64), np.asarray(expected, dtype=np.float64)
    )
    p, r, used = _both(current, reference, smoothing)
    terms = p - r
    unused = ~used
    p += unused  # whatever their ratio is, they do not differ
    r += unused
    with np.errstate(divide="ignore"):
        p /= r
        terms *= np.log(p, out=p)
    return _summed(terms), _summed(used.astype(np.float64))


def log_ratio(observed: Floats, expected: Floats) -> Floats:
    """ln(p/r) by bin of smoothed counts, shape (..., bins); 0 where a bin is empty in both."""
    p, r, used = _both(observed, expected, SMOOTHING)
    return np.asarray(np.log(np.divide(p, r, out=np.ones_like(p), where=used)))


def _both(current: Floats, reference: Floats, smoothing: float) -> tuple[Floats, Floats, Flags]:
    """Smoothed shares of both, and which bins there are in either."""
    used = (current > 0) | (reference > 0)
    added = np.where(used, smoothing, 0.0)
    p, r = (_shares(counts, added) for counts in (current, reference))
    return p, r, used


def _shares(counts: Floats, added: Floats) -> Floats:
    shares = counts + added
    total = _summed(shares)
    shares /= np.where(total > 0, total, 1.0)[..., None]
    return shares


def _summed(values: Floats) -> Floats:
    """Sums over bins: of a dozen each, numpy's own `sum` takes five times as long."""
    return np.asarray(np.einsum("...b->...", values), dtype=np.float64)


def minimum_effect(
    psi: npt.ArrayLike,
    bins: npt.ArrayLike,
    c: npt.ArrayLike,
    *,
    effect: npt.ArrayLike,
    phi: npt.ArrayLike = 1.0,
    phi_df: npt.ArrayLike = 0.0,
) -> Floats:
    """The p-value of "the true PSI is at most `effect`".

    `psi`, `bins` (B), `c` = 1/n + 1/m, overdispersion `phi` and its degrees of freedom k broadcast together;
    a `phi_df` of zero means that φ is not an estimate. Fewer than two bins cannot differ: p = 1.
    """
    law = _Law.of(bins, c, phi, phi_df)
    tail = law.upper_tail(np.asarray(psi) / law.scale, np.asarray(effect) / law.scale)
    return np.where(np.asarray(bins) > 1, tail, 1.0)


def confidence_bounds(
    psi: npt.ArrayLike,
    bins: npt.ArrayLike,
    c: npt.ArrayLike,
    *,
    phi: npt.ArrayLike = 1.0,
    phi_df: npt.ArrayLike = 0.0,
    level: float = 0.95,
) -> tuple[Floats, Floats]:
    """One-sided lower and upper bounds of the true PSI, each at `level`; shapes as in `minimum_effect`."""
    law = _Law.of(bins, c, phi, phi_df)
    statistic = np.asarray(psi) / law.scale
    low, high = _noncentralities(statistic, law, (1 - level, level)) * law.scale
    several = np.asarray(bins) > 1
    return np.where(several, low, 0.0), np.where(several, high, 0.0)


@dataclass(frozen=True, slots=True)
class _Law:
    """PSI / scale ~ noncentral χ²(df), or df times noncentral F(df, phi_df) where that is finite.

    PSI / c is `unit` times that; it has `others` directions of variance 1 beside one of the variance `most`.
    """

    scale: Floats
    df: Floats
    phi_df: Floats
    unit: Floats
    others: Floats
    most: Floats

    @classmethod
    def of(cls, bins: npt.ArrayLike, c: npt.ArrayLike, phi: npt.ArrayLike, k: npt.ArrayLike) -> "_Law":
        arrays = np.broadcast_arrays(bins, c, phi, k)
        b, c_, phi_, k_ = (np.asarray(a, dtype=np.float64) for a in arrays)
        directions = np.maximum(b - 1, 1.0)
        total = directions * phi_
        most = 1 + (phi_ - 1) * directions
        df = total**2 / (directions - 1 + most**2)
        return cls(
            scale=c_ * total / df,
            df=df,
            phi_df=np.where(k_ > 0, k_ * df, np.inf),
            unit=total / df,
            others=directions - 1,
            most=most,
        )

    def at(self, shape: tuple[int, ...], some: npt.NDArray[np.bool_ | np.int64] | None = None) -> "_Law":
        """The same for arrays of another shape, or of `some` of it."""
        arrays = (np.broadcast_to(getattr(self, f.name), shape) for f in fields(self))
        return _Law(*(array if some is None else array[some] for array in arrays))

    def upper_tail(self, x: Floats, nc: Floats) -> Floats:
        """P(X > x) at the noncentrality `nc`; both in the unit of `scale`."""
        tail = _upper_tail(x, self.df, self.phi_df, nc)
        spread, shift = np.sqrt(self.most), np.sqrt(nc * self.unit)
        far = self._far(x)
        along = special.ndtr((shift - far) / spread) + special.ndtr(-(shift + far) / spread)
        return np.where(tail < _BODY, np.maximum(tail, np.minimum(along, _BODY)), tail)

    def _far(self, x: Floats) -> Floats:
        """How far out `x` is in the heaviest direction, with the others at their mean."""
        return np.sqrt(np.maximum(x * self.unit - self.others, 0.0))

    def near(self, x: Floats, deviate: Floats) -> tuple[Floats, Floats]:
        """About at which root of the noncentrality the upper tail at `x` is that of a normal `deviate`, and
        how fast it then grows with that root, as a deviate.

        The root of a noncentral χ² is about normal: its mean √(df + nc - ½), its variance 1, that of F more.
        """
        spread = np.sqrt(1 + x / (2 * self.phi_df))
        middle = np.maximum(np.sqrt(x) + deviate * spread, 0.0)
        root = np.sqrt(np.maximum(middle**2 - self.df + 0.5, 0.25))
        along = (self._far(x) + deviate * np.sqrt(self.most)) / np.sqrt(self.unit)
        # Where both tell of a tail, the larger one does.
        root = np.where((deviate < 0) & (along > 0), np.minimum(along, root), root)
        return root, root / np.sqrt(root**2 + self.df) / spread


def _noncentralities(statistic: Floats, law: _Law, tails: Sequence[float]) -> Floats:
    """At which noncentrality the upper tail is each of `tails`, along a first axis; 0 where that is above."""
    shape = (len(tails), *statistic.shape)
    x, law = np.broadcast_to(statistic, shape), law.at(shape)
    wanted = np.broadcast_to(np.reshape(tails, (-1, *[1] * statistic.ndim)), shape)
    root = np.zeros(shape)
    inside = law.upper_tail(statistic, np.zeros(statistic.shape)) < wanted
    x, law, deviate = x[inside], law.at(shape, inside), special.ndtri(wanted[inside])

    def missed(at: npt.NDArray[np.int64], root: Floats) -> Floats:
        # As normal deviates tails are almost straight in the root of the noncentrality.
        found = law.at(x.shape, at).upper_tail(x[at], root**2)
        return np.asarray(special.ndtri(np.clip(found, *_CLEAR)) - deviate[at], dtype=np.float64)

    root[inside] = _ascending_root(missed, *law.near(x, deviate))
    return np.asarray(root**2, dtype=np.float64)


def _ascending_root(
    function: Callable[[npt.NDArray[np.int64], Floats], Floats], near: Floats, slope: Floats
) -> Floats:
    """Where each of n ascending functions is zero above 0, shape (n,), to 1e-9 of that.

    `function` takes which of them, and a point for each; the zero is `near` a point, where it has about that
    `slope`. Secants, whose error is about the product of their last two steps. A step that leaves where the
    zero must lie is none; then, and every so often where it takes long, what is left of that is halved.
    """
    root = np.array(near)
    left = np.arange(len(root))
    x, low, high = near, np.zeros(len(root)), np.full(len(root), np.inf)
    last, step = np.zeros(len(root)), np.full(len(root), np.inf)
    for turn in range(1, _TURNS):
        if not len(left):
            break
        value = function(left, x)
        low, high = np.where(value <= 0, x, low), np.where(value >= 0, x, high)
        with np.errstate(divide="ignore", invalid="ignore"):
            to = x - value / (slope if turn == 1 else (value - last) / step)
        halved = ~(np.isfinite(to) & (to >= low) & (to <= high)) | (turn % _PATIENCE == 0)
        to = np.where(halved, np.where(np.isinf(high), 2 * low + 1, (low + high) / 2), to)
        size = np.maximum(to, _PRECISION)
        with np.errstate(invalid="ignore"):
            error = np.where(halved | (value == 0), high - low, np.abs((to - x) * step) / size)
        root[left] = to
        on = error > _PRECISION * size
        left, low, high, last = left[on], low[on], high[on], value[on]
        x, step = to[on], (to - x)[on]
    return root


def _upper_tail(x: Floats, df: Floats, d: Floats, nc: Floats) -> Floats:
    """P(X > x) of noncentral χ²(df, nc), or of df times noncentral F(df, d, nc) where `d` is finite."""
    x, df, d, nc = np.broadcast_arrays(x, df, d, nc)
    series = (nc > 0) & (nc <= _SERIES_LIMIT)
    estimated = np.isfinite(d)
    result = np.empty(x.shape)
    if (at := series & estimated).any():
        result[at] = 1 - _f_below(x[at], df[at], d[at], nc[at])
    if (at := series & ~estimated).any():
        result[at] = 1 - special.chndtr(x[at], df[at], nc[at])
    if (at := ~series).any():
        result[at] = _patnaik(x[at], df[at], d[at], nc[at])
    return result


def _f_below(x: Floats, df: Floats, d: Floats, nc: Floats) -> Floats:
    """P(X ≤ x) of df times noncentral F(df, d, nc)."""
    # scipy's series begins with its weightiest term, and may not end where that underflows: its sum is 0.
    a, y = df / 2 + np.floor(nc / 2), x / (x + d)
    # The term is about y^a at least, which is quicker to tell.
    with np.errstate(divide="ignore"):
        tiny = a * np.log(y) < np.log(_LEAST_TERM) / 2
    if tiny.any():
        tiny[tiny] = special.betainc(a[tiny], d[tiny] / 2, y[tiny]) <= _LEAST_TERM
    return np.where(tiny, 0.0, special.ncfdtr(df, d, np.where(tiny, 0.0, nc), x / df))


def _patnaik(x: Floats, df: Floats, d: Floats, nc: Floats) -> Floats:
    """The same by a central distribution with equal first two moments (Patnaik 1949); exact where nc = 0."""
    h = (df + nc) ** 2 / (df + 2 * nc)
    y = x * h / (df + nc)
    estimated = np.isfinite(d)
    by_f = special.fdtrc(h, np.where(estimated, d, 1.0), y / h)
    return np.where(estimated, by_f, special.chdtrc(h, y))
