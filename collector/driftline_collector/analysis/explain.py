"""The smallest set of segments that explains a drift: a drifted device type is one finding, not also its regions.

A greedy subset scan. The evidence of a cell for a candidate segment is the log-likelihood ratio of the cell's own
counts between "shifted as the candidate's counts are" and "as its reference": large where the cell takes part,
strongly negative where it is healthy, near zero where it has too few rows to tell. The candidate with the largest
sum is a finding, its cells are taken out of all segments, and what is left is judged again until nothing is drifted.
docs/decisions/0010-smallest-explaining-set.md says why this and not a sum over the cells' p-values.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from driftline_collector.analysis.comparison import CellSums, Comparison
from driftline_collector.analysis.detectors.psi import SMOOTHING
from driftline_collector.analysis.detectors.step_up import Kept
from driftline_collector.analysis.references import Family

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

#: One cell says at most this much, in nats: a thousand to one.
_MOST = float(np.log(1000.0))
#: How much a healthy cell speaks against a segment, beside how much a drifted one speaks for it. Above three, two
#: drifted device types of three are two findings and not the fleet; yet one healthy cell of many does not split it.
_AGAINST = 4.0
_TIE = 1e-6


@dataclass(frozen=True, slots=True)
class Finding:
    """A segment that explains drift. `apart` are the cells that it was judged on: its own, less earlier findings'."""

    node: int
    apart: Flags
    comparison: Comparison
    kept: Kept


def explain(
    judge: Callable[[Flags], tuple[Comparison, Kept]],
    sums: CellSums,
    family: Family,
    members: Flags,
    cell_phi: Floats,
    false_discovery: float,
) -> list[Finding]:
    """Findings in the order found.

    `judge` compares segments, given by their cells (S, L). `members`, (N, L), in order of preference among
    equals. `cell_phi`, (L, F), is each cell's overdispersion.
    """
    findings: list[Finding] = []
    left = np.ones(members.shape[1], dtype=np.bool_)
    while True:
        remaining = members & left
        comparison, kept = judge(remaining)
        candidates = np.flatnonzero(kept.segments)
        if not len(candidates):
            return findings
        scores = np.array(
            [
                _score(remaining[i], comparison, i, kept.features[i], sums, family, cell_phi, false_discovery)
                for i in candidates
            ]
        )
        if scores.max() > 0:
            chosen = candidates[np.flatnonzero(scores >= scores.max() * (1 - _TIE))[0]]
        else:
            chosen = candidates[np.argmin(kept.p[candidates])]
        findings.append(Finding(int(chosen), remaining[chosen], comparison, kept))
        left &= ~members[chosen]


def _score(
    cells: Flags,
    comparison: Comparison,
    segment: int,
    moved: Flags,
    sums: CellSums,
    family: Family,
    cell_phi: Floats,
    false_discovery: float,
) -> float:
    """The evidence of a segment's cells, each between ±ln 1000, healthy ones counted four times."""
    observed, expected = comparison.counts[segment, moved], comparison.expected[segment, moved]
    used = (observed > 0) | (expected > 0)
    tilt = np.where(used, np.log(_smoothed(observed, used) / _smoothed(expected, used)), 0.0)
    counts, phi = sums.counts[cells][:, moved], cell_phi[cells][:, moved]
    rows = counts.sum(-1)
    reference = family.shares[sums.version[cells]][:, moved]
    normaliser = np.log((reference * np.exp(tilt)).sum(-1), where=rows > 0, out=np.zeros_like(rows))
    # Akaike's correction: the segment's shares were fitted to these very cells.
    optimism = (comparison.bins[segment, moved] - 1) * rows / comparison.n[segment, moved]
    ratio = (((counts * tilt).sum(-1) - rows * normaliser) / phi - optimism).sum(-1)
    # Less than the odds that a segment must overcome to be believed is no evidence either way.
    odds = np.log((1 - false_discovery) / false_discovery)
    evidence = np.sign(ratio) * np.clip(np.abs(ratio) - odds, 0.0, _MOST)
    return float(np.where(evidence < 0, _AGAINST * evidence, evidence).sum())


def _smoothed(counts: Floats, used: Flags) -> Floats:
    smooth = np.where(used, counts + SMOOTHING, 1.0)
    total = np.where(used, smooth, 0.0).sum(-1, keepdims=True)
    return np.asarray(smooth / total, dtype=np.float64)
