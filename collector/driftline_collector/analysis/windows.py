"""Windows: aligned, half-open intervals of time, judged once they are closed."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from driftline_collector.analysis.outages import Outage

#: A device that had a window in this many evaluation windows before is waited for.
LOOK_BACK = 3


@dataclass(frozen=True, slots=True)
class Window:
    """[start_ns, end_ns)."""

    start_ns: int
    end_ns: int

    @classmethod
    def at(cls, time_ns: int, width_ns: int) -> "Window":
        """The window that a moment lies in; windows begin at multiples of their width, in UTC."""
        start = time_ns - time_ns % width_ns
        return cls(start, start + width_ns)

    @property
    def width_ns(self) -> int:
        """How long it is."""
        return self.end_ns - self.start_ns

    def after(self) -> "Window":
        """The next one."""
        return Window(self.end_ns, self.end_ns + self.width_ns)


def awaited_since(window: Window, outage: Outage, *, lateness_ns: int) -> int:
    """A device that had a window after this moment is waited for.

    While devices catch up after an outage these are all that were there when it began: who comes back first
    must not be taken for all that there are.
    """
    since = window.start_ns - LOOK_BACK * window.width_ns
    if window.start_ns >= outage.caught_up_ns(lateness_ns):
        return since
    return min(since, outage.start_ns - LOOK_BACK * window.width_ns)


def is_closed(window: Window, progress: pa.Table, outage: Outage, *, now_ns: int, lateness_ns: int) -> bool:
    """Whether a window may be judged: all devices expected in it have reported, or the lateness is over.

    `progress` are rows of `Store.progress` from `awaited_since` on. Expected is a device that began before
    the window's end and has not said goodbye. A window never closes before its end. The lateness counts only
    time in which devices could report; those that came back after the outage and are still behind have until
    they should have caught up.
    """
    if now_ns < window.end_ns:
        return False
    due = window.end_ns + lateness_ns
    due += outage.within(window.end_ns, due)
    if not progress.num_rows:
        return now_ns >= due
    # Of a device that changed its version, the latest row tells whether it has ended.
    devices = (
        progress.sort_by("last_end_ns")
        .group_by(["tier", "device"], use_threads=False)
        .aggregate([("first_start_ns", "min"), ("last_end_ns", "max"), ("ended", "last")])
    )
    began = np.asarray(devices.column("first_start_ns_min")) < window.end_ns
    last = np.asarray(devices.column("last_end_ns_max"))
    ended = np.asarray(devices.column("ended_last"))
    missing = began & (last < window.end_ns) & ~ended
    behind = missing & (last > outage.start_ns)
    if now_ns < due:
        return not missing.any()
    caught_up = max(window.end_ns, outage.caught_up_ns(lateness_ns)) + lateness_ns
    return now_ns >= caught_up or not behind.any()
