"""Puts the API together."""

from importlib.metadata import version

from fastapi import Depends, FastAPI

from driftline_collector.api import (
    alerts,
    backup,
    catalogue,
    coverage,
    device_changes,
    devices,
    distributions,
    doctor,
    evaluations,
    export,
    health,
    heatmap,
    labels,
    openapi,
    overview,
    performance,
    predictions,
    problems,
    purge,
    references,
    samples,
    series,
    silences,
    system,
)
from driftline_collector.api.filters import only_known
from driftline_collector.api.parts import Parts
from driftline_collector.store.together import read_together

PREFIX = "/api/v1"
#: `heatmap` before what could take its path for an id.
_PARTS = (
    overview,
    catalogue,
    device_changes,
    devices,
    heatmap,
    evaluations,
    series,
    distributions,
    performance,
    alerts,
    silences,
    samples,
    predictions,
    references,
    labels,
    coverage,
    export,
    backup,
    purge,
    system,
    doctor,
)


async def _one_request() -> None:
    """Not in a thread of its own, so that what the request is answered by is in the same context."""
    read_together()


def create_api(parts: Parts) -> FastAPI:
    """The ASGI application of everything but OTLP."""
    api = FastAPI(
        title="driftline",
        version=version("driftline"),
        summary="Which devices, regions and model versions have drifted, and how sure that is.",
        description=openapi.DESCRIPTION,
        openapi_tags=openapi.TAGS,
        docs_url=None,  # its page fetches scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        dependencies=[Depends(_one_request), Depends(only_known)],
    )
    problems.install(api)
    api.include_router(health.routes(parts))
    for part in _PARTS:
        api.include_router(part.routes(parts), prefix=PREFIX)
    openapi.complete(api)
    return api
