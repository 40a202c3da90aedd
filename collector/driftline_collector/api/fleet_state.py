"""What a device is up to, from what it last reported and what was judged of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from driftline_schemas.segments import Segment

from driftline_collector.answers.devices import Device
from driftline_collector.api.parts import Parts
from driftline_collector.api.values import write_time
from driftline_collector.store.shown import Where

#: The measure of rows about single devices.
DEVICE = "device"
State = str


@dataclass(frozen=True, slots=True)
class Fleet:
    """Devices with a row for each version they had, the latest version of each first."""

    rows: Sequence[Mapping[str, Any]]
    now_ns: int
    lateness_ns: int

    @classmethod
    def of(cls, parts: Parts, where: Where, now_ns: int) -> "Fleet":
        """What has reported in the interval, as it stood at its end."""
        rows = parts.store.fleet(where).to_pylist()
        # Who seems silent may have been heard: what still waits in the journal nobody has read.
        heard_ns = parts.store.waiting().taken_in_until(now_ns)
        return cls(rows, min(heard_ns, where.end_ns), parts.lateness_ns)

    @property
    def latest(self) -> list[Mapping[str, Any]]:
        """Each device of each model under its latest version."""
        found: dict[tuple[str, str, str], Mapping[str, Any]] = {}
        for row in self.rows:
            found.setdefault((row["model"], row["device"], row["tier"]), row)
        return list(found.values())

    def silent(self, row: Mapping[str, Any]) -> bool:
        """Whether a device should have reported by now: two of its windows, and the lateness, are over."""
        quiet_ns = self.now_ns - row["last_ns"]
        return not gone(row) and quiet_ns > 2 * row["window_ns"] + self.lateness_ns

    @property
    def up_to_ns(self) -> int | None:
        """The end of the latest window that any device reported; clocks that are ahead do not count."""
        ends = [row["last_ns"] for row in self.rows if row["last_ns"] <= self.now_ns + self.lateness_ns]
        return max(ends, default=None)


def gone(row: Mapping[str, Any]) -> bool:
    """Whether nobody waits for a device: it said goodbye, or an operator retired it."""
    return row["ended"] or row["retired_ns"] is not None


def segment_of(row: Mapping[str, Any], *, device: bool = False) -> str:
    """The key of a device's cell, or of the device itself."""
    cell = row["model"], row["version"], row["device_type"], row["region"]
    return _key(*cell, row["device"] if device else None)


@lru_cache(maxsize=65_536)  # each page asks for all devices' keys again
def _key(model: str, version: str, kind: str, region: str, device: str | None) -> str:
    named = {"model": model, "version": version, "device_type": kind, "region": region, "device": device}
    return str(Segment.of(named))


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was judged of devices in the latest closed window: device's segment key → row, and its end."""

    rows: Mapping[str, Mapping[str, Any]]
    closed_ns: int | None

    @classmethod
    def of(cls, parts: Parts, model: str | None, at_ns: int) -> "Judgement":
        """The last window of a model that began by then."""
        if model is None:
            return cls({}, None)
        latest = parts.store.latest_window(model, DEVICE, at_ns).to_pylist()
        if not latest:
            return cls({}, None)
        start = latest[0]["window_start_ns"]
        table = parts.store.judged(model, start, [DEVICE], features=False, told=True)
        return cls({row["segment"]: row for row in table.to_pylist()}, latest[0]["window_end_ns"])

    def about(self, row: Mapping[str, Any]) -> Mapping[str, Any]:
        """The row about a device, an empty one where there is none."""
        return self.rows.get(segment_of(row, device=True), {}) if self.rows else {}


def state(fleet: Fleet, row: Mapping[str, Any], judged: Mapping[str, Any], closed_ns: int | None) -> State:
    """retired, ended, silent, moved, new, idle, or ok: the first that fits."""
    if row["retired_ns"] is not None:
        return "retired"
    if row["ended"]:
        return "ended"
    if fleet.silent(row):
        return "silent"
    if judged.get("verdict") == "drifted":
        return "moved"
    if closed_ns is not None and row["first_ns"] >= closed_ns:
        return "new"
    return "ok" if row["predictions"] else "idle"


def devices(
    parts: Parts, fleet: Fleet, rows: Sequence[Mapping[str, Any]], judgement: Judgement, where: Where
) -> list[Device]:
    """Rows of a fleet with all that is known of each."""
    lost = {
        (row["model"], row["device"]): row["announced_lost"] + row["missing"]
        for row in parts.store.losses(where).to_pylist()
    }
    spools = {row["device"]: row["age_s"] for row in parts.store.spools(where).to_pylist()}
    found = []
    for row in rows:
        judged = judgement.about(row)
        found.append(
            Device(
                device=row["device"],
                model=row["model"],
                version=row["version"],
                device_type=row["device_type"],
                region=row["region"],
                tier=row["tier"],
                state=state(fleet, row, judged, judgement.closed_ns),
                retired=write_time(row["retired_ns"]),
                firmware=row["firmware"],
                last_seen=write_time(row["last_ns"]),
                predictions=row["predictions"],
                lost=lost.get((row["model"], row["device"]), 0),
                spool_age=spools.get(row["device"]),
                p95=judged.get("latency_p95"),
                worst_feature=judged.get("strongest"),
                worst_effect=judged.get("value"),
                coverage=judged.get("coverage"),
            )
        )
    return found
