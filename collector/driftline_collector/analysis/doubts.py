"""What a sound device does not send, by segment: out of range, new categories, stuck, impossible, repeated.

Pure sums; `quality` judges them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from driftline_schemas.binning import LABEL, SCORE, FeatureBinning
from scipy import special

from driftline_collector.analysis.counts import Cell, Profiles, by_place, dimensions_of
from driftline_collector.analysis.references import Family
from driftline_collector.analysis.segments import Lattice

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Whole = npt.NDArray[np.int64]

#: A share of this much more than the reference's is no matter.
MARGIN = 0.01
#: How surely the reference's share is below what is allowed.
_SURE = 0.999
#: A device stands still where its rows would all fall into one bin with this probability.
_NEVER = 1e-9
_LEAST_ROWS = 20
#: What so much of a model does is its nature (the height at which a camera hangs), and no fault.
_COMMON = 0.5
_NAMED = 5
#: More devices that stand still are not named.
_STUCK = 100


@dataclass(frozen=True)
class Doubt:
    """One kind of fault of one feature (None: of whole rows): by node how many `hits` of `n` rows, (N,).

    `allowed` is the share that is none, (N,), `usual` the reference's own. `examples` name what it is.
    """

    kind: str
    feature: str | None
    hits: Floats
    n: Floats
    usual: Floats
    allowed: Floats
    examples: Mapping[str, Any] = field(default_factory=dict)

    @property
    def share(self) -> Floats:
        """Hits beyond the reference's own, as a share, (N,)."""
        return np.maximum(self.hits / np.where(self.n > 0, self.n, 1.0) - self.usual, 0.0)

    def p(self, minimum_rows: float) -> Floats:
        """The probability of so many hits where what is allowed is true, (N,); NaN of too few rows."""
        some = self.hits > 0
        k, n = np.where(some, self.hits, 1.0), np.where(some, self.n, 1.0)
        found = np.where(some, special.betainc(k, n - k + 1, self.allowed), 1.0)
        return np.where(self.n >= minimum_rows, found, np.nan)


@dataclass(frozen=True, slots=True)
class _OfDevices:
    """A doubt before devices are summed: all (devices,), what is usual and allowed as rows."""

    kind: str
    feature: str
    hits: Floats
    n: Floats
    usual: Floats
    allowed: Floats
    examples: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Bound:
    """The devices on one binning: `at` which places in the profiles, their cells and versions, (devices,)."""

    profiles: Profiles
    family: Family
    at: Whole
    cell: Whole
    version: Whole

    def doubts(self, lattice: Lattice) -> Iterator[_OfDevices]:
        """Feature by feature."""
        totals = self.profiles.counts(self.family)[self.at].sum(-1)
        for i, feature in enumerate(self.family.features):
            if feature.kind == "numeric":
                yield from self._of_numbers(i, totals[:, i], lattice)
            else:
                other = feature.size - 2
                hits = self.profiles.fine(self.family, i)[self.at, other]
                names = _new_names(self.profiles, self.family, feature)
                yield self._against("new_categories", i, [other], hits, totals[:, i], categories=names)

    def _of_numbers(self, i: int, n: Floats, lattice: Lattice) -> Iterator[_OfDevices]:
        feature = self.family.features[i]
        owner, counts = self.profiles.histograms(self.family, i)

        def rows(of_histograms: Whole) -> Floats:
            summed = np.bincount(owner, of_histograms, len(self.profiles.devices))
            return summed[self.at].astype(np.float64)

        outside = rows(counts[:, 0] + counts[:, -1])
        yield self._against("out_of_range", i, [0, feature.size - 2], outside, n)
        if feature.name == SCORE and (impossible := _impossible(feature)):
            yield self._against("impossible_scores", i, impossible, rows(counts[:, impossible].sum(-1)), n)
        reference = self.family.fine[i].sum(0)
        # One histogram of a device at a time: two that stand still may stand at different values.
        alone = np.bincount(owner, minlength=len(self.profiles.devices))[owner] == 1
        still = rows(_still(counts, reference / max(reference.sum(), 1.0)) & alone) > 0
        if still.any() and still.sum() <= _COMMON * (n >= _LEAST_ROWS).sum():
            named = np.flatnonzero(still)[:_STUCK].tolist()
            yield _OfDevices(
                "stuck",
                feature.name,
                hits=n * still,
                n=n,
                usual=np.zeros(len(n)),
                allowed=n * MARGIN,
                examples={
                    "devices": [
                        (self.profiles.devices[self.at[j]].name, lattice.members[:, self.cell[j]])
                        for j in named
                    ]
                },
            )

    def _against(
        self, kind: str, i: int, bins: Sequence[int], hits: Floats, n: Floats, **examples: Any
    ) -> _OfDevices:
        """Rows in some bins of a feature, as against the reference's share in them."""
        reference = self.family.fine[i]
        seen, m = reference[:, list(bins)].sum(-1), np.maximum(reference.sum(-1), 1.0)
        most = np.minimum(special.betaincinv(seen + 1, np.maximum(m - seen, 1e-9), _SURE) + MARGIN, 1.0)
        usual, allowed = n * (seen / m)[self.version], n * most[self.version]
        return _OfDevices(kind, self.family.features[i].name, hits, n, usual, allowed, examples)


def of_counts(profiles: Profiles, family: Family, lattice: Lattice) -> Iterator[Doubt]:
    """What the counts of one binning tell, feature by feature."""
    at = np.flatnonzero(profiles.bound_to(family))
    if not len(at):
        return
    place = {cell: i for i, cell in enumerate(lattice.cells)}
    devices = [profiles.devices[i] for i in at]
    cell = np.array([place[device.cell] for device in devices], dtype=np.int64)
    version = np.array([family.versions.index(device.cell.version) for device in devices], dtype=np.int64)
    found = list(_Bound(profiles, family, at, cell, version).doubts(lattice))
    # All at once: each sum over the lattice goes through thousands of nodes.
    columns = [column for each in found for column in (each.hits, each.n, each.usual, each.allowed)]
    sums = iter(_nodes(cell, lattice, np.stack(columns, axis=1)).T)
    for each, hits, n, usual, allowed in zip(found, sums, sums, sums, sums, strict=True):
        some = np.where(n > 0, n, 1.0)
        yield Doubt(each.kind, each.feature, hits, n, usual / some, allowed / some, each.examples)


def _nodes(cell: Whole, lattice: Lattice, values: Floats) -> Floats:
    """Device values, (devices, …), summed into nodes, (N, …)."""
    return lattice.over_cells(by_place(cell, values, len(lattice.cells)))


def _still(counts: Whole, share: Floats) -> Flags:
    """Which histograms, (rows, bins), have all values in one bin in range, as the reference never would."""
    n = counts.sum(-1)
    found = (counts.max(-1) == n) & (n >= _LEAST_ROWS)
    at = np.flatnonzero(found)
    most = counts[at].argmax(-1)
    inside = (most > 0) & (most < counts.shape[1] - 1)
    found[at] = inside & (n[at] * np.log(np.maximum(share[most], 1e-12)) < np.log(_NEVER))
    return np.asarray(found, dtype=np.bool_)


def _impossible(feature: FeatureBinning) -> list[int]:
    """The bins in which every score is outside [0, 1]; those of numbers that are more than 1, or below 0."""
    edges = feature.edges
    below = [i for i, edge in enumerate(edges) if edge < 0]
    return below + [i + 1 for i, edge in enumerate(edges) if edge >= 1]


def _new_names(profiles: Profiles, family: Family, feature: FeatureBinning) -> list[str]:
    """The most frequent categories by name that the binning does not list."""
    kind = "predictions" if feature.name == LABEL else "category"
    at = profiles.places(binning=family.binning.id, feature=feature.name, kind=kind)
    rows = profiles.rows.column("category").take(pa.array(at))
    counted: dict[str, int] = {}
    amounts = profiles.lists.matrix(at, 1)[:, 0].tolist()
    known = {*feature.categories, "__other__", None}
    for name, amount in zip(rows.to_pylist(), amounts, strict=True):
        if name not in known:
            counted[name] = counted.get(name, 0) + amount
    return sorted(counted, key=lambda name: (-counted[name], name))[:_NAMED]


def of_samples(samples: pa.Table, lattice: Lattice) -> Iterator[Doubt]:
    """What rows tell that were sent whole."""
    place = {cell: i for i, cell in enumerate(lattice.cells)}
    dimensions = dimensions_of(samples)
    rows = ((Cell.of([row[name] for name in dimensions]), row) for row in samples.to_pylist())
    known = [(place[cell], row) for cell, row in rows if cell in place]
    if not known:
        return
    cell = np.array([at for at, _ in known], dtype=np.int64)
    for kind, feature, bad, all_of in (
        ("repeated_rows", None, "repeated", "wide"),
        ("impossible_scores", SCORE, "impossible", "scored"),
    ):
        told = np.array([[row[bad], row[all_of]] for _, row in known], dtype=np.float64)
        hits, n = _nodes(cell, lattice, told).T
        if hits.max() <= _COMMON * n.max():
            none = np.zeros(len(n))
            yield Doubt(kind, feature, hits, n, usual=none, allowed=none + MARGIN)
