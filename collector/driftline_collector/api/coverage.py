"""How much of what the fleet made has arrived."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query

from driftline_collector.answers.coverage import CoverageGroup
from driftline_collector.answers.records import Page
from driftline_collector.api import models
from driftline_collector.api.filters import DAY_NS, Common
from driftline_collector.api.pages import Cursor, Limit, page
from driftline_collector.api.parts import Parts
from driftline_collector.api.problems import ProblemError
from driftline_collector.api.values import moment, rows_of
from driftline_collector.store.shown import Where

_SUMS = (
    "predictions",
    "made",
    "announced_lost",
    "missing_logs",
    "missing_spans",
    "repeated",
    "window_holes_ns",
)
Key = Literal["model", "version", "device_type", "region", "tier", "device", "stream", "hour"]
Keys = Annotated[
    list[Key] | None,
    Query(
        description="What to tell it by; may be repeated, and without it all is one", examples=[["region"]]
    ),
]
#: Of each hour for longer than this would be more than anybody reads.
_MOST_HOURS_NS = 31 * DAY_NS


def routes(parts: Parts) -> APIRouter:
    """`/coverage`, and `/coverage/groups`."""
    router = APIRouter(tags=["fleet"])

    @router.get("/coverage")
    def coverage(*, filters: Common) -> models.Coverage:
        """Predictions counted, announced as lost, repeated, missing: in all and by stream, for all time."""
        now = parts.now()
        where = filters.where(now, default_ns=now)
        rows = _streams(parts, where if filters.end else replace(where, end_ns=now + DAY_NS))
        totals = {name: sum(row[name] or 0 for row in rows) for name in _SUMS}
        return models.Coverage(totals=totals, streams=rows)

    @router.get("/coverage/groups")
    def by(
        *, filters: Common, by: Keys = None, limit: Limit = 1000, cursor: Cursor = None
    ) -> Page[CoverageGroup]:
        """Predictions that came ÷ predictions made, by what devices have in common and by hour (UTC).

        Of devices that number their streams: what others lose, nobody knows. The last 24 hours by default.
        """
        now = parts.now()
        where, keys = filters.where(now), tuple(dict.fromkeys(by or ()))
        if "hour" in keys and where.end_ns - where.start_ns > _MOST_HOURS_NS:
            raise ProblemError(422, "from: by hour it can be told of 31 days at most; give a later start")
        return page(lambda count: groups(parts, where, keys)[:count], limit, cursor, now)

    return router


def groups(parts: Parts, where: Where, keys: Sequence[str]) -> list[CoverageGroup]:
    """Coverage by these keys, in their order."""
    return [_group(row, keys) for row in parts.store.coverage_by(where, keys).to_pylist()]


def total(parts_of: Sequence[CoverageGroup]) -> CoverageGroup:
    """Coverage of all groups that have nothing in common, such as devices."""
    received, made = sum(each.received for each in parts_of), sum(each.made for each in parts_of)
    return CoverageGroup(
        by={},
        received=received,
        lost=made - received,
        made=made,
        share=received / made if made else None,
        holes_s=sum(each.holes_s for each in parts_of),
        devices=sum(each.devices for each in parts_of),
        streams=sum(each.streams for each in parts_of),
    )


def _group(row: dict[str, Any], keys: Sequence[str]) -> CoverageGroup:
    received, lost = row["received"] or 0, row["lost"] or 0
    made = received + lost
    return CoverageGroup(
        by={key: moment(row[key]) if key == "hour" else row[key] for key in keys},
        received=received,
        lost=lost,
        made=made,
        share=received / made if made else None,
        holes_s=(row["holes_ns"] or 0) / 1e9,
        devices=row["devices"],
        streams=row["streams"],
    )


def _streams(parts: Parts, where: Where) -> list[dict[str, Any]]:
    own = dict(where.own)
    wanted = own | {name: value for name, value in where.dimensions().items() if value is not None}
    table = parts.store.coverage(where.start_ns, where.end_ns, tuple(own))
    found = [row for row in rows_of(table) if all(row[name] == value for name, value in wanted.items())]
    return [{name: value for name, value in row.items() if name not in own} for row in found]
