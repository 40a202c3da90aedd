"""What the collector says, asked through the typed client of its API and read from nowhere else."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
from driftline_collector.client import Alert, Client, Evaluation, Performance
from driftline_schemas.segments import Segment

from examples.digits_fleet.plan import MODEL

_EVERYONE = str(Segment.of({"model": MODEL}))
_THIS_RUN = "1d"  # so long ago: longer than any run, and each has a database of its own


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
    """The few answers that the main job needs. Each raises ClientError where there is none."""

    def __init__(self, url: str) -> None:
        self._client = Client(url)

    def close(self) -> None:
        self._client.close()

    def wait_ready(self, timeout: float, alive: Callable[[], bool]) -> bool:
        """Poll until the collector answers; false when it has ended or does not answer in ``timeout`` s."""
        deadline = time.monotonic() + timeout
        while alive() and time.monotonic() < deadline:
            with contextlib.suppress(httpx.TransportError):  # nobody listens yet
                if httpx.get(f"{self._client.url}/readyz", trust_env=False).is_success:
                    return True
            time.sleep(0.1)
        return False

    def coverage(self) -> Coverage:
        totals = self._client.coverage()["totals"]
        return Coverage(
            predictions=totals["predictions"],
            announced_lost=totals["announced_lost"],
            repeated=totals["repeated"],
            missing_records=totals["missing_logs"] + totals["missing_spans"],
        )

    def findings(self) -> set[str]:
        """The segments that were found to explain the drift of some window, over all time."""
        return {finding.segment for finding in self._evaluations(findings=True)}

    def drifting_now(self) -> dict[str, str]:
        """The segments found in the latest closed window, and since when they have drifted."""
        return {finding.segment: finding.since or "" for finding in self._client.findings(model=MODEL)}

    def drifted_verdicts(self) -> list[Verdict]:
        """Each segment and window with the verdict ``drifted``, whether or not it is a finding."""
        return [
            Verdict(Segment.parse(row.segment), _seconds(row.window_start), _seconds(row.window_end))
            for row in self._evaluations(verdict="drifted")
            if row.feature is None
        ]

    def judged_until(self) -> float:
        """The end of the latest window that the fleet was judged in; 0 before the first."""
        latest = self._client.evaluations(model=MODEL, measure="drift", limit=1)
        return max((_seconds(row.window_end) for row in latest), default=0.0)

    def performance(self) -> Performance:
        """Accuracy, agreement and escalation rate with their intervals."""
        return self._client.performance(_EVERYONE, start=_THIS_RUN)

    def alerts(self) -> list[Alert]:
        """Every alert that fires or did."""
        return list(self._client.alerts())

    def undelivered(self) -> int:
        """Webhooks that wait for another attempt or were given up."""
        return len(self._client.notifications(("queued", "failed")))

    def _evaluations(self, **filters: Any) -> Iterator[Evaluation]:
        cursor = None
        while True:
            page = self._client.evaluations(measure="drift", start=_THIS_RUN, cursor=cursor, **filters)
            yield from page
            if (cursor := page.next) is None:
                return


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
