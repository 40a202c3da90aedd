"""Rows with lists of counts, summed by what they are of. DuckDB would have to unnest each count."""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Whole = npt.NDArray[np.int64]

#: Rows that are gathered before they are summed, so that memory is bounded by what comes out.
_GATHERED_ROWS = 200_000
#: So many codes are not worth sorting rows, however few these are.
_FEW_CODES = 1000


def summed(batches: Iterable[pa.RecordBatch | pa.Table], schema: pa.Schema) -> pa.Table:
    """The distinct rows of all columns but `counts`, which is summed element by element.

    Lists of other lengths, which one binning does not give, are summed as if they ended in zeros.
    """
    done = schema.empty_table()
    waiting: list[pa.Table] = []
    size = 0
    for batch in batches:
        waiting.append(pa.table(batch) if isinstance(batch, pa.RecordBatch) else batch)
        size += batch.num_rows
        # What was summed already is summed again each time, so it must not be most of it.
        if size >= max(_GATHERED_ROWS, done.num_rows):
            done, waiting, size = _summed(pa.concat_tables([done, *waiting])), [], 0
    return _summed(pa.concat_tables([done, *waiting])) if waiting else done


def _summed(table: pa.Table) -> pa.Table:
    keys = table.drop_columns(["counts"])
    first, group = groups(keys, keys.column_names)
    if len(first) == table.num_rows:
        return table
    lists = table.column("counts").combine_chunks()
    lengths = np.asarray(pc.list_value_length(lists), dtype=np.int64)
    widths = np.zeros(len(first), np.int64)
    np.maximum.at(widths, group, lengths)
    begins = np.concatenate(([0], np.cumsum(widths)))
    within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    sums = np.zeros(begins[-1], np.int64)
    values = np.asarray(lists.flatten(), dtype=np.int64)
    # However absurd a count is, a sum of them is no negative number.
    most = np.iinfo(np.int64).max // max(int(np.bincount(group).max()), 1)
    np.add.at(sums, np.repeat(begins[group], lengths) + within, np.minimum(values, most))
    kept = keys.take(pa.array(first))
    counts = pa.ListArray.from_arrays(pa.array(begins, pa.int32()), pa.array(sums))
    return kept.append_column("counts", counts).select(table.column_names)


def groups(table: pa.Table, columns: Sequence[str]) -> tuple[Whole, Whole]:
    """The first row of each distinct one in some columns, and which of these each row is, shape (rows,)."""
    code = np.zeros(table.num_rows, np.int64)
    size = 1
    for name in columns:
        own, distinct = _codes(table.column(name))
        if size > np.iinfo(np.int64).max // max(distinct, 1):
            kept, code = np.unique(code, return_inverse=True)
            size = len(kept)
        code, size = code * distinct + own, size * distinct
    if size > max(code.size, _FEW_CODES):
        _, first, inverse = np.unique(code, return_index=True, return_inverse=True)
        return first, inverse
    # The same without sorting: of several rows with a code the last one to be written, the first, stays.
    at = np.full(size, -1, np.int64)
    at[code[::-1]] = np.arange(len(code))[::-1]
    there = at >= 0
    return at[there], (np.cumsum(there) - 1)[code]


def _codes(column: pa.ChunkedArray) -> tuple[Whole, int]:
    """A number from 0 for each distinct value, NULL with one of its own; how many there are."""
    if column.null_count == len(column):
        return np.zeros(len(column), np.int64), 1
    values = column.combine_chunks()
    if pa.types.is_list(values.type):
        return _codes_of_lists(values)
    if not pa.types.is_dictionary(values.type):
        values = values.dictionary_encode()
    elif len(values.dictionary.unique()) < len(values.dictionary):
        values = values.cast(values.type.value_type).dictionary_encode()
    distinct = len(values.dictionary)
    return np.asarray(pc.fill_null(values.indices, distinct), dtype=np.int64), distinct + 1


def _codes_of_lists(lists: pa.ListArray) -> tuple[Whole, int]:
    """The same for lists of numbers: those of one length at a time, by their bytes."""
    lengths = np.asarray(pc.fill_null(pc.list_value_length(lists), -1), dtype=np.int64)
    codes = np.zeros(len(lists), np.int64)
    size = 1
    for length in np.unique(lengths[lengths >= 0]).tolist():
        at = lengths == length
        rows = np.asarray(lists.filter(pa.array(at)).flatten()).reshape(int(at.sum()), length)
        _, own = np.unique(rows, axis=0, return_inverse=True)
        codes[at] = size + own.ravel()
        size += int(own.max()) + 1
    return codes, size
