"""The query parameters that many reads share: whose, and when."""

from dataclasses import dataclass, replace
from typing import Annotated

from driftline_schemas.segments import Segment
from fastapi import Depends, Query, Request

from driftline_collector.api.problems import ProblemError, documented
from driftline_collector.api.values import read_time
from driftline_collector.store.shown import Where

DAY_NS = 86_400 * 10**9
_NAME = {"min_length": 1, "max_length": 512}

Model = Annotated[str | None, Query(description="A model's name", examples=["digits"], **_NAME)]
Version = Annotated[str | None, Query(description="A model version", examples=["2.1.0"], **_NAME)]
Type = Annotated[str | None, Query(alias="type", description="A device type", examples=["camera-b"], **_NAME)]
Region = Annotated[str | None, Query(description="A region", examples=["eu-west"], **_NAME)]
Tier = Annotated[str | None, Query(description="A tier", examples=["device_edge"], **_NAME)]
Feature = Annotated[str, Query(description="A feature's name", examples=["sharpness"], **_NAME)]
AnyFeature = Annotated[str | None, Query(description="A feature's name", examples=["sharpness"], **_NAME)]
SegmentKey = Annotated[
    str,
    Query(
        description="A segment key; values percent-encoded, `*` for all",
        examples=["model=digits,version=*,device_type=camera-b,region=*"],
        min_length=1,
        max_length=4096,
    ),
]
AnySegment = Annotated[
    str | None,
    Query(
        description="A segment key; it goes before model, version, type, region and tier",
        examples=["model=digits,version=*,device_type=camera-b,region=*"],
        min_length=1,
        max_length=4096,
    ),
]
_FORMS = "RFC 3339, nanoseconds since 1970, or `6h` for so long ago (s, m, h, d)"
From = Annotated[
    str | None,
    Query(alias="from", description=f"Start, included: {_FORMS}", examples=["24h"], max_length=64),
]
Until = Annotated[
    str | None,
    Query(
        alias="to",
        description=f"End, excluded: {_FORMS}. Now, where nothing is said",
        examples=["2026-11-21T09:41:20Z"],
        max_length=64,
    ),
]
At = Annotated[
    str | None,
    Query(
        description=f"A time in the window: {_FORMS}. Where nothing is said, the latest closed one",
        examples=["2026-11-21T08:30:00Z"],
        max_length=64,
    ),
]


@dataclass(frozen=True, slots=True)
class Filters:
    """What a request asks for. `segment` is None where no model is named."""

    segment: Segment | None
    start: str | None
    end: str | None

    def where(self, now_ns: int, *, default_ns: int = DAY_NS) -> Where:
        """Whose, and from when to when: the last `default_ns` where no start is given."""
        end = read_time(self.end, "to", now_ns)
        end = now_ns if end is None else end
        start = read_time(self.start, "from", now_ns)
        start = max(0, end - default_ns) if start is None else start
        if start >= end:
            raise ProblemError(422, "from: it is not before 'to'; give an earlier start, or a later end")
        return replace(where_of(self.segment), start_ns=start, end_ns=end)


def where_of(segment: Segment | None) -> Where:
    """The dimensions of a segment, for all time."""
    known = dict(segment.values) if segment else {}
    return Where(
        model=known.get("model"),
        version=known.get("version"),
        device_type=known.get("device_type"),
        region=known.get("region"),
        tier=known.get("tier"),
        device=known.get("device"),
        own=segment.own if segment else (),
    )


def _read(  # noqa: PLR0917  # FastAPI passes them by name
    model: Model = None,
    version: Version = None,
    type_: Type = None,
    region: Region = None,
    tier: Tier = None,
    segment: AnySegment = None,
    start: From = None,
    end: Until = None,
) -> Filters:
    if segment is not None:
        return Filters(Segment.parse(segment), start, end)
    named = {"model": model, "version": version, "device_type": type_, "region": region, "tier": tier}
    return Filters(Segment.of(named) if any(named.values()) else None, start, end)


#: model, version, type, region, tier, segment, from and to.
Common = Annotated[Filters, Depends(_read)]


def only_known(request: Request) -> None:
    """Refuse query parameters that the route does not have: a misspelled filter would filter nothing."""
    if not request.query_params:
        return
    parameters = documented(request).get(request.method.lower(), {}).get("parameters", ())
    known = {parameter["name"] for parameter in parameters if parameter["in"] == "query"}
    if unknown := [name for name in request.query_params if name not in known]:
        names = ", ".join(sorted(known)) or "none"
        raise ProblemError(422, f"unknown query parameter {unknown[0]!r}; known here: {names}")
