"""A fleet whose truth is known, as profiles of hours in Arrow: for `false_alarms`.

Values are normal with mean 0 and variance 1 over devices and time, whatever is laid over them:

- devices differ (`correlation` of two rows of one device; `uneven`: from none to twice that, by device type),
- days differ (`jitter`, the standard deviation of a cell's mean from day to day; `place_jitter` that of what
  all cells of a version, type and region have in common),
- hours differ (`cycle`, the amplitude of a daily cycle that all devices share, in standard deviations).

Nothing of that is drift. Drift is a `Move`: some features of some cells are shifted, spread or given a tail.
Counts are drawn from the exact probabilities of the bins: an hour of a thousand devices takes a tenth of a
second.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from driftline_collector.analysis.counts import CELL, Cell, Device
from driftline_collector.analysis.references import Family, project
from driftline_schemas.binning import LABEL
from driftline_schemas.reference import Reference
from driftline_schemas.segments import USER_PREFIX, Segment
from scipy import special

HOUR = 3600 * 10**9
#: Hours of a week, and how many past weeks a fleet knows that is compared with them: one more than it takes.
WEEK, KNOWN_WEEKS = 168, 9
START = 1_767_225_600 * 10**9
MODEL = "simulated"
_FIFTHS = ("lowest", "low", "middle", "high", "highest")
_CUTS = tuple(special.ndtri([0.2, 0.4, 0.6, 0.8]))

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Move:
    """In hours [since, until) these features of these cells are shifted by `by` and spread by `spread`.

    With `tail` that share of rows lies three standard deviations further up.
    """

    cells: Sequence[int] = ()
    features: Sequence[int] = ()
    by: float = 0.0
    spread: float = 1.0
    tail: float = 0.0
    since: int = 0
    until: float = math.inf


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """`devices` in each cell of versions x types x regions; each makes `rows` predictions an hour.

    `own` are dimensions of the user's own, and how many values each has, which divide those cells. The first
    `categorical` of the features have five categories: a normal value is known by its fifth. What the model
    was `trained` on, so many rows, has their times, of four weeks, where the fleet is `timed`.
    """

    types: int = 10
    regions: int = 20
    versions: int = 1
    own: Mapping[str, int] = field(default_factory=dict)
    devices: int = 2
    rows: int = 150
    features: int = 10
    categorical: int = 0
    correlation: float = 0.0
    uneven: bool = False
    jitter: float = 0.0
    place_jitter: float = 0.0
    cycle: float = 0.0
    timed: bool = False
    trained: int = 50_000
    moves: Sequence[Move] = ()
    seed: int

    @property
    def cells(self) -> int:
        """How many there are."""
        return self.places * math.prod(self.own.values())

    @property
    def places(self) -> int:
        """How many products of version, type and region there are: cell i lies in place i % places."""
        return self.versions * self.types * self.regions

    @property
    def dimensions(self) -> tuple[str, ...]:
        """The user's own, as keys call them."""
        return tuple(f"{USER_PREFIX}{name}" for name in self.own)

    def segment(self, cell: int) -> str:
        """The key of the segment that is just this cell; of one tier, keys do not name it."""
        values = dict(zip((*CELL, *self.dimensions), self.cell(cell).values, strict=True))
        del values["tier"]
        return str(Segment.of({"model": MODEL, **values}))

    def cell(self, cell: int) -> Cell:
        """What its dimensions are."""
        own, place = divmod(cell, self.places)
        values = []
        for name, different in self.own.items():
            own, value = divmod(own, different)
            values.append(f"{name}-{value:02d}")
        return Cell(
            f"1.{place % self.versions}",
            f"type-{place // self.versions % self.types:02d}",
            f"region-{place // self.versions // self.types:02d}",
            "device_edge",
            tuple(values),
        )

    @cached_property
    def reference(self) -> Reference:
        """What the model was trained on: rows of all devices, days and hours."""
        rng = np.random.default_rng((self.seed, 1))
        hours = rng.uniform(0, 24, size=(self.trained, 1))
        times = None
        if self.timed:
            hours = np.floor(hours)  # as devices do: see `_means`
            day = np.random.default_rng((self.seed, 9)).integers(-28, 0, size=self.trained)
            times = START / 1e9 + 86_400.0 * day + 3600.0 * hours[:, 0]
        values = self.cycle * np.sin(hours * np.pi / 12) + rng.normal(size=(self.trained, self.features))
        columns: dict[str, npt.NDArray[Any]] = {f"x{i:02d}": values[:, i] for i in range(self.features)}
        for name in [*columns][: self.categorical]:
            columns[name] = np.array(_FIFTHS)[np.searchsorted(_CUTS, columns[name])]
        return Reference.from_data(columns, model=MODEL, times=times)

    def references(self) -> pa.Table:
        """Rows of `model_references`."""
        document = json.dumps(self.reference.to_json())
        common = {
            "registered_ns": START,
            "model": MODEL,
            "binning": self.reference.binning.id,
            "rows": self.reference.rows,
            "document": document,
        }
        versions = [f"1.{v}" for v in range(self.versions)]
        return pa.Table.from_pylist([{**common, "id": f"{MODEL}-{v}", "version": v} for v in versions])

    def hour(self, hour: int) -> pa.Table:
        """The profiles that all devices send of an hour: rows of `profiles`."""
        rng = np.random.default_rng((self.seed, 2, hour))
        mean, deviation, tail = self._means(hour)
        counts = np.concatenate(
            [self._counts(i, mean[:, i], deviation[:, i], tail[:, i], rng) for i in range(self.features)],
            axis=1,
        )
        return self._table(counts, hour)

    def laws(self, hour: int) -> tuple[Floats, Floats]:
        """The mean by device and feature, (devices, features), and the standard deviation by device."""
        mean, deviation, _ = self._means(hour)
        return mean, deviation[:, 0]

    def _means(self, hour: int) -> tuple[Floats, Floats, Floats]:
        """Mean, standard deviation and share of the tail by device and feature, each (devices, features)."""
        shape = self.cells * self.devices, self.features
        cell = np.repeat(np.arange(self.cells), self.devices)
        kind = cell // self.versions % self.types
        share = 2 * kind / max(self.types - 1, 1) if self.uneven else np.ones(len(cell))
        correlation = np.tile(self.correlation * share[:, None], self.features)
        device = np.random.default_rng((self.seed, 3)).normal(size=shape) * np.sqrt(correlation)
        day = np.random.default_rng((self.seed, 4, hour // 24))
        differ = self.jitter * day.normal(size=(self.cells, self.features))[cell]
        if self.place_jitter:
            differ += self.place_jitter * day.normal(size=(self.places, self.features))[cell % self.places]
        mean = device + differ + self.cycle * np.sin(hour * np.pi / 12)
        deviation = np.sqrt(1 - correlation)
        tail = np.zeros(shape)
        for move in self.moves:
            if move.since <= hour < move.until:
                moved = np.isin(cell, np.asarray(move.cells, dtype=np.int64))
                at = np.ix_(np.flatnonzero(moved), np.asarray(move.features, dtype=np.int64))
                mean[at] += move.by
                deviation[at] *= move.spread
                tail[at] = move.tail
        return mean, deviation, tail

    def _counts(
        self, feature: int, mean: Floats, deviation: Floats, tail: Floats, rng: np.random.Generator
    ) -> npt.NDArray[np.int64]:
        """Counts of one feature by device on the bins of numbers, or by category, (devices, bins)."""
        return rng.multinomial(self.rows, self._shares(feature, mean, deviation, tail))

    def _shares(self, feature: int, mean: Floats, deviation: Floats, tail: Floats) -> Floats:
        """The probabilities of these by device, (devices, bins)."""
        edges = np.array(self.reference.binning.features[feature].edges or _CUTS)
        return _between(edges, mean, deviation, tail)

    def merged_shares(self, hour: int, family: Family) -> Floats:
        """The probabilities of a family's test bins by device and feature, (devices, features, bins)."""
        means = self._means(hour)
        shares = np.zeros((len(means[0]), len(family.merged), family.width))
        for i, (merged, feature) in enumerate(zip(family.merged, family.features, strict=True)):
            if feature.categories:
                edges, test_bin = np.array(_CUTS), merged[[feature.index(name) for name in _FIFTHS]]
            else:
                # Of the many fine bins only the edges matter at which one test bin ends.
                ends = np.flatnonzero(np.diff(merged[:-1]))
                edges, test_bin = np.array(feature.edges)[ends], merged[[*ends, len(merged) - 2]]
            shares[:, i] = project(_between(edges, *(part[:, i] for part in means)), test_bin, family.width)
        return shares

    def devices_of(self) -> tuple[Device, ...]:
        """All devices, in the order of `merged_shares`."""
        return tuple(
            Device(self.cell(i // self.devices), f"device-{i:05d}") for i in range(self.cells * self.devices)
        )

    def _table(self, counts: npt.NDArray[np.int64], hour: int) -> pa.Table:
        devices = self.cells * self.devices
        rows: list[tuple[str, str, str | None, int]] = []  # feature, kind, category, counts in it
        for feature in self.reference.binning.features:
            if feature.categories:
                rows += [(feature.name, "category", name, 1) for name in _FIFTHS]
            else:
                rows.append((feature.name, "numeric", None, len(feature.edges) + 1))
        # A prediction without a label counts as one, which is how many were made.
        rows.append((LABEL, "predictions", None, 1))
        features, kinds, categories, widths = zip(*rows, strict=True)
        values = np.concatenate([counts, np.full((devices, 1), self.rows)], axis=1)
        offsets = np.concatenate(([0], np.cumsum(np.tile(widths, devices))))
        each = len(rows)
        of_cell = [self.cell(i // self.devices) for i in range(devices)]
        own = [[*zip(self.own, cell.own, strict=True)] or None for cell in of_cell]

        def per_device(values: Sequence[Any], kind: pa.DataType | None = None) -> pa.Array:
            return pa.array(values, kind).take(pa.array(np.repeat(np.arange(devices), each)))

        def everywhere(value: str | int) -> pa.Array:
            return pa.repeat(value, devices * each)

        return pa.table(
            {
                "stream": per_device([f"stream-{i:05d}" for i in range(devices)]),
                "start_ns": everywhere(START + hour * HOUR),
                "end_ns": everywhere(START + (hour + 1) * HOUR),
                "model": everywhere(MODEL),
                "version": per_device([cell.version for cell in of_cell]),
                "device": per_device([f"device-{i:05d}" for i in range(devices)]),
                "device_type": per_device([cell.device_type for cell in of_cell]),
                "region": per_device([cell.region for cell in of_cell]),
                "segment": per_device(own, pa.map_(pa.string(), pa.string())),
                "tier": everywhere("device_edge"),
                "binning": everywhere(self.reference.binning.id),
                "feature": pa.array(features * devices),
                "kind": pa.array(kinds * devices),
                "category": pa.array(categories * devices, pa.string()),
                "counts": pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(values.ravel())),
            }
        )


def _between(edges: Floats, mean: Floats, deviation: Floats, tail: Floats) -> Floats:
    """The probabilities of the bins that ascending edges make, by device, (devices, edges + 1)."""
    z = (edges - mean[:, None]) / deviation[:, None]
    below = special.ndtr(z)
    if tail.any():
        below = (1 - tail[:, None]) * below + tail[:, None] * special.ndtr(z - 3)
    shares = np.ones((len(mean), len(edges) + 1))
    shares[:, :-1] = below
    shares[:, 1:] -= below
    return shares
