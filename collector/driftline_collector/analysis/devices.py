"""How single devices are: what moved most on each, and how slow it is. For pages and lists, never for alerts.

A device is judged by itself at the rate of false discovery, its strongest feature for all of them
(Bonferroni): among thousands some will look moved by chance, which is why findings are not of devices. It is
compared with what its cell is compared with.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from driftline_schemas.binning import DURATION
from driftline_schemas.segments import CORE_DIMENSIONS, Segment

from driftline_collector.analysis.counts import Device, Profiles, by_place
from driftline_collector.analysis.coverage import Presence
from driftline_collector.analysis.detectors.overdispersion import ELSEWHERE
from driftline_collector.analysis.detectors.proportion import binned_quantiles
from driftline_collector.analysis.detectors.psi import minimum_effect, population_stability
from driftline_collector.analysis.drift import Judged, Limits
from driftline_collector.analysis.evaluation import Evaluation, Verdict
from driftline_collector.analysis.performance import histograms

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Strongest:
    """The feature that moved most on a device: effect, p-value corrected for all features, and rows.

    `reference` names what it was compared with.
    """

    feature: str
    effect: float
    p: float
    n: float
    reference: str


def evaluations(
    profiles: Profiles,
    presence: Presence,
    judged: Sequence[Judged],
    edges_of: Callable[[str], Sequence[float]],
    *,
    model: str,
    limits: Limits,
) -> list[Evaluation]:
    """A row of the measure `device` for each device that reported in the window.

    `value` is the effect of its strongest feature. Details have that feature, predictions, escalations, and
    the 95th percentile of latency in s, None where it is not known.
    """
    strongest: dict[int, Strongest] = {}
    for one in judged:
        strongest |= _strongest(profiles, one, limits)
    made, escalated = profiles.totals("predictions"), profiles.totals("escalations")
    slow, covered = _latency(profiles, edges_of), _covered(presence)
    rows = []
    for i, device in enumerate(profiles.devices):
        own = strongest.get(i)
        details: dict[str, Any] = {
            "strongest": own.feature if own else None,
            "predictions": int(made[i]),
            "escalations": int(escalated[i]),
            "latency_p95": slow.get(i),
        }
        rows.append(
            Evaluation(
                segment=_key(model, device),
                measure="device",
                verdict=_verdict(own, limits),
                value=own.effect if own else None,
                p=own.p if own else None,
                n=own.n if own else float(made[i]),
                coverage=covered.get(device),
                devices=1,
                reference=own.reference if own else None,
                details=details,
            )
        )
    # A device that went over to another segment of the user's own within the window is one all the same.
    most = {row.segment: row for row in sorted(rows, key=lambda row: row.n or 0.0)}
    return rows if len(most) == len(rows) else list(most.values())


def _verdict(own: Strongest | None, limits: Limits) -> Verdict:
    if own is None:
        return "no_reference"
    if own.n < limits.minimum_rows:
        return "insufficient_data"
    return "drifted" if own.p <= limits.false_discovery else "stable"


def _strongest(profiles: Profiles, judged: Judged, limits: Limits) -> dict[int, Strongest]:
    """Device → what moved most on it, of devices with rows on a family's binning."""
    family, baseline = judged.family, judged.sums.baseline
    at, cell = judged.members.devices, judged.members.cell
    if not len(at):
        return {}
    devices = [profiles.devices[i] for i in at]
    counts = profiles.counts(family)[at]
    n, m = counts.sum(-1), baseline.rows[cell]
    reference = baseline.at_least_one(baseline.shares[cell] * m[..., None], counts)
    psi, bins = population_stability(counts, reference)
    c = 1 / np.where(n > 0, n, np.nan) + 1 / np.where(m > 0, m, np.nan)
    rho, df = _correlation(counts, devices)
    between = _between_windows(judged)[cell]
    phi = 1 + np.maximum(n - 1, 0.0) * rho + between / np.where(np.isfinite(c), c, 1.0)
    effect = np.where(np.isfinite(c), psi - np.maximum(bins - 1, 0) * c * phi, -np.inf)
    best = effect.argmax(-1)
    row = np.arange(len(at))
    known = np.isfinite(effect[row, best])
    p = np.ones(len(at))
    picked = (row[known], best[known])
    p[known] = minimum_effect(
        psi[picked],
        bins[picked],
        c[picked],
        effect=limits.minimum_effect,
        phi=phi[picked],
        phi_df=df,
    )
    corrected = np.minimum(p * len(family.features), 1.0)
    own = np.asarray(baseline.own.any(-1), dtype=np.bool_)
    named = [
        baseline.past.reference if baseline.past is not None and own[i] else family.ids[version]
        for i, version in enumerate(judged.members.version.tolist())
    ]
    return {
        int(at[i]): Strongest(
            family.features[best[i]].name,
            float(effect[i, best[i]]),
            float(corrected[i]),
            float(n[i].max()),
            named[cell[i]],
        )
        for i in np.flatnonzero(known)
    }


def _between_windows(judged: Judged) -> Floats:
    """How much cells vary anyway between the past windows that they are compared with, σ², (L, F)."""
    sums = judged.sums
    one = np.ones_like(sums.rows)
    return sums.baseline.replicates(sums.rows, sums.spread.totals, one, lambda of_cells: of_cells).phi - 1


def _correlation(counts: Floats, devices: Sequence[Device]) -> tuple[Floats, float]:
    """How alike the rows of one device are, by feature, as the devices of its cell tell; degrees of freedom.

    `counts` are (devices, features, bins). Each device's χ² against the shares of its cell has the mean
    (1 + (n_d - 1) ρ)(1 - n_d/n). ρ is the median of what devices say: one that moved shall not excuse itself.
    """
    cells = sorted({device.cell for device in devices})
    place = {cell: i for i, cell in enumerate(cells)}
    cell = np.array([place[device.cell] for device in devices], dtype=np.int64)
    summed = by_place(cell, counts, len(cells))
    n, total = counts.sum(-1), summed.sum(-1)[cell]
    share = summed[cell] / np.where(total > 0, total, 1.0)[..., None]
    bins = (share > 0).sum(-1)
    usable = (n > 1) & (n < total) & (bins > 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = n[..., None] * share
        chi2 = np.where(expected > 0, (counts - expected) ** 2 / expected, 0.0).sum(-1) / (bins - 1)
        rho = np.where(usable, (chi2 / (1 - n / total) - 1) / (n - 1), np.nan)
    known = usable.any(0)
    median = np.zeros(counts.shape[1])
    median[known] = np.nanquantile(rho[:, known], 0.5, axis=0, method="lower")
    return np.clip(median, 0.0, 1.0), float(min(usable.any(1).sum(), ELSEWHERE))


def _latency(profiles: Profiles, edges_of: Callable[[str], Sequence[float]]) -> dict[int, float]:
    """Device → 95th percentile of the time that an inference took, in s."""
    at = profiles.places(feature=DURATION, kind="numeric")
    owner = profiles.device[at]
    found: dict[int, float] = {}
    for edges, of_edges in histograms(profiles, at, edges_of):
        lists = profiles.lists.matrix(at[of_edges], len(edges) + 1)
        counts = by_place(owner[of_edges], lists, len(profiles.devices))
        some = np.flatnonzero(counts.sum(-1))
        found |= zip(some.tolist(), binned_quantiles(counts[some], edges, 0.95).tolist(), strict=True)
    return found


def _covered(presence: Presence) -> dict[Device, float]:
    """The share of the window that each device has reported, of those that were expected."""
    return {
        device: float(reported / expected)
        for device, reported, expected in zip(
            presence.devices, presence.reported, presence.expected, strict=True
        )
        if expected > 0
    }


@lru_cache(maxsize=2**16)  # the same devices each window, and spelling a key takes its time
def _key(model: str, device: Device) -> str:
    # Without tier and the user's own dimensions: through those a device is found, by these it is called.
    named = dict(zip(CORE_DIMENSIONS[1:], device.cell.values, strict=False))
    return str(Segment.of({"model": model, **named, "device": device.name}))
