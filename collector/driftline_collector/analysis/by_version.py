"""How good the answers of each version are, over any stretch of time: what windows are too short to tell."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from driftline_schemas.segments import Segment

from driftline_collector.analysis import performance
from driftline_collector.analysis.counts import Cell, distinct
from driftline_collector.analysis.escalation import share_of_escalated
from driftline_collector.analysis.evaluate import CLOUDS
from driftline_collector.analysis.evaluation import Evaluation
from driftline_collector.analysis.segments import Lattice
from driftline_collector.store.shown import Shown, Where


def by_version(store: Shown, segment: Segment, start_ns: int, end_ns: int) -> list[Mapping[str, Any]]:
    """Accuracy, agreement and escalation rate of a segment and of each version in it, in [start, end).

    Each row has version (None: all), measure, value, lower, upper, n, n_eff and the reason where there is no
    number. Edge tiers are told of together and cloud tiers apart, as in evaluations.
    """
    model, tier = str(segment["model"]), segment["tier"]
    known: dict[str, Any] = {"model": model, "tier": tier, "start_ns": start_ns, "end_ns": end_ns}
    labelled = _of_tier(store.labelled(model, start_ns, end_ns), tier)
    escalated = _of_tier(store.escalated(model, start_ns, end_ns), tier)
    fleet = _of_tier(store.fleet(Where(model=model, start_ns=start_ns, end_ns=end_ns)), tier)
    found = [
        *performance.accuracy(labelled, **known),
        *performance.agreement(escalated, **known),
        *_escalation_rate(fleet, model, tier),
    ]
    wanted = [
        evaluation
        for evaluation in found
        if str(_without_version(Segment.parse(evaluation.segment))) == str(_without_version(segment))
    ]
    return [_row(e) for e in wanted if segment["version"] in (None, Segment.parse(e.segment)["version"])]


def _escalation_rate(fleet: pa.Table, model: str, tier: str | None) -> list[Evaluation]:
    """From rows of `Shown.fleet`: a device under a version each."""
    cells, cell = distinct(fleet, Cell._fields)
    lattice = Lattice.of(Cell(*values) for values in cells)
    place = np.array([lattice.cells.index(Cell(*values)) for values in cells], dtype=np.int64)
    made, escalated = (np.asarray(fleet.column(name)) for name in ("predictions", "escalations"))
    return share_of_escalated(made, escalated, place[cell], lattice, lattice.keys(model, tier))


def _without_version(segment: Segment) -> Segment:
    return Segment.of({name: value for name, value in segment.values if name != "version"})


def _of_tier(rows: pa.Table, tier: str | None) -> pa.Table:
    """Rows of one tier; of all edge tiers where none is named, or of all tiers where there is no edge."""
    tiers = rows.column("tier").to_pylist()
    if tier is None and not set(tiers) - set(CLOUDS):
        return rows
    return rows.filter(pa.array([t == tier if tier else t not in CLOUDS for t in tiers], pa.bool_()))


def _row(evaluation: Evaluation) -> Mapping[str, Any]:
    return {
        "version": Segment.parse(evaluation.segment)["version"],
        "segment": evaluation.segment,
        "measure": evaluation.measure,
        "value": evaluation.value,
        "lower": evaluation.lower,
        "upper": evaluation.upper,
        "n": evaluation.n,
        "n_eff": evaluation.n_eff,
        "verdict": evaluation.verdict,
        "reason": evaluation.reason,
    }
