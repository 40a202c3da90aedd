"""Batches as the receiver would make them, small enough to read."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from driftline_collector.store.batch import Batch, NumberedSignal, Numbers, Refusal, Rows

SOURCE = {
    "model": "digits",
    "version": "1",
    "device": "cam-1",
    "device_type": "camera-a",
    "region": "eu",
    "tier": "device_edge",
}


def predictions(
    stream: str | None,
    sequences: Sequence[int],
    *,
    ids: Sequence[str] | None = None,
    refused: Sequence[int] = (),
    **columns: Any,
) -> Batch:
    """A prediction for each number, but those at the places `refused`; without a stream none is numbered."""
    size = len(sequences)
    kept = np.array([place for place in range(size) if place not in refused], np.int64)
    names = ids or [f"{stream}-{number}" for number in sequences]
    table: dict[str, Any] = {
        "id": [names[place] for place in kept],
        "time_ns": pa.array([int(sequences[place]) for place in kept], pa.int64()),
        "stream": pa.array([stream] * len(kept), pa.string()),
        "sequence": pa.array([sequences[place] if stream else None for place in kept], pa.int64()),
    }
    table |= {name: [value] * len(kept) for name, value in (SOURCE | columns).items()}
    refusals = (Refusal("made up", np.asarray(refused, np.int64)),) if len(refused) else ()
    return Batch({"predictions": Rows(pa.table(table), kept)}, numbers("logs", stream, sequences), refusals)


def numbers(signal: NumberedSignal, stream: str | None, sequences: Sequence[int]) -> Numbers:
    code = 0 if stream else -1
    streams = (stream,) if stream else ()
    return Numbers(
        signal, streams, np.full(len(sequences), code, np.int32), np.asarray(sequences, dtype=np.int64)
    )


def points(stream: str | None, start: int, end: int, counts: dict[str, int], **columns: Any) -> Batch:
    """The profile of one window: label → how many predictions."""
    size = len(counts)
    table: dict[str, Any] = {
        "start_ns": [start] * size,
        "end_ns": [end] * size,
        "stream": pa.array([stream] * size, pa.string()),
        "binning": pa.nulls(size, pa.string()),
        "feature": ["__label__"] * size,
        "kind": ["predictions"] * size,
        "category": list(counts),
        "counts": pa.array([[count] for count in counts.values()], pa.list_(pa.int64())),
        "firmware": pa.nulls(size, pa.string()),
    }
    table |= {name: [value] * size for name, value in (SOURCE | columns).items()}
    return Batch({"profiles": Rows(pa.table(table))})
