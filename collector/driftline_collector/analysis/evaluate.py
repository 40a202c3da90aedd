"""One window of one model, judged: all measures of all segments."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from driftline_schemas.attributes import TIERS
from driftline_schemas.binning import DURATION, DURATION_EDGES

from driftline_collector.analysis import devices, performance
from driftline_collector.analysis.baselines import Past
from driftline_collector.analysis.changed import Told, what_changed
from driftline_collector.analysis.counts import Profiles
from driftline_collector.analysis.coverage import NodeCoverage, Presence
from driftline_collector.analysis.drift import Limits
from driftline_collector.analysis.escalation import escalation_rate
from driftline_collector.analysis.evaluation import Evaluation, WindowResult
from driftline_collector.analysis.history import History
from driftline_collector.analysis.matching import Against
from driftline_collector.analysis.own_dimensions import OwnDimensions
from driftline_collector.analysis.quality import doubts, quality
from driftline_collector.analysis.recent import Counted, Recent
from driftline_collector.analysis.references import Family, families
from driftline_collector.analysis.samples import Samples
from driftline_collector.analysis.segments import Lattice
from driftline_collector.analysis.spans import WIDTHS
from driftline_collector.analysis.verdicts import Running, Standing, drift_of_segments, running_before
from driftline_collector.analysis.windows import LOOK_BACK, Window
from driftline_collector.store.base import Selection, Store

Flags = npt.NDArray[np.bool_]

CLOUDS = TIERS[-2:]
#: Labels and cloud answers of this many windows are told of together: they come late and are few.
TRAILING = 24
#: A device that falls silent is missed for a day, or for this many windows where they are short.
_MISSED_NS = 24 * 3600 * 10**9
_MISSED_WINDOWS = 100
_FAR_NS = 2**62
_MANY = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How windows are judged: `limits` of the verdict, how far ahead of ours a device's clock may be.

    `detectors` are whose test judges a model where that is another than the limits', `against` what it is
    compared with, and `references` where that is another one for a model; `zones` are regions' time zones.
    `segments` are the user's own dimensions that are judged, without prefix (None: those that are sent), and
    `model_segments` those of a model where they are others.
    """

    limits: Limits = field(default_factory=Limits)
    detectors: Mapping[str, str] = field(default_factory=dict)
    against: Against = "registered"
    references: Mapping[str, Against] = field(default_factory=dict)
    zones: Mapping[str, str] = field(default_factory=dict)
    segments: Sequence[str] | None = None
    model_segments: Mapping[str, Sequence[str]] = field(default_factory=dict)
    future_tolerance_ns: int = 300 * 10**9

    def limits_of(self, model: str) -> Limits:
        """The limits of the verdict on a model."""
        return replace(self.limits, detector=self.detectors.get(model, self.limits.detector))

    def against_of(self, model: str) -> Against:
        """What the model is compared with."""
        return self.references.get(model, self.against)

    def segments_of(self, model: str) -> Sequence[str] | None:
        """The user's own dimensions that the model is judged by; None: of those that are sent."""
        return self.model_segments.get(model, self.segments)


def evaluate(
    store: Store,
    model: str,
    window: Window,
    policy: Policy,
    *,
    now_ns: int,
    late: bool = False,
    recent: Recent | None = None,
) -> WindowResult:
    """Judge a closed window. Where it has been judged before, the result is the next revision of it.

    `late` says that its time to be judged is over: its first result is then a revision, too. `recent` holds
    the windows before it, so that they need not be read again for each one that closes.
    """
    judged = store.evaluations(
        Selection(model=model, start_ns=window.start_ns, end_ns=window.end_ns, limit=_MANY)
    )
    missed_ns = max(LOOK_BACK * window.width_ns, min(_MISSED_NS, _MISSED_WINDOWS * window.width_ns))
    tolerance_ns = policy.future_tolerance_ns
    span = model, window.start_ns, window.end_ns
    # Those of all devices that are waited for, so that what is judged changes no sooner than the fleet does.
    since_ns = window.start_ns - missed_ns
    dimensions = OwnDimensions.of(store, model, since_ns, window, policy.segments_of(model))
    own = dimensions.judged
    known = store.progress(model, since_ns, window.end_ns, tolerance_ns, own)
    inside = store.progress(*span, tolerance_ns, own)
    presence = Presence.of(known, inside, window)
    profiles = Profiles.of(store.device_counts(*span, tolerance_ns, own))
    judges = families(store.references(model))
    samples = Samples.of(store, model, window, profiles, judges, ahead_ns=tolerance_ns, own=own)
    recent = recent or Recent(store, tolerance_ns)
    first_ns = pc.min(known.column("first_start_ns")).as_py() if known.num_rows else window.start_ns
    earlier = recent.before(model, window, judges, first_ns, own)
    recent.keep(model, window, profiles, judges)
    against, history = policy.against_of(model), None
    if against != "registered":
        history = History(
            store=store,
            model=model,
            window=window,
            against=against,
            families=judges,
            own=own,
            zones=policy.zones,
            fine=bool(policy.limits.scores),
            ahead_ns=tolerance_ns,
            now_ns=now_ns,
        )
        history.keep(profiles)
    before = running_before(store, model, window, TRAILING)
    ahead = _devices(store.progress(model, now_ns + tolerance_ns, _FAR_NS))
    rows: list[Evaluation] = []
    for tier, tiers in _populations(presence, profiles, samples):
        part = Population(
            model=model,
            tier=tier,
            tiers=tiers,
            window=window,
            presence=presence.restricted([d.tier in tiers for d in presence.devices]),
            profiles=profiles.restricted([d.tier in tiers for d in profiles.devices]),
            samples=samples.restricted(tiers),
            families=judges,
            history=history,
            earlier={
                binning: [counted.of_tiers(tiers) for counted in each] for binning, each in earlier.items()
            },
            before=before,
            own=dimensions,
            zones=policy.zones,
            remarks={"clock_ahead": list(ahead), **dimensions.remarks(), "against": against},
        )
        rows += part.evaluations(store, policy.limits_of(model))
    found = {e.segment for e in rows if e.finding and e.feature is None}
    revision = 1 + max(judged.column("revision").to_pylist(), default=-1)
    return WindowResult(
        model=model,
        start_ns=window.start_ns,
        end_ns=window.end_ns,
        revision=max(revision, 1) if late else revision,
        evaluated_ns=now_ns,
        evaluations=tuple(rows),
        late=tuple(sorted(found - _findings(judged))) if late else (),
        ahead=ahead,
        gathered=history.gathered() if history is not None else None,
    )


def _populations(
    presence: Presence, profiles: Profiles, samples: Samples
) -> list[tuple[str | None, frozenset[str]]]:
    """Tiers that are judged together, each with its name in keys: a population that stands alone has none.

    Edge and cloud answer different inputs, so that their counts must not be mixed.
    """
    tiers = {device.tier for device in (*presence.devices, *profiles.devices)}
    tiers |= {cell.tier for cell in samples.places}
    edge = frozenset(tiers - set(CLOUDS))
    clouds = sorted(tiers & set(CLOUDS))
    parts: list[tuple[str | None, frozenset[str]]] = [(None, edge)] if edge else []
    alone = not edge and len(clouds) == 1
    return parts + [(None if alone else tier, frozenset({tier})) for tier in clouds]


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """The devices that are compared with each other in one window; `remarks` are told beside coverage."""

    model: str
    tier: str | None
    tiers: frozenset[str]
    window: Window
    presence: Presence
    profiles: Profiles
    samples: Samples
    families: Mapping[str, Family]
    history: History | None
    earlier: Mapping[str, Sequence[Counted]]
    before: Mapping[str, Running]
    own: OwnDimensions
    zones: Mapping[str, str]
    remarks: Mapping[str, object]

    def evaluations(self, store: Store, limits: Limits) -> list[Evaluation]:
        """All measures of all segments."""
        lattice = Lattice.of(
            [d.cell for d in self.presence.devices]
            + [d.cell for d in self.profiles.devices]
            + list(self.samples.places),
            self.own.judged,
        )
        keys = lattice.keys(self.model, self.tier)
        covered = NodeCoverage.of(self.presence, lattice)
        start = self.window.end_ns - TRAILING * self.window.width_ns
        horizon: dict[str, Any] = {
            "model": self.model,
            "tier": self.tier,
            "start_ns": start,
            "end_ns": self.window.end_ns,
            "namings": lattice.namings,
        }
        drift, judged = drift_of_segments(
            self.profiles,
            self.samples,
            self.families,
            lattice,
            keys=keys,
            standing=Standing(self.window, self.before, covered, self._known_before(lattice)),
            limits=limits,
            earlier=self.earlier,
            past=self._past(lattice),
            zones=self.zones,
        )
        told = Told(
            judged=judged,
            profiles=self.profiles,
            samples=self.samples,
            lattice=lattice,
            keys=keys,
            model=self.model,
            window=self.window,
        )
        own = self.own.judged
        samples = self._of_tiers(store.doubtful(self.model, self.window.start_ns, self.window.end_ns, own))
        return [
            *what_changed(drift, told, store),
            *covered.evaluations(keys, self.remarks),
            *quality(doubts(self.profiles, self.families, samples, lattice), keys, limits),
            *escalation_rate(self.profiles, lattice, keys),
            *performance.latency(self.profiles, self._duration_edges, lattice, keys),
            *performance.accuracy(
                self._of_tiers(store.labelled(self.model, start, self.window.end_ns, own)), **horizon
            ),
            *performance.agreement(
                self._of_tiers(store.escalated(self.model, start, self.window.end_ns, own)), **horizon
            ),
            *devices.evaluations(
                self.profiles,
                self.presence,
                judged,
                self._duration_edges,
                model=self.model,
                limits=limits,
            ),
        ]

    def _past(self, lattice: Lattice) -> dict[str, dict[int, Past]]:
        """Binning → width of a span → what the cells counted before, where they are compared with that."""
        if self.history is None:
            return {}
        return {
            binning: {
                width: self.history.past(family, lattice.cells, self.window.up_to(width)) for width in WIDTHS
            }
            for binning, family in self.families.items()
        }

    def _known_before(self, lattice: Lattice) -> Flags:
        """Whether any device of a node had a window before this one, shape (nodes,)."""
        earlier = self.presence.by_cell(self.presence.first < self.window.start_ns, lattice.cells)
        # Of devices that never report a window nobody knows when they began.
        silent = set(lattice.cells) - {d.cell for d in self.presence.devices}
        return lattice.over_cells(earlier + np.array([cell in silent for cell in lattice.cells])) > 0

    def _of_tiers(self, rows: pa.Table) -> pa.Table:
        return rows.filter(pc.is_in(rows.column("tier"), pa.array(sorted(self.tiers))))

    def _duration_edges(self, binning: str) -> Sequence[float]:
        family = self.families.get(binning)
        feature = family.binning.get(DURATION) if family else None
        return feature.edges if feature else DURATION_EDGES


def _devices(reported: pa.Table) -> tuple[str, ...]:
    return tuple(sorted(set(reported.column("device").to_pylist())))


def _findings(earlier: pa.Table) -> set[str]:
    at = pc.and_(earlier.column("finding"), pc.is_null(earlier.column("feature")))
    return set(earlier.filter(at).column("segment").to_pylist())
