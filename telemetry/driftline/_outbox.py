"""The worker's way into the spool: gathers what is to be sent, numbers it, encodes it, announces streams."""

import secrets
import sqlite3
import time
from collections.abc import Iterable, Sequence
from typing import Any

from driftline_schemas import attributes as a
from driftline_schemas.records import GroundTruth, Prediction

from driftline._encode import Announcement, Escalation, Path, gzip, gzip_counts, resource, traces
from driftline._encode_logs import Event, logs
from driftline._encode_metrics import metrics
from driftline._intake import Deployment, Drops
from driftline._profile import Profile
from driftline._settings import Settings
from driftline._snapshot import OpenWindow, Snapshot
from driftline._spool import Spool
from driftline._spool_schema import PROFILE, SAMPLE, SPAN, STREAM, Batch, Signal, Stream, Tombstones

#: Records in one request.
BATCH_RECORDS = 256
#: Records and windows that wait in memory while the disk takes nothing.
MAX_WAITING = 20_000
#: Seconds until a disk that took nothing is tried again: what waits has to be encoded anew for it.
RETRY_DISK = 1.0


class Outbox:
    """What one stream sends. All methods are the worker's."""

    def __init__(
        self,
        settings: Settings,
        spool: Spool,
        drops: Drops,
        *,
        snapshot: Snapshot | None,
        base: int,
        now_ns: int,
    ) -> None:
        self._snapshot = snapshot
        self._settings = settings
        self._spool = spool
        self._drops = drops
        self._urgent: list[GroundTruth | Deployment | Announcement] = []
        self._predictions: list[Prediction] = []
        self._escalations: dict[str, Escalation] = {}
        self._paths: list[Path] = []
        self._windows: list[Batch] = []
        self._resume = 0.0
        self.begin(base, now_ns)

    def begin(self, base: int, now_ns: int) -> None:
        """Start a stream; `base` is where the counter of predictions stands."""
        self.stream = Stream(secrets.token_hex(16), now_ns, base, now_ns)
        self._resource = resource(self._settings, self.stream.id)
        self._who = self._resource.SerializeToString()
        self._spool.streams.begin(self.stream)
        self._urgent.append(Announcement(now_ns, {a.STREAM_PHASE: "start"}))

    def announce_dead(self, now_ns: int) -> None:
        """Say for the streams whose processes died in this slot how far they had come."""
        dead = self._spool.streams.unfinished(self.stream.id)
        stones, buried = self._spool.streams.tombstones()
        # Each one counted from its base to that of the next stream in this slot.
        bases = [*(stream.base for stream in dead if stream.made is None), self.stream.base]
        for stream in dead:
            made = stream.made
            if made is None:
                made = bases[1] - bases[0]
                bases.pop(0)
            closed = {a.STREAM_PHASE: "closed", a.STREAM_CLOSED_ID: stream.id}
            made = max(made, stream.profiled)
            known = _progress(stream, made, stream.profiled) | _buried(stones.pop(stream.id, Tombstones()))
            if stream.reserved is not None and stream.reserved > made:
                known[a.STREAM_PREDICTIONS_RESERVED] = stream.reserved
            self._urgent.append(Announcement(now_ns, closed | known))
        self._announce_stones(stones, now_ns)
        self.write(now_ns, ended=[stream.id for stream in dead], buried=buried)

    # -- gathering --------------------------------------------------------------------------------

    def event(self, event: GroundTruth | Deployment) -> None:
        """Send an event of its own right."""
        self._urgent.append(event)

    def prediction(self, prediction: Prediction, escalation: Escalation | None) -> None:
        """Send a prediction whole."""
        self._predictions.append(prediction)
        if escalation is not None:
            self._escalations[prediction.id] = escalation

    def path(self, path: Path) -> None:
        """Send a span."""
        self._paths.append(path)

    def window(self, profile: Profile, start_ns: int, end_ns: int) -> None:
        """Send the counts of a closed window."""
        body = self._metrics(profile, start_ns, end_ns, self._drops.take())
        self._windows.append(self._batch("metrics", PROFILE, end_ns, body, profile.predictions))
        self.stream.window_end = end_ns

    def open_window(
        self, profile: Profile | None, start_ns: int, end_ns: int, *, made: int, reserved: int
    ) -> bool:
        """Leave on disk what there is of a window that goes on, and how many predictions were made and may be
        until the next time; whether the disk took it."""
        if self._snapshot is None:
            return True
        body = self._metrics(profile, start_ns, end_ns, self._drops.peek()) if profile else b""
        end = end_ns if profile else start_ns
        count = profile.predictions if profile else 0
        try:
            self._snapshot.save(OpenWindow(self.stream.id, start_ns, end, count, made, reserved, body))
        except OSError as error:
            self._drops.note("open window's file", error)
            return False
        return True

    def sync(self) -> None:
        """Have all that was written survive a power cut."""
        try:
            self._spool.sync()
        except OSError as error:
            self._drops.note("spool's log", error)

    def _metrics(
        self, profile: Profile, start_ns: int, end_ns: int, dropped: dict[tuple[str, str], int]
    ) -> bytes:
        oldest = self._spool.oldest_ns()
        return metrics(
            self._resource,
            profile,
            start_ns,
            end_ns,
            dropped=dropped,
            spool_bytes=self._spool.bytes,
            spool_age=max(0.0, (end_ns - oldest) / 1e9) if oldest is not None else 0.0,
        )

    @property
    def waiting(self) -> int:
        """Records that are not in the spool yet."""
        return len(self._urgent) + len(self._predictions) + len(self._paths) + len(self._windows)

    # -- writing ----------------------------------------------------------------------------------

    def write(self, now_ns: int, *, ended: Sequence[str] = (), buried: int = 0) -> bool:
        """Number, encode and put all that waits, in one transaction; whether there was anything, and room.

        Where the disk does not take it, it waits in memory, up to a limit, and gets its numbers later.
        """
        if not (self.waiting or ended or buried):
            return False
        if time.monotonic() < self._resume and not ended:
            self._forget_oldest()
            return False
        stream = self.stream
        before = stream.logs, stream.spans
        batches = [*self._windows]
        for priority, events in ((STREAM, self._urgent), (SAMPLE, self._predictions)):
            batches += [self._logs(priority, part, now_ns) for part in _parts(events)]
        for part in _parts(self._paths):
            body = traces(self._resource, part, stream.spans + 1)
            batches.append(self._batch("traces", SPAN, now_ns, body, len(part)))
        try:
            dropped = self._spool.put(batches, stream, ended=ended, buried=buried)
        except sqlite3.Error as error:
            stream.logs, stream.spans = before
            self._drops.note("spool", error)
            self._resume = time.monotonic() + RETRY_DISK
            self._forget_oldest()
            return False
        for batch in dropped:
            self._drops.add(
                "spool_full", batch.signal, batch.records, detail=f"(over {self._spool.limit} bytes)"
            )
        for waiting in (self._urgent, self._predictions, self._paths, self._windows):
            waiting.clear()
        self._escalations.clear()
        return True

    def _logs(self, priority: int, events: Sequence[Event], now_ns: int) -> Batch:
        body = logs(self._who, events, self.stream.logs + 1, self._escalations)
        return self._batch("logs", priority, now_ns, body, len(events))

    def _batch(self, signal: Signal, priority: int, now_ns: int, body: bytes, records: int) -> Batch:
        stream = self.stream
        first = last = 0
        if signal == "logs":
            first, last = stream.logs + 1, stream.logs + records
            stream.logs = last
        elif signal == "traces":
            first, last = stream.spans + 1, stream.spans + records
            stream.spans = last
        # What repeats in records are their keys, which the quickest level finds as well.
        packed = gzip_counts(body) if signal == "metrics" else gzip(body, 1)
        return Batch(0, stream.id, signal, priority, now_ns, records, first, last, 0, packed)

    def _forget_oldest(self) -> None:
        lists: tuple[tuple[Signal, list[Any]], ...] = (
            ("traces", self._paths),
            ("logs", self._predictions),
            ("metrics", self._windows),
            ("logs", self._urgent),
        )
        for signal, waiting in lists:
            if (excess := len(waiting) - MAX_WAITING // len(lists)) > 0:
                del waiting[:excess]
                self._drops.add("spool_error", signal, excess)

    # -- announcing -------------------------------------------------------------------------------

    def announce_losses(self, now_ns: int) -> None:
        """Say which numbers will never come, once for each; unless something as urgent has not got through
        yet: in days without a collector such words would take the place of all else."""
        if self._spool.waits(STREAM):
            return
        self._announce_losses(now_ns)

    def _announce_losses(self, now_ns: int) -> None:
        stones, buried = self._spool.streams.tombstones()
        if buried:
            self._announce_stones(stones, now_ns)
            self.write(now_ns, buried=buried)

    def _announce_stones(self, stones: dict[str, Tombstones], now_ns: int) -> None:
        for name, found in stones.items():
            own = name == self.stream.id
            phase = {a.STREAM_PHASE: "gap"} if own else {a.STREAM_PHASE: "closed", a.STREAM_CLOSED_ID: name}
            self._urgent.append(Announcement(now_ns, phase | _buried(found)))

    def end(self, made: int, now_ns: int) -> bool:
        """End the stream: say how far it came; whether that is in the spool."""
        self._resume = 0.0  # the last chance
        self.write(now_ns)
        self._announce_losses(now_ns)
        stream = self.stream
        known = _progress(stream, made, self._spool.streams.profiled(stream.id))
        known[a.STREAM_LAST_LOG] = stream.logs + len(self._urgent) + 1
        self._urgent.append(Announcement(now_ns, {a.STREAM_PHASE: "end"} | known))
        return self.write(now_ns, ended=[stream.id])


def _progress(stream: Stream, made: int, profiled: int) -> dict[str, Any]:
    return {
        a.STREAM_LAST_LOG: stream.logs,
        a.STREAM_LAST_SPAN: stream.spans,
        a.STREAM_LAST_WINDOW_END: stream.window_end,
        a.STREAM_PREDICTIONS_MADE: made,
        a.STREAM_PREDICTIONS_PROFILED: profiled,
    }


def _buried(stones: Tombstones) -> dict[str, Any]:
    return {
        a.STREAM_TOMBSTONES_LOGS: _flat(stones.logs),
        a.STREAM_TOMBSTONES_SPANS: _flat(stones.traces),
    }


def _flat(intervals: Sequence[tuple[int, int]]) -> list[int] | None:
    """[first, last, first, last, …], ascending; neighbours are one interval."""
    flat: list[int] = []
    for first, last in sorted(intervals):
        if flat and first == flat[-1] + 1:
            flat[-1] = last
        else:
            flat += (first, last)
    return flat or None


def _parts(records: Sequence[Any]) -> Iterable[Sequence[Any]]:
    for start in range(0, len(records), BATCH_RECORDS):
        yield records[start : start + BATCH_RECORDS]
