"""What a purge is about, and which rows of which table that is."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

#: What purged predictions have as their ids, and purged devices as their streams, while a purge is under way.
IDS, STREAMS = "purged_ids", "purged_streams"
_NAMED = re.compile(r"\$([a-z]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What is named must all be true of a row; at least one thing is named. Times are [start, end) in ns.

    `devices` are all names that a device ever had.
    """

    devices: tuple[str, ...] | None = None
    stream: str | None = None
    model: str | None = None
    start_ns: int | None = None
    end_ns: int | None = None

    @property
    def whole(self) -> bool:
        """Whether all of a device or model goes, so that nothing is left from which to expect it."""
        return self.stream is None and self.start_ns is None and self.end_ns is None

    def values(self, statement: str) -> dict[str, Any]:
        """What the statement names with a dollar sign."""
        known = {
            "devices": self.devices and list(self.devices),
            "stream": self.stream,
            "model": self.model,
            "start": self.start_ns,
            "end": self.end_ns,
        }
        return {name: known[name] for name in set(_NAMED.findall(statement)) & known.keys()}


@dataclass(frozen=True, slots=True)
class ScopedTable:
    """A table that is purged. `also` is a condition that makes a row go whatever else it says."""

    name: str
    time: str
    end: str | None = None
    has_model: bool = False
    has_device: bool = True
    also: str | None = None

    def matches(self, scope: Scope) -> str:
        """SQL: whether a row is in the scope; never NULL."""
        own = self._own(scope)
        found = own if self.also is None else f"({own} OR {self.also})"
        if self.name == "profiles" and not scope.whole:
            found += f" AND NOT ({_IDLE})"
        if self.name == "stream_windows" and not scope.whole:
            found += " AND (predictions <> 0 OR coalesce(escalations, 0) <> 0)"
        return f"coalesce({found}, false)"

    def _own(self, scope: Scope) -> str:
        parts = ["true"]
        if scope.model is not None:
            parts.append("model = $model" if self.has_model else "false")
        if scope.devices is not None:
            parts.append(
                "list_contains($devices::VARCHAR[], device)"
                if self.has_device
                else f"stream IN (SELECT stream FROM {STREAMS})"
            )
        if scope.stream is not None:
            parts.append("stream = $stream")
        if scope.start_ns is not None:
            late = f"{self.time} >= $start"
            parts.append(late if self.end is None else f"({late} OR {self.end} > $start)")
        if scope.end_ns is not None:
            parts.append(f"{self.time} < $end")
        return " AND ".join(parts)


#: A window without traffic: what a purged one becomes where its device is still expected.
_IDLE = "kind = 'predictions' AND category IS NULL AND len(counts) = 1 AND counts[1] = 0"
_ITS_PREDICTION = f"prediction_id IN (SELECT id FROM {IDS})"

#: Predictions first: others go with them.
TABLES = (
    ScopedTable("predictions", "time_ns", has_model=True),
    ScopedTable("labels", "time_ns", has_device=False, also=_ITS_PREDICTION),
    ScopedTable("profiles", "start_ns", "end_ns", has_model=True),
    ScopedTable("stream_windows", "start_ns", "end_ns", has_model=True),
    ScopedTable("deployments", "time_ns", has_model=True),
    ScopedTable("sdk_health", "time_ns"),
    ScopedTable("spans", "start_ns", "end_ns", also=_ITS_PREDICTION),
    ScopedTable("logs", "time_ns"),
    ScopedTable("metrics", "time_ns"),
)
#: Only where all of a device or model goes: what its streams said of themselves.
EVENTS = ScopedTable("stream_events", "time_ns", has_model=True)


def tables(scope: Scope) -> tuple[ScopedTable, ...]:
    """Those that a purge of this scope looks into."""
    return (*TABLES, EVENTS) if scope.whole else TABLES


def described(scope: Scope) -> Mapping[str, Any]:
    """The scope as it is kept in the audit log."""
    told = {
        "device": scope.devices and scope.devices[0],
        "stream": scope.stream,
        "model": scope.model,
        "start_ns": scope.start_ns,
        "end_ns": scope.end_ns,
    }
    return {name: value for name, value in told.items() if value is not None}
