"""What the A/A ledger replays: stored profiles, every second day of them, or rows of a file."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from driftline_schemas.binning import LABEL, OTHER, Binning, FeatureBinning, category_text, cut
from driftline_schemas.reference import Reference

from driftline_collector.analysis.counts import Profiles
from driftline_collector.analysis.references import families
from driftline_collector.errors import StoreError
from driftline_collector.replay import HOUR_NS
from driftline_collector.store.summing import summed

Whole = npt.NDArray[np.int64]

_DAY_NS = 24 * HOUR_NS
#: Fewer days than this are split by windows.
_LEAST_DAYS = 4
_TEXTS = (
    "model",
    "version",
    "device",
    "device_type",
    "region",
    "tier",
    "segment",
    "binning",
    "feature",
    "kind",
    "category",
)
_SEGMENT = pa.map_(pa.string(), pa.string())
_COUNTED = pa.schema(
    [
        *((name, pa.string()) for name in _TEXTS),
        ("bounds", pa.list_(pa.float64())),
        ("counts", pa.list_(pa.int64())),
    ]
)
#: The rows of `profiles` of windows that start in [start, end).
Read = Callable[[int, int], pa.Table]


@dataclass(frozen=True)
class HeldProfiles:
    """Every second day between two moments is the reference, the others are judged; of few days, windows.

    Days that are left out are closed up, so that the hour of the day stays what it was. `registered` are rows
    of `model_references`, for their binning.
    """

    model: str
    registered: pa.Table
    read: Read
    start_ns: int
    end_ns: int
    width_ns: int = HOUR_NS

    @property
    def _unit_ns(self) -> int:
        return _DAY_NS if self.end_ns - self.start_ns >= _LEAST_DAYS * _DAY_NS else self.width_ns

    def _starts(self, half: int) -> Iterator[tuple[int, int]]:
        """The windows of a half, and when each is played."""
        unit = self._unit_ns
        first = self.start_ns - self.start_ns % unit
        for start in range(self.start_ns - self.start_ns % self.width_ns, self.end_ns, self.width_ns):
            place = (start - first) // unit
            if place % 2 == half:
                yield start, start - (place + 1) // 2 * unit

    def references(self) -> pa.Table:
        """References of what was counted in the first half, for each version. Raises StoreError."""
        known = families(self.registered)
        if not known:
            raise StoreError(
                f"{self.model} has no reference: register one, whose bins profiles are counted on"
            )
        sums: dict[tuple[str, str], dict[str, Whole]] = {}
        for start, _ in self._starts(0):
            profiles = Profiles.of(_summed(self.read(start, start + self.width_ns)))
            for binning, family in known.items():
                for i, feature in enumerate(family.features):
                    fine = profiles.fine(family, i)
                    for d in np.flatnonzero(fine.any(-1)).tolist():
                        of_version = sums.setdefault((binning, profiles.devices[d].cell.version), {})
                        own = of_version.setdefault(feature.name, np.zeros(feature.size, dtype=np.int64))
                        own += fine[d].astype(np.int64)
        found = [
            _reference(known[binning].binning, version, counts)
            for (binning, version), counts in sorted(sums.items())
        ]
        if not found:
            raise StoreError(f"{self.model} has no profiles with its reference's bins in that time")
        return _rows(found)

    def windows(self) -> Iterator[tuple[int, pa.Table]]:
        """The windows of the second half."""
        for start, played in self._starts(1):
            table = _summed(self.read(start, start + self.width_ns))
            if table.num_rows:
                yield played + self.width_ns, _placed(table, played, self.width_ns)


@dataclass(frozen=True)
class HeldRows:
    """Rows of a file, dealt at random to a made-up fleet that makes `each` predictions an hour and device.

    Half of the rows, chosen at random, are the reference, the others are drawn from with replacement.
    """

    model: str
    columns: Mapping[str, Any]
    weeks: float
    seed: int = 1
    each: int = 150
    width_ns: int = HOUR_NS

    #: Device types, regions, devices in each.
    FLEET = (4, 5, 2)
    LEAST_ROWS = 400

    def _halves(self) -> tuple[Whole, Whole]:
        size = len(next(iter(self.columns.values())))
        if size < self.LEAST_ROWS:
            raise StoreError(f"{size} rows are too few to be halved; give at least {self.LEAST_ROWS}")
        order = np.random.default_rng((self.seed, 1)).permutation(size)
        return order[: size // 2], order[size // 2 :]

    def _taken(self, rows: Whole) -> dict[str, Any]:
        return {
            name: column[rows] if isinstance(column, np.ndarray) else [column[i] for i in rows.tolist()]
            for name, column in self.columns.items()
        }

    def _reference(self) -> Reference:
        return Reference.from_data(self._taken(self._halves()[0]), model=self.model, version="replayed")

    def references(self) -> pa.Table:
        """The reference of the first half."""
        return _rows([self._reference()])

    def windows(self) -> Iterator[tuple[int, pa.Table]]:
        """Hours of the made-up fleet."""
        binning = self._reference().binning
        held = self._taken(self._halves()[1])
        size = len(next(iter(held.values())))
        fine = [_fine_bins(feature, held[feature.name]) for feature in binning.features]
        types, regions, several = self.FLEET
        devices = types * regions * several
        rng = np.random.default_rng((self.seed, 2))
        for hour in range(max(round(self.weeks * 168), 1)):
            rows = rng.integers(0, size, (devices, self.each))
            table = pa.concat_tables(
                [
                    *(_points(binning, i, of_rows[rows]) for i, of_rows in enumerate(fine)),
                    _of_devices(np.arange(devices), LABEL, "predictions", [[self.each]] * devices, None),
                ]
            )
            place = table.column("device").to_numpy()
            named = {
                "model": pa.repeat(self.model, len(place)),
                "version": pa.repeat("replayed", len(place)),
                "device": pa.array([f"device-{i:02d}" for i in place]),
                "device_type": pa.array([f"type-{i // several % types}" for i in place]),
                "region": pa.array([f"region-{i // several // types}" for i in place]),
                "tier": pa.repeat("device_edge", len(place)),
                "binning": pa.repeat(binning.id, len(place)),
            }
            for name in ("feature", "kind", "category", "counts"):
                named[name] = table.column(name)
            start = (hour + 24) * self.width_ns
            yield start + self.width_ns, _placed(pa.table(named), start, self.width_ns)


def latest(references: pa.Table) -> pa.Table:
    """The rows of `model_references` that count: the latest of each version."""
    newest: dict[str, dict[str, Any]] = {}
    for row in sorted(references.to_pylist(), key=lambda row: int(row["registered_ns"])):
        newest[row["version"]] = row
    return pa.Table.from_pylist(list(newest.values()), schema=references.schema)


def _fine_bins(feature: FeatureBinning, column: Any) -> Whole:
    """The fine bin of each value, (rows,)."""
    if feature.kind == "numeric":
        return cut(np.array(column, dtype=np.float64), feature.edges)
    texts = [category_text(value) for value in column]
    bins = {text: feature.size - 1 if text is None else feature.index(text) for text in set(texts)}
    return np.array([bins[text] for text in texts], dtype=np.int64)


def _points(binning: Binning, i: int, bins: Whole) -> pa.Table:
    """Rows of one feature from fine bins by device, (devices, rows)."""
    feature, devices = binning.features[i], len(bins)
    counts = np.zeros((devices, feature.size), dtype=np.int64)
    np.add.at(counts, (np.arange(devices)[:, None], bins), 1)
    missing = np.flatnonzero(counts[:, -1])
    parts = [_of_devices(missing, feature.name, "missing", counts[missing, -1:].tolist(), None)]
    if feature.kind == "numeric":
        parts.append(_of_devices(np.arange(devices), feature.name, "numeric", counts[:, :-1].tolist(), None))
    else:
        names = np.array([*feature.categories, OTHER], dtype=object)
        device, category = np.nonzero(counts[:, :-1])
        amounts = counts[device, category][:, None].tolist()
        parts.append(_of_devices(device, feature.name, "category", amounts, names[category].tolist()))
    return pa.concat_tables(parts)


def _of_devices(
    device: Whole, feature: str, kind: str, counts: Sequence[Sequence[int]], category: Sequence[str] | None
) -> pa.Table:
    size = len(device)
    return pa.table(
        {
            "device": pa.array(device, pa.int64()),
            "feature": pa.array([feature] * size, pa.string()),
            "kind": pa.array([kind] * size, pa.string()),
            "category": pa.array(category if category is not None else [None] * size, pa.string()),
            "counts": pa.array(counts, pa.list_(pa.int64())),
        }
    )


def _summed(table: pa.Table) -> pa.Table:
    """Rows of `profiles`, summed by what they count; segments of the user's own as texts, to be compared."""
    own = [json.dumps(dict(pairs)) if pairs else None for pairs in table.column("segment").to_pylist()]
    place = table.column_names.index("segment")
    texts = table.set_column(place, "segment", pa.array(own, pa.string()))
    rows = texts.select(_COUNTED.names).cast(_COUNTED)
    return summed([rows.filter(pc.greater(pc.list_value_length(rows.column("counts")), 0))], _COUNTED)


def _placed(table: pa.Table, start_ns: int, width_ns: int) -> pa.Table:
    """As rows of one window that each device sends."""
    size = table.num_rows
    if "segment" in table.column_names:
        texts = table.column("segment").to_pylist()
        own = [None if text is None else [*json.loads(text).items()] for text in texts]
        table = table.set_column(table.column_names.index("segment"), "segment", pa.array(own, _SEGMENT))
    stream = pc.binary_join_element_wise(table.column("device"), table.column("version"), "@")
    return (
        table.append_column("stream", stream)
        .append_column("start_ns", pa.repeat(start_ns, size))
        .append_column("end_ns", pa.repeat(start_ns + width_ns, size))
    )


def _reference(binning: Binning, version: str, counts: Mapping[str, Whole]) -> Reference:
    """Of features that were not counted as often as others, as many rows as of those: shares stay."""
    rows = int(max(own.sum() for own in counts.values()))
    full = {}
    for feature in binning.features:
        own = counts.get(feature.name)
        if own is None:  # not judged: its time, or what nobody sends
            own = np.eye(1, feature.size, feature.size - 1, dtype=np.int64)[0]
        scaled = own * rows // own.sum()
        scaled[scaled.argmax()] += rows - scaled.sum()
        full[feature.name] = tuple(scaled.tolist())
    return Reference(binning=binning, counts=full, rows=rows, version=version)


def _rows(references: Sequence[Reference]) -> pa.Table:
    """Rows of `model_references`."""
    return pa.Table.from_pylist(
        [
            {
                "id": f"replayed-{each.version}",
                "registered_ns": 0,
                "model": each.model,
                "version": each.version,
                "binning": each.binning.id,
                "rows": each.rows,
                "document": json.dumps(each.to_json()),
            }
            for each in references
        ]
    )
