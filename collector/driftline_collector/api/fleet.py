"""The fleet: which segments and devices there are, and how much of what they made has arrived."""

from typing import Any

from driftline_schemas.segments import Segment
from fastapi import APIRouter

from driftline_collector.api import models
from driftline_collector.api.evaluations import From, SegmentKey, Until
from driftline_collector.api.pages import Cursor, Limit, page
from driftline_collector.api.parts import Parts
from driftline_collector.api.values import read_time, rows_of

_DEVICE = ("device", "model", "version", "device_type", "region", "tier")
_SUMS = (
    "predictions",
    "made",
    "announced_lost",
    "missing_logs",
    "missing_spans",
    "repeated",
    "window_holes_ns",
)
_DAY_NS = 24 * 3600 * 10**9


def routes(parts: Parts) -> APIRouter:
    """`/coverage`, `/devices` and `/segments`."""
    router = APIRouter(tags=["fleet"])

    def streams(segment: str | None, start: str | None, end: str | None) -> list[dict[str, Any]]:
        now = parts.now()
        first, last = read_time(start, "from", now), read_time(end, "to", now)
        table = parts.store.coverage(0 if first is None else first, now + _DAY_NS if last is None else last)
        if segment is None:
            return rows_of(table)
        wanted = Segment.parse(segment)
        return [row for row in rows_of(table) if wanted.contains(_segment(row))]

    @router.get("/coverage")
    def coverage(*, segment: SegmentKey = None, start: From = None, end: Until = None) -> models.Coverage:
        """Predictions counted, announced as lost, repeated and missing: in all, and by stream."""
        rows = streams(segment, start, end)
        totals = {name: sum(row[name] or 0 for row in rows) for name in _SUMS}
        return models.Coverage(totals=totals, streams=rows)

    @router.get("/devices")
    def devices(
        *,
        segment: SegmentKey = None,
        start: From = None,
        end: Until = None,
        limit: Limit = 1000,
        cursor: Cursor = None,
    ) -> models.Page[dict[str, Any]]:
        """Devices by model version: what they sent, and until when. A device has a stream for each start."""
        found: dict[tuple[Any, ...], dict[str, Any]] = {}
        for row in streams(segment, start, end):
            key = tuple(row[name] for name in _DEVICE)
            device = found.setdefault(key, dict(zip(_DEVICE, key, strict=True)) | dict.fromkeys(_SUMS, 0))
            for name in _SUMS:
                device[name] += row[name] or 0
            device["streams"] = device.get("streams", 0) + 1
            if (row["last_end"] or "") >= (device.get("last_end") or ""):
                device |= {"last_end": row["last_end"], "ended": row["ended"]}
        rows = sorted(found.values(), key=lambda device: str(device["device"]))
        return page(lambda count: rows[:count], limit, cursor, parts.now())

    @router.get("/segments")
    def segments(
        *,
        model: str | None = None,
        start: From = None,
        end: Until = None,
        limit: Limit = 1000,
        cursor: Cursor = None,
    ) -> models.Page[dict[str, Any]]:
        """The smallest segments that have sent something, with their devices and predictions."""
        key = None if model is None else str(Segment.of({"model": model}))
        found: dict[str, dict[str, Any]] = {}
        devices: dict[str, set[str]] = {}
        for row in streams(key, start, end):
            name = str(_segment(row))
            entry = found.setdefault(name, {"segment": name, "predictions": 0})
            entry["predictions"] += row["predictions"] or 0
            devices.setdefault(name, set()).add(row["device"])
        rows = [entry | {"devices": len(devices[name])} for name, entry in sorted(found.items())]
        return page(lambda count: rows[:count], limit, cursor, parts.now())

    return router


def _segment(row: dict[str, Any]) -> Segment:
    return Segment.of({name: row[name] for name in ("model", "version", "device_type", "region")})
