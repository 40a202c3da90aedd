"""What operators say of devices: that one is gone for good, or back, or has another name or place."""

import logging
from collections.abc import Sequence
from typing import Annotated, Any

import pyarrow as pa
from driftline_schemas.documents import check_text
from fastapi import APIRouter, Body, Query
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from driftline_collector.answers.devices import DeviceChange
from driftline_collector.answers.records import Page
from driftline_collector.api.devices import DeviceId, unknown
from driftline_collector.api.pages import Cursor, Limit, page
from driftline_collector.api.parts import Parts
from driftline_collector.api.problems import TEXT, ProblemError
from driftline_collector.api.values import moment, read_time
from driftline_collector.store.devices import TABLE
from driftline_collector.store.shown import Where

_log = logging.getLogger(__name__)
#: What is further ahead is a slip of the pen.
_FURTHEST_NS = 365 * 86_400 * 10**9
#: Who says "now" has said it a moment ago.
_SLACK_NS = 60 * 10**9
Name = Annotated[str, Field(min_length=1, max_length=512, pattern=TEXT)]
AnyDevice = Annotated[
    str | None,
    Query(
        description="A device's id, of now or of before", examples=["cam-0017"], min_length=1, max_length=512
    ),
]
_WHO: dict[str, JsonValue] = {"author": "anna", "reason": "the line was taken down"}


class Word(BaseModel):
    """Who says it, and why, for those who wonder."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [dict(_WHO)]})

    author: str = Field(min_length=1, max_length=200, pattern=TEXT, description="Who says it")
    reason: str = Field(min_length=1, max_length=1000, pattern=TEXT, description="Why, for those who wonder")


class Since(Word):
    """The same, from a time on."""

    since: Annotated[str, Field(max_length=64)] | None = Field(
        None, description="From when on, RFC 3339, or `6h` for so long ago; now without it"
    )


class NewName(Word):
    """The name that a device has from now on."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"name": "hall-3-cam-2", **_WHO}]}
    )

    name: Name = Field(description="Its new name")


class NewPlace(Since):
    """Where a device is from then on: a type, a region, or both."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"region": "us-east", **_WHO}]})

    device_type: Name | None = Field(None, description="Its new type")
    region: Name | None = Field(None, description="Its new region")


_ANSWERS: dict[int | str, dict[str, Any]] = {
    404: {"description": "No such device ever reported"},
    409: {"description": "It is so already, or cannot be"},
}


def routes(parts: Parts) -> APIRouter:
    """`/device-changes`, and `/devices/{id}/retire`, `return`, `rename` and `move`."""
    router = APIRouter(tags=["devices"])

    @router.get("/device-changes")
    def listed(*, device: AnyDevice = None, limit: Limit = 1000, cursor: Cursor = None) -> Page[DeviceChange]:
        """What operators said of devices, the latest first."""
        rows = parts.store.device_changes(device).to_pylist()
        return page(lambda count: [_record(row) for row in rows[:count]], limit, cursor, parts.now())

    @router.post("/devices/{device:path}/retire", status_code=201, responses=_ANSWERS)
    def retire(device: DeviceId, said: Annotated[Since, Body()]) -> DeviceChange:
        """A device is gone for good: nobody waits for it, it is never silent. What it sends is still kept."""
        if _latest(parts, device)["retired_ns"] is not None:
            raise ProblemError(409, f"device {device!r} is retired already; there is nothing to do")
        return _keep(parts, device, said, [{"kind": "retire", "since_ns": _since(parts, said)}])[0]

    @router.post("/devices/{device:path}/return", status_code=201, responses=_ANSWERS)
    def come_back(device: DeviceId, said: Annotated[Word, Body()]) -> DeviceChange:
        """A retired device is back, and expected again from now on."""
        if _latest(parts, device)["retired_ns"] is None:
            raise ProblemError(409, f"device {device!r} is not retired; there is nothing to do")
        return _keep(parts, device, said, [{"kind": "return", "since_ns": parts.now()}])[0]

    @router.post("/devices/{device:path}/rename", status_code=201, responses=_ANSWERS)
    def rename(device: DeviceId, said: Annotated[NewName, Body()]) -> DeviceChange:
        """A device has another name: what it ever sent, and will send under its old one, is under that."""
        kept = _keep(parts, device, said, [_renamed(parts, device, said)])[0]
        parts.store.show_names()
        return kept

    @router.post("/devices/{device:path}/move", status_code=201, responses=_ANSWERS)
    def move(device: DeviceId, said: Annotated[NewPlace, Body()]) -> Page[DeviceChange]:
        """A device is elsewhere, or of another type, for what it measures from `since` on.

        This goes before what the device says, until it says something that it did not say before.
        """
        return Page(tuple(_keep(parts, device, said, _moved(parts, device, said))), as_of=moment(parts.now()))

    return router


def _renamed(parts: Parts, device: str, said: NewName) -> dict[str, Any]:
    name = said.name.strip()
    check_text(name, where="name")
    latest = _latest(parts, device)
    if name == device:
        raise ProblemError(409, f"device {device!r} has this name already; there is nothing to do")
    others = parts.store.fleet(Where(device=name)).to_pylist()
    if any(row["first_ns"] < latest["last_ns"] - latest["window_ns"] for row in others):
        raise ProblemError(
            409,
            f"name: {name!r} reported while {device!r} still did, so they are two devices; give another name",
        )
    return {"kind": "rename", "before": device, "after": name, "since_ns": parts.now()}


def _moved(parts: Parts, device: str, said: NewPlace) -> list[dict[str, Any]]:
    latest, since_ns = _latest(parts, device), _since(parts, said)
    if since_ns < parts.now() - _SLACK_NS:
        raise ProblemError(
            422, "since: it is past, and what was judged stays where it was judged; leave it out for now"
        )
    places = {"device_type": said.device_type, "region": said.region}
    given = {dimension: place.strip() for dimension, place in places.items() if place is not None}
    if not given:
        raise ProblemError(422, "device_type, region: give one of both, or both")
    for dimension, place in given.items():
        check_text(place, where=dimension)
    if all(latest[dimension] == place for dimension, place in given.items()):
        raise ProblemError(409, f"device {device!r} is there already; there is nothing to do")
    return [
        {"kind": "move", "dimension": name, "before": latest[name], "after": place, "since_ns": since_ns}
        for name, place in given.items()
        if latest[name] != place
    ]


def _latest(parts: Parts, device: str) -> dict[str, Any]:
    """A device as it reported last. Raises ProblemError where it never did."""
    rows = parts.store.fleet(Where(device=device)).to_pylist()
    if not rows:
        raise unknown(parts, device)
    latest: dict[str, Any] = max(rows, key=lambda row: row["last_ns"])
    return latest


def _since(parts: Parts, said: Since) -> int:
    now = parts.now()
    since = read_time(said.since, "since", now)
    if since is not None and since > now + _FURTHEST_NS:
        raise ProblemError(422, "since: it is more than a year ahead; give an earlier time")
    return now if since is None else since


def _keep(parts: Parts, device: str, said: Word, changes: Sequence[dict[str, Any]]) -> list[DeviceChange]:
    for where, text in (("author", said.author), ("reason", said.reason)):
        check_text(text, where=where)
    before = parts.store.device_changes()
    # In the order in which they were said, also where the clock was set back.
    latest = before.column("changed_ns")[0].as_py() + 1 if before.num_rows else 0
    shared = {
        "changed_ns": max(parts.now(), latest),
        "device": device,
        "author": said.author.strip(),
        "reason": said.reason.strip(),
    }
    schema = before.schema.remove(before.schema.get_field_index("name"))
    rows = pa.Table.from_pylist([{**shared, **change} for change in changes], schema=schema)
    parts.store.submit({TABLE: rows}).result()
    for row in rows.to_pylist():
        _log.info("%s of %s by %s: %s", row["kind"], device, row["author"], row["reason"])
    return [_record(row) for row in rows.to_pylist()]


def _record(row: dict[str, Any]) -> DeviceChange:
    names = ("device", "kind", "dimension", "before", "after", "author", "reason")
    return DeviceChange(
        **{name: row[name] for name in names},
        since=moment(row["since_ns"]),
        changed=moment(row["changed_ns"]),
    )
