"""Puts the API together."""

from importlib.metadata import version

from fastapi import FastAPI

from driftline_collector.api import alerts, evaluations, fleet, labels, problems, references, system
from driftline_collector.api.parts import Parts

PREFIX = "/api/v1"


def create_api(parts: Parts) -> FastAPI:
    """The ASGI application of everything but OTLP."""
    api = FastAPI(
        title="driftline",
        version=version("driftline"),
        summary="Which devices, regions and model versions have drifted, and how sure that is.",
        redoc_url=None,
    )
    problems.install(api)
    api.include_router(system.health_routes(parts))
    for part in (system, evaluations, alerts, references, labels, fleet):
        api.include_router(part.routes(parts), prefix=PREFIX)
    return api
