"""Asks the collector, remembers the last good answer, and never raises: each card says what went wrong there.

An answer is kept for a few seconds under what was asked for (the method and its filters), for all sessions. A
failure is kept as long, so that eight cards do not wait for the same silence eight times. Where there was a
good answer before, it comes along and is shown, labelled with its age.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Generic, TypeVar

import streamlit as st
from driftline_collector.client import (
    Alert,
    AlertDetail,
    Client,
    ClientError,
    Device,
    DeviceDetail,
    DeviceSeries,
    Distribution,
    Evaluation,
    Filter,
    Heatmap,
    Model,
    Overview,
    Page,
    Performance,
    PredictionDetail,
    Sample,
    Series,
    System,
    TierLatency,
)

from driftline_dashboard.address import collector_url
from driftline_dashboard.memory import Memory

Value = TypeVar("Value")
#: Of whom what was asked: the collector's address, the client's method, its arguments and filters.
_Identity = tuple[str, str, tuple[str, ...], tuple[tuple[str, Filter], ...]]

#: Seconds for which an answer about now is good enough.
LIVE_S = 5.0
#: Seconds for which an answer about a range in the past is good enough: late data may still revise it.
PAST_S = 60.0
_TIMEOUT_S = 10.0
_REMEMBERED = 512
_KINDS = {404: "not_found", 410: "not_found", 400: "wrong", 422: "wrong"}


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


@st.cache_resource(show_spinner=False)
def _memory() -> Memory[Answer[Any]]:
    return Memory(_REMEMBERED)


@st.cache_resource(show_spinner=False, max_entries=4)
def _client(url: str) -> Client:
    return Client(url, timeout_s=_TIMEOUT_S)


def _ask(
    method: str, *named: str, filters: Mapping[str, Filter] | None = None, past: bool = False
) -> Answer[Any]:
    """What a method of the client answers; `past` says that the range asked for is over and keeps longer."""
    identity = _identity(method, named, filters)
    return _memory().get(identity, PAST_S if past else LIVE_S, partial(_ask_now, identity))


def _identity(method: str, named: tuple[str, ...], filters: Mapping[str, Filter] | None) -> _Identity:
    given = tuple(sorted((name, value) for name, value in (filters or {}).items() if value is not None))
    return collector_url(), method, named, given


def _ask_now(identity: _Identity, before: Answer[Any] | None) -> Answer[Any]:
    url, method, named, filters = identity
    try:
        value = getattr(_client(url), method)(*named, **dict(filters))
    except ClientError as error:
        kind = "unreachable" if error.status is None else _KINDS.get(error.status, "failed")
        problem = Problem(kind, _sentence(str(error)))
        if before is None or before.value is None or kind in {"not_found", "wrong"}:
            return Answer(None, time.time(), problem)
        return replace(before, problem=problem)
    return Answer(value, time.time())


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '?', '!')) else '.'}"


# -- what pages ask for; filters are those of the client -----------------------------------------------------


def models() -> Answer[Page[Model]]:
    """The models that the collector knows, with their versions, types and regions."""
    return _ask("models")


def overview(model: str | None) -> Answer[Overview]:
    """What a person on call asks first, its totals over the last 24 hours."""
    return _ask("overview", filters=_of_last_day(model))


def overview_ahead(model: str | None) -> None:
    """Begin to ask for it: each page needs it, most of them after something else."""
    identity = _identity("overview", (), _of_last_day(model))
    _memory().ahead(identity, LIVE_S, partial(_ask_now, identity))


def _of_last_day(model: str | None) -> dict[str, Filter]:
    return {"model": model, "start": "24h"}


def alerts(**filters: Filter) -> Answer[Page[Alert]]:
    """Alerts, latest change first."""
    return _ask("alerts", filters=filters)


def alert(alert_id: str) -> Answer[AlertDetail]:
    """One alert with what stands around it."""
    return _ask("alert", alert_id)


def heatmap(**filters: Filter) -> Answer[Heatmap]:
    """How far each feature moved in each segment."""
    return _ask("heatmap", filters=filters)


def evaluations(**filters: Filter) -> Answer[Page[Evaluation]]:
    """Every evaluated number, latest window first."""
    return _ask("evaluations", filters=filters)


def series(segment: str, measure: str, *, past: bool = False, **filters: Filter) -> Answer[Series]:
    """A measure over time, in at most 1,000 buckets."""
    return _ask("series", segment, measure, past=past, filters=filters)


def distribution(segment: str, feature: str, **filters: Filter) -> Answer[Distribution]:
    """A feature in the reference and now, on the same bins."""
    return _ask("distribution", segment, feature, filters=filters)


def performance(segment: str, *, past: bool = False, **filters: Filter) -> Answer[Performance]:
    """Accuracy, agreement, confusion, calibration and labels of a segment."""
    return _ask("performance", segment, past=past, filters=filters)


def latency(**filters: Filter) -> Answer[Page[TierLatency]]:
    """Latency by tier."""
    return _ask("latency", filters=filters)


def devices(**filters: Filter) -> Answer[Page[Device]]:
    """Devices by model version."""
    return _ask("devices", filters=filters)


def device(device_id: str, **filters: Filter) -> Answer[DeviceDetail]:
    """One device."""
    return _ask("device", device_id, filters=filters)


def device_series(device_id: str, *, past: bool = False, **filters: Filter) -> Answer[DeviceSeries]:
    """One device over time beside its segment's median."""
    return _ask("device_series", device_id, past=past, filters=filters)


def samples(**filters: Filter) -> Answer[Page[Sample]]:
    """Predictions that were sent whole, latest first."""
    return _ask("samples", filters=filters)


def prediction(prediction_id: str) -> Answer[PredictionDetail]:
    """One prediction with its trace; a problem says why it is not here."""
    return _ask("prediction", prediction_id)


def system() -> Answer[System]:
    """Whether the numbers can be trusted."""
    return _ask("system")
