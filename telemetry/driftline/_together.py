"""Which batches wait for others, and go up with them in one request: a sample in a request of its own costs
three times its bytes, and as much of the interpreter's time as a hundred."""

import zlib
from dataclasses import replace
from typing import Final

from google.protobuf.message import DecodeError

from driftline._bisect import joined
from driftline._encode import gzip
from driftline._spool import Spool
from driftline._spool_schema import STREAM, Batch, Signal

#: Records that make a whole request: with so many nothing waits for more.
WHOLE: Final = 256
#: Fewer records than this wait `LONGER` times as long: what a request costs beside them, 600 bytes, is more
#: than they are.
ENOUGH: Final = 32
LONGER: Final = 6


class Together:
    """For one spool; `patience` is how long `ENOUGH` records wait for more. All methods but `hurry` are the
    sender's; times are monotonic, in seconds."""

    def __init__(self, spool: Spool, patience: float) -> None:
        self._spool = spool
        self._patience = patience
        self._since: dict[Signal, float] = {}
        self._hurry = 0.0
        #: Batches up to this one go by themselves.
        self._apart = 0

    def hurry(self, until: float) -> None:
        """Let nothing wait until then."""
        self._hurry = max(self._hurry, until)

    def wait(self, signal: Signal, now: float, *, after: int) -> float:
        """Seconds until batches of a signal with ids after this one may go. Windows, truths, announcements,
        and whatever was told before them go at once."""
        if self._patience == 0 or signal == "metrics" or now < self._hurry:
            return 0.0
        records, priority = self._spool.waiting(signal, after=after, limit=WHOLE)
        if not records:
            self._since.pop(signal, None)
            return 0.0
        since = self._since.setdefault(signal, now)
        if priority == STREAM or records >= WHOLE:
            return 0.0
        return since + self._patience * (1 if records >= ENOUGH else LONGER) - now

    def join(self, batch: Batch) -> tuple[Batch, list[Batch]]:
        """A batch and those that go up with it as one, and which these are."""
        if self._patience == 0 or batch.signal == "metrics" or batch.id <= self._apart:
            return batch, [batch]
        parts = [batch, *self._spool.followers(batch, max(0, WHOLE - batch.records))]
        if len(parts) == 1:
            return batch, parts
        try:
            body = joined(batch.signal, [zlib.decompress(part.body, 31) for part in parts])
        except (zlib.error, DecodeError):
            # A disk that fails: the collector is to say which of them it does not take.
            self.part(parts[-1].id)
            return batch, [batch]
        records = sum(part.records for part in parts)
        return replace(batch, body=gzip(body, 9), records=records, last=parts[-1].last), parts

    def part(self, last: int) -> None:
        """Send each batch up to this id by itself."""
        self._apart = max(self._apart, last)
