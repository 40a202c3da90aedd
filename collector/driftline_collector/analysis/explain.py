"""The smallest set of segments that explains a drift: a drifted device type is one finding, its regions are none.

A greedy subset scan. The evidence of a cell for a candidate segment is the log-likelihood ratio of the cell's
own counts between "shifted as the candidate's counts are" and "as its reference": large where the cell takes
part, strongly negative where it is healthy, near zero where it has too few rows to tell. The candidate with the
largest sum is a finding, its cells are taken out of all segments, and what is left is judged again, until nothing
is drifted.
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
from driftline_collector.analysis.segments import Lattice

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

#: One cell says at most this much, in nats: a thousand to one.
_MOST = float(np.log(1000.0))
#: How much a healthy cell speaks against a segment, beside how much a drifted one speaks for it. Above three,
#: two drifted device types of three are two findings and not the fleet; yet one healthy cell of many does not
#: split it.
_AGAINST = 4.0


@dataclass(frozen=True, slots=True)
class Finding:
    """A segment that explains drift, with the comparison of what earlier findings had left of all segments."""

    node: int
    comparison: Comparison
    kept: Kept


def explain(
    judge: Callable[[Flags], tuple[Comparison, Kept]],
    sums: CellSums,
    family: Family,
    lattice: Lattice,
    *,
    cell_phi: Floats,
    false_discovery: float,
) -> list[Finding]:
    """Findings in the order found.

    `judge` compares segments, given by their cells (S, L). The lattice's nodes stand in order of preference
    among equals. `cell_phi`, (L, F), is each cell's overdispersion.
    """
    # The odds that a cell must overcome to be believed; less is no evidence either way.
    believed = float(np.log((1 - false_discovery) / false_discovery))
    members = lattice.members
    named = np.array([sum(value is not None for value in node) for node in lattice.nodes])
    findings: list[Finding] = []
    left = np.ones(members.shape[1], dtype=np.bool_)
    while True:
        remaining = members & left
        comparison, kept = judge(remaining)
        candidates = np.flatnonzero(kept.segments)
        if not len(candidates):
            return findings
        evidence = [
            _evidence(remaining[i], comparison, int(i), kept.features[i], sums, family, cell_phi)
            for i in candidates
        ]
        scores = np.array([_score(of_cells, believed) for of_cells in evidence])
        if scores.max() > 0:
            # Where scores are alike, the better fit, less what each named dimension must earn.
            fit = np.array([of_cells.sum() for of_cells in evidence]) - believed * named[candidates]
            alike = scores >= scores.max() - believed
            chosen = int(candidates[np.argmax(np.where(alike, fit, -np.inf))])
        else:
            chosen = int(candidates[np.argmin(kept.p[candidates])])
        findings.append(Finding(chosen, comparison, kept))
        left &= ~members[chosen]


def _evidence(
    cells: Flags,
    comparison: Comparison,
    segment: int,
    moved: Flags,
    sums: CellSums,
    family: Family,
    cell_phi: Floats,
) -> Floats:
    """The log-likelihood ratio of each of a segment's cells, in nats, from the features that moved."""
    observed, expected = comparison.counts[segment, moved], comparison.expected[segment, moved]
    used = (observed > 0) | (expected > 0)
    tilt = np.where(used, np.log(_smoothed(observed, used) / _smoothed(expected, used)), 0.0)
    counts, phi = sums.counts[cells][:, moved], cell_phi[cells][:, moved]
    rows = counts.sum(-1)
    reference = family.shares[sums.version[cells]][:, moved]
    normaliser = np.log((reference * np.exp(tilt)).sum(-1), where=rows > 0, out=np.zeros_like(rows))
    # Akaike's correction: the segment's shares were fitted to these very cells.
    optimism = (comparison.bins[segment, moved] - 1) * rows / comparison.n[segment, moved]
    ratio = ((counts * tilt).sum(-1) - rows * normaliser) / phi - optimism
    return np.asarray(ratio.sum(-1), dtype=np.float64)


def _score(evidence: Floats, believed: float) -> float:
    """The sum of the evidence beyond `believed`, each cell's within ±ln 1000, healthy ones counted four times."""
    beyond = np.sign(evidence) * np.clip(np.abs(evidence) - believed, 0.0, _MOST)
    return float(np.where(beyond < 0, _AGAINST * beyond, beyond).sum())


def _smoothed(counts: Floats, used: Flags) -> Floats:
    smooth = np.where(used, counts + SMOOTHING, 1.0)
    total = np.where(used, smooth, 0.0).sum(-1, keepdims=True)
    return np.asarray(smooth / total, dtype=np.float64)
