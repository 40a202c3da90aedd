"""Alerts of the store as the API shows them."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from driftline_collector.alerts import silences, state
from driftline_collector.alerts.silences import About, Silence
from driftline_collector.answers.records import Alert, Change, MovedFeature, Range, Silenced
from driftline_collector.api.parts import Parts
from driftline_collector.api.problems import ProblemError
from driftline_collector.api.values import moment, rows_of, write_time
from driftline_collector.store.base import Selection

MANY = 1_000_000
#: What a message says that an alert's record has under the same name.
_SAID = ("summary", "verdict", "value", "lower", "upper", "limit", "n", "n_eff", "coverage", "devices")


def in_state(parts: Parts, states: Sequence[str] | None, limit: int = MANY) -> list[Alert]:
    """The alerts in these states, latest change first."""
    return records(parts, parts.store.alerts(states, limit))


def records(parts: Parts, table: pa.Table) -> list[Alert]:
    """Rows of `Store.alerts`."""
    changed = table["changed_ns"].to_pylist()
    now_ns = parts.now()
    silent = silences.from_rows(parts.store.silences(now_ns))
    return [
        _record(alert, changed_ns, parts, held_by(alert, silent, now_ns))
        for alert, changed_ns in zip(state.from_rows(table), changed, strict=True)
    ]


def one(parts: Parts, alert_id: str) -> pa.Table:
    """The row of one alert, as `records` reads it. Raises ProblemError where there is no such alert."""
    rows = parts.store.alerts(None, MANY)
    found = rows.filter(pc.equal(rows["id"], alert_id))
    if not found.num_rows:
        raise ProblemError(404, f"there is no alert {alert_id!r}; GET /api/v1/alerts lists those there are")
    return found


def held_by(alert: state.Alert, known: Sequence[Silence], now_ns: int) -> Silence | None:
    """The silence that holds messages about an alert back, where it fires."""
    if alert.state != "firing":
        return None
    named = (alert.message or {}).get("data", {}).get("features", ())
    moved = [feature["name"] for feature in named]
    about = About(segment=alert.segment, rule=alert.rule, measure=alert.measure, moved=moved)
    return silences.holding(known, about, now_ns)


def _record(alert: state.Alert, changed_ns: int, parts: Parts, silence: Silence | None) -> Alert:
    said: Mapping[str, Any] = (alert.message or {}).get("data") or _pending(alert, parts)
    told = {name: said.get(name) for name in _SAID}
    if told["limit"] is None:
        told["limit"] = parts.limit(alert.measure, alert.segment)
    return Alert(
        id=alert.id,
        rule=alert.rule,
        severity=alert.severity,
        segment=str(alert.segment),
        measure=alert.measure,
        state=alert.state,
        since=moment(alert.since_ns),
        window=Range(start=moment(alert.window_start_ns), end=moment(alert.window_end_ns)),
        changed=moment(changed_ns),
        started_at=write_time(alert.started_ns),
        resolved_at=write_time(alert.resolved_ns),
        features=tuple(MovedFeature(**feature) for feature in said.get("features", ())),
        changes=tuple(_change(change) for change in said.get("changes", ())),
        link=parts.links.to(alert),
        silenced=None if silence is None else _silenced(silence),
        message=alert.message,
        **told,
    )


def _pending(alert: state.Alert, parts: Parts) -> Mapping[str, Any]:
    """The numbers of an alert of which nothing has been said yet."""
    if alert.state != "pending":
        return {}
    wanted = Selection(
        segment=str(alert.segment),
        measure=alert.measure,
        start_ns=alert.window_start_ns,
        end_ns=alert.window_end_ns,
        limit=1,  # the segment as a whole comes before its features
    )
    found = rows_of(parts.store.evaluations(wanted))
    return {name: found[0].get(name) for name in _SAID} if found else {}


def _silenced(silence: Silence) -> Silenced:
    return Silenced(
        until=moment(silence.end_ns), silence=silence.id, author=silence.author, reason=silence.reason
    )


def _change(said: Mapping[str, Any]) -> Change:
    return Change(
        time=said["first_at"],
        kind=said["kind"],
        before=said["before"],
        after=said["after"],
        devices=said["devices"],
    )
