"""What changed where something drifted: put into the details of evaluations that say so.

Every feature that drifted is told its `direction` and the bins that gained and lost. A finding is told when
its strongest feature began to move, whose shift it is, which devices make most of it, and what was deployed
next to its onset. None of this is computed where nothing has drifted.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from driftline_schemas.segments import Segment

from driftline_collector.analysis import attribution, direction
from driftline_collector.analysis.attribution import DEPLOYMENT, Attribution, Contributor
from driftline_collector.analysis.counts import Profiles
from driftline_collector.analysis.drift import Judged
from driftline_collector.analysis.evaluation import Evaluation
from driftline_collector.analysis.onset import Onset, onset
from driftline_collector.analysis.readable import readable
from driftline_collector.analysis.samples import Samples
from driftline_collector.analysis.segments import Lattice
from driftline_collector.analysis.selected import fine_shares
from driftline_collector.analysis.verdicts import most_rows
from driftline_collector.analysis.windows import Window
from driftline_collector.store.base import Selection, Store

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Whole = npt.NDArray[np.int64]

#: So many windows before the first that was drifted are looked at for the onset.
BEFORE = 24
#: An onset is looked for while the drift is not older than this many windows; then it is known well enough.
_SETTLED = 24
#: More findings than this in one window get their direction only.
_FINDINGS = 20
_CONTRIBUTORS = 10
#: A deployment this many windows before the onset's interval is still next to it.
_NEARBY = 1
#: Evidence of single devices is taken from at most so many of the features that moved.
_FEATURES = 5
_MANY = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What evaluations of a window were told from: `keys` are those of the lattice's nodes."""

    judged: Sequence[Judged]
    profiles: Profiles
    samples: Samples
    lattice: Lattice
    keys: Sequence[str]
    model: str
    window: Window

    def devices_of(self, node: int) -> set[str]:
        """The names of a node's devices."""
        cells = {self.lattice.cells[i] for i in np.flatnonzero(self.lattice.members[node]).tolist()}
        return {d.name for d in (*self.profiles.devices, *self.samples.devices) if d.cell in cells}


@dataclass(frozen=True, slots=True)
class _Drifted:
    """A row that says so, the comparison that it is of, and its segment's place in the lattice."""

    row: Evaluation
    judged: Judged
    node: int
    told: Told

    def with_details(self, more: Mapping[str, Any]) -> Evaluation:
        return replace(self.row, details={**(self.row.details or {}), **more})

    def place(self, feature: str | None) -> int:
        return [known.name for known in self.judged.family.features].index(feature or "")


def what_changed(rows: Sequence[Evaluation], told: Told, store: Store) -> list[Evaluation]:
    """The rows, those that are drifted with what changed in their details."""
    place = {key: i for i, key in enumerate(told.keys)}
    fine: dict[tuple[str, int], Floats] = {}
    result, explained = [], 0
    for row in rows:
        judged = most_rows(told.judged, place[row.segment]) if row.verdict == "drifted" else None
        if judged is None:
            result.append(row)
            continue
        drifted = _Drifted(row, judged, place[row.segment], told)
        if row.feature is not None:
            result.append(_directed(drifted, fine))
        elif row.finding and explained < _FINDINGS:
            explained += 1
            result.append(_explained(drifted, store))
        else:
            result.append(row)
    return result


def _directed(drifted: _Drifted, fine: dict[tuple[str, int], Floats]) -> Evaluation:
    """The row of a feature that drifted, with its direction. `fine` keeps counts by cell for other rows."""
    judged, told, node = drifted.judged, drifted.told, drifted.node
    family = judged.family
    i = drifted.place(drifted.row.feature)
    key = (family.binning.id, i)
    sampled = bool(judged.comparison.sampled[node, i])
    if key not in fine and not sampled:
        own = told.profiles.fine(family, i)[judged.members.devices]
        fine[key] = np.zeros((len(told.lattice.cells), own.shape[1]))
        np.add.at(fine[key], judged.members.cell, own)
    inside = told.lattice.members[node]
    if sampled:
        cells = {told.lattice.cells[c] for c in np.flatnonzero(inside).tolist()}
        now = fine_shares(told.samples, family, i, cells) * float(judged.comparison.n[node, i])
    else:
        now = fine[key][inside].sum(0)
    # Of its test bins is known what the segment is compared with; within each the reference tells.
    registered = family.fine[i].sum(0)
    merged = family.merged[i]
    by_test_bin = np.bincount(merged, registered, family.width)
    wanted = judged.comparison.expected[node, i]
    within = np.divide(wanted, by_test_bin, out=np.zeros_like(wanted), where=by_test_bin > 0)
    bins = readable(family.features[i], registered)
    of = direction.of_numbers if bins.ordered else direction.of_categories
    found = of(bins.sums(now), bins.sums(registered * within[merged]), bins.names)
    return drifted.with_details(
        {
            "direction": found.word,
            "gained": [asdict(each) for each in found.gained],
            "lost": [asdict(each) for each in found.lost],
        }
    )


def _explained(drifted: _Drifted, store: Store) -> Evaluation:
    """The row of a finding, with what changed."""
    moved = [str(name) for name in (drifted.row.details or {}).get("moved", ())]
    if not moved:
        return drifted.row
    began = _began(drifted, moved[0], store)
    deployed, nearby = _deployments(drifted, began, store)
    cause, contributors = _attributed(drifted, moved, deployed, store)
    changed = {
        "feature": moved[0],
        "onset": began,
        "attribution": asdict(cause),
        "contributors": [asdict(each) for each in contributors],
        "deployments": nearby,
    }
    return drifted.with_details({"changed": changed})


def _began(drifted: _Drifted, feature: str, store: Store) -> dict[str, Any] | None:
    """When the feature began to move: `at_ns` between `earliest_ns` and `latest_ns`.

    `earliest_ns` is None where that may have been before `first_ns`, from where on windows are known, and
    `at_ns` where that is likelier than not.
    """
    row, window = drifted.row, drifted.told.window
    since = row.since_ns if row.since_ns is not None else window.start_ns
    start = min(since, window.start_ns) - BEFORE * window.width_ns
    known = store.evaluations(
        Selection(
            model=drifted.told.model,
            segment=row.segment,
            measure="drift",
            start_ns=start,
            end_ns=window.start_ns,
            limit=_MANY,
        )
    ).to_pylist()
    if window.start_ns - since > _SETTLED * window.width_ns and (kept := _kept(known, feature)):
        return kept
    # A drift of before that was over is another one.
    over = [e["window_end_ns"] for e in known if e["verdict"] == "drifted" and e["window_end_ns"] <= since]
    start = max([start, *over])
    i, comparison = drifted.place(feature), drifted.judged.comparison
    names = list(drifted.judged.family.names[i])
    counted: dict[int, tuple[Sequence[float], Sequence[float]]] = {}
    for each in known:
        if each["feature"] == feature and each["window_start_ns"] >= start:
            said = json.loads(each["details"] or "{}")
            if said.get("bins") == names:
                counted[each["window_start_ns"]] = said["now"], said["reference"]
    counted[window.start_ns] = (
        comparison.counts[drifted.node, i, : len(names)].tolist(),
        comparison.expected[drifted.node, i, : len(names)].tolist(),
    )
    first = min(counted)
    shape = ((window.start_ns - first) // window.width_ns + 1, len(names))
    now, reference = np.zeros(shape), np.zeros(shape)
    reference[:] = counted[window.start_ns][1]
    for at, (counts, expected) in counted.items():
        now[(at - first) // window.width_ns] = counts
        reference[(at - first) // window.width_ns] = expected
    return _in_time(onset(now, reference, phi=row.phi or 1.0), first, window.width_ns)


def _in_time(found: Onset | None, first_ns: int, width_ns: int) -> dict[str, Any] | None:
    if found is None:
        return None

    def moment(windows: float) -> int:
        return first_ns + round(windows * width_ns)

    return {
        "at_ns": None if found.at is None else moment(found.at),
        "earliest_ns": None if found.open else moment(found.earliest),
        "latest_ns": moment(found.latest),
        "first_ns": first_ns,
    }


def _kept(known: Sequence[Mapping[str, Any]], feature: str) -> dict[str, Any] | None:
    """What was said last of the onset of the drift that goes on."""
    for each in known:
        if each["finding"] and each["feature"] is None:
            changed = json.loads(each["details"] or "{}").get("changed") or {}
            if changed.get("feature") == feature and changed.get("onset"):
                return dict(changed["onset"])
    return None


def _deployments(
    drifted: _Drifted, began: Mapping[str, Any] | None, store: Store
) -> tuple[dict[str, str], list[dict[str, Any]]]:
    """What was deployed next to the onset: on which device, and alike ones of the finding together."""
    if began is None or began["earliest_ns"] is None:
        return {}, []
    told = drifted.told
    start = began["earliest_ns"] - _NEARBY * told.window.width_ns
    of_device: dict[str, str] = {}
    alike: dict[tuple[str, str | None, str | None], list[int]] = {}
    inside = Segment.parse(drifted.row.segment)
    dimensions = ("model", "device_type", "region", "tier")  # its version has just become another one
    around = Segment.of({name: inside[name] for name in dimensions})
    own = any(inside[name] for name in told.lattice.own)
    there = told.devices_of(drifted.node) if own else ()  # a deployment tells no segment of the user's own
    for each in store.deployments(start, began["latest_ns"]).to_pylist():
        if each["model"] != told.model:
            continue
        what = f"{each['kind']} {each['from_version'] or '?'} → {each['to_version'] or '?'}"
        of_device[each["device"]] = what
        place = Segment.of({name: each[name] for name in dimensions})
        if around.contains(place) and (not own or each["device"] in there):
            key = each["kind"], each["from_version"], each["to_version"]
            alike.setdefault(key, []).append(each["time_ns"])
    nearby = [
        {"kind": kind, "before": before, "after": after, "first_ns": min(times), "devices": len(times)}
        for (kind, before, after), times in sorted(alike.items(), key=lambda item: min(item[1]))
    ]
    return of_device, nearby


def _attributed(
    drifted: _Drifted, moved: Sequence[str], deployed: Mapping[str, str], store: Store
) -> tuple[Attribution, list[Contributor]]:
    """Whose shift it is, and the devices that make most of it, those first."""
    judged, told, node = drifted.judged, drifted.told, drifted.node
    members, family = judged.members, judged.family
    sampled = judged.comparison.sampled[node]
    strongest = drifted.place(moved[0])
    cell: Whole
    if (selected := judged.sums.selected) is not None and sampled[strongest]:
        devices, cell, counts = list(selected.devices), selected.cell, selected.of_devices
    else:
        devices, cell = [told.profiles.devices[i] for i in members.devices], members.cell
        counts = told.profiles.counts(family)[members.devices]
    inside = told.lattice.members[node][cell]
    at = [i for i in map(drifted.place, moved[:_FEATURES]) if sampled[i] == sampled[strongest]]
    odds = np.zeros(len(devices))
    for i in at:
        own = counts[:, i]
        expected = own.sum(-1, keepdims=True) * judged.sums.baseline.shares[cell, i]
        phi = float(judged.comparison.phi[node, i])
        odds += attribution.evidence(own, expected, inside) / max(phi, 1.0)
    own = counts[inside, at[0]]
    expected = own.sum(-1, keepdims=True) * judged.sums.baseline.shares[cell[inside], at[0]]
    shares = attribution.contributions(own, expected)
    within = [device for device, is_in in zip(devices, inside.tolist(), strict=True) if is_in]
    order = np.argsort(-shares, kind="stable")[:_CONTRIBUTORS].tolist()
    contributors = [Contributor(within[i].name, float(shares[i]), int(own[i].sum())) for i in order]
    window = told.window
    firmwares = {
        (row["tier"], row["device"]): row["firmware"]
        for row in store.firmwares(told.model, window.start_ns, window.end_ns).to_pylist()
    }
    values: dict[str, Sequence[str | None]] = {
        DEPLOYMENT: [deployed.get(device.name) for device in devices],
        "version": [device.cell.version for device in devices],
        "firmware": [firmwares.get((device.tier, device.name)) for device in devices],
        "device_type": [device.cell.device_type for device in devices],
        "tier": [device.tier for device in devices],
        "region": [device.cell.region for device in devices],
    }
    values |= {name: [d.cell.own[i] for d in devices] for i, name in enumerate(told.lattice.own)}
    return attribution.attribute(odds, values, contributors[0] if contributors else None), contributors
