"""What the API answers with where it speaks of devices. Times are RFC 3339 in UTC, durations seconds."""

from dataclasses import dataclass

from driftline_collector.answers.records import Change, Time


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A device under one model version.

    `state`: moved (its inputs drifted), silent (expected, and did not report), idle (reports, and predicts
    nothing), new, ended (it said goodbye), retired (an operator said so), else ok. `spool_age`: how long its
    oldest unsent data waits, in s.
    """

    device: str
    model: str
    version: str
    device_type: str
    region: str
    tier: str
    state: str
    firmware: str | None = None
    retired: Time | None = None
    last_seen: Time | None = None
    predictions: int = 0
    lost: int = 0
    spool_age: float | None = None
    p95: float | None = None
    worst_feature: str | None = None
    worst_effect: float | None = None
    coverage: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """One start of a device's process: predictions `made` by its own word, `counted` in what arrived.

    `lost` were announced by the device, `in_doubt` may have been made on top, at most, before a power cut.
    `missing` are numbered records that never came.
    """

    stream: str
    version: str
    started: Time | None
    ended: Time | None
    last_seen: Time | None
    made: int | None
    counted: int
    lost: int
    in_doubt: int
    missing: int
    repeated: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceDetail:
    """A device: as it is now, under each version it had, and each start of its process.

    `clock_offset` is how far its clock is ahead of the collector's, in s, as estimated from what it sent.
    """

    device: Device
    versions: tuple[Device, ...]
    streams: tuple[Stream, ...]
    clock_offset: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceChange:
    """What an operator said of a device: `kind` is retire, return, rename or move; it holds from `since` on.

    `device` is its name then. Renamed, it had the name `before` and has the name `after`; moved, its
    `dimension` device_type or region was `before` and is `after`.
    """

    device: str
    kind: str
    dimension: str | None
    before: str | None
    after: str | None
    since: Time
    changed: Time
    author: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DevicePoint:
    """A bucket of a device's life beside the median of its segment. `gap`: it reported nothing in it.

    Effects and percentiles of latency are those of the closed window that the bucket lies in.
    """

    time: Time
    end: Time
    predictions: int
    gap: bool
    effect: float | None
    feature: str | None
    segment_median_effect: float | None
    p95: float | None
    segment_p95: float | None
    escalation_rate: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceSeries:
    """A device over time, at most 1,000 buckets."""

    device: str
    points: tuple[DevicePoint, ...]
    changes: tuple[Change, ...]
    limit: float | None
    as_of: Time
