"""When a shift began: the moment, and the interval that the counts of windows allow.

One change point in counts, in the way of Smith (1975, Biometrika 62:407): before it rows fall into bins as
the reference's do but for what does not matter, after it anyhow. Both shares are unknown and have Dirichlet
priors, so that each possible moment has a marginal likelihood in closed form, and with all moments alike
before anything was seen, a probability after. The window within which it happened holds a mixture of both,
in proportion to the time before and after: so the moment is known more finely than windows are long, where
traffic is even. Counts are divided by how much more windows differ than chance alone makes them.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from driftline_collector.analysis.detectors.psi import SMOOTHING

Floats = npt.NDArray[np.float64]

#: Moments that are told apart within a window.
STEPS = 12
#: How far the shares before and after may lie from the reference's: (B-1)/concentration is a Dirichlet's mean
#: PSI. Where more is expected of what follows, small shifts are found to have begun too late.
_BEFORE = 0.02
_AFTER = 0.25
_TAIL = 0.025
#: Fewer do not tell how much windows differ.
_FEW_WINDOWS = 6


@dataclass(frozen=True, slots=True)
class Onset:
    """Moments in windows from the first one on: 2.5 is the middle of the third.

    `earliest` and `latest` bound it with 95%; `open` says that it may have been before the first window, and
    `at` is None where that is likelier than not.
    """

    at: float | None
    earliest: float
    latest: float
    open: bool


def onset(counts: npt.ArrayLike, reference: npt.ArrayLike, *, phi: float = 1.0) -> Onset | None:
    """When the last of some windows became different from the first ones.

    `counts` are (windows, bins), in order of time, zero in windows without rows; `reference` likewise, or
    (bins,). `phi` is the overdispersion known within windows. `None` where there are no rows.
    """
    now = np.asarray(counts, dtype=np.float64)
    base = np.broadcast_to(np.asarray(reference, dtype=np.float64), now.shape)
    used = (now.sum(0) > 0) | (base.sum(0) > 0)
    if not now.sum() or not base.sum() or used.sum() < 2:
        return None
    shares, now = _adjusted(now[:, used], base[:, used])
    # Half a step in, for what happens at no boundary; the very first is for whatever lies before.
    moments = np.concatenate([[0.0], (np.arange(len(now) * STEPS) + 0.5) / STEPS])
    log_likelihood = _log_likelihood(now, shares, moments)
    dispersion = _dispersion(now, float(moments[log_likelihood.argmax()]), phi)
    log_likelihood = _log_likelihood(now / dispersion, shares, moments)
    log_likelihood[0] += np.log(STEPS)  # as likely as any window is, not as any step
    probability = special.softmax(log_likelihood)
    cumulative = np.cumsum(probability)
    before = float(probability[0])
    half_step = np.where(moments > 0, 0.5 / STEPS, 0.0)

    def quantile(share: float) -> int:
        return min(int(np.searchsorted(cumulative, share)), len(moments) - 1)

    first, last = quantile(_TAIL), quantile(1 - _TAIL)
    return Onset(
        at=None if before > 0.5 else float(moments[quantile(0.5)]),
        earliest=float(moments[first] - half_step[first]),
        latest=float(moments[last] + half_step[last]),
        open=before > _TAIL,
    )


def _adjusted(now: Floats, base: Floats) -> tuple[Floats, Floats]:
    """Shares of the reference over all windows, and counts as if each window had had that reference.

    Windows matched by the hour have references of their own; what sets those apart is no change.
    """
    smooth = base + SMOOTHING
    own = smooth / smooth.sum(-1, keepdims=True)
    rows = now.sum(-1, keepdims=True)
    shares = (own * rows).sum(0) / rows.sum()
    moved = now * shares / own
    total = moved.sum(-1, keepdims=True)
    return shares, moved * rows / np.where(total > 0, total, 1.0)


def _log_likelihood(now: Floats, shares: Floats, moments: Floats) -> Floats:
    """Of a change at each of the moments, up to a constant, shape (moments,)."""
    bins = len(shares)
    before_prior = (bins - 1) / _BEFORE * shares
    after_prior = (bins - 1) / _AFTER * shares
    sums = np.vstack([np.zeros(bins), np.cumsum(now, axis=0)])
    window = moments.astype(np.int64)
    before, own = sums[window], now[window]
    # A change at the very beginning of a window leaves no part of it before.
    after = sums[-1] - before - own
    mixed = (moments - window)[:, None]
    p_before = (before + before_prior) / (before + before_prior).sum(-1, keepdims=True)
    p_after = (after + after_prior) / (after + after_prior).sum(-1, keepdims=True)
    within = (own * np.log(mixed * p_before + (1 - mixed) * p_after)).sum(-1)
    return np.asarray(_marginal(before, before_prior) + _marginal(after, after_prior) + within)


def _marginal(counts: Floats, prior: Floats) -> Floats:
    """The log of the Dirichlet-multinomial likelihood, shape of `counts` without its last axis."""
    of_bins = (special.gammaln(counts + prior) - special.gammaln(prior)).sum(-1)
    total = special.gammaln(prior.sum()) - special.gammaln(counts.sum(-1) + prior.sum())
    return np.asarray(of_bins + total)


def _dispersion(now: Floats, moment: float, phi: float) -> float:
    """How much more windows on one side of a moment differ than chance makes them, in the worst direction.

    χ² over its degrees of freedom is the mean over B-1 directions; all that is too much is taken to lie in
    one, as of a shift. `phi` is as good as it gets where there are few windows.
    """
    change = int(moment)
    chi2, degrees, windows = 0.0, 0, 0
    for side in (now[:change], now[change + 1 :]):
        rows = side.sum(-1, keepdims=True)
        some, bins = int((rows > 0).sum()), int((side.sum(0) > 0).sum())
        if some < 2 or bins < 2:
            continue
        expected = rows * side.sum(0) / rows.sum()
        seen = expected > 0
        chi2 += float(((side - expected)[seen] ** 2 / expected[seen]).sum())
        degrees += (some - 1) * (bins - 1)
        windows += some - 1
    known = chi2 / degrees if degrees else 1.0
    if degrees and known < 1 + 2 * float(np.sqrt(2 / degrees)):  # no more than chance makes of it
        known = 1.0
    excess = max(known, phi if windows < _FEW_WINDOWS else 1.0) - 1
    return float(1.0 + excess * (now.shape[-1] - 1))
