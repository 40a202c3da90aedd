"""What is given up where the disk runs out of room: kinds that the operator named; then nothing is taken.

What is shed is refused for good (a partial success) and counted by reason; its numbers count as seen. Where
there is no room at all everything is refused for now, so that senders keep it.
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import replace
from typing import Protocol

from driftline_collector.receiver.decoded import Decoded, Rejected
from driftline_collector.receiver.signals import Signal
from driftline_collector.store.batch import Refusal

REASON = "no room: the collector's disk is nearly full, and this kind is given up then (retention.shed)"


class Room(Protocol):
    """How much there is left."""

    @property
    def state(self) -> str:
        """Ample, low (some kinds are given up) or full (nothing is taken)."""

    def __str__(self) -> str:
        """The same in words."""


class Shedding:
    """Gives up rows of `tables` while there is little `room`."""

    def __init__(self, room: Room, tables: Collection[str]) -> None:
        self._room = room
        self._tables = frozenset(tables)

    def full(self) -> str | None:
        """Why nothing can be taken now, if so."""
        return str(self._room) if self._room.state == "full" else None

    def hits(self, decoded: Decoded) -> bool:
        """Whether something of this is to be given up now."""
        return not self._tables.isdisjoint(decoded.batch.rows) and self._room.state != "ample"

    def shed(self, signal: Signal, decoded: Decoded) -> Decoded:
        """What is left of one request."""
        batch = decoded.batch
        gone = {table: rows for table, rows in batch.rows.items() if table in self._tables}
        count = sum(rows.table.num_rows for rows in gone.values())
        numbered = [Refusal(REASON, rows.record) for rows in gone.values() if rows.record is not None]
        counted = Counter(batch.counted)
        for rows in gone.values():
            if rows.record is None or batch.numbers is None:
                counted[signal.name, REASON] += rows.table.num_rows
        left = replace(
            batch,
            rows={table: rows for table, rows in batch.rows.items() if table not in gone},
            refusals=(*batch.refusals, *(numbered if batch.numbers is not None else ())),
            counted=dict(counted),
        )
        (before,) = decoded.rejected
        message = "; ".join(filter(None, [before.message, f"{count} {signal.records} refused: {REASON}"]))
        return Decoded(left, [Rejected(before.count + count, message)])
