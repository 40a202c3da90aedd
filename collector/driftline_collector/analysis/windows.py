"""Windows: aligned, half-open intervals of time, judged once they are closed."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

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

    def up_to(self, count: int) -> "Window":
        """So many windows as one, of which this is the last."""
        return Window(self.end_ns - count * self.width_ns, self.end_ns)

    def after(self) -> "Window":
        """The next one."""
        return Window(self.end_ns, self.end_ns + self.width_ns)


def is_closed(window: Window, progress: pa.Table, *, now_ns: int, lateness_ns: int) -> bool:
    """Whether a window may be judged: all devices expected in it have reported, or the lateness is over.

    `progress` are rows of `Store.progress` from `LOOK_BACK` windows before it on. Expected is a device that
    began before the window's end and has not said goodbye. A window never closes before its end.
    """
    if now_ns < window.end_ns:
        return False
    if now_ns >= window.end_ns + lateness_ns:
        return True
    if not progress.num_rows:
        return False
    # Of a device that changed its version, the latest row tells whether it has ended.
    devices = (
        progress.sort_by("last_end_ns")
        .group_by(["tier", "device"], use_threads=False)
        .aggregate([("first_start_ns", "min"), ("last_end_ns", "max"), ("ended", "last")])
    )
    began = np.asarray(devices.column("first_start_ns_min")) < window.end_ns
    reported = np.asarray(devices.column("last_end_ns_max")) >= window.end_ns
    ended = np.asarray(devices.column("ended_last"))
    return bool((reported | ended | ~began).all())
