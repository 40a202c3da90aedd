"""What dead processes left, and how it comes into the spool of a living one."""

import sqlite3
from pathlib import Path

from driftline._encode import gzip
from driftline._intake import Drops
from driftline._slot import Slot, orphans
from driftline._snapshot import OpenWindow, Snapshot
from driftline._spool import Spool
from driftline._spool_schema import PROFILE, Batch

#: Seconds between looks for what other processes on this device left behind when they died.
ADOPT_EVERY = 60.0


def adopt(spool: Spool, own: Slot, parent: Path, drops: Drops) -> None:
    """Move in what dead processes left in other slots. What cannot be read stays where it is."""
    for slot in orphans(parent, own.path):
        try:
            left = Spool(slot.database, spool.limit)
            try:
                slot.counter.at_least(revive(left, slot.snapshot))
                spool.adopt(left, slot.counter.made)
                spool.sync()  # before the other file goes
            finally:
                left.close()
            slot.database.unlink()
        except (OSError, sqlite3.Error) as error:
            drops.note("adoption of a spool", error)
        finally:
            slot.release()


def revive(spool: Spool, snapshot: Snapshot) -> int:
    """Put in the spool what a dead process left of its open window; how many predictions it had counted at
    least. Raises sqlite3.Error."""
    window = snapshot.load()
    for stream in spool.streams.unfinished("") if window else ():
        if window and stream.id == window.stream:
            if window.power_cut:
                stream.reserved = window.reserved - stream.base
                spool.streams.reserve(stream)
            # Another start than the chain's end: that window was closed and is in the spool already.
            if stream.window_end == window.start_ns < window.end_ns:
                stream.window_end = window.end_ns
                spool.put([_left(window)], stream)
    known = [stream.base + stream.profiled for stream in spool.streams.unfinished("")]
    return max([*known, window.made if window else 0])


def _left(window: OpenWindow) -> Batch:
    return Batch(
        id=0,
        stream=window.stream,
        signal="metrics",
        priority=PROFILE,
        created_ns=window.end_ns,
        records=window.predictions,
        first=0,
        last=0,
        attempts=0,
        body=gzip(window.body),
    )
