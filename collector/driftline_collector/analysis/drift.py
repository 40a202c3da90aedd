"""Drift of every segment of a model in one window: the one rule for a verdict, and which segments explain it.

`drifted` is a closed window, enough rows, and a minimum-effect p-value that the step-up procedure keeps.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from driftline_collector.analysis.baselines import Past
from driftline_collector.analysis.cell_sums import CellSums
from driftline_collector.analysis.comparison import Comparison, compare, judges
from driftline_collector.analysis.counts import Profiles
from driftline_collector.analysis.detectors.choice import DEFAULT
from driftline_collector.analysis.detectors.step_up import Kept
from driftline_collector.analysis.magnitudes import Members, magnitudes
from driftline_collector.analysis.mixtures import Hours, now_registered
from driftline_collector.analysis.recent import Counted
from driftline_collector.analysis.references import Family
from driftline_collector.analysis.samples import Samples
from driftline_collector.analysis.search import Before, Search, Searched
from driftline_collector.analysis.segments import Lattice
from driftline_collector.analysis.selected import selected
from driftline_collector.analysis.spans import spans

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What is in the rule: least PSI that matters, accepted share of false findings, least rows, the test."""

    minimum_effect: float = 0.02
    false_discovery: float = 0.05
    minimum_rows: float = 50.0
    detector: str = DEFAULT
    scores: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Judged:
    """Verdicts of one family over the N nodes of a lattice; arrays are (N,) or (N, features).

    `sums` are what it was judged from, by cell, `members` whose counts those are. `detectors`, (features,),
    are whose test each feature's verdict is, `scores`, (N,), for rules.
    `explained_by` gives for each drifted node that is none the findings that it shares cells with,
    or that of before which it is left of, or which has too few rows now.
    """

    family: Family
    limits: Limits
    sums: CellSums
    members: Members
    detectors: tuple[str, ...]
    scores: Mapping[str, Floats]
    searched: Searched
    effect: Floats
    lower: Floats
    upper: Floats
    findings: tuple[int, ...]
    explained_by: Mapping[int, tuple[int, ...]]
    lattice: Lattice

    @property
    def past(self) -> Past | None:
        """What cells were to be compared with, where that is not their version's reference."""
        return self.sums.baseline.past

    def cells(self, node: int) -> Flags:
        """Which cells of a node have rows now, (L,)."""
        return np.asarray(self.lattice.members[node] & self.sums.rows.any(axis=-1), dtype=np.bool_)

    @property
    def comparison(self) -> Comparison:
        """The numbers of nodes against their reference."""
        return self.searched.comparison

    @property
    def kept(self) -> Kept:
        """What the step-up procedure keeps."""
        return self.searched.kept

    @cached_property
    def rows(self) -> Floats:
        """How many rows of each node could be compared in the window itself, shape (N,)."""
        merged = self.searched.windows > 1
        rows = np.asarray(self.comparison.rows.max(-1), dtype=np.float64)
        return np.where(merged, self.lattice.over_cells(self.sums.rows).max(-1), rows)

    @cached_property
    def reference_rows(self) -> Floats:
        """How many rows of the reference they were compared with, shape (N,)."""
        return np.asarray(self.comparison.expected.sum(-1).max(-1), dtype=np.float64)

    @cached_property
    def told(self) -> Mapping[str, list[list[Any]]]:
        """All that rows tell of features, each (N, features): numbers of Python's, for thousands of rows."""
        comparison = self.comparison
        return {
            "counts": comparison.counts.astype(np.int64).tolist(),
            "expected": np.round(comparison.expected, 2).tolist(),
            "n": comparison.rows.tolist(),
            "n_eff": comparison.n_eff.tolist(),
            "sampled": comparison.sampled.tolist(),
            "p": comparison.p.tolist(),
            "phi": comparison.phi.tolist(),
            "phi_source": comparison.phi_source.tolist(),
            "value": self.effect.tolist(),
            "lower": self.lower.tolist(),
            "upper": self.upper.tolist(),
            "q": self.kept.feature_q.tolist(),
            "score": comparison.score.tolist(),
            "kept": self.kept.features.tolist(),
        }


def judge(
    profiles: Profiles,
    family: Family,
    lattice: Lattice,
    limits: Limits,
    *,
    before: Before,
    samples: Samples | None = None,
    earlier: Sequence[Counted] = (),
    past: Mapping[int, Past] = MappingProxyType({}),
    hours: Hours | None = None,
) -> Judged | None:
    """Compare all nodes on one family's binning; `None` where no device has counts or samples on it.

    `earlier` is what was counted in the windows before, the latest first; `past`, by the width of spans, what
    cells are compared with in the place of their version's reference. `hours` tell when the window is, for
    references that know hours; without them all hours are alike.
    """
    bound = np.flatnonzero(profiles.bound_to(family))
    members = _members(profiles, bound, family, lattice)
    known = hours if family.knows_hours else None
    chosen = None
    if samples:
        registered = now_registered(family, members.version, known)
        chosen = selected(samples, family, lattice.cells, registered)
    if not family.features or not (len(bound) or chosen):
        return None
    counted = Counted.of(profiles, family)
    now, *wider = spans(counted, earlier, members.version, family, lattice, past=past, hours=known)
    searching = [replace(now, sums=replace(now.sums, selected=chosen)), *wider]
    search = Search(
        spans=searching,
        tested=partial(
            compare,
            family=family,
            effect=limits.minimum_effect,
            minimum_rows=limits.minimum_rows,
            detector=limits.detector,
        ),
        lattice=lattice,
        before=before,
        false_discovery=limits.false_discovery,
        minimum_rows=limits.minimum_rows,
    )
    searched = search.run()
    found, drifted = searched.findings, searched.kept.segments
    nodes = tuple(f.node for f in found if f.left_of is None)
    lower, upper = searched.comparison.bounds()
    return Judged(
        family=family,
        limits=limits,
        sums=searching[0].sums,
        members=members,
        detectors=tuple(
            limits.detector if its else DEFAULT for its in judges(limits.detector, family).tolist()
        ),
        scores=magnitudes(limits.scores, profiles, members, family, lattice, baseline=now.sums.baseline),
        searched=searched,
        effect=searched.comparison.effect,
        lower=lower,
        upper=upper,
        findings=nodes,
        explained_by={
            i: tuple(
                dict.fromkeys(
                    f.node if f.left_of is None else f.left_of
                    for f in found
                    if (lattice.members[i] & lattice.members[f.node]).any()
                )
            )
            for i in np.flatnonzero(drifted).tolist()
            if i not in nodes
        },
        lattice=lattice,
    )


def _members(profiles: Profiles, bound: npt.NDArray[np.int64], family: Family, lattice: Lattice) -> Members:
    place = {cell: i for i, cell in enumerate(lattice.cells)}
    version = {name: i for i, name in enumerate(family.versions)}
    return Members(
        bound,
        np.array([place[profiles.devices[i].cell] for i in bound], dtype=np.int64),
        np.array([version.get(cell.version, 0) for cell in lattice.cells], dtype=np.int64),
    )
