"""Profiles as arrays: rows of `Store.device_counts` become counts by device, feature and test bin.

No Python loop runs over devices: rows are grouped with Arrow and numpy; loops are over features and over the
distinct categories only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from driftline_schemas.attributes import TIERS
from driftline_schemas.binning import LABEL, FeatureBinning

from driftline_collector.analysis.references import Family, project

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

CLOUD = TIERS[-1]


class Cell(NamedTuple):
    """The finest set of devices that is judged: one version on one device type in one region."""

    version: str
    device_type: str
    region: str


class Device(NamedTuple):
    """One device under one version."""

    cell: Cell
    name: str
    tier: str


@dataclass(frozen=True, slots=True)
class Profiles:
    """The profiles of one model and window. `device[i]` is whose row i of `rows` is."""

    devices: tuple[Device, ...]
    device: Whole
    rows: pa.Table

    @classmethod
    def of(cls, table: pa.Table) -> "Profiles":
        """Read rows of `Store.device_counts`."""
        found, device = distinct(table, ("version", "device_type", "region", "device", "tier"))
        devices = tuple(Device(Cell(*row[:3]), row[3], row[4]) for row in found)
        return cls(devices, device, table)

    def restricted(self, keep: Sequence[bool]) -> "Profiles":
        """Only the rows of some of the devices."""
        rows = np.asarray(keep, dtype=np.bool_)[self.device]
        return Profiles.of(self.rows.filter(pa.array(rows)))

    def totals(self, kind: str) -> Whole:
        """The sum of all counts of a kind (`predictions`, `escalations`), by device."""
        return self._summed(chosen(self.rows, kind=kind))

    def bound_to(self, family: Family) -> Flags:
        """Which devices sent rows on a family's binning, under a version that has a reference there."""
        result = np.zeros(len(self.devices), dtype=np.bool_)
        result[self.device[chosen(self.rows, binning=family.binning.id)]] = True
        known = [device.cell.version in family.versions for device in self.devices]
        return result & np.array(known, dtype=np.bool_)

    def counts(self, family: Family) -> Floats:
        """Counts on a family's binning, shape (devices, features, test bins)."""
        result = np.zeros((len(self.devices), len(family.features), family.width))
        on = chosen(self.rows, binning=family.binning.id)
        for i, (feature, merged) in enumerate(zip(family.features, family.merged, strict=True)):
            of_feature = on & chosen(self.rows, feature=feature.name)
            result[:, i] = project(self._fine(feature, of_feature), merged, family.width)
        return result

    def _fine(self, feature: FeatureBinning, on: Flags) -> Floats:
        """Counts of one feature on its fine bins, shape (devices, feature.size)."""
        fine = np.zeros((len(self.devices), feature.size))
        fine[:, -1] = self._summed(on & chosen(self.rows, kind="missing"))
        if feature.kind == "numeric":
            at = on & chosen(self.rows, kind="numeric")
            counts = matrix(self.rows.column("counts").filter(pa.array(at)), feature.size - 1)
            np.add.at(fine[:, :-1], self.device[at], counts)
            return fine
        at = on & chosen(self.rows, kind="predictions" if feature.name == LABEL else "category")
        named = self.rows.filter(pa.array(at))
        categories = named.column("category").cast(pa.string()).combine_chunks().dictionary_encode()
        # Without a category it is a prediction without a label.
        places = [feature.index(text) for text in categories.dictionary.to_pylist()] + [feature.size - 1]
        codes = np.asarray(pc.fill_null(categories.indices, len(places) - 1))
        where = np.array(places, dtype=np.int64)[codes]
        np.add.at(fine, (self.device[at], where), matrix(named.column("counts"), 1)[:, 0])
        return fine

    def _summed(self, at: Flags) -> Whole:
        counts = self.rows.column("counts").filter(pa.array(at)).combine_chunks()
        owner = np.repeat(self.device[at], np.asarray(pc.list_value_length(counts)))
        values = np.asarray(counts.flatten(), dtype=np.float64)
        return np.bincount(owner, weights=values, minlength=len(self.devices)).astype(np.int64)


def distinct(table: pa.Table, columns: Sequence[str]) -> tuple[list[tuple[str, ...]], Whole]:
    """The distinct rows of some text columns, and which of them each row of the table is, shape (rows,)."""
    code = np.zeros(table.num_rows, dtype=np.int64)
    for name in columns:
        texts = table.column(name).cast(pa.string()).combine_chunks().dictionary_encode()
        code = code * (len(texts.dictionary) + 1) + np.asarray(
            pc.fill_null(texts.indices, len(texts.dictionary))
        )
    _, first, inverse = np.unique(code, return_index=True, return_inverse=True)
    rows = table.select(list(columns)).take(pa.array(first)).to_pylist()
    return [tuple(row[name] for name in columns) for row in rows], inverse


def matrix(lists: pa.ChunkedArray, width: int) -> Whole:
    """Lists of counts as a matrix (rows, width); one of another length, which no binning has, as zeros."""
    picked = lists.combine_chunks()
    fits = np.asarray(pc.list_value_length(picked)) == width
    result = np.zeros((len(picked), width), dtype=np.int64)
    values = np.asarray(picked.filter(pa.array(fits)).flatten(), dtype=np.int64)
    result[fits] = values.reshape(-1, width)
    return result


def chosen(table: pa.Table, **values: str) -> Flags:
    """Which rows have these values, shape (rows,)."""
    result = np.ones(table.num_rows, dtype=np.bool_)
    for column, value in values.items():
        result &= np.asarray(pc.fill_null(pc.equal(table.column(column), value), False))
    return result
