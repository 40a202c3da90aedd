"""What is wrong with the fleet's data and the collector, and what that is concluded from."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

from driftline_schemas.segments import Segment
from fastapi import APIRouter

from driftline_collector.answers.doctor import (
    Clock,
    Disk,
    Doctor,
    Kept,
    MemoryUse,
    ReadTime,
)
from driftline_collector.answers.system import Refused
from driftline_collector.api import diagnosis
from driftline_collector.api.coverage import groups, total
from driftline_collector.api.filters import DAY_NS
from driftline_collector.api.fleet_state import Fleet, gone
from driftline_collector.api.parts import Parts
from driftline_collector.api.retention import keeping
from driftline_collector.api.system import journal
from driftline_collector.api.values import moment, write_time
from driftline_collector.store.base import Selection
from driftline_collector.store.batch import FOLDED
from driftline_collector.store.shown import Where
from driftline_collector.store.usage import files_bytes

#: So many of the worst are named.
_WORST = 20
#: A window that is judged so long after it has closed is late.
_LATE_NS = 120 * 10**9
_UNITS = {"bytes": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}


def routes(parts: Parts) -> APIRouter:
    """`/doctor`."""
    router = APIRouter(tags=["system"])

    @router.get("/doctor")
    def doctor() -> Doctor:
        """What is wrong, worst first, each with what to do: of the last 24 hours, and of this process now."""
        return examine(parts)

    return router


def examine(parts: Parts, *, running: bool = True) -> Doctor:
    """Look at everything; `running` is false for the file of a collector that does not run."""
    now = parts.now()
    where = Where(start_ns=max(0, now - DAY_NS), end_ns=now)
    fleet = Fleet.of(parts, where, now)
    expected = [row for row in fleet.latest if not gone(row)]
    silent = sorted(filter(fleet.silent, expected), key=lambda row: (row["last_ns"], row["device"]))
    by_device = groups(parts, where, ("device",))
    kept = parts.store.kept().to_pylist()
    seen = diagnosis.Seen(
        now_ns=now,
        ready=parts.ready(),
        expected=len(expected),
        silent=[(row["device"], row["last_ns"]) for row in silent],
        returned=sorted(row["device"] for row in fleet.latest if (row["retired_ns"] or now) < row["last_ns"]),
        received_ns=max((row["received_ns"] for row in kept if row["received_ns"]), default=None),
        failed=sum(
            row["changed_ns"] >= where.start_ns for row in parts.store.notifications(("failed",)).to_pylist()
        ),
        unreferenced=_unreferenced(parts, where),
        behind=_behind(parts, fleet, now) if running else (),
        left_out=_left_out(parts, fleet),
    )
    found = Doctor(
        as_of=moment(now),
        running=running,
        findings=(),
        disk=_disk(parts),
        keeping=keeping(parts),
        journal=journal(parts),
        memory=_memory(parts, running=running),
        kept=tuple(_kept(row) for row in kept),
        devices=len(expected),
        silent=tuple(row["device"] for row in silent[:_WORST]),
        coverage=total(by_device),
        incomplete=tuple(
            sorted((each for each in by_device if each.lost), key=lambda each: (each.share or 0, -each.lost))[
                :_WORST
            ]
        ),
        clocks=_clocks(parts, where),
        refused=_refused(parts, where),
        slowest=tuple(
            ReadTime(name=read.name, count=read.count, p50_s=read.p50, p99_s=read.p99, longest_s=read.longest)
            for read in parts.store.slowest()[:_WORST]
        ),
    )
    return diagnosis.concluded(found, seen)


def _behind(parts: Parts, fleet: Fleet, now_ns: int) -> list[tuple[str, float]]:
    """Models with data in windows that closed long ago and are not judged; since when (s), longest first."""
    found = []
    for model in {row["model"] for row in fleet.rows}:
        for judged in parts.store.latest_window(model, "drift").to_pylist():
            last, width = judged["window_end_ns"], judged["window_end_ns"] - judged["window_start_ns"]
            until = (now_ns - parts.lateness_ns - _LATE_NS) // width * width
            waiting = parts.store.progress(model, last, until) if until > last else None
            if waiting is not None and waiting.num_rows:
                first = max(last, min(waiting.column("first_start_ns").to_pylist()))
                closed = first // width * width + width
                found.append((model, (now_ns - parts.lateness_ns - closed) / 1e9))
    return sorted(found, key=lambda each: -each[1])


def _left_out(parts: Parts, fleet: Fleet) -> list[str]:
    """Segments of the user's own that are not judged, and why, as was said of the latest window."""
    found = []
    for model in sorted({row["model"] for row in fleet.rows}):
        whole = Selection(model=model, segment=str(Segment.of({"model": model})), measure="coverage", limit=1)
        for row in parts.store.evaluations(whole).to_pylist():
            told = json.loads(row["details"] or "{}").get("left_out", {})
            found += [f"{model}: {name}: {why}" for name, why in told.items()]
    return found


def _disk(parts: Parts) -> Disk | None:
    path = parts.database
    if path is None or not path.parent.exists():
        return None
    usage = shutil.disk_usage(path.parent)
    files = files_bytes(path, parts.store.archived_bytes())
    return Disk(path=str(path), total=usage.total, free=usage.free, files=files)


def _memory(parts: Parts, *, running: bool) -> MemoryUse:
    (row,) = parts.store.memory().to_pylist()
    number, _, unit = row["limit"].partition(" ")
    return MemoryUse(
        database=row["used"] or 0,
        database_limit=int(float(number) * _UNITS.get(unit, 1)),
        process=_resident() if running else None,
    )


def _resident() -> int | None:
    """Bytes of memory that this process holds, where the system tells."""
    try:
        found = re.search(r"^VmRSS:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    except OSError:
        return None
    return int(found[1]) * 1024 if found else None


def _kept(row: dict[str, Any]) -> Kept:
    return Kept(
        table=row["table"],
        rows=row["rows"],
        oldest=write_time(row["oldest_ns"]),
        newest=write_time(row["newest_ns"]),
        received=write_time(row["received_ns"]),
    )


def _clocks(parts: Parts, where: Where) -> tuple[Clock, ...]:
    """Those that are not right, the worst first."""
    spools = {row["device"]: row["age_s"] for row in parts.store.spools(where).to_pylist()}
    rows = parts.store.clocks(where, parts.future_tolerance_ns).to_pylist()
    clocks = [Clock(**row, spool_age_s=spools.get(row["device"])) for row in rows]
    wrong = [clock for clock in clocks if diagnosis.is_wrong(clock)]
    return tuple(sorted(wrong, key=lambda clock: -abs(clock.offset_s or 0)))


def _refused(parts: Parts, where: Where) -> tuple[Refused, ...]:
    rows = parts.store.refused_since(where.start_ns).to_pylist()
    return tuple(Refused(**row) for row in rows if not row["reason"].startswith(FOLDED))


def _unreferenced(parts: Parts, where: Where) -> list[str]:
    known = {(row["model"], row["version"]) for row in parts.store.references(None).to_pylist()}
    live = {
        (row["model"], row["version"])
        for row in parts.store.catalogue().to_pylist()
        if row["last_ns"] > where.start_ns
    }
    return [f"{model} {version}" for model, version in sorted(live - known)]
