"""Samples in place of profiles: predictions that were sent whole, cut into bins where nobody counted them.

A device that sends no profile of a feature may still send predictions, each with the probability that it was
chosen with. No Python loop runs over them: loops are over feature sets, features and distinct texts only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from driftline_schemas.binning import LABEL, RESERVED, SCORE, VALUE, FeatureBinning, cut

from driftline_collector.analysis.counts import Cell, Device, Profiles, by_place, dimensions_of, distinct
from driftline_collector.analysis.references import Family
from driftline_collector.analysis.windows import Window
from driftline_collector.store.base import Store

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
FeatureSet = tuple[tuple[str, ...], tuple[str, ...]]

#: Samples that are looked at in one window, at most; of more an even choice stands for all.
MOST_SAMPLES = 1_000_000
#: Bins of rows that say nothing of a feature, and of rows whose value is of another type.
_LACKING, _OTHER_TYPE = -2, -1
_ANSWERS = {LABEL: "label", SCORE: "score", VALUE: "value"}
_IN_NUMBERS, _IN_TEXTS = ("number", "boolean"), ("text", "json")
_TEXT = pa.string()
_NO_ROWS = pa.schema(
    [
        *((name, _TEXT) for name in ("version", "device_type", "region", "tier", "device", "label")),
        *((name, pa.float64()) for name in ("value", "score", "probability")),
        ("reasons", pa.list_(_TEXT)),
        ("feature_set", pa.int64()),
        ("numbers", pa.list_(pa.float64())),
        ("texts", pa.list_(_TEXT)),
    ]
).empty_table()


@dataclass(frozen=True)
class Samples:
    """Predictions of one model and window that were sent whole. `device[i]` is whose row i of `rows` is.

    `places` says how many were sent in each cell, also where profiles tell all and none were read.
    `sets` are names and types of the features of each feature set.
    """

    places: Mapping[Cell, int]
    devices: tuple[Device, ...]
    device: Whole
    rows: pa.Table
    sets: Mapping[int, FeatureSet]

    @classmethod
    def of(
        cls,
        store: Store,
        model: str,
        window: Window,
        profiles: Profiles,
        families: Mapping[str, Family],
        *,
        ahead_ns: int,
        own: Sequence[str] = (),
    ) -> "Samples":
        """Read those that tell of a feature of which profiles of their cell tell nothing.

        `own` are the user's own dimensions that are judged.
        """
        span = model, window.start_ns, window.end_ns
        table = store.sampled(*span, ahead_ns, own)
        told, dimensions = table.to_pylist(), dimensions_of(table)
        sets = {
            row["id"]: (tuple(row["names"]), tuple(row["types"]))
            for row in (store.feature_sets().to_pylist() if told else ())
        }
        places: dict[Cell, int] = {}
        carried: dict[Cell, set[str]] = {}
        for row in told:
            place = Cell.of([row[name] for name in dimensions])
            places[place] = places.get(place, 0) + row["samples"]
            answers = (name for name, column in _ANSWERS.items() if row[f"with_{column}"])
            names, _ = sets.get(row["feature_set"], ((), ()))
            carried.setdefault(place, set()).update(names, answers)
        wanted = _wanted(carried, profiles, families)
        if not wanted:
            return cls._of_rows(places, _NO_ROWS, sets)
        rows = store.selected(
            *span,
            [cell.values for cell in wanted],
            share=min(1.0, MOST_SAMPLES / sum(places[place] for place in wanted)),
            ahead_ns=ahead_ns,
            own=own,
        )
        return cls._of_rows(places, rows, sets)

    @classmethod
    def _of_rows(
        cls, places: Mapping[Cell, int], rows: pa.Table, sets: Mapping[int, FeatureSet]
    ) -> "Samples":
        found, device = distinct(rows, (*dimensions_of(rows), "device"))
        devices = tuple(Device(Cell.of(one[:-1]), one[-1]) for one in found)
        return cls(places, devices, device, rows, sets)

    def restricted(self, tiers: frozenset[str]) -> "Samples":
        """Only those of some tiers."""
        if all(cell.tier in tiers for cell in self.places):
            return self
        kept = np.array([device.tier in tiers for device in self.devices], dtype=np.bool_)
        places = {cell: samples for cell, samples in self.places.items() if cell.tier in tiers}
        return self._of_rows(places, self.rows.filter(pa.array(kept[self.device])), self.sets)

    @cached_property
    def weights(self) -> Floats:
        """1/π of each row, (rows,); NaN where π is not known."""
        probability = np.asarray(self.rows.column("probability").cast(pa.float64()).to_numpy())
        known = (probability > 0) & (probability <= 1)
        return np.where(known, 1 / np.where(known, probability, 1.0), np.nan)

    @cached_property
    def evenly(self) -> Flags:
        """Which rows an even draw may have taken, (rows,): those that say so, or tell no reason."""
        reasons = self.rows.column("reasons").combine_chunks()
        said = np.asarray(pc.equal(reasons.flatten(), "random").fill_null(False), dtype=np.bool_)
        own = np.asarray(pc.list_parent_indices(reasons), dtype=np.int64)
        any_reason = np.asarray(pc.list_value_length(reasons).fill_null(0)) > 0
        return ~any_reason | (np.bincount(own[said], minlength=len(reasons)) > 0)

    def bins(self, feature: FeatureBinning) -> Whole:
        """The fine bin of each row, (rows,), negative where it is no row of this feature.

        What a row lacks that others of its cell have is missing there; what none of a cell has is not sent.
        """
        if feature.name in RESERVED:
            found = self._answers(feature)
        else:
            found = np.full(self.rows.num_rows, _LACKING, dtype=np.int64)
            for one, at in self._by_set.items():
                names, types = self.sets.get(one, ((), ()))
                if feature.name in names:
                    found[at] = self._values(feature, types, names.index(feature.name), at)
        place = self._place[self.device]
        sent = np.bincount(place, found != _LACKING) > 0
        return np.where((found == _LACKING) & sent[place], feature.size - 1, found)

    @cached_property
    def _place(self) -> Whole:
        """Which cell each device is of, as a number; (devices,)."""
        numbers: dict[Cell, int] = {}
        return np.array([numbers.setdefault(d.cell, len(numbers)) for d in self.devices], dtype=np.int64)

    @cached_property
    def _by_set(self) -> Mapping[int, Whole]:
        """Feature set → its rows."""
        ids = np.asarray(pc.fill_null(self.rows.column("feature_set"), -1), dtype=np.int64)
        return {int(one): np.flatnonzero(ids == one) for one in np.unique(ids)}

    def _answers(self, feature: FeatureBinning) -> Whole:
        """Bins of what the model answered. Without one a row says nothing, as far as anybody can tell."""
        column = self.rows.column(_ANSWERS[feature.name])
        told = np.asarray(column.is_valid())
        found = (
            _categories(feature, column)
            if feature.kind == "categorical"
            else cut(np.array(column.cast(pa.float64()).to_numpy(), dtype=np.float64), feature.edges)
        )
        return np.where(told, found, _LACKING)

    def _values(self, feature: FeatureBinning, types: Sequence[str], place: int, at: Whole) -> Whole:
        """Bins of the rows `at`, all of one feature set, of the feature that stands at `place` in it."""
        kind = types[place]
        if kind == "missing":
            return np.full(len(at), feature.size - 1, dtype=np.int64)
        is_number = kind in _IN_NUMBERS
        lists = self.rows.column("numbers" if is_number else "texts").combine_chunks()
        before = sum(other in (_IN_NUMBERS if is_number else _IN_TEXTS) for other in types[:place])
        values = lists.values.take(pa.array(np.asarray(lists.offsets)[at] + before))
        if feature.kind == "numeric":
            if not is_number:
                return np.full(len(at), _OTHER_TYPE, dtype=np.int64)
            return cut(np.array(values.to_numpy(zero_copy_only=False), dtype=np.float64), feature.edges)
        return _categories(feature, _texts(values, kind) if is_number else values)


def _wanted(
    carried: Mapping[Cell, set[str]], profiles: Profiles, families: Mapping[str, Family]
) -> list[Cell]:
    """Cells whose samples tell of a judged feature that no profile of theirs counts."""
    if not carried:
        return []
    judged: dict[str, set[str]] = {}
    counted: dict[Cell, set[str]] = {}
    number = {place: i for i, place in enumerate(carried)}
    of_device = np.array([number.get(d.cell, -1) for d in profiles.devices], dtype=np.int64)
    for family in families.values():
        names = np.array([feature.name for feature in family.features])
        judged |= {version: set(names.tolist()) for version in family.versions}
        at = np.flatnonzero(profiles.bound_to(family) & (of_device >= 0))
        some = by_place(of_device[at], profiles.counts(family)[at].sum(-1), len(number)) > 0
        for place, i in number.items():
            counted.setdefault(place, set()).update(names[some[i]].tolist())
    return sorted(
        place
        for place, names in carried.items()
        if (judged.get(place.version, set()) & names) - counted.get(place, set())
    )


def _categories(feature: FeatureBinning, column: pa.Array | pa.ChunkedArray) -> Whole:
    """Fine bins of texts; without one, or with an empty one, it is missing."""
    texts = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    distinct_texts = texts.dictionary_encode()
    missing = feature.size - 1
    bins = [feature.index(text) if text else missing for text in distinct_texts.dictionary.to_pylist()]
    codes = np.asarray(pc.fill_null(distinct_texts.indices, len(bins)), dtype=np.int64)
    return np.array([*bins, missing], dtype=np.int64)[codes]


def _texts(values: pa.Array, kind: str) -> pa.Array:
    """Numbers of a categorical feature, spelled as `category_text` does; whole ones as whole numbers."""
    if kind == "boolean":
        return pc.if_else(pc.not_equal(values, 0.0), "true", "false")
    coded = values.dictionary_encode()
    spelled = [
        None if not np.isfinite(number) else str(int(number)) if float(number).is_integer() else str(number)
        for number in coded.dictionary.to_pylist()
    ]
    return pa.array(spelled, pa.string()).take(coded.indices)
