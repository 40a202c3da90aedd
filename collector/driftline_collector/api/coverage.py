"""How much of what the fleet made has arrived."""

from dataclasses import replace
from typing import Any

from fastapi import APIRouter

from driftline_collector.api import models
from driftline_collector.api.filters import Common
from driftline_collector.api.parts import Parts
from driftline_collector.api.values import rows_of
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
_DAY_NS = 24 * 3600 * 10**9


def routes(parts: Parts) -> APIRouter:
    """`/coverage`."""
    router = APIRouter(tags=["fleet"])

    @router.get("/coverage")
    def coverage(*, filters: Common) -> models.Coverage:
        """Predictions counted, announced as lost, repeated, missing: in all and by stream, for all time."""
        now = parts.now()
        where = filters.where(now, default_ns=now)
        rows = _streams(parts, where if filters.end else replace(where, end_ns=now + _DAY_NS))
        totals = {name: sum(row[name] or 0 for row in rows) for name in _SUMS}
        return models.Coverage(totals=totals, streams=rows)

    return router


def _streams(parts: Parts, where: Where) -> list[dict[str, Any]]:
    names = ("model", "version", "device_type", "region", "tier", "device")
    wanted = {
        name: value for name, value in where.parameters().items() if name in names and value is not None
    }
    table = parts.store.coverage(where.start_ns, where.end_ns)
    return [row for row in rows_of(table) if all(row[name] == value for name, value in wanted.items())]
