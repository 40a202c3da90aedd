"""The API in the test's own process, over a store that a fleet has filled."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx
from driftline_collector.alerts.messages import Links
from driftline_collector.analysis.by_version import by_version
from driftline_collector.analysis.calibration import calibration
from driftline_collector.analysis.detectors.proportion import binned_quantile
from driftline_collector.analysis.past_reference import of_past
from driftline_collector.api.app import create_api
from driftline_collector.api.parts import Parts
from driftline_collector.client import Client
from driftline_collector.store.duckdb import DuckDBStore
from driftline_collector.store.usage import Space
from fastapi import FastAPI

from tests.seeding import Fleet, fill
from tests.seeding.filling import NOTIFIERS, RULES


class InProcess(httpx.BaseTransport):
    """Hands requests to an ASGI application, without a socket."""

    def __init__(self, api: FastAPI) -> None:
        self._api = api

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return asyncio.run(self._ask(request))

    async def _ask(self, request: httpx.Request) -> httpx.Response:
        transport = httpx.ASGITransport(self._api, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport) as http:
            answer = await http.send(
                httpx.Request(request.method, request.url, headers=request.headers, content=request.read())
            )
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)


@dataclass(frozen=True)
class Seeded:
    """`client` and `http` ask `api`, which shows what `store` holds of `fleet`."""

    fleet: Fleet
    store: DuckDBStore
    api: FastAPI
    client: Client
    http: httpx.Client


@contextmanager
def seeded(path: Path, fleet: Fleet, space: Space | None = None) -> Iterator[Seeded]:
    """Fill a store at `path` and put the API before it; it is the fleet's `now_ns`. `space` is its disk."""
    with unseeded(path, fleet, space) as running:
        fill(running.store, fleet)
        yield running


@contextmanager
def unseeded(path: Path, fleet: Fleet, space: Space | None = None) -> Iterator[Seeded]:
    """The same before anything was sent."""
    store = DuckDBStore(path)
    try:
        parts = Parts(
            store=store,
            operated=store,
            now=lambda: fleet.now_ns,
            notifiers=NOTIFIERS,
            rules=RULES,
            performance=partial(by_version, store),
            quantile=binned_quantile,
            calibrate=calibration,
            past_reference=partial(of_past, store),
            database=path,
            space=space,
            started_ns=fleet.now_ns - 10**12,
            links=Links(dashboard="http://driftline.example"),
        )
        api = create_api(parts)
        transport = InProcess(api)
        with (
            Client("http://driftline.example", transport=transport) as client,
            httpx.Client(base_url="http://driftline.example/api/v1", transport=transport) as http,
        ):
            yield Seeded(fleet, store, api, client, http)
    finally:
        store.close()
