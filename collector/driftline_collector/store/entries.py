"""A `Batch` as bytes and back, for the journal: a head in JSON, then an Arrow IPC stream for each part.

Columns without a single value are left out: an absent column is NULL.
"""

import json
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from driftline_collector.store.batch import Batch, Numbers, Refusal, Rows

_LENGTH = struct.Struct("<I")
#: Where the arrays of a stream begin: Arrow works on others, too, but slowly and with a complaint for each.
_ALIGNED = 64


def encode(batch: Batch) -> bytes:
    """The entry of a batch."""
    streams: list[pa.Buffer] = []
    tables = []
    for name, rows in batch.rows.items():
        streams.append(_stream(rows.table))
        whole = rows.record is not None and _is_whole(rows.record, batch.numbers)
        if rows.record is not None and not whole:
            streams.append(_stream(pa.table({"record": rows.record})))
        tables.append([name, "all" if whole else "none" if rows.record is None else "told"])
    head: dict[str, Any] = {"tables": tables, "counted": [[*key, n] for key, n in batch.counted.items()]}
    if batch.numbers is not None:
        numbers = batch.numbers
        head["signal"], head["streams"] = numbers.signal, numbers.streams
        streams.append(_stream(pa.table({"stream": numbers.stream, "sequence": numbers.sequence})))
    head["refusals"] = [refusal.reason for refusal in batch.refusals]
    streams += [_stream(pa.table({"record": refusal.record})) for refusal in batch.refusals]
    head["nbytes"], head["lengths"] = batch.nbytes, [stream.size for stream in streams]
    text = json.dumps(head).encode()
    text += b" " * (-(_LENGTH.size + len(text)) % _ALIGNED)
    return b"".join([_LENGTH.pack(len(text)), text, *streams])


def decode(entry: memoryview) -> Batch:
    """The batch that was encoded; its arrays lie in `entry`."""
    (length,) = _LENGTH.unpack_from(entry)
    head = json.loads(bytes(entry[_LENGTH.size : _LENGTH.size + length]))
    parts = _tables(entry[_LENGTH.size + length :], head["lengths"])
    size = 0
    found: dict[str, tuple[pa.Table, str, pa.Table | None]] = {}
    for name, record in head["tables"]:
        found[name] = next(parts), record, next(parts) if record == "told" else None
    numbers = None
    if "signal" in head:
        told = next(parts)
        size = told.num_rows
        numbers = Numbers(
            head["signal"], tuple(head["streams"]), _array(told, "stream"), _array(told, "sequence")
        )
    refusals = tuple(Refusal(reason, _array(next(parts), "record")) for reason in head["refusals"])
    rows = {}
    for name, (table, record, index) in found.items():
        at = None if record == "none" else np.arange(size) if index is None else _array(index, "record")
        rows[name] = Rows(table, at)
    counted = {(signal, reason): count for signal, reason, count in head["counted"]}
    return Batch(rows, numbers, refusals, counted, head["nbytes"])


def slim(table: pa.Table) -> pa.Table:
    """Without the columns that are all NULL, which are as large as others."""
    told = [name for name in table.column_names if table.column(name).null_count < table.num_rows]
    return table if len(told) == table.num_columns else table.select(told)


def _is_whole(record: "np.ndarray[Any, np.dtype[np.int64]]", numbers: Numbers | None) -> bool:
    """Whether each record has its row, in order, as nearly always."""
    return numbers is not None and len(record) == len(numbers) and bool((np.diff(record) == 1).all())


def _stream(table: pa.Table) -> pa.Buffer:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def _tables(data: memoryview, lengths: Sequence[int]) -> Any:
    start = 0
    for length in lengths:
        yield pa.ipc.open_stream(pa.py_buffer(data[start : start + length])).read_all()
        start += length


def _array(table: pa.Table, name: str) -> Any:
    return np.asarray(table.column(name).combine_chunks())
