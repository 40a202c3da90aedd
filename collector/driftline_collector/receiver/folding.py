"""Decoded rows → the same with names that are too many folded into `__other__`, and counted.

A stage between decoding and the store. Columns are looked at by their distinct values, and stay as they are
where all of those have a place, as nearly always.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import compress

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from driftline_schemas.binning import OTHER, RESERVED

from driftline_collector.receiver.columns import Mask
from driftline_collector.receiver.decoded import Decoded
from driftline_collector.receiver.names import Kind, Names, Within
from driftline_collector.store.batch import FOLDED, Rows

_WORDS = {"device_type": "a device type", "category": "a category, label or reason"}
#: Tables that tell who spoke.
_SPOKEN = ("profiles", "predictions", "stream_events", "deployments")
_OF_A_MODEL: tuple[Kind, ...] = ("version", "device_type", "region", "tier")
_SIGNAL = {"profiles": "metrics"}


@dataclass(frozen=True, slots=True, eq=False)
class _Coded:
    """A column as codes into distinct values; -1 where it is null."""

    codes: npt.NDArray[np.int64]
    values: Sequence[Within]


def fold(decoded: Decoded, names: Names) -> Decoded:
    """Give the names of these rows their places; what is folded is counted as such."""
    rows = dict(decoded.batch.rows)
    counted = Counter(decoded.batch.counted)
    for table in _SPOKEN:
        if table in rows:
            folded = _Folded(rows[table].table, names)
            folded.dimensions()
            if table == "profiles":
                folded.content()
            rows[table] = Rows(folded.table, rows[table].record)
            for reason, count in folded.counted.items():
                counted[_SIGNAL.get(table, "logs"), reason] += count
    return replace(decoded, batch=replace(decoded.batch, rows=rows, counted=dict(counted)))


class _Folded:
    """One table on its way, and what was `counted` by reason."""

    def __init__(self, table: pa.Table, names: Names) -> None:
        self.table = table
        self.counted: Counter[str] = Counter()
        self._names = names

    def dimensions(self) -> None:
        """Model to device."""
        if self._all_in_use():
            return
        nowhere = _Coded(np.zeros(self.table.num_rows, np.int64), [()])
        self._fold("model", nowhere)
        self._fold("device", nowhere)
        model = _coded(self.table.column("model"))
        for kind in _OF_A_MODEL:
            self._fold(kind, model)

    def _all_in_use(self) -> bool:
        """Whether every name has its place, looked at by resource: True in nearly all cases, and cheap."""
        speakers = _speakers(self.table)
        if speakers is None:
            return False
        for kind, named in speakers.items():  # the model first: what is of one too many gets no places
            models = speakers["model"] if kind in _OF_A_MODEL else None
            within = [(model,) for model in models] if models else [()] * len(named)
            given = list(zip(within, named, strict=True))
            wrong = compress(named, self._names.excess(kind, given))
            if any(name not in (OTHER, *RESERVED) for name in wrong):
                return False
        return True

    def content(self) -> None:
        """Features, and the categories, labels and reasons that they count.

        Histograms of different features do not add up, so those of features that are too many are dropped.
        """
        model, feature = _coded(self.table.column("model")), _coded(self.table.column("feature"))
        excess = self._excess("feature", model, feature)
        if excess.any():
            self.table = self.table.filter(pa.array(~excess))
            model, feature = _coded(self.table.column("model")), _coded(self.table.column("feature"))
            self.counted["a feature's name too many, or too long"] += int(excess.sum())
        if self.table.column("category").null_count < self.table.num_rows:
            self._fold("category", _pairs(model, feature))

    def _fold(self, kind: Kind, within: _Coded) -> None:
        column = self.table.column(kind)
        excess = self._excess(kind, within, _coded(column))
        if not excess.any():
            return
        text = column.cast(pa.string()).combine_chunks()
        folded = pc.if_else(pa.array(excess), OTHER, text)
        made = folded.dictionary_encode() if pa.types.is_dictionary(column.type) else folded
        self.table = self.table.set_column(self.table.column_names.index(kind), kind, made)
        self.counted[f"{FOLDED}{OTHER}: a name of {_WORDS.get(kind, f'a {kind}')} too many, or too long"] += (
            int(excess.sum())
        )

    def _excess(self, kind: Kind, within: _Coded, named: _Coded) -> Mask:
        """Which rows have a name too many."""
        width = len(named.values)
        pair = within.codes * width + named.codes
        pair[named.codes < 0] = -1
        distinct = _distinct(pair, len(within.values) * width)
        given = [(within.values[code // width], named.values[code % width][-1]) for code in distinct]
        told = np.fromiter((name not in (OTHER, *RESERVED) for _, name in given), np.bool_, len(given))
        wrong = np.asarray(self._names.excess(kind, given), np.bool_) & told
        if not wrong.any():
            return np.zeros(len(pair), np.bool_)
        mask: Mask = np.isin(pair, distinct[wrong])
        return mask


def _speakers(table: pa.Table) -> dict[Kind, list[str]] | None:
    """The names of each resource that speaks, by kind; None where rows tell names of their own."""
    columns = {kind: table.column(kind) for kind in ("model", "device", *_OF_A_MODEL)}
    chunks = {kind: column.chunk(0) for kind, column in columns.items() if column.num_chunks == 1}
    if len(chunks) < len(columns) or not all(pa.types.is_dictionary(each.type) for each in chunks.values()):
        return None
    # One index spread over all columns is one buffer of them all.
    indices = [each.indices for each in chunks.values()]
    if len({(index.buffers()[1].address, index.offset, index.null_count) for index in indices}) > 1:
        return None
    if indices[0].null_count:
        return None
    spoke = pa.array(np.flatnonzero(np.bincount(np.asarray(indices[0]))))
    names = {kind: each.dictionary.take(spoke) for kind, each in chunks.items()}
    if any(each.null_count for each in names.values()):
        return None
    return {kind: each.to_pylist() for kind, each in names.items()}


def _coded(column: pa.ChunkedArray) -> _Coded:
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if not pa.types.is_dictionary(array.type):
        array = array.dictionary_encode()
    # A dictionary may have a value for each resource, mostly the same one.
    code: dict[str, int] = {}
    again = [code.setdefault(value, len(code)) for value in array.dictionary.to_pylist()]
    translated = np.asarray([*again, -1], np.int64)  # the last for null
    return _Coded(translated[np.asarray(array.indices.fill_null(-1))], [(value,) for value in code])


def _pairs(first: _Coded, second: _Coded) -> _Coded:
    """Two columns as one, of pairs."""
    width = max(1, len(second.values))
    pair = first.codes * width + second.codes
    pair[(first.codes < 0) | (second.codes < 0)] = -1
    distinct = _distinct(pair, len(first.values) * width)
    values = [(*first.values[code // width], *second.values[code % width]) for code in distinct]
    return _Coded(np.where(pair < 0, -1, np.searchsorted(distinct, pair)), values)


def _distinct(codes: npt.NDArray[np.int64], size: int) -> npt.NDArray[np.int64]:
    """The codes that occur, -1 left out."""
    codes = codes[codes >= 0]
    if size > 4 * len(codes) + 1024:
        return np.unique(codes)
    there = np.zeros(size, np.bool_)
    there[codes] = True
    return np.flatnonzero(there)
