"""Overdispersion between devices: by how much counts vary more than if each row were drawn by itself.

Devices are clusters: rows of one camera look alike, so 10,000 rows of 20 cameras say less than 10,000 rows
of as many. φ is that factor, the design effect of a cluster sample (Rao and Scott 1981 correct χ² by it),
from two sources:

- The segment's own D devices: with the variance V_b = D/(D-1) Σ_d (o_db - n_d p_b)² / n² of a share
  p_b = o_b/n, φ = n/(B-1) Σ_b V_b/p_b. Of few devices that is a rough estimate.
- All devices: the correlation ρ of two rows of one device, pooled over all cells with two or more of them,
  gives φ = 1 + (Σ n_d²/n - 1) ρ.

They are averaged by their degrees of freedom, D-1 and those of the devices elsewhere. How many of the latter
count is read off how much cells agree (Smyth 2004 moderates variances so): if φ varied among them as with k
degrees of freedom, their χ² would follow an F law with a longer tail, the smaller k is; counted are as many
as the tail allows, and `ELSEWHERE` at least. Rows never say more than independent ones: φ ≥ 1.

What all devices of a cell have in common on a day (weather, a shift of workers) they cannot show. Other cells
can: by how much a cell commonly differs from all of them, beyond what its devices explain, is the correlation
of two rows of one cell, and adds (Σ n_c²/n - 1) ρ_c. It is read off the quieter cells, so that those that
have drifted do not excuse themselves.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

#: Fewer cells than this do not tell how much cells differ.
LEAST_CELLS = 5
#: The quantile that is held against its law, and where it lies of a normal one.
_QUIET = 0.4
_QUIET_AT = float(special.ndtri(_QUIET))
#: The normal density there; mean and deviation of the positive half of a normal error, of deviation 1.
_QUIET_DENSITY = float(np.exp(-(_QUIET_AT**2) / 2) / np.sqrt(2 * np.pi))
_HALF_MEAN = float(1 / np.sqrt(2 * np.pi))
_HALF_DEVIATION = float(np.sqrt(0.5 - 1 / (2 * np.pi)))
#: How often is halved where a correlation is sought.
_HALVINGS = 23
#: What devices of other segments are worth at least, beside a segment's own, in degrees of freedom; and what
#: they may be worth.
ELSEWHERE = 8.0
_WORTH = ELSEWHERE * 2.0 ** np.arange(6)
#: A few cells may agree by chance: half of what they are is a margin, and of many so much.
_MARGIN = 32.0
#: The tail by which they are judged: this share of cells lies in it, at this normal quantile.
_TAIL, _TAIL_AT = 0.1, float(special.ndtri(0.9))


@dataclass(frozen=True, slots=True)
class Spread:
    """Sums over devices d that φ is a function of, linear, so that segments add up.

    With o_db the counts of a device and n_d their total: `squares` Σ o_db² and `products` Σ n_d o_db, both of
    shape (..., bins); `totals` Σ n_d² and `devices`, how many have any row, both of shape (...).
    """

    squares: Floats
    products: Floats
    totals: Floats
    devices: Floats

    @property
    def sums(self) -> tuple[Floats, Floats, Floats, Floats]:
        """All of them, in order."""
        return self.squares, self.products, self.totals, self.devices

    def scaled(self, by: Floats) -> "Spread":
        """The same of counts of which each is so many times as large; `by` has the shape of `totals`."""
        each = by[..., None] ** 2
        return Spread(self.squares * each, self.products * each, self.totals * by**2, self.devices)


@dataclass(frozen=True, slots=True)
class Correlation:
    """The correlation of two rows of one cluster by feature, with its degrees of freedom; (features,).

    `worth` is how many of these count for one cell.
    """

    rho: Floats
    df: Floats
    worth: Floats


@dataclass(frozen=True, slots=True)
class Dispersion:
    """φ ≥ 1 and its degrees of freedom, 0 where nothing is known; whether it is mostly of own devices."""

    phi: Floats
    df: Floats
    own: npt.NDArray[np.bool_]

    def with_cells(self, counts: Floats, *clusters: tuple[Floats, Correlation]) -> "Dispersion":
        """This and what cells or larger clusters have in common, whichever adds most.

        Each of `clusters` has Σ n_c² over those c that a segment lies in, (segments, features), and how alike
        two rows of one are.
        """
        n = counts.sum(-1)
        extra, df = np.zeros_like(n), np.zeros_like(n)
        for squares, of_clusters in clusters:
            more = np.maximum(squares / np.where(n > 0, n, 1.0) - 1, 0.0) * of_clusters.rho
            df = np.where(more > extra, of_clusters.df, df)
            extra = np.maximum(extra, more)
        return self.plus(extra, df)

    def plus(self, extra: Floats, extra_df: Floats) -> "Dispersion":
        """This and a part that was estimated by itself; both (segments, features)."""
        phi = self.phi + extra
        # Satterthwaite's rule for the sum of two estimates; what has no degrees of freedom is taken as known.
        parts = ((self.phi, self.df), (extra, extra_df))
        uncertain = sum(
            np.divide(v**2, df, out=np.zeros_like(phi), where=np.broadcast_to(df > 0, phi.shape))
            for v, df in parts
        )
        df = np.divide(phi**2, uncertain, out=np.zeros_like(phi), where=uncertain > 0)
        return Dispersion(phi, df, self.own & (extra < self.phi))


def within_devices(counts: Floats, relative_squares: Floats, spread: Spread) -> Correlation:
    """The correlation of two rows of one device, pooled over cells.

    `counts`, (cells, features, bins), are sums over devices, and so are `relative_squares`, Σ o_db²/n_d.
    The heterogeneity χ² of a cell, Σ_b Σ_d (o_db - n_d p_b)² / (n_d p_b), has the mean
    (B-1) ((D-1)(1-ρ) + ρ (n - Σ n_d²/n)), which is solved for ρ ≥ 0.
    """
    n = counts.sum(-1)
    bins = (counts > 0).sum(-1)
    usable = (spread.devices > 1) & (bins > 1)
    safe_n = np.where(n > 0, n, 1.0)
    share = counts / safe_n[..., None]
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(counts > 0, relative_squares / share - n[..., None] * share, 0.0)
    chi2 = np.where(usable, terms.sum(-1) / np.maximum(bins - 1, 1), 0.0)
    df = np.where(usable, spread.devices - 1, 0.0)
    pairs = np.where(usable, n - spread.totals / safe_n, 0.0)
    total = df.sum(0)
    excess = np.maximum(pairs.sum(0) - total, 0.0)
    rho = np.divide(chi2.sum(0) - total, excess, out=np.zeros_like(total), where=excess > 0)
    directed = np.divide(df, np.maximum(bins - 1, 1)).sum(0)
    error = np.divide(np.sqrt(2 * directed), excess, out=np.zeros_like(total), where=excess > 0)
    rho = _beyond_chance(np.clip(rho, 0.0, 1.0), error)
    phi = 1 + np.divide(np.maximum(pairs - df, 0.0), df, out=np.zeros_like(df), where=usable) * rho
    scaled = np.divide(chi2, df * phi, out=np.full_like(df, np.nan), where=usable)
    return Correlation(rho, total, agreed(scaled, df, phi, bins))


def between_cells(adjusted: Floats, reference: Floats, within: Dispersion) -> Correlation:
    """The correlation of two rows of one cell, beyond what its devices explain (`within`, (cells, features)).

    `adjusted`, (cells, features, bins), are counts without the known difference between versions,
    `reference`, (features, bins), the shares that these are compared with. Cells may vary about the
    reference, or, where most have drifted, about what is common to them: what says less is believed.
    """
    n = adjusted.sum(-1)
    share = adjusted / np.where(n > 0, n, np.nan)[..., None]
    known = (n > 1).sum(0) >= LEAST_CELLS
    nothing = np.zeros(len(known))
    if not known.any():
        return Correlation(nothing, nothing, nothing)
    common = _median(share[:, known])
    rho = nothing.copy()
    centres = np.stack([reference[known], common / common.sum(-1, keepdims=True)])
    rho[known] = _smaller_about(centres, n[:, known], share[:, known], within.phi[:, known])
    # That of a quantile of so many, whose cube root is normal.
    ninth = 2 / (9 * np.maximum((reference > 0).sum(-1) - 1.0, 1.0))
    cells = np.maximum((n > 1).sum(0), 1)
    in_root = np.sqrt(ninth * _QUIET * (1 - _QUIET) / cells) / _QUIET_DENSITY
    error_of_phi = 3 * in_root / (1 - ninth + _QUIET_AT * np.sqrt(ninth))
    rho = _beyond_chance(rho, error_of_phi * cells / np.maximum(n.sum(0), 1.0))
    # The smaller of two estimates is a little too small: that they agree makes it worth no more.
    df = np.where(known, np.minimum((n > 1).sum(0) - 1.0, ELSEWHERE), 0.0)
    return Correlation(rho, df, df)


def _beyond_chance(rho: Floats, error: Floats) -> Floats:
    """ρ ≥ 0 with standard errors about none, (features,); none where chance makes as much of it.

    Else φ is too large by what the positive halves of errors have in the mean. Features tell together.
    """
    some = error > 0
    if not some.any():
        return rho
    relative = rho[some] / error[some]
    limit = _HALF_MEAN + _HALF_DEVIATION / np.sqrt(some.sum())
    if relative.mean() > limit:
        return rho
    return np.where(rho <= 2 * error, 0.0, rho)


def _smaller_about(centres: Floats, n: Floats, share: Floats, phi: Floats) -> Floats:
    """At which correlation the quietest cells are as far from each of `centres`, (2, features, bins), as the
    law has it: the smaller of both, (features,).
    """
    used = (centres > 0)[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(used, n[..., None] * (share - centres[:, None]) ** 2 / centres[:, None], 0.0)
    chi2, directions = terms.sum(-1), np.maximum(used.sum(-1) - 1.0, 1.0)
    quiet = _QUIET * (np.isfinite(chi2).sum(1) - 1)
    result = np.zeros(n.shape[1])
    at = np.flatnonzero(_above(phi, directions, chi2, quiet))
    phi, others = phi[:, at], np.maximum(n - 1, 0.0)[:, at]
    directions, chi2, quiet = directions[..., at], chi2[..., at], quiet[:, at]
    low, high = np.zeros(len(at)), np.ones(len(at))
    for _ in range(_HALVINGS if len(at) else 0):
        rho = (low + high) / 2
        above = _above(phi + others * rho, directions, chi2, quiet)
        low, high = np.where(above, rho, low), np.where(above, high, rho)
    result[at] = low
    return result


def _above(phi: Floats, directions: Floats, chi2: Floats, quiet: Floats) -> Flags:
    """Whether the quantile `_QUIET` of cells lies above the law's, about all centres; (features,)."""
    # Counted, not sorted.
    return np.asarray(((chi2 <= _quantile(phi, directions)).sum(1) <= quiet).all(0), dtype=np.bool_)


def degrees(phi: Floats, bins: Floats) -> Floats:
    """ν, the degrees of freedom of χ² on so many bins that is overdispersed in one direction, as in `psi`."""
    total = np.maximum(bins - 1, 1) * phi
    return np.asarray(total**2 / (np.maximum(bins - 2, 0) + (1 + total - np.maximum(bins - 1, 1)) ** 2))


def agreed(ratio: Floats, df: Floats, phi: Floats, bins: Floats) -> Floats:
    """What cells are worth to each other, by how few of them lie in the tail of their law; (features,).

    `ratio`, (cells, features), are the φ of cells, of `df` degrees of freedom, over the `phi` that is common
    to all, NaN where there is none; the law is that of F with df·ν and kν degrees of freedom, about its own
    median (normal by Paulson 1942), ν those of χ² on so many `bins`.
    """
    directions = degrees(phi, bins)
    worth = np.full(ratio.shape[1], _WORTH[0])
    cells = np.isfinite(ratio).sum(0)
    some = cells >= LEAST_CELLS
    if not some.any():
        return worth
    a = 2 / (9 * np.maximum(df * directions, 0.5))[:, some]
    for k in _WORTH[1:]:
        b = 2 / (9 * k * directions)[:, some]
        cube = np.cbrt(ratio[:, some]) * (1 - b) / (1 - a)
        cube = cube / _median(cube) * (1 - a)
        in_tail = (cube - (1 - a)) / np.sqrt(b * (cube / (1 - b)) ** 2 + a) > _TAIL_AT
        share = in_tail.sum(0) / cells[some]
        # Beside what chance has in the tail of so few. Features tell together whether devices are alike.
        chance = np.sqrt(_TAIL * (1 - _TAIL) / cells[some])
        together = share.mean() <= _TAIL + 2 * chance.mean() / np.sqrt(some.sum())
        worth[some] = np.where(together & (share <= _TAIL + 2 * chance), k, worth[some])
    total = np.where(np.isfinite(ratio), df, 0.0).sum(0)
    most = total - np.minimum(total / 2, _MARGIN)
    return np.asarray(np.clip(worth, ELSEWHERE, np.maximum(most, ELSEWHERE)), dtype=np.float64)


def _median(values: Floats) -> Floats:
    """The median of each column, NaN left out. As `np.nanmedian`, which loops over columns."""
    ordered = np.sort(values, axis=0)  # NaN sorts last
    count = np.isfinite(ordered).sum(0)
    middle = (np.take_along_axis(ordered, at[None], axis=0)[0] for at in ((count - 1) // 2, count // 2))
    return np.asarray(sum(middle) / 2, dtype=np.float64)


def _quantile(phi: Floats, directions: Floats) -> Floats:
    """That of `_QUIET` of χ² overdispersed in one direction (Wilson and Hilferty 1931)."""
    ninth = 2 / (9 * degrees(phi, directions + 1))
    root = 1 - ninth + _QUIET_AT * np.sqrt(ninth)
    return np.asarray(directions * phi * (root * root * root), dtype=np.float64)


def dispersion(
    counts: Floats, centre: Floats, spread: Spread, bins: Floats, correlation: Correlation
) -> Dispersion:
    """φ of segments by feature; arrays are (segments, features), counts and `centre` have bins beside.

    `counts` are the summed counts o_b, `centre` the shares that devices vary about (p_b, in the terms of
    `spread`), `bins` how many bins count; `correlation` comes from `within_devices`.
    """
    n, d = counts.sum(-1), spread.devices
    safe_n = np.where(n > 0, n, 1.0)
    several = (d > 1) & (bins > 1) & (n > 0)
    residual = spread.squares - 2 * centre * spread.products + centre**2 * spread.totals[..., None]
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = np.where(counts > 0, residual / (counts / safe_n[..., None]), 0.0).sum(-1)
        own = np.where(several, d / (d - 1) * relative / safe_n / (bins - 1), 0.0)
    own_df = np.where(several, d - 1, 0.0)
    pooled = 1 + np.maximum(spread.totals / safe_n - 1, 0.0) * correlation.rho
    pooled_df = np.clip(correlation.df - own_df, 0.0, correlation.worth)
    df = own_df + pooled_df
    phi = (own_df * own + pooled_df * pooled) / np.where(df > 0, df, 1.0)
    return Dispersion(np.maximum(phi, 1.0), df, own_df > pooled_df)
