"""One window of one model, judged: all measures of all segments."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from driftline_schemas.attributes import TIERS
from driftline_schemas.binning import DURATION, DURATION_EDGES

from driftline_collector.analysis import drift, performance
from driftline_collector.analysis.counts import Profiles
from driftline_collector.analysis.coverage import NodeCoverage, Presence
from driftline_collector.analysis.drift import Judged, Limits
from driftline_collector.analysis.escalation import escalation_rate
from driftline_collector.analysis.evaluation import Evaluation, Verdict, WindowResult
from driftline_collector.analysis.references import Family, families
from driftline_collector.analysis.segments import Lattice
from driftline_collector.analysis.windows import LOOK_BACK, Window, ahead
from driftline_collector.store.base import Selection, Store

CLOUDS = TIERS[-2:]
#: Labels and cloud answers of this many windows are told of together: they come late and are few.
TRAILING = 24
_MANY = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How windows are judged: `limits` of the verdict, how far ahead of ours a device's clock may be."""

    limits: Limits = field(default_factory=Limits)
    future_tolerance_ns: int = 300 * 10**9


def evaluate(store: Store, model: str, window: Window, policy: Policy, *, now_ns: int) -> WindowResult:
    """Judge a closed window. Where it has been judged before, the result is the next revision of it."""
    earlier = store.evaluations(
        Selection(model=model, start_ns=window.start_ns, end_ns=window.end_ns, limit=_MANY)
    )
    known = store.progress(model, window.start_ns - LOOK_BACK * window.width_ns, window.end_ns)
    quarantined = ahead(known, now_ns, policy.future_tolerance_ns)
    presence = Presence.of(known, store.progress(model, window.start_ns, window.end_ns), window)
    profiles = Profiles.of(store.device_counts(model, window.start_ns, window.end_ns))
    judges = families(store.references(model))
    since = _running(store, model, window)
    rows: list[Evaluation] = []
    for tier, of_tier in _populations(presence):
        here = [of_tier(d.tier) and d.name not in quarantined for d in presence.devices]
        if not any(here):
            continue
        part = Population(
            model=model,
            tier=tier,
            window=window,
            presence=presence.restricted(here),
            profiles=profiles.restricted(
                [of_tier(d.tier) and d.name not in quarantined for d in profiles.devices]
            ),
            families=judges,
            since=since,
        )
        rows += part.evaluations(store, policy.limits, of_tier)
    found = {e.segment for e in rows if e.finding and e.feature is None}
    before = _findings(earlier)
    return WindowResult(
        model=model,
        start_ns=window.start_ns,
        end_ns=window.end_ns,
        revision=1 + max(earlier.column("revision").to_pylist(), default=-1),
        evaluated_ns=now_ns,
        evaluations=tuple(rows),
        late=tuple(sorted(found - before)) if earlier.num_rows else (),
        ahead=quarantined,
    )


def _populations(presence: Presence) -> "list[tuple[str | None, Any]]":
    """Edge and cloud answer different inputs, so they are judged apart. A tier alone is not spelled in keys."""
    tiers = {device.tier for device in presence.devices}
    edge, cloud = tiers - set(CLOUDS), tiers & set(CLOUDS)
    parts: list[tuple[str | None, Any]] = [(None, edge.__contains__)] if edge else []
    return parts + [(t if edge or len(cloud) > 1 else None, t.__eq__) for t in sorted(cloud)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """The devices that are compared with each other in one window."""

    model: str
    tier: str | None
    window: Window
    presence: Presence
    profiles: Profiles
    families: Mapping[str, Family]
    since: Mapping[str, int]

    def evaluations(self, store: Store, limits: Limits, of_tier: Any) -> list[Evaluation]:
        """All measures of all segments."""
        lattice = Lattice.of(
            [d.cell for d in self.presence.devices] + [d.cell for d in self.profiles.devices]
        )
        keys = lattice.keys(self.model, self.tier)
        covered = NodeCoverage.of(self.presence, lattice)
        start = self.window.end_ns - TRAILING * self.window.width_ns
        horizon: dict[str, Any] = {
            "model": self.model,
            "tier": self.tier,
            "start_ns": start,
            "end_ns": self.window.end_ns,
        }
        return [
            *self._drift(lattice, keys, covered, limits),
            *covered.evaluations(keys),
            *escalation_rate(self.profiles, lattice, keys),
            *performance.latency(self.profiles, self._duration_edges, lattice, keys),
            *performance.accuracy(
                _of_tier(store.labelled(self.model, start, self.window.end_ns), of_tier), **horizon
            ),
            *performance.agreement(
                _of_tier(store.escalated(self.model, start, self.window.end_ns), of_tier), **horizon
            ),
        ]

    def _duration_edges(self, binning: str) -> Sequence[float]:
        family = self.families.get(binning)
        feature = family.binning.get(DURATION) if family else None
        return feature.edges if feature else DURATION_EDGES

    def _drift(
        self, lattice: Lattice, keys: Sequence[str], covered: NodeCoverage, limits: Limits
    ) -> list[Evaluation]:
        judged = [
            j
            for f in self.families.values()
            if (j := drift.judge(self.profiles, f, lattice, limits)) is not None
        ]
        place = {cell: i for i, cell in enumerate(lattice.cells)}
        cell = np.array([place[d.cell] for d in self.profiles.devices], dtype=np.int64)
        made = np.zeros(len(lattice.cells))
        np.add.at(made, cell, self.profiles.totals("predictions"))
        new = self.presence.by_cell(self.presence.first < self.window.start_ns, lattice.cells)
        made, known_before = lattice.over_cells(made), lattice.over_cells(new)
        rows: list[Evaluation] = []
        for i, key in enumerate(keys):
            common: dict[str, Any] = {
                "segment": key,
                "coverage": float(covered.share[i]),
                "devices": int(covered.expected[i]),
            }
            best = max(judged, key=lambda j, i=i: float(j.rows[i]), default=None)
            compared = 0.0 if best is None else float(best.rows[i])
            if best is not None and compared >= limits.minimum_rows:
                rows += self._judged(best, i, keys, made[i] - compared, common)
                continue
            verdict, reason = self._unjudged(
                made[i], compared, bool(known_before[i]), covered, i, limits.minimum_rows
            )
            rows.append(
                Evaluation(**common, measure="drift", verdict=verdict, reason=reason, n=float(made[i]))
            )
        return rows

    def _judged(
        self, judged: Judged, node: int, keys: Sequence[str], left_out: float, common: Mapping[str, Any]
    ) -> list[Evaluation]:
        remark = f"{left_out:.0f} predictions without a reference are left out" if left_out > 0 else ""
        drifted = bool(judged.kept.segments[node])
        since = self.since.get(keys[node], self.window.start_ns) if drifted else None
        named = {"reference": ",".join(judged.family.ids), "since_ns": since}
        return drift.evaluations(judged, node, keys, remark, {**common, **named})

    def _unjudged(
        self, made: float, compared: float, known: bool, covered: NodeCoverage, node: int, least: float
    ) -> tuple[Verdict, str]:
        expected, silent = int(covered.expected[node]), int(covered.silent[node])
        if expected and silent == expected:
            return "vanished", f"none of its {expected} devices has reported in this window"
        if not made:
            return "insufficient_data", "its devices are idle: no predictions in this window"
        if compared:
            return "insufficient_data", f"{compared:.0f} rows are too few; a verdict needs {least:.0f}"
        if not known:
            return "new_segment", "its first window, and no reference for its binning: register one"
        return "no_reference", "no reference for the binning that its devices use: register one"


def _of_tier(rows: pa.Table, of_tier: Any) -> pa.Table:
    return rows.filter(
        pa.array([bool(of_tier(tier)) for tier in rows.column("tier").to_pylist()], pa.bool_())
    )


def _running(store: Store, model: str, window: Window) -> dict[str, int]:
    """Since when each segment that was drifted in the window before has been so."""
    before = Selection(
        model=model,
        measure="drift",
        verdict="drifted",
        start_ns=window.start_ns - window.width_ns,
        end_ns=window.start_ns,
        limit=_MANY,
    )
    rows = store.evaluations(before)
    rows = rows.filter(pc.is_null(rows.column("feature")))
    pairs = zip(rows.column("segment").to_pylist(), rows.column("since_ns").to_pylist(), strict=True)
    return {segment: since for segment, since in pairs if since is not None}


def _findings(earlier: pa.Table) -> set[str]:
    at = pc.and_(earlier.column("finding"), pc.is_null(earlier.column("feature")))
    return set(earlier.filter(at).column("segment").to_pylist())
