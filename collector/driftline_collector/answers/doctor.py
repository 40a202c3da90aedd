"""What the API answers with where somebody asks what is wrong. Times: RFC 3339 in UTC; durations: seconds."""

from collections.abc import Mapping
from dataclasses import dataclass

from driftline_collector.answers.coverage import CoverageGroup
from driftline_collector.answers.records import Time
from driftline_collector.answers.system import Journal, Keeping, Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that somebody should know of, and what to do about it.

    `severity`: error (data are at risk, or are not stored), warning (somebody should look), note. `code`
    names what is wrong in a word that stays the same, `examples` whom it befalls, the worst first.
    """

    severity: str
    code: str
    text: str
    advice: str
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """Bytes of the disk that the database lies on, and of its files: database, log, journal, archive."""

    path: str
    total: int
    free: int
    files: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryUse:
    """Bytes that the database holds in memory, of the most that it may, and that this process does."""

    database: int
    database_limit: int
    process: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """How much of a table there is, when its oldest and newest row were measured, and when one last came."""

    table: str
    rows: int
    oldest: Time | None
    newest: Time | None
    received: Time | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadTime:
    """A named read of the database since the start: how often, and quantiles of its latest durations in s."""

    name: str
    count: int
    p50_s: float
    p99_s: float
    longest_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """How far a device's clock is ahead of the collector's, in s; behind where it is negative.

    The least that its windows of the last hour allow: one that waits to be sent looks as if the clock were
    behind. `future_windows` of the last day ended so far ahead that they are kept, and not judged.
    """

    device: str
    offset_s: float | None
    future_windows: int
    spool_age_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Doctor:
    """What is wrong, worst first, and what that was concluded from, of the 24 hours until `as_of` and of now.

    `running`: the collector answered; else its file was looked into, as it was when it was last written.
    `silent`, `incomplete` and `clocks` name the worst few devices.
    """

    as_of: Time
    running: bool
    findings: tuple[Finding, ...]
    disk: Disk | None
    keeping: Keeping | None
    journal: Journal
    memory: MemoryUse
    kept: tuple[Kept, ...]
    devices: int
    silent: tuple[str, ...]
    coverage: CoverageGroup
    incomplete: tuple[CoverageGroup, ...]
    clocks: tuple[Clock, ...]
    refused: tuple[Refused, ...]
    slowest: tuple[ReadTime, ...]
