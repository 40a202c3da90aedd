"""Profiles as arrays: rows of `Store.device_counts` become counts by device, feature and test bin.

No Python loop runs over devices: rows are grouped with Arrow and numpy; loops are over features and over the
distinct categories only.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from driftline_schemas.attributes import TIERS
from driftline_schemas.binning import LABEL, FeatureBinning
from driftline_schemas.segments import CORE_DIMENSIONS, USER_PREFIX
from numpy.lib.stride_tricks import sliding_window_view
from scipy import sparse

from driftline_collector.analysis.references import Family, project
from driftline_collector.store.summing import groups

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

CLOUD = TIERS[-1]
#: What every cell has a value of, beside the user's own dimensions.
CELL = (*CORE_DIMENSIONS[1:], "tier")


class Cell(NamedTuple):
    """The finest set of devices that is judged: one version on one device type in one region, of one tier.

    `own` are the values of the user's own dimensions that are judged, in their order.
    """

    version: str
    device_type: str
    region: str
    tier: str
    own: tuple[str, ...] = ()

    @classmethod
    def of(cls, values: Sequence[str]) -> "Cell":
        """From the values of `dimensions_of` a table."""
        version, device_type, region, tier, *own = values
        return cls(version, device_type, region, tier, tuple(own))

    @property
    def values(self) -> tuple[str, ...]:
        """The value of each dimension, in order."""
        return (self.version, self.device_type, self.region, self.tier, *self.own)


class Device(NamedTuple):
    """One device under one version."""

    cell: Cell
    name: str

    @property
    def tier(self) -> str:
        """That of its cell."""
        return self.cell.tier


@dataclass(frozen=True, slots=True)
class Lists:
    """Lists of counts as they lie in memory: list i is `values[begins[i] : begins[i] + lengths[i]]`."""

    values: Whole
    begins: Whole
    lengths: Whole

    @classmethod
    def of(cls, column: pa.ChunkedArray) -> "Lists":
        """The lists of a column without NULL."""
        lists = column.combine_chunks()
        offsets = np.asarray(lists.offsets, dtype=np.int64)
        return cls(np.asarray(lists.values, dtype=np.int64), offsets[:-1], np.diff(offsets))

    def matrix(self, at: Whole, width: int) -> Whole:
        """Some of them, shape (at, width); one of another length, which no binning has, as zeros."""
        fits = self.lengths[at] == width
        if fits.all():
            if not len(at) or not width:
                return np.zeros((len(at), width), dtype=np.int64)
            # Each list is copied as a whole: a tenth of the time that it takes to look up its counts.
            return np.asarray(sliding_window_view(self.values, width)[self.begins[at]], dtype=np.int64)
        result = np.zeros((len(at), width), dtype=np.int64)
        result[fits] = self.matrix(at[fits], width)
        return result


@dataclass(frozen=True)
class Profiles:
    """The profiles of one model and window. `device[i]` is whose row i of `rows` is."""

    devices: tuple[Device, ...]
    device: Whole
    rows: pa.Table
    _counted: dict[str, Floats] = field(default_factory=dict, compare=False, repr=False)
    _bound: dict[tuple[str, tuple[str, ...]], Flags] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(cls, table: pa.Table) -> "Profiles":
        """Read rows of `Store.device_counts`. Devices stand in their order, whatever that of the rows is."""
        found, device = distinct(table, (*dimensions_of(table), "device"))
        order = sorted(range(len(found)), key=found.__getitem__)
        place = np.empty(len(found), dtype=np.int64)
        place[order] = np.arange(len(found))
        devices = tuple(Device(Cell.of(found[i][:-1]), found[i][-1]) for i in order)
        return cls(devices, place[device], table)

    def restricted(self, keep: Sequence[bool]) -> "Profiles":
        """Only the rows of some of the devices."""
        if all(keep):
            return self
        rows = np.asarray(keep, dtype=np.bool_)[self.device]
        return Profiles.of(self.rows.filter(pa.array(rows)))

    @property
    def own(self) -> tuple[str, ...]:
        """The user's own dimensions that cells have values of."""
        return dimensions_of(self.rows)[len(CELL) :]

    def totals(self, kind: str) -> Whole:
        """The sum of all counts of a kind (`predictions`, `escalations`), by device."""
        return self._single(self.places(kind=kind))

    @cached_property
    def lists(self) -> Lists:
        """The counts of `rows`."""
        return Lists.of(self.rows.column("counts"))

    def _single(self, at: Whole) -> Whole:
        """The sums of rows of one count each, by device."""
        counts = self.lists.matrix(at, 1)[:, 0]
        return np.bincount(self.device[at], counts, len(self.devices)).astype(np.int64)

    def bound_to(self, family: Family) -> Flags:
        """Which devices sent rows on a family's binning, under a version that has a reference there.

        Not to be written to.
        """
        key = family.binning.id, family.versions
        if key not in self._bound:
            sent = np.zeros(len(self.devices), dtype=np.bool_)
            sent[self.device[self.places(binning=family.binning.id)]] = True
            known = [device.cell.version in family.versions for device in self.devices]
            self._bound[key] = sent & np.array(known, dtype=np.bool_)
        return self._bound[key]

    def counts(self, family: Family) -> Floats:
        """Counts on a family's binning, shape (devices, features, test bins). Not to be written to."""
        binning = family.binning.id
        if binning not in self._counted:
            self._counted[binning] = self.counts_on(family, family.merged, family.width)
        return self._counted[binning]

    def counts_on(self, family: Family, merged: Sequence[Whole], width: int) -> Floats:
        """The like on other unions of its fine bins, `merged` of each feature, at most `width` of them."""
        result = np.zeros((len(self.devices), len(family.features), width))
        binning = family.binning.id
        for i, (feature, of_feature) in enumerate(zip(family.features, merged, strict=True)):
            self._count(feature, binning, of_feature, result[:, i])
        return result

    def fine(self, family: Family, feature: int) -> Floats:
        """Counts of one feature on all of its fine bins, shape (devices, fine bins)."""
        binning = family.features[feature]
        result = np.zeros((len(self.devices), binning.size))
        self._count(binning, family.binning.id, None, result)
        return result

    def histograms(self, family: Family, feature: int) -> tuple[Whole, Whole]:
        """Whose each histogram of a numeric feature is, (rows,), and its counts, (rows, bins but missing)."""
        binning = family.features[feature]
        at = self.places(binning=family.binning.id, feature=binning.name, kind="numeric")
        return self.device[at], self.lists.matrix(at, binning.size - 1)

    def places(self, **values: str) -> Whole:
        """The rows with these values in `binning`, `feature` or `kind`, in their order."""
        found = [
            at
            for key, at in self._parts.items()
            if all(key[_TOLD_APART.index(name)] == value for name, value in values.items())
        ]
        return np.sort(np.concatenate(found)) if found else np.zeros(0, np.int64)

    @cached_property
    def _parts(self) -> dict[tuple[str, ...], Whole]:
        """Binning, feature and kind → rows; texts are compared once, not again for each feature."""
        found, part = distinct(self.rows, _TOLD_APART)
        order = np.argsort(part, kind="stable")
        ends = np.cumsum(np.bincount(part, minlength=len(found)))
        return dict(zip(found, np.split(order, ends[:-1]), strict=True)) if found else {}

    def _count(self, feature: FeatureBinning, binning: str, unions: Whole | None, into: Floats) -> None:
        """Add the counts of one feature to `into`, shape (devices, bins): on `unions` of bins, or on all."""
        size = len(self.devices)
        merged = np.arange(feature.size) if unions is None else unions

        def add(at: Whole, fine: npt.NDArray[np.floating]) -> None:
            counts = np.asarray(fine, np.float64) if unions is None else project(fine, merged, into.shape[-1])
            into[...] += by_place(self.device[at], counts, size)

        missing = self._single(self.places(binning=binning, feature=feature.name, kind="missing"))
        into[:, merged[-1]] += missing
        if feature.kind == "numeric":
            at = self.places(binning=binning, feature=feature.name, kind="numeric")
            fine = np.zeros((len(at), feature.size))
            fine[:, :-1] = self.lists.matrix(at, feature.size - 1)
            add(at, fine)
            return
        kind = "predictions" if feature.name == LABEL else "category"
        at = self.places(binning=binning, feature=feature.name, kind=kind)
        categories = self.rows.column("category").take(pa.array(at)).combine_chunks().dictionary_encode()
        # Without a category it is a prediction without a label.
        bins = [feature.index(text) for text in categories.dictionary.to_pylist()] + [feature.size - 1]
        codes = np.asarray(pc.fill_null(categories.indices, len(bins) - 1))
        test_bin = merged[np.array(bins, dtype=np.int64)[codes]]
        amount = self.lists.matrix(at, 1)[:, 0]
        flat = np.bincount(self.device[at] * into.shape[-1] + test_bin, amount, into.size)
        into += flat.reshape(into.shape)


_TOLD_APART = ("binning", "feature", "kind")


def dimensions_of(table: pa.Table) -> tuple[str, ...]:
    """The columns of a table of the store that say which cell a row is of: the user's own ones come last."""
    return (*CELL, *(name for name in table.column_names if name.startswith(USER_PREFIX)))


def distinct(table: pa.Table, columns: Sequence[str]) -> tuple[list[tuple[str, ...]], Whole]:
    """The distinct rows of some text columns, and which of them each row of the table is, shape (rows,)."""
    first, inverse = groups(table, columns)
    rows = table.select(list(columns)).take(pa.array(first))
    return list(zip(*(column.to_pylist() for column in rows.columns), strict=True)), inverse


def by_place(place: Whole, values: Floats | Whole, size: int) -> Floats:
    """Sums of `values`, shape (n, ...), by where each is to go, shape (size, ...)."""
    # Not -1: of no rows at all numpy cannot tell how wide they would be.
    flat = values.reshape(len(values), math.prod(values.shape[1:]))
    to_place = sparse.csc_array((np.ones(len(place)), place, np.arange(len(place) + 1)), (size, len(place)))
    return np.asarray(to_place @ flat, dtype=np.float64).reshape(size, *values.shape[1:])


def held(members: Flags) -> sparse.csr_array:
    """`members`, (S, L), to be multiplied with values of cells: each cell is in eight segments of thousands,
    and what is not there need not be.
    """
    at = np.flatnonzero(members)
    ends = np.concatenate(([0], np.cumsum(members.sum(-1))))
    return sparse.csr_array((np.ones(len(at)), at % members.shape[1], ends), members.shape)
