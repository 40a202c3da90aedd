"""The life of an alert: pending → firing → resolved, in the time of the data and not of the clock.

A condition holds from the start of the first window in which it held to the end of the latest one. An alert
fires once that is at least the rule's hold time; it is resolved once the condition has been over for the
rule's `resolve_after`. A segment without a new evaluation stays as it is, and so it does where an evaluation
cannot tell.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import pyarrow as pa
from driftline_schemas.segments import Segment

from driftline_collector.alerts.rules import Evaluation, Rule

State = Literal["pending", "firing", "resolved", "dropped"]
ACTIVE: tuple[State, ...] = ("pending", "firing")

ROWS = pa.schema(
    [
        pa.field("changed_ns", pa.int64(), nullable=False),
        *(
            pa.field(name, pa.string(), nullable=False)
            for name in ("id", "rule", "severity", "segment", "measure", "state")
        ),
        *(
            pa.field(name, pa.int64(), nullable=False)
            for name in ("since_ns", "window_start_ns", "window_end_ns")
        ),
        pa.field("details", pa.string(), nullable=False),
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One episode of one rule on one segment. Times in ns, in the time of the data.

    `since_ns` is when what is wrong began, as far as is known; `held_since_ns` the start of the first window
    in which the condition held, `clear_since_ns` of the first one in which it was over (`None` while it
    holds). `started_ns` and `resolved_ns` are the ends of the windows that made it fire and resolved it.
    `message` is what was last said about it.
    """

    id: str
    rule: str
    severity: str
    segment: Segment
    measure: str
    state: State
    since_ns: int
    held_since_ns: int
    window_start_ns: int
    window_end_ns: int
    clear_since_ns: int | None = None
    started_ns: int | None = None
    resolved_ns: int | None = None
    message: Mapping[str, Any] | None = None

    @classmethod
    def begun(cls, rule: Rule, evaluation: Evaluation) -> "Alert":
        """A pending alert. Its id follows from what it is about: a repeated step gives the same one."""
        start = evaluation.window_start_ns
        return cls(
            id=_id(rule, evaluation, start),
            rule=rule.name,
            severity=rule.severity,
            segment=evaluation.segment,
            measure=rule.measure,
            state="pending",
            since_ns=min(start, evaluation.since_ns or start),
            held_since_ns=start,
            window_start_ns=start,
            window_end_ns=evaluation.window_end_ns,
        )

    @classmethod
    def late(cls, rule: Rule, evaluation: Evaluation) -> "Alert":
        """What a finding of a window that is over is told as; all windows of one run have one id."""
        begun = cls.begun(rule, evaluation)
        return replace(begun, id=_id(rule, evaluation, begun.since_ns))


def _id(rule: Rule, evaluation: Evaluation, time_ns: int) -> str:
    about = f"{rule.name}\n{evaluation.segment}\n{time_ns}"
    return "alert_" + hashlib.sha256(about.encode()).hexdigest()[:20]


def step(rule: Rule, alert: Alert | None, evaluation: Evaluation, *, mute: bool = False) -> Alert | None:
    """What becomes of an alert (`None`: there is none) with a new evaluation of its segment.

    Returns the alert itself where nothing changes. A muted one goes on being pending, however long.
    """
    if alert is not None and evaluation.window_end_ns <= alert.window_end_ns:
        return alert
    match rule.holds(evaluation):
        case None:
            return alert
        case True:
            return _held(rule, alert or Alert.begun(rule, evaluation), evaluation, mute)
        case False:
            return alert and _over(rule, alert, evaluation)


def _held(rule: Rule, alert: Alert, evaluation: Evaluation, mute: bool) -> Alert:
    seen = _seen(alert, rule, evaluation, clear_since_ns=None)
    if alert.state == "firing" or mute or evaluation.window_end_ns - alert.held_since_ns < rule.hold_ns:
        return seen
    return replace(seen, state="firing", started_ns=evaluation.window_end_ns)


def _over(rule: Rule, alert: Alert, evaluation: Evaluation) -> Alert:
    if alert.state == "pending":
        return _seen(alert, rule, evaluation, state="dropped")
    clear_since = evaluation.window_start_ns if alert.clear_since_ns is None else alert.clear_since_ns
    seen = _seen(alert, rule, evaluation, clear_since_ns=clear_since)
    if evaluation.window_end_ns - clear_since < rule.resolve_after_ns:
        return seen
    return replace(seen, state="resolved", resolved_ns=evaluation.window_end_ns)


def _seen(alert: Alert, rule: Rule, evaluation: Evaluation, **changes: Any) -> Alert:
    return replace(
        alert,
        severity=rule.severity,
        window_start_ns=evaluation.window_start_ns,
        window_end_ns=evaluation.window_end_ns,
        **changes,
    )


def changed(before: Alert | None, after: Alert) -> bool:
    """Whether there is anything to remember: all but the window, which the next evaluation brings anyway."""
    if before is None:
        return True
    same_window = replace(before, window_start_ns=after.window_start_ns, window_end_ns=after.window_end_ns)
    return same_window != after


def to_rows(alerts: Iterable[Alert], now_ns: int) -> pa.Table:
    """Transitions as rows of the table `alerts`."""
    rows = []
    for alert in alerts:
        details = {
            "held_since_ns": alert.held_since_ns,
            "clear_since_ns": alert.clear_since_ns,
            "started_ns": alert.started_ns,
            "resolved_ns": alert.resolved_ns,
            "message": alert.message,
        }
        columns = {name: getattr(alert, name) for name in ROWS.names if name not in ("changed_ns", "details")}
        rows.append(
            columns | {"changed_ns": now_ns, "segment": str(alert.segment), "details": json.dumps(details)}
        )
    return pa.Table.from_pylist(rows, schema=ROWS)


def from_rows(table: pa.Table) -> list[Alert]:
    """Read what `to_rows` made."""
    alerts = []
    for row in table.select(ROWS.names).to_pylist():
        details = json.loads(row.pop("details"))
        del row["changed_ns"]
        alerts.append(Alert(**row | {"segment": Segment.parse(row["segment"])}, **details))
    return alerts


def telling(alert: Alert, message: Mapping[str, Any]) -> Alert:
    """The alert with what was said of it."""
    return replace(alert, message=message)


def ended(alert: Alert, state: State, now_ns: int) -> Alert:
    """The alert ended from outside, not by an evaluation."""
    return replace(alert, state=state, resolved_ns=now_ns)
