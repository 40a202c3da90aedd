"""Rows as they are stored, for other tools."""

from dataclasses import replace
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from fastapi.responses import Response

from driftline_collector.api import local
from driftline_collector.api.arrow import MEDIA_TYPE
from driftline_collector.api.filters import Common, Filters
from driftline_collector.api.parts import Parts
from driftline_collector.api.problems import ProblemError
from driftline_collector.api.streamed import Streamed
from driftline_collector.store.export import EXPORTED
from driftline_collector.store.shown import Where

#: The names of `EXPORTED`, as OpenAPI wants to have them.
Name = Literal[
    "predictions",
    "labels",
    "profiles",
    "windows",
    "deployments",
    "references",
    "evaluations",
    "spans",
    "logs",
    "metrics",
]
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The rows as an Arrow IPC stream; where it has no end, it broke off",
        "content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}},
    }
}


def routes(parts: Parts) -> APIRouter:
    """`/export/{name}`."""
    router = APIRouter(tags=["keeping"])

    @router.get("/export/{name}", response_class=Response, responses=_RESPONSES)
    def export(
        name: Annotated[Name, Path(description="What is taken out", examples=["predictions"])],
        common: Common,
        device: Annotated[
            str | None,
            Query(description="A device's id", examples=["cam-0017"], min_length=1, max_length=512),
        ] = None,
    ) -> Response:
        """Rows from database and archive, in the columns in which they are stored, in no order.

        All there are, where no time is given. Times are nanoseconds since 1970.
        """
        where = chosen(name, common, device, parts.now())
        made = local.operated(parts).export(name, where)
        return Streamed(made.chunks(), made.close, media_type=MEDIA_TYPE)

    return router


def chosen(name: str, common: Filters, device: str | None, now_ns: int) -> Where:
    """Whose rows and from when: all there are, where nothing is said of it."""
    where = common.where(now_ns, default_ns=now_ns)
    if device is not None:
        where = replace(where, device=device)
    exported = EXPORTED[name]
    named = [column for column, value in where.dimensions().items() if value is not None]
    unknown = [column for column in named if column not in exported.chosen_by]
    if not exported.by_own:
        unknown += [column for column, _ in where.own]
    if unknown:
        raise ProblemError(422, f"{name} do not tell their {unknown[0]}; leave that filter out")
    return where
