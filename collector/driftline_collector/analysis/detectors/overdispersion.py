"""Overdispersion between devices: by how much counts vary more than if each row were drawn by itself.

Devices are clusters: rows of one camera look alike, so 10,000 rows of 20 cameras say less than 10,000 rows of
as many. The variance of a share, estimated from the D devices of a window,

    V_b = D/(D-1) · Σ_d (o_db - n_d p_b)² / n²,   p_b = o_b / n

against the p_b(1-p_b)/n of independent rows, averaged over bins, is the design effect of a cluster sample
(the average Rao and Scott 1981 correct χ² by):  φ = max(1, n/(B-1) · Σ_b V_b/p_b).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


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


def dispersion(counts: Floats, centre: Floats, spread: Spread, bins: Floats) -> tuple[Floats, Floats]:
    """φ ≥ 1 and its degrees of freedom, (D-1)(B-1); 1 and infinity where there is but one device.

    `counts`, shape (..., bins), are the summed counts o_b, `centre` the shares that devices vary around (p_b,
    in the same terms as `spread`), `bins` the number of bins that count, shape (...).
    """
    n = counts.sum(-1)
    d = spread.devices
    enough = (d > 1) & (bins > 1) & (n > 0)
    safe_n = np.where(n > 0, n, 1.0)
    residual = spread.squares - 2 * centre * spread.products + centre**2 * spread.totals[..., None]
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = np.where(counts > 0, residual / (counts / safe_n[..., None]), 0.0).sum(-1)
        phi = d / (d - 1) * relative / safe_n / (bins - 1)
    return np.where(enough, np.maximum(phi, 1.0), 1.0), np.where(enough, (d - 1) * (bins - 1), np.inf)
