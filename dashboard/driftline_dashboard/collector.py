"""Asks the collector, remembers the last good answer, and never raises: each card says what went wrong there.

An answer is kept for a few seconds under what was asked for (the path and its filters), for all sessions. A
failure is kept as long, so that eight cards do not wait for the same silence eight times. Where there was a
good answer before, it comes along and is shown, labelled with its age.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import httpx
import streamlit as st

from driftline_dashboard import records
from driftline_dashboard.address import collector_url

Value = TypeVar("Value")

#: Seconds for which an answer about now is good enough.
LIVE_S = 5.0
#: Seconds for which an answer about a range in the past is good enough: late data may still revise it.
PAST_S = 60.0
_TIMEOUT = httpx.Timeout(10.0, connect=2.0)
_REMEMBERED = 512


@dataclass(frozen=True, slots=True)
class Problem:
    """Why there is no fresh answer; `kind`: `unreachable`, `not_found`, `wrong` (as asked) or `failed`."""

    kind: str
    detail: str


@dataclass(frozen=True, slots=True)
class Answer(Generic[Value]):
    """What the collector said, when, and what went wrong since. No value: there never was a good answer."""

    value: Value | None
    at: float
    problem: Problem | None = None

    @property
    def moment(self) -> datetime:
        """When the value was answered."""
        return datetime.fromtimestamp(self.at, UTC)

    def map(self, function: Callable[[Any], "Mapped"]) -> "Answer[Mapped]":
        """The same answer, its value read by `function`."""
        value = None if self.value is None else function(self.value)
        return Answer(value, self.at, self.problem)


Mapped = TypeVar("Mapped")


class _LastGood:
    """The last good answers, the least recently used forgotten first."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[Any, ...], tuple[Any, float]] = OrderedDict()
        self._lock = threading.Lock()

    def keep(self, identity: tuple[Any, ...], value: Any, at: float) -> None:
        with self._lock:
            self._kept[identity] = (value, at)
            self._kept.move_to_end(identity)
            while len(self._kept) > _REMEMBERED:
                self._kept.popitem(last=False)

    def get(self, identity: tuple[Any, ...]) -> tuple[Any, float] | None:
        with self._lock:
            if identity in self._kept:
                self._kept.move_to_end(identity)
            return self._kept.get(identity)


@st.cache_resource(show_spinner=False)
def _last_good() -> _LastGood:
    return _LastGood()


@st.cache_resource(show_spinner=False)
def _http() -> httpx.Client:
    return httpx.Client(timeout=_TIMEOUT, trust_env=False)


def ask(path: str, filters: Mapping[str, Any] | None = None, *, past: bool = False) -> Answer[dict[str, Any]]:
    """GET below /api/v1. `past` says that the range asked for is over, so that the answer keeps longer."""
    given = tuple(sorted((name, str(value)) for name, value in (filters or {}).items() if value is not None))
    return (_ask_past if past else _ask_live)(collector_url(), path, given)


@st.cache_data(ttl=LIVE_S, max_entries=256, show_spinner=False)
def _ask_live(url: str, path: str, filters: tuple[tuple[str, str], ...]) -> Answer[dict[str, Any]]:
    return _ask(url, path, filters)


@st.cache_data(ttl=PAST_S, max_entries=256, show_spinner=False)
def _ask_past(url: str, path: str, filters: tuple[tuple[str, str], ...]) -> Answer[dict[str, Any]]:
    return _ask(url, path, filters)


def _ask(url: str, path: str, filters: tuple[tuple[str, str], ...]) -> Answer[dict[str, Any]]:
    identity = (url, path, filters)
    try:
        answer = _http().get(f"{url}/api/v1{path}", params=list(filters))
        problem = None if answer.is_success else _refusal(answer, url)
        document = answer.json() if problem is None else None
        if problem is None and not isinstance(document, dict):
            problem = Problem("failed", f"What answers at {url} is not a driftline collector.")
    except httpx.TimeoutException:
        problem = Problem("unreachable", f"The collector at {url} takes longer than 10 s to answer.")
    except (httpx.HTTPError, httpx.InvalidURL):
        problem = Problem(
            "unreachable", f"No collector answers at {url}. Start one with: driftline collector"
        )
    except ValueError:
        problem = Problem("failed", f"What answers at {url} is not a driftline collector.")
    now = time.time()
    if problem is None:
        _last_good().keep(identity, document, now)
        return Answer(document, now)
    before = None if problem.kind in {"not_found", "wrong"} else _last_good().get(identity)
    return Answer(None, now, problem) if before is None else Answer(before[0], before[1], problem)


def _refusal(answer: httpx.Response, url: str) -> Problem:
    try:
        detail = answer.json().get("detail")
    except (ValueError, AttributeError):
        detail = None
    code = answer.status_code
    kind = {404: "not_found", 410: "not_found", 400: "wrong", 422: "wrong"}.get(code, "failed")
    return Problem(kind, str(detail or f"The collector at {url} answered with status {code}."))


# -- what pages ask for --------------------------------------------------------------------------------------


def models() -> Answer[tuple[records.Model, ...]]:
    """The models that the collector knows, with their versions."""
    return _items(ask("/models"), records.Model)


def overview(model: str | None, **filters: Any) -> Answer[records.Overview]:
    """What a person on call asks first."""
    return _one(ask("/overview", {"model": model, **filters}), records.Overview)


def alerts(**filters: Any) -> Answer[tuple[records.Alert, ...]]:
    """Alerts; filters as the API has them."""
    return _items(ask("/alerts", filters), records.Alert)


def alert(alert_id: str) -> Answer[records.AlertDetail]:
    """One alert with what stands around it."""
    return _one(ask(f"/alerts/{_in_path(alert_id)}"), records.AlertDetail)


def heatmap(*, past: bool = False, **filters: Any) -> Answer[tuple[records.HeatCell, ...]]:
    """How far each feature moved in each segment."""
    return _items(ask("/evaluations/heatmap", filters, past=past), records.HeatCell)


def series(*, past: bool = False, **filters: Any) -> Answer[tuple[records.Bucket, ...]]:
    """A measure over time, in at most 1,000 buckets."""
    return _items(ask("/series", filters, past=past), records.Bucket)


def distribution(*, past: bool = False, **filters: Any) -> Answer[records.Distribution]:
    """A feature in the reference and now, on the same bins."""
    return _one(ask("/distributions", filters, past=past), records.Distribution)


def performance(*, past: bool = False, **filters: Any) -> Answer[records.Performance]:
    """Accuracy, agreement, confusion, calibration and labels of a segment."""
    return _one(ask("/performance", filters, past=past), records.Performance)


def _one(answer: Answer[dict[str, Any]], kind: type[records.Record]) -> Answer[records.Record]:
    return answer.map(lambda document: records.build(kind, document))


def _items(answer: Answer[dict[str, Any]], kind: type[records.Record]) -> Answer[tuple[records.Record, ...]]:
    return answer.map(lambda document: tuple(records.build(kind, row) for row in document["items"]))


def _in_path(text: str) -> str:
    from urllib.parse import quote

    return quote(text, safe="")
