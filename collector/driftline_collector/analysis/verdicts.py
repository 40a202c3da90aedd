"""One verdict for every segment of a population, also where there is nothing to compare it with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from driftline_collector.analysis.baselines import Past
from driftline_collector.analysis.counts import Profiles
from driftline_collector.analysis.coverage import NodeCoverage
from driftline_collector.analysis.drift import Judged, Limits, judge
from driftline_collector.analysis.drift_rows import evaluations, too_few
from driftline_collector.analysis.evaluation import Evaluation, Verdict
from driftline_collector.analysis.mixtures import Hours
from driftline_collector.analysis.recent import Counted
from driftline_collector.analysis.references import Family
from driftline_collector.analysis.samples import Samples
from driftline_collector.analysis.search import Before
from driftline_collector.analysis.segments import Lattice
from driftline_collector.analysis.selected import refusal
from driftline_collector.analysis.selected import remark as of_samples
from driftline_collector.analysis.windows import Window
from driftline_collector.store.base import Store

Flags = npt.NDArray[np.bool_]
#: Share of the expected device time that must be reported before drift, or its end, is believed: what comes
#: first after an outage is no fair sample of a segment. The revision that late data bring has the last word.
LEAST_COVERAGE = 0.5


@dataclass(frozen=True, slots=True)
class Running:
    """A segment that was drifted when last it could be judged: since when, if a finding, what had moved."""

    since_ns: int
    finding: bool
    moved: tuple[str, ...] = ()


def running_before(store: Store, model: str, window: Window, windows: int) -> dict[str, Running]:
    """The segments that were drifted when last they could be judged, in so many windows before one."""
    rows = store.drifted(model, window.start_ns - windows * window.width_ns, window.start_ns)
    return {
        row["segment"]: Running(row["since_ns"], row["finding"], tuple(row["moved"] or ()))
        for row in rows.to_pylist()
    }


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of the N nodes beside their counts.

    `before` are the segments that were drifted when last they could be judged, by key. `known_before`, (N,),
    says whether any of a node's devices had reported earlier.
    """

    window: Window
    before: Mapping[str, Running]
    coverage: NodeCoverage
    known_before: Flags


def drift_of_segments(
    profiles: Profiles,
    samples: Samples,
    families: Mapping[str, Family],
    lattice: Lattice,
    *,
    keys: Sequence[str],
    standing: Standing,
    limits: Limits,
    earlier: Mapping[str, Sequence[Counted]],
    past: Mapping[str, Mapping[int, Past]],
    zones: Mapping[str, str],
) -> tuple[list[Evaluation], list[Judged]]:
    """Drift of every node: a row for the segment, and one for each feature where there are enough rows.

    Beside them what they are told from, one for each binning that was compared.

    Counts on different binnings are never mixed: where a segment has several, the one with most rows is
    judged, and the reason tells how many are left out. `earlier` is by binning, and so is `past`,
    what cells are compared with in the place of their version's reference, by the width of spans. `zones` are
    the time zones of regions, for references that know hours.
    """
    hours = Hours(standing.window, tuple(zones.get(cell.region, "UTC") for cell in lattice.cells))
    before = Before(
        drifted=np.array([key in standing.before for key in keys], dtype=np.bool_),
        findings=np.array([key in standing.before and standing.before[key].finding for key in keys]),
    )
    judged = [
        one
        for binning, f in families.items()
        if (
            one := judge(
                profiles,
                f,
                lattice,
                limits,
                before=before,
                samples=samples,
                earlier=earlier.get(binning, ()),
                past=past.get(binning, {}),
                hours=hours,
            )
        )
        is not None
    ]
    place = {cell: i for i, cell in enumerate(lattice.cells)}
    made = np.zeros(len(lattice.cells))
    np.add.at(made, [place[d.cell] for d in profiles.devices], profiles.totals("predictions"))
    # Of cells that count nothing: how many predictions came whole, and how many of those in vain.
    sampled, strange = np.zeros(len(lattice.cells)), np.zeros(len(lattice.cells))
    for cell, amount in samples.places.items():
        if not made[place[cell]]:
            sampled[place[cell]] += amount
            strange[place[cell]] += amount * all(cell.version not in f.versions for f in families.values())
    senders = np.zeros(len(lattice.cells))
    np.add.at(senders, np.array([place[d.cell] for d in samples.devices], dtype=np.int64), 1)
    counted, sampled, strange, senders = (
        lattice.over_cells(each) for each in (made, sampled, strange, senders)
    )
    made = counted + sampled
    rows: list[Evaluation] = []
    for i, key in enumerate(keys):
        common: dict[str, Any] = {
            "segment": key,
            "coverage": float(standing.coverage.share[i]),
            "devices": int(standing.coverage.expected[i] or senders[i]),
        }
        best = most_rows(judged, i)
        if made[i] and best is not None and (doubt := _doubt(best, i, key, standing)):
            rows.append(
                Evaluation(**common, measure="drift", verdict="insufficient_data", reason=doubt, n=made[i])
            )
            continue
        if best is None or np.isnan(best.kept.p[i]):
            verdict, reason = _unjudged(float(made[i]), best, i, standing)
            rows.append(
                Evaluation(**common, measure="drift", verdict=verdict, reason=reason, n=float(made[i]))
            )
            continue
        if best.kept.segments[i]:
            began_ns = standing.window.start_ns - int(best.searched.began[i]) * standing.window.width_ns
            common["since_ns"] = standing.before[key].since_ns if key in standing.before else began_ns
        common["reference"] = _references(best, lattice, i)
        left_out = counted[i] - best.rows[i] if counted[i] else strange[i]
        remarks = (
            f"{left_out:.0f} predictions without a reference are left out" if left_out > 0 else "",
            f"{sampled[i]:.0f} samples of devices that count nothing are left out"
            if counted[i] and sampled[i]
            else "",
            of_samples(best.comparison, i),
            "" if best.past is None else best.past.remark(best.cells(i)),
        )
        rows += evaluations(best, i, keys, "; ".join(filter(None, remarks)), common)
    return rows, judged


def _doubt(judged: Judged, node: int, key: str, standing: Standing) -> str:
    """Why what its counts say of a segment is not believed, though they would begin or end a drift.

    In few rows a drift that goes on may not be kept among all that is looked at. What moved before is a
    question by itself, which need not pay for the others.
    """
    if np.isnan(judged.kept.p[node]):
        return ""
    drifted, before = bool(judged.kept.segments[node]), standing.before.get(key)
    share = standing.coverage.share[node]
    if share < LEAST_COVERAGE and (drifted or before):
        news = "moved" if drifted else "seems to be well again"
        return f"{news}, but only {share:.0%} of the expected device time has been reported"
    if before and not drifted:
        names = [f.name for f in judged.family.features]
        lingering = {names[i] for i in np.flatnonzero(judged.searched.lingering[node])}
        still = [name for name in before.moved if name in lingering]
        if still:
            return f"too few rows to say that the drift of {', '.join(still)} is over"
    return ""


def most_rows(judged: Sequence[Judged], node: int) -> Judged | None:
    """The comparison that a node's verdict is of: the one with most of its rows."""
    best: Judged | None = None
    for one in judged:
        if best is None or one.rows[node] > best.rows[node]:
            best = one
    return best


def _references(judged: Judged, lattice: Lattice, node: int) -> str:
    """The ids of the references that a node was compared with; first the name of its past, where it was."""
    cells, names = lattice.members[node], []
    if judged.past is not None and (own := judged.cells(node) & (judged.past.windows > 0)).any():
        cells, names = judged.cells(node) & ~own, [judged.past.reference]
    within = {lattice.cells[i].version for i in np.flatnonzero(cells).tolist()}
    family = judged.family
    return ",".join([*names, *(i for v, i in zip(family.versions, family.ids, strict=True) if v in within)])


def _unjudged(made: float, judged: Judged | None, node: int, standing: Standing) -> tuple[Verdict, str]:
    expected, silent = int(standing.coverage.expected[node]), int(standing.coverage.silent[node])
    compared = 0.0 if judged is None else float(judged.rows[node])
    if expected and silent == expected:
        return "vanished", f"none of its {expected} devices has reported in this window"
    if not made:
        return "insufficient_data", "its devices are idle: no predictions in this window"
    if judged is not None and compared:
        at = node, int(judged.comparison.rows[node].argmax())
        refused = refusal(judged.comparison, *at)
        few = too_few(judged, compared, float(judged.reference_rows[node]), at)
        return "insufficient_data", refused or few
    if not standing.known_before[node]:
        return "new_segment", "its first window, and no reference for its binning: register one"
    return "no_reference", "no reference for the binning that its devices use: register one"
