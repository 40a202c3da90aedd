"""The smallest set of segments that explains a drift: a device type is one finding, its regions are none.

A greedy subset scan. The evidence of a cell for a candidate segment is the log-likelihood ratio of the cell's
own counts between "shifted as the candidate's counts are" and "as its reference": large where the cell takes
part, strongly negative where it is healthy, near zero where it has too few rows to tell. The candidate with
the largest sum is a finding, its cells are taken out of all segments, and what is left is judged again, until
nothing is drifted. docs/decisions/0010-smallest-explaining-set.md says why not a sum of cells' p-values.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from driftline_collector.analysis.cell_sums import CellSums
from driftline_collector.analysis.comparison import Comparison
from driftline_collector.analysis.detectors.psi import SMOOTHING, log_ratio
from driftline_collector.analysis.detectors.step_up import Kept
from driftline_collector.analysis.segments import Lattice

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

#: One cell says at most this much, in nats: a thousand to one.
_MOST = float(np.log(1000.0))
#: How much a healthy cell speaks against a segment, beside how much a drifted one speaks for it. Above three,
#: two drifted device types of three are two findings and not the fleet; yet one healthy cell of many does not
#: split it.
_AGAINST = 4.0
#: A cell takes part where all its rows are shifted, or half of them: devices seldom change at one moment.
_PARTS = (1.0, 0.5)


@dataclass(frozen=True, slots=True)
class Finding:
    """A segment that explains drift, with the comparison of what earlier findings left of all segments.

    `left_of` is set where a finding of before explains it, though that is none now. It may be what is left of
    one that is over as a whole: a drift that ends on one device after the other is not a new one on those
    that are last. Or it holds one that has too few rows now, and shows nothing but that one's shift.
    """

    node: int
    left_of: int | None
    comparison: Comparison
    kept: Kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """What a search looks at. The lattice's N nodes stand in order of preference among equals.

    `judge` is given the nodes' cells, (N, L), the comparison of before, and whose cells are fewer than then,
    (N,); `whole` is what it says at first.
    `cell_phi`, (L, F), is each cell's overdispersion; `standing`, (N,), says which nodes were findings when
    last they could be judged. `believed` are the log-odds that a cell must overcome: less is no evidence
    either way.
    """

    judge: Callable[[Flags, Comparison, Flags], tuple[Comparison, Kept]]
    whole: tuple[Comparison, Kept]
    sums: CellSums
    lattice: Lattice
    cell_phi: Floats
    standing: Flags
    believed: float

    def findings(self, left: Flags) -> list[Finding]:
        """The segments that explain all drift of the cells that are `left`, (L,), in the order found.

        Their cells are taken out of `left`.
        """
        found: list[Finding] = []
        comparison, kept = self.whole
        while kept.segments.any():
            remaining = self.lattice.members & left
            evidence = {
                i: self._evidence(remaining[i], comparison, i, kept.features[i])
                for i in np.flatnonzero(kept.segments).tolist()
            }
            chosen = self._choose(remaining, evidence, kept)
            known = self._left_of(chosen, kept)
            if known is None:
                known = self._too_few_in(chosen, remaining[chosen], comparison, evidence[chosen])
            found.append(Finding(chosen, known, comparison, kept))
            left &= ~self.lattice.members[chosen]
            fewer = np.asarray((remaining & ~left).any(-1))
            comparison, kept = self.judge(remaining & left, comparison, fewer)
        return found

    def _choose(self, remaining: Flags, evidence: Mapping[int, Floats], kept: Kept) -> int:
        candidates = list(evidence)
        score = {i: self._score(evidence[i], _AGAINST) for i in candidates}
        if max(score.values()) > 0:
            # Where scores are alike, the better fit, less what each named dimension must earn.
            alike = [i for i in candidates if score[i] >= max(score.values()) - self.believed]
            fit = {i: float(evidence[i].sum()) - self.believed * self._named(i) for i in alike}
            best = max(alike, key=fit.__getitem__)
            # Of those that name as many, so little more is none: a few rows of cells beside may say anything.
            best = next(
                i
                for i in alike
                if self._named(i) == self._named(best) and fit[i] >= fit[best] - self.believed
            )
        else:
            best = min(candidates, key=lambda i: float(kept.p[i]))
        # While it is drifted, a finding keeps its name though it has ended on some of its devices.
        for i in candidates:
            wider = _within(remaining[best], remaining[i])
            if self.standing[i] and wider and self._score(evidence[i], 1.0) > 0:
                best = i
        return int(best)

    def _left_of(self, chosen: int, kept: Kept) -> int | None:
        members = self.lattice.members
        for i in np.flatnonzero(self.standing & ~kept.segments).tolist():
            if not self.standing[chosen] and _within(members[chosen], members[i]):
                return int(i)
        return None

    def _too_few_in(self, chosen: int, cells: Flags, comparison: Comparison, evidence: Floats) -> int | None:
        """The finding of before within `chosen` that speaks for its shift where nothing else in it does."""
        if self.standing[chosen]:
            return None
        at = np.flatnonzero(cells)
        for i in np.flatnonzero(self.standing & np.isnan(comparison.p).all(-1)).tolist():
            inside = self.lattice.members[i, at]
            elsewhere = (evidence[~inside] > self.believed).any()
            if not elsewhere and inside.any() and self._score(evidence[inside], 1.0) > 0:
                return int(i)
        return None

    def _named(self, node: int) -> int:
        return sum(value is not None for value in self.lattice.nodes[node])

    def _score(self, evidence: Floats, against: float) -> float:
        """The sum of what cells say beyond belief, each at most ±ln 1000, healthy ones `against`-fold."""
        beyond = np.sign(evidence) * np.clip(np.abs(evidence) - self.believed, 0.0, _MOST)
        return float(np.where(beyond < 0, against * beyond, beyond).sum())

    def _evidence(self, cells: Flags, comparison: Comparison, segment: int, moved: Flags) -> Floats:
        """The log-likelihood ratio of each of a segment's cells, in nats, from the features that moved."""
        observed, expected = comparison.counts[segment, moved], comparison.expected[segment, moved]
        used = (observed > 0) | (expected > 0)
        tilt = log_ratio(observed, expected)
        counts, phi = self.sums.telling[cells][:, moved], self.cell_phi[cells][:, moved]
        # As many reference rows as the segment's, so that a bin no reference has seen is as unlikely in each.
        shares = self.sums.baseline.shares[cells][:, moved]
        reference = _smoothed(shares * expected.sum(-1)[:, None], np.broadcast_to(used, shares.shape))
        likelihood = np.exp(tilt) / (reference * np.exp(tilt)).sum(-1, keepdims=True)
        # Akaike's correction: the segment's shares were fitted to these very cells.
        own_share = counts.sum(-1) / comparison.n[segment, moved]
        optimism = (comparison.bins[segment, moved] - 1) * own_share
        ratios = [
            ((counts * np.log1p(part * (likelihood - 1))).sum(-1) / phi - optimism).sum(-1) for part in _PARTS
        ]
        return np.asarray(np.max(ratios, axis=0), dtype=np.float64)


def _within(inner: Flags, outer: Flags) -> bool:
    """Whether `outer` holds all that `inner` does, and more."""
    return bool((outer >= inner).all() and (outer > inner).any())


def _smoothed(counts: Floats, used: Flags) -> Floats:
    smooth = np.where(used, counts + SMOOTHING, 1.0)
    total = np.where(used, smooth, 0.0).sum(-1, keepdims=True)
    return np.asarray(smooth / total, dtype=np.float64)
