"""How good the answers of each version are, over any stretch of time: what windows are too short to tell."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from driftline_schemas.segments import Segment

from driftline_collector.analysis import performance
from driftline_collector.analysis.counts import CELL
from driftline_collector.analysis.escalation import share_of_escalated
from driftline_collector.analysis.evaluate import CLOUDS
from driftline_collector.analysis.evaluation import Evaluation
from driftline_collector.analysis.segments import Lattice, Naming
from driftline_collector.store.shown import Shown, Where


def by_version(
    store: Shown, segment: Segment, start_ns: int, end_ns: int, labelled: pa.Table
) -> list[Mapping[str, Any]]:
    """Accuracy, agreement and escalation rate of a segment and of each version in it, in [start, end).

    `labelled` are rows of `Store.labelled` of its model and time, whoever they are of, told apart by the own
    dimensions that the segment names. Each row of the answer
    has version (None: all), measure, value, lower, upper, n, n_eff and the reason where there is no number.
    Edge tiers are told of together and cloud tiers apart, as in evaluations.
    """
    model, tier = str(segment["model"]), segment["tier"]
    names = [name for name, _ in segment.own]
    of_tier = _of_tier(labelled, tier)
    escalated = _of_tier(store.escalated(model, start_ns, end_ns, names), tier)
    fleet = _of_tier(store.fleet(Where(model=model, own=segment.own, start_ns=start_ns, end_ns=end_ns)), tier)
    for name, value in segment.own:  # which is what was asked for
        fleet = fleet.append_column(name, pa.repeat(value, fleet.num_rows))
    only = _wanted(segment, (of_tier, escalated, fleet))
    namings = _namings(segment, names)
    known: dict[str, Any] = {
        "model": model,
        "tier": tier,
        "start_ns": start_ns,
        "end_ns": end_ns,
        "namings": namings,
    }
    found = [
        *performance.accuracy(of_tier, **known, only=only),
        *performance.agreement(escalated, **known, only=only),
        *_escalation_rate(fleet, model, tier, namings, only),
    ]
    return [_row(evaluation) for evaluation in found]


def _wanted(segment: Segment, tables: Sequence[pa.Table]) -> set[str]:
    """The segment, and where it names no version each version of it that some row is of: their keys."""
    if segment["version"] is not None:
        return {str(segment)}
    versions = {version for table in tables for version in pc.unique(table.column("version")).to_pylist()}
    named = dict(segment.values)
    return {str(Segment.of(named | {"version": version})) for version in (None, *versions)}


def _namings(segment: Segment, own: Sequence[str]) -> list[Naming]:
    """What the segment names, without a version and with it."""
    named = [segment[name] is not None for name in (*CELL, *own)]
    return [(version, *named[1:]) for version in sorted({named[0], True})]


def _escalation_rate(
    fleet: pa.Table, model: str, tier: str | None, namings: Sequence[Naming], only: Collection[str]
) -> list[Evaluation]:
    """From rows of `Shown.fleet`: a device under a version each."""
    lattice, cell = Lattice.of_rows(fleet, namings)
    made, escalated = (np.asarray(fleet.column(name)) for name in ("predictions", "escalations"))
    shares = share_of_escalated(made, escalated, cell, lattice, lattice.keys(model, tier))
    return [evaluation for evaluation in shares if evaluation.segment in only]


def _of_tier(rows: pa.Table, tier: str | None) -> pa.Table:
    """Rows of one tier; of all edge tiers where none is named, or of all tiers where there is no edge."""
    tiers = rows.column("tier")
    if tier is not None:
        return rows.filter(pc.equal(tiers, tier))
    cloud = pc.is_in(tiers, pa.array(CLOUDS))
    return rows if pc.all(cloud, min_count=0).as_py() else rows.filter(pc.invert(cloud))


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
