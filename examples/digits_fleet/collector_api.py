"""What the collector says, read from its HTTP API and from nowhere else."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
from driftline_schemas.segments import Segment

from examples.digits_fleet.plan import MODEL

_EVERYONE = str(Segment.of({"model": MODEL}))
_ALWAYS = {"from": "0"}
_MOST = "10000"  # rows in one answer


@dataclass(frozen=True)
class Coverage:
    """How much of what the fleet did has arrived, over all streams."""

    predictions: int
    announced_lost: int
    repeated: int
    missing_records: int  # log records and spans that were numbered and never came


@dataclass(frozen=True)
class Verdict:
    """A segment that was called drifted in one closed window; times in seconds since the epoch."""

    segment: Segment
    start: float
    end: float


class CollectorApi:
    """The few answers that the main job needs. Each raises httpx.HTTPError where there is none."""

    def __init__(self, endpoint: str) -> None:
        self._http = httpx.Client(base_url=endpoint, timeout=10)

    def close(self) -> None:
        self._http.close()

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

    def coverage(self) -> Coverage:
        totals = self._get("/api/v1/coverage")["totals"]
        return Coverage(
            predictions=totals["predictions"],
            announced_lost=totals["announced_lost"],
            repeated=totals["repeated"],
            missing_records=totals["missing_logs"] + totals["missing_spans"],
        )

    def findings(self) -> set[str]:
        """The segments that were found to explain the drift of some window, over all time."""
        found = self._get("/api/v1/findings", **_ALWAYS)["items"]
        return {finding["segment"] for finding in found}

    def drifting_now(self) -> dict[str, str]:
        """The segments found in the latest closed window, and since when they have drifted."""
        found = self._get("/api/v1/findings", model=MODEL)["items"]
        return {finding["segment"]: finding["since"] for finding in found}

    def drifted_verdicts(self) -> list[Verdict]:
        """Each segment and window with the verdict ``drifted``, whether or not it is a finding."""
        answer = self._get("/api/v1/evaluations", measure="drift", verdict="drifted", limit=_MOST, **_ALWAYS)
        if answer["next"]:
            raise httpx.HTTPError(f"more than {_MOST} drifted evaluations: the run is too long to be judged")
        return [
            Verdict(Segment.parse(row["segment"]), _seconds(row["window_start"]), _seconds(row["window_end"]))
            for row in answer["items"]
            if row["feature"] is None
        ]

    def performance(self) -> list[dict[str, Any]]:
        """One row for each version and measure: accuracy, agreement and escalation rate with intervals."""
        rows: list[dict[str, Any]] = self._get("/api/v1/performance", segment=_EVERYONE)["rows"]
        return rows

    def undelivered(self) -> int:
        """Webhooks that wait for another attempt or were given up."""
        waiting = self._http.get("/api/v1/notifications", params={"state": ["queued", "failed"]})
        return len(waiting.raise_for_status().json()["items"])

    def _get(self, path: str, **query: str) -> Any:
        return self._http.get(path, params=query).raise_for_status().json()


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
