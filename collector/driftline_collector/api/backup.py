"""All that is stored, as one file."""

from typing import Any

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from driftline_collector.api import local
from driftline_collector.api.parts import Parts
from driftline_collector.api.streamed import Streamed

MEDIA_TYPE = "application/x-tar"
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A tar, whose last member is `manifest.json`; without it, it is not whole",
        "content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}},
    },
    **local.RESPONSES,
}


def routes(parts: Parts) -> APIRouter:
    """`/backup`."""
    router = APIRouter(tags=["keeping"])

    @router.get(
        "/backup",
        response_class=Response,
        responses=_RESPONSES,
        dependencies=[Depends(local.only_local)],
    )
    def backup() -> Response:
        """All that had been accepted when this was asked, once, while everything goes on.

        `driftline backup` writes it to a file and checks it. Only for who is on the collector's own machine.
        """
        made = local.operated(parts).backup()
        return Streamed(made.chunks(), made.close, media_type=MEDIA_TYPE)

    return router
