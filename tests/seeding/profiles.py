"""What devices say of all their traffic: windows, histograms of the last hours, streams."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from driftline_schemas.binning import DURATION, DURATION_EDGES, LABEL, SCORE, Binning, FeatureBinning
from driftline_schemas.reference import Reference

from tests.seeding.fleet import HOUR, REPORT, Fleet, Member

LABELS = tuple("0123456789")
#: Edges of every numeric feature: 20 bins of equal share, and out of range.
EDGES = tuple(round(float(edge), 6) for edge in np.linspace(0.0, 1.0, 21))
REFERENCE_ROWS = 20_000
Floats = npt.NDArray[np.float64]


def binning(fleet: Fleet) -> Binning:
    """The bins of the fleet's features and answers."""
    numeric = (FeatureBinning(name, "numeric", edges=EDGES) for name in fleet.feature_names[:-1])
    return Binning(
        model=fleet.model_name,
        features=(
            *numeric,
            FeatureBinning(fleet.feature_names[-1], "categorical", categories=("day", "dusk", "night")),
            FeatureBinning(SCORE, "numeric", edges=EDGES),
        ),
    )


def shares(feature: FeatureBinning, *, moved: bool) -> Floats:
    """How a feature is spread over its bins, shape (feature.size,)."""
    if feature.kind == "categorical":
        inner = np.linspace(1.5, 0.5, len(feature.categories))
        return np.concatenate((inner / inner.sum(), [0.0, 0.0]))
    inner = np.ones(len(EDGES) - 1)
    if moved:
        inner[:8] *= 4.0
    return np.concatenate(([0.0], inner / inner.sum(), [0.0, 0.0]))


def reference(fleet: Fleet, version: str) -> Reference:
    """What the model saw when all was well."""
    counts = {}
    bins = binning(fleet)
    for feature in bins.features:
        whole = np.floor(shares(feature, moved=False) * REFERENCE_ROWS).astype(np.int64)
        whole[1 if feature.kind == "numeric" else 0] += REFERENCE_ROWS - whole.sum()
        counts[feature.name] = tuple(whole.tolist())
    return Reference(binning=bins, counts=counts, rows=REFERENCE_ROWS, version=version)


def moved_features(fleet: Fleet) -> tuple[str, ...]:
    """What has moved where something has."""
    return (fleet.feature_names[0], fleet.feature_names[1], SCORE)


def windows(fleet: Fleet) -> Iterator[list[pa.Table]]:
    """Rows of `profiles`, hour by hour: predictions and escalations; features where it closed last."""
    for start in range(fleet.start_ns, fleet.reported_ns, HOUR):
        starts = np.arange(start, min(start + HOUR, fleet.reported_ns), REPORT)
        random = fleet.random(1, start // HOUR)
        heard = [
            (member, own) for member in fleet.members if len(own := starts[_reports(fleet, member, starts)])
        ]
        rows = [member for member, own in heard for _ in own]
        at = np.concatenate([own for _, own in heard])
        wave = 1 + 0.3 * np.sin(2 * np.pi * (at % (24 * HOUR)) / (24 * HOUR))
        made = random.poisson(fleet.rate * wave)
        made[[member.fate == "idle" for member in rows]] = 0
        predictions = _table(fleet, rows, at, {"feature": LABEL, "kind": "predictions"}, made[:, None])
        escalated = random.binomial(made, 0.1)
        some = np.flatnonzero(escalated)
        named = {"feature": LABEL, "kind": "escalations", "category": "score"}
        escalations = _table(fleet, [rows[i] for i in some], at[some], named, escalated[some, None])
        last = start == fleet.closed_ns - HOUR
        yield [predictions, escalations, *(histograms(fleet, predictions) if last else ())]


def _reports(fleet: Fleet, member: Member, starts: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    until = fleet.now_ns - 2 * HOUR if member.fate in {"silent", "ended"} else fleet.now_ns
    since = fleet.closed_ns if member.fate == "new" else fleet.start_ns
    return (starts >= since) & (starts < until)


def histograms(fleet: Fleet, hour: pa.Table) -> list[pa.Table]:
    """Rows of `profiles` with the features of an hour's predictions, a feature a table."""
    start = pc.min(hour.column("start_ns")).as_py()
    sums = pa.table({"device": hour.column("device"), "made": pc.list_element(hour.column("counts"), 0)})
    by_device = {
        row["device"]: row["made_sum"]
        for row in sums.group_by("device").aggregate([("made", "sum")]).to_pylist()
    }
    rows = [member for member in fleet.members if by_device.get(member.name)]
    at = np.full(len(rows), start)
    moved = np.array([m.device_type == fleet.moved_type for m in rows])
    made = np.array([by_device[member.name] for member in rows])
    tables = []
    for i, feature in enumerate(binning(fleet).features):
        random = fleet.random(3, i)
        changes = feature.name in moved_features(fleet)
        spread = np.where(
            (moved & changes)[:, None], shares(feature, moved=True), shares(feature, moved=False)
        )
        counts = random.multinomial(made, spread)
        if feature.kind == "numeric":
            tables.append(
                _table(fleet, rows, at, {"feature": feature.name, "kind": "numeric"}, counts[:, :-1])
            )
            continue
        for place, category in enumerate(feature.categories):
            named = {"feature": feature.name, "kind": "category", "category": category}
            tables.append(_table(fleet, rows, at, named, counts[:, [place]]))
    seconds = fleet.random(4).lognormal(np.log(0.02), 0.5, (len(rows), 50))
    bins = np.searchsorted(DURATION_EDGES, seconds * np.where(moved, 1.4, 1.0)[:, None])
    latency = np.apply_along_axis(np.bincount, 1, bins, minlength=len(DURATION_EDGES) + 1)
    named = {"feature": DURATION, "kind": "numeric"}
    tables.append(_table(fleet, rows, at, named, latency, bounds=DURATION_EDGES))
    return tables


def _table(
    fleet: Fleet,
    rows: list[Member],
    at: npt.NDArray[np.int64],
    constants: dict[str, str],
    counts: npt.NDArray[np.int64],
    *,
    bounds: tuple[float, ...] | None = None,
) -> pa.Table:
    flat = pa.array(np.ascontiguousarray(counts, dtype=np.int64).ravel())
    offsets = pa.array(np.arange(len(rows) + 1, dtype=np.int32) * counts.shape[1])
    names = ("stream", "version", "device_type", "region", "tier", "firmware")
    own = {name: pa.array([getattr(row, name) for row in rows], pa.string()) for name in names}
    fixed = {"model": fleet.model_name, "binning": binning_id(fleet), **constants}
    return pa.table(
        {
            "start_ns": pa.array(at),
            "end_ns": pa.array(at + REPORT),
            "device": pa.array([row.name for row in rows], pa.string()),
            **own,
            **{name: pa.array([text] * len(rows), pa.string()) for name, text in fixed.items()},
            **({} if "category" in fixed else {"category": pa.nulls(len(rows), pa.string())}),
            "counts": pa.ListArray.from_arrays(offsets, flat),
            "bounds": pa.array([bounds] * len(rows), pa.list_(pa.float64())),
        }
    )


_BINNINGS: dict[tuple[str, ...], str] = {}


def binning_id(fleet: Fleet) -> str:
    """The binning's id, worked out once."""
    key = (fleet.model_name, *fleet.feature_names)
    if key not in _BINNINGS:
        _BINNINGS[key] = binning(fleet).id
    return _BINNINGS[key]


def streams(fleet: Fleet) -> pa.Table:
    """Rows of `stream_events`: each stream's start, the ends, and one stream that died and lost something."""
    rows = []
    for i, member in enumerate(fleet.members):
        since = fleet.closed_ns if member.fate == "new" else fleet.start_ns
        rows.append(_event(fleet, member, since, "start"))
        if member.fate == "ended":
            end = fleet.now_ns - 2 * HOUR
            told = {"last_log": 40, "made": 10_000, "profiled": 10_000, "last_window_end": end}
            rows.append(_event(fleet, member, end, "end") | told)
        if i % 100 == 2:
            died = {"stream": f"dead{i:028x}", "last_log": 90}
            told = {"made": 5_000, "profiled": 4_963, "reserved": 5_020}
            rows.append(_event(fleet, member, fleet.start_ns + HOUR, "closed") | died | told)
    return pa.Table.from_pylist(rows, schema=_EVENTS)


def _event(fleet: Fleet, member: Member, time_ns: int, phase: str) -> dict[str, object]:
    names = ("stream", "version", "device_type", "region", "tier")
    own = {name: getattr(member, name) for name in names}
    return {**own, "model": fleet.model_name, "device": member.name, "time_ns": time_ns, "phase": phase}


_EVENTS = pa.schema(
    [pa.field("time_ns", pa.int64())]
    + [
        pa.field(name, pa.string())
        for name in ("stream", "phase", "model", "version", "device", "device_type", "region", "tier")
    ]
    + [
        pa.field(name, pa.int64())
        for name in ("last_log", "last_span", "last_window_end", "made", "profiled", "reserved")
    ]
)
