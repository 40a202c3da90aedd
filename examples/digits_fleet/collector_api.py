"""What the collector says, read from its HTTP API and from nowhere else."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from typing import Any

from driftline_schemas.segments import Segment

from examples.digits_fleet.plan import MODEL


class CollectorApi:
    """The few answers that the main job needs."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint

    def get(self, path: str, **query: str) -> Any:
        """The JSON answer to one question. Raises OSError where there is none."""
        url = f"{self._endpoint}{path}"
        if query:
            url += "?" + urllib.parse.urlencode(query)
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)

    def wait_ready(self, timeout: float, alive: Callable[[], bool]) -> bool:
        """Poll until the collector is ready; false when it has ended or is not ready in ``timeout`` seconds."""
        deadline = time.monotonic() + timeout
        while alive() and time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"{self._endpoint}/readyz", timeout=2):
                    return True
            except OSError:
                time.sleep(0.1)
        return False
