"""What the receiver hands to the writer: rows for tables, and the numbers by which repeats are known."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Index = npt.NDArray[np.int64]
NumberedSignal = Literal["logs", "traces"]
#: How the reasons begin that count records which are kept, under another name.
FOLDED = "folded into "


@dataclass(frozen=True, slots=True, eq=False)
class Numbers:
    """Stream and sequence of each of n records; stream -1 where a record has no number and is taken as it is.

    `stream` indexes `streams`, which are distinct.
    """

    signal: NumberedSignal
    streams: tuple[str, ...]
    stream: npt.NDArray[np.int32]
    sequence: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.stream)


@dataclass(frozen=True, slots=True, eq=False)
class Refusal:
    """Records that were turned away for good, and why. Their numbers count as seen."""

    reason: str
    record: Index


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Rows of one table, without `received_ns`; row i came from the record `record[i]` in `Numbers`."""

    table: pa.Table
    record: Index | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Rows that are committed together or not at all.

    `numbers` speaks of the records that `rows` and `refusals` refer to. Rows without `record` are taken as
    they are, but profile points are told apart by what they say, and feature sets by their id.
    """

    rows: dict[str, Rows]
    numbers: Numbers | None = None
    refusals: tuple[Refusal, ...] = ()
    counted: dict[tuple[str, str], int] = field(
        default_factory=dict
    )  # (signal, reason) → refused, unnumbered
    nbytes: int = 0

    @property
    def size(self) -> int:
        """How many rows there are, over all tables."""
        return sum(rows.table.num_rows for rows in self.rows.values())


def concatenate(numbers: Sequence[Numbers]) -> Numbers:
    """The numbers of several batches of one signal, one after the other."""
    if len(numbers) == 1:
        return numbers[0]
    code: dict[str, int] = {}
    parts = []
    for part in numbers:
        # One entry more, for the -1 of records without a number.
        translated = [code.setdefault(stream, len(code)) for stream in part.streams] + [-1]
        parts.append(np.asarray(translated, np.int32)[part.stream])
    sequence = np.concatenate([part.sequence for part in numbers])
    return Numbers(numbers[0].signal, tuple(code), np.concatenate(parts), sequence)
