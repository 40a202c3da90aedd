"""What the collector says, read from its HTTP API and from nowhere else."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx


class CollectorApi:
    """The few answers that the main job needs."""

    def __init__(self, endpoint: str) -> None:
        self._http = httpx.Client(base_url=endpoint, timeout=10)

    def get(self, path: str, **query: str) -> Any:
        """The JSON answer to one question. Raises httpx.HTTPError where there is none."""
        return self._http.get(path, params=query).raise_for_status().json()

    def wait_ready(self, timeout: float, alive: Callable[[], bool]) -> bool:
        """Poll until the collector is ready; false when it has ended or is not ready in ``timeout`` s."""
        deadline = time.monotonic() + timeout
        while alive() and time.monotonic() < deadline:
            try:
                if self._http.get("/readyz").is_success:
                    return True
            except httpx.TransportError:
                pass  # nobody listens yet
            time.sleep(0.1)
        return False

    def close(self) -> None:
        self._http.close()
