"""The devices: which there are and how they are, and what happened to one of them."""

from dataclasses import replace
from typing import Annotated, Any, Literal

from driftline_schemas.segments import Segment
from fastapi import APIRouter, Path, Query, Response

from driftline_collector.answers.devices import Device, DeviceDetail, DevicePoint, DeviceSeries, Stream
from driftline_collector.answers.records import Change, Page
from driftline_collector.api import arrow
from driftline_collector.api.arrow import AsArrow
from driftline_collector.api.buckets import Points, bucket_ns, starts
from driftline_collector.api.filters import Common, Filters, From, Tier, Until
from driftline_collector.api.filters import Model as ModelName
from driftline_collector.api.fleet_state import DEVICE, Fleet, Judgement, devices, segment_of
from driftline_collector.api.pages import Cursor, Limit, page
from driftline_collector.api.parts import Parts
from driftline_collector.api.problems import ProblemError
from driftline_collector.api.values import moment, write_time
from driftline_collector.store.shown import Where

States = Annotated[
    list[Literal["ok", "moved", "silent", "idle", "new", "ended", "retired"]] | None,
    Query(description="May be repeated; all without it"),
]
_COLUMNS = tuple(Device.__dataclass_fields__)
Sort = Annotated[
    str,
    Query(
        description="A column of the answer, with `-` before it for descending; what is not known comes last",
        examples=["-worst_effect"],
        pattern=f"^-?({'|'.join(_COLUMNS)})$",
    ),
]
DeviceId = Annotated[
    str, Path(description="The device's id", examples=["cam-0017"], min_length=1, max_length=512)
]


def routes(parts: Parts) -> APIRouter:
    """`/devices`, `/devices/{id}` and `/devices/{id}/series`. Ids may hold slashes."""
    router = APIRouter(tags=["devices"])

    @router.get("/devices", response_model=Page[Device], responses=arrow.RESPONSES)
    def list_devices(
        *,
        filters: Common,
        state: States = None,
        sort: Sort = "device",
        limit: Limit = 1000,
        cursor: Cursor = None,
        as_arrow: AsArrow,
    ) -> Page[Device] | Response:
        """Devices that reported in the interval (the last 24 hours), each under its latest version."""
        now = parts.now()
        where = filters.where(now)
        fleet = Fleet.of(parts, where, now)
        judgement = Judgement.of(parts, where.model or _only_model(fleet), where.end_ns)
        found = devices(parts, fleet, fleet.latest, judgement, where)
        ordered = _sorted([d for d in found if not state or d.state in state], sort)
        answer = page(lambda count: ordered[:count], limit, cursor, now)
        return arrow.page(Device, answer) if as_arrow else answer

    @router.get(
        "/devices/{device:path}/series", response_model=DeviceSeries, responses=arrow.RESPONSES | _ABSENT
    )
    def series(
        device: DeviceId,
        *,
        model: ModelName = None,
        tier: Tier = None,
        start: From = None,
        end: Until = None,
        points: Points = 500,
        as_arrow: AsArrow,
    ) -> DeviceSeries | Response:
        """One device over time beside the median of its type in its region, and what changed on it."""
        where = Filters(None, start, end).where(parts.now())
        answer = _series(parts, replace(where, device=device, model=model, tier=tier), points)
        return arrow.stream(DevicePoint, answer.points) if as_arrow else answer

    @router.get("/devices/{device:path}", responses=_ABSENT)
    def one(
        device: DeviceId, *, model: ModelName = None, tier: Tier = None, start: From = None, end: Until = None
    ) -> DeviceDetail:
        """One device: as it is, under each version it had, and each start of its process."""
        where = Filters(None, start, end).where(parts.now())
        return _detail(parts, replace(where, device=device, model=model, tier=tier))

    return router


_ABSENT: dict[int | str, dict[str, Any]] = {404: {"description": "No such device reported in the interval"}}


def _only_model(fleet: Fleet) -> str | None:
    models = {row["model"] for row in fleet.rows}
    return models.pop() if len(models) == 1 else None


def _sorted(found: list[Device], sort: str) -> list[Device]:
    name, descending = sort.removeprefix("-"), sort.startswith("-")
    known = [device for device in found if getattr(device, name) is not None]
    unknown = [device for device in found if getattr(device, name) is None]
    known.sort(key=lambda device: device.device)
    return sorted(known, key=lambda device: getattr(device, name), reverse=descending) + unknown


def _detail(parts: Parts, where: Where) -> DeviceDetail:
    fleet = Fleet.of(parts, where, parts.now())
    if not fleet.rows:
        raise _absent(parts, where)
    rows = sorted(fleet.rows, key=lambda row: row["last_ns"], reverse=True)
    where = replace(where, model=rows[0]["model"])
    judgement = Judgement.of(parts, where.model, where.end_ns)
    versions = devices(parts, fleet, rows, judgement, where)
    clocks = parts.store.clocks(Where(device=where.device), parts.future_tolerance_ns).to_pylist()
    return DeviceDetail(
        device=versions[0],
        versions=tuple(versions),
        streams=tuple(_stream(row) for row in parts.store.streams(where).to_pylist()),
        clock_offset=next((row["offset_s"] for row in clocks), None),
    )


def _absent(parts: Parts, where: Where) -> ProblemError:
    known = parts.store.fleet(Where(device=where.device)).to_pylist()
    if not known:
        return unknown(parts, where.device or "")
    last = write_time(max(row["last_ns"] for row in known))
    return ProblemError(
        404,
        f"device {where.device!r} has not reported in this time; it last did at {last}: ask from before then",
    )


def unknown(parts: Parts, device: str) -> ProblemError:
    """Nothing is known under this name, at least not any more."""
    renamed = parts.store.device_changes(device).to_pylist()
    if renamed and renamed[0]["name"] != device:
        return ProblemError(404, f"device {device!r} is called {renamed[0]['name']!r} now; ask for that")
    return ProblemError(404, f"no device {device!r} has ever reported; GET /api/v1/devices lists them")


def _stream(row: dict[str, Any]) -> Stream:
    return Stream(
        stream=row["stream"],
        version=row["version"],
        started=write_time(row["started_ns"]),
        ended=write_time(row["ended_ns"]),
        last_seen=write_time(row["last_ns"]),
        made=row["made"],
        counted=row["counted"],
        lost=row["announced_lost"],
        in_doubt=row["in_doubt"],
        missing=row["missing"],
        repeated=row["repeated"],
    )


def _series(parts: Parts, where: Where, points: int) -> DeviceSeries:
    now = parts.now()
    rows = parts.store.fleet(where).to_pylist()
    if not rows:
        raise _absent(parts, where)
    latest = max(rows, key=lambda row: row["last_ns"])
    where = replace(where, model=latest["model"])
    width = bucket_ns(where, latest["window_ns"], points)
    volume = {row["time_ns"]: row for row in parts.store.volume(where, width).to_pylist()}
    cell = segment_of(latest)
    own = replace(where, device=segment_of(latest, device=True))
    wide = max(width, _judged_ns(parts, where))
    course = {row["time_ns"]: row for row in parts.store.device_course(own, f"{cell},", wide).to_pylist()}
    changes = parts.store.changes(where).to_pylist()
    return DeviceSeries(
        device=latest["device"],
        points=tuple(
            _point(at, width, volume.get(at), course.get(at - at % wide, {}))
            for at in starts(where, width, until_ns=min(where.end_ns, now))
        ),
        changes=tuple(change(row) for row in changes),
        limit=parts.limit("drift", Segment.parse(cell)),
        as_of=moment(now),
    )


def _judged_ns(parts: Parts, where: Where) -> int:
    """How long the windows are that devices are judged in: mostly longer than their own."""
    latest = parts.store.latest_window(where.model or "", DEVICE).to_pylist()
    return latest[0]["window_end_ns"] - latest[0]["window_start_ns"] if latest else 0


def _point(at: int, width: int, volume: dict[str, Any] | None, course: dict[str, Any]) -> DevicePoint:
    made = volume["predictions"] if volume else 0
    return DevicePoint(
        time=moment(at),
        end=moment(at + width),
        predictions=made,
        gap=volume is None,
        effect=course.get("effect"),
        feature=course.get("feature"),
        segment_median_effect=course.get("segment_median_effect"),
        p95=course.get("p95"),
        segment_p95=course.get("segment_p95"),
        escalation_rate=volume["escalations"] / made if volume and made else None,
    )


def change(row: dict[str, Any]) -> Change:
    """A row of `Shown.changes`."""
    return Change(
        time=moment(row["time_ns"]),
        kind=row["kind"],
        before=row["from_version"],
        after=row["to_version"],
        devices=row["devices"],
    )
