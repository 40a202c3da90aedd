"""Stops the SDK where it takes more than its share of the device, or where the device has little left."""

import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from driftline._errors import ConfigurationError
from driftline._intake import Intake

#: Seconds between two looks, which is also over how long a share of CPU is taken.
CHECK_EVERY = 10.0
#: Seconds for which nothing is taken after too much CPU: looking again at once would let it flap.
REST = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Where a Monitor becomes a no-op that counts, until there is room again. All are shares from 0 to 1.

    `cpu`: of one core, taken by driftline's own threads over ten seconds. `memory`: of the machine's, or of
    the container's, taken by this process. `disk`: of the spool's file system, taken by whomever.
    """

    cpu: float = 1.0
    memory: float = 0.9
    disk: float = 0.98

    def __post_init__(self) -> None:
        for name in ("cpu", "memory", "disk"):
            share = getattr(self, name)
            if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 < share <= 1:
                raise ConfigurationError(f"limits.{name} is {share!r}; expected a share above 0, up to 1")


class Breaker:
    """Pauses the intake while a limit is passed. All methods are the worker's."""

    def __init__(self, limits: Limits, intake: Intake, folder: Path | None) -> None:
        self._limits = limits
        self._intake = intake
        self._folder = folder
        self._checked = time.monotonic()
        self._spent = 0.0
        self._rests_until = 0.0

    def check(self, spent: float) -> None:
        """Look, if it is time to; `spent` is the CPU time of all our threads so far, in seconds."""
        now = time.monotonic()
        if (passed := now - self._checked) < CHECK_EVERY:
            return
        share, self._checked, self._spent = (spent - self._spent) / passed, now, spent
        if share >= self._limits.cpu:
            self._rests_until = now + REST
        self._intake.pause(self._reason(now))

    def _reason(self, now: float) -> str | None:
        """Which limit is passed, as it is counted."""
        if now < self._rests_until:
            return "cpu_limit"
        if memory_share() >= self._limits.memory:
            return "memory_limit"
        if self._folder is not None and disk_share(self._folder) >= self._limits.disk:
            return "disk_limit"
        return None


def memory_share() -> float:
    """What this process takes of the memory that it may have; 0 where the system does not say (not Linux)."""
    try:
        resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return 0.0
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        try:
            total = min(total, int(Path("/sys/fs/cgroup", name).read_text()))
        except (OSError, ValueError):  # no container, or "max"
            continue
    return resident / total


def disk_share(folder: Path) -> float:
    """How full the file system is, for those who are not root; 0 where it does not say."""
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return 0.0
    room = usage.used + usage.free
    return usage.used / room if room else 0.0
