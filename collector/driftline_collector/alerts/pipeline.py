"""From evaluations to transitions to notifications: condition → hold → mute → state → outbox.

It keeps nothing in memory: what is active is read from the store at each step, and what follows is handed
back as rows, to be committed together with the evaluations it follows from. So a crash at any point leaves
either both or neither, and a restart knows what was said.
"""

import json
from collections.abc import Callable, Sequence

import pyarrow as pa
import pyarrow.compute as pc
from driftline_schemas.segments import Segment

from driftline_collector.alerts import outbox, state
from driftline_collector.alerts.messages import (
    Change,
    Links,
    MessageType,
    MovedFeature,
    message_of,
    moment,
    withdrawn,
)
from driftline_collector.alerts.mute import muted
from driftline_collector.alerts.outbox import Notification
from driftline_collector.alerts.rules import DRIFT, Evaluation, Rule, evaluations_of
from driftline_collector.alerts.state import ACTIVE, Alert
from driftline_collector.store.base import Store, Tables

Clock = Callable[[], int]
Key = tuple[str, Segment]
#: More than are ever active at once; the store's reads want a limit.
_MANY = 1_000_000
_FEATURES_SHOWN = 10
#: How long before the start a change still counts as nearby.
_NEARBY_NS = 3600 * 10**9


class AlertPipeline:
    """Rules applied to evaluations. `now` gives nanoseconds since the epoch."""

    def __init__(
        self,
        store: Store,
        rules: Sequence[Rule],
        notifiers: Sequence[str],
        *,
        now: Clock,
        links: Links | None = None,
    ) -> None:
        self._store = store
        self._rules = {rule.name: rule for rule in rules}
        self._notifiers = tuple(notifiers)
        self._now = now
        self._links = links or Links()

    def observe(self, evaluations: pa.Table) -> Tables:
        """The rows that follow from evaluations: those of whole windows, all their segments together.

        Commit them with the evaluations, and only then observe the next ones.
        """
        now = self._now()
        active = {(a.rule, a.segment): a for a in state.from_rows(self._store.alerts(ACTIVE, _MANY))}
        transitions: list[Alert] = []
        said: list[Notification] = []
        late: list[tuple[Rule, Evaluation]] = []
        ruled = pa.array(sorted({rule.measure for rule in self._rules.values()}), pa.string())
        for evaluated in evaluations_of(evaluations.filter(pc.is_in(evaluations["measure"], ruled))):
            for rule in self._rules.values():
                if rule.measure != evaluated.measure or not rule.watches(evaluated.segment):
                    continue
                evaluation = rule.reads(evaluated)
                if evaluation.revision > 0:  # a window that was judged before, and is no longer the present
                    if rule.limitless and rule.holds(evaluation):
                        late.append((rule, evaluation))
                    continue
                key = (rule.name, evaluation.segment)
                before = active.get(key)
                held_back = muted(rule, evaluation.segment, active.values()) is not None
                after = state.step(rule, before, evaluation, mute=held_back)
                if after is None or not state.changed(before, after):
                    continue
                if kind := _said(before, after):
                    after = self._told(
                        kind, alert=after, rule=rule, evaluation=evaluation, table=evaluations, now=now
                    )
                    said += self._addressed(after, rule, now)
                transitions.append(after)
                active[key] = after
                if after.state not in ACTIVE:
                    del active[key]
        said += self._late_notices(late, evaluations, now)
        return _tables(transitions, said, now)

    def withdraw(self) -> Tables:
        """The rows that end alerts whose rules are no longer configured; for the start."""
        now, transitions, said = self._now(), [], []
        for alert in state.from_rows(self._store.alerts(ACTIVE, _MANY)):
            if alert.rule in self._rules:
                continue
            if alert.state == "firing":
                message = withdrawn(alert, now_ns=now)
                said += [Notification.of(message, notifier, now) for notifier in self._notifiers]
            ended: state.State = "resolved" if alert.state == "firing" else "dropped"
            transitions.append(state.ended(alert, ended, now))
        return _tables(transitions, said, now)

    def _told(
        self,
        kind: MessageType,
        *,
        alert: Alert,
        rule: Rule,
        evaluation: Evaluation,
        table: pa.Table,
        now: int,
    ) -> Alert:
        firing = kind != "alert.resolved"
        message = message_of(
            kind,
            alert,
            rule,
            evaluation,
            now_ns=now,
            features=_moved(table, evaluation) if firing and rule.measure == DRIFT else (),
            changes=self._changes(alert, evaluation) if firing else (),
            links=self._links,
        )
        return state.telling(alert, message)

    def _addressed(self, alert: Alert, rule: Rule, now: int) -> list[Notification]:
        names = self._notifiers if rule.notify is None else rule.notify
        return [Notification.of(alert.message or {}, name, now) for name in names]

    def _late_notices(
        self, late: Sequence[tuple[Rule, Evaluation]], table: pa.Table, now: int
    ) -> list[Notification]:
        """Notices of findings that only late data brought, each once, and none for what was an alert."""
        if not late:
            return []
        known = state.from_rows(self._store.alerts(None, _MANY))
        queued = {n.id for n in outbox.from_rows(self._store.notifications(None, _MANY))}
        notices: list[Notification] = []
        for rule, evaluation in late:
            if any(_speaks_of(alert, rule, evaluation) for alert in known):
                continue
            alert = Alert.late(rule, evaluation)
            alert = self._told(
                "finding.late", alert=alert, rule=rule, evaluation=evaluation, table=table, now=now
            )
            notices += [n for n in self._addressed(alert, rule, now) if n.id not in queued]
        return notices

    def _changes(self, alert: Alert, evaluation: Evaluation) -> list[Change]:
        """Deployments in the segment from an hour before the start on, alike ones together."""
        start_ns, end_ns = alert.since_ns - _NEARBY_NS, evaluation.window_end_ns
        table = self._store.deployments(start_ns, end_ns)
        # Of the user's own dimensions a deployment tells nothing: the windows of its device do.
        own = [name for name, _ in alert.segment.own]
        place = Segment.of({name: value for name, value in alert.segment.values if name not in own})
        there = self._devices_in(alert.segment, own, start_ns, end_ns) if own and table.num_rows else None
        found: dict[tuple[str, str | None, str | None], tuple[int, set[str]]] = {}
        for row in table.to_pylist():
            where = Segment.of(
                {name: row[name] for name in ("model", "version", "device_type", "region", "tier")}
            )
            if place.contains(where) and (there is None or row["device"] in there):
                key = (row["kind"], row["from_version"], row["to_version"])
                first, devices = found.setdefault(key, (row["time_ns"], set()))
                found[key] = (min(first, row["time_ns"]), devices | {row["device"]})
        return [
            Change(kind=kind, before=before, after=after, first_at=moment(first), devices=len(devices))
            for (kind, before, after), (first, devices) in sorted(found.items(), key=lambda item: item[1][0])
        ]

    def _devices_in(self, segment: Segment, own: Sequence[str], start_ns: int, end_ns: int) -> set[str]:
        """Who was in a segment by what windows of that time tell of some dimensions."""
        known = self._store.progress(str(segment["model"]), start_ns, end_ns, own=own).to_pylist()
        return {row["device"] for row in known if all(row[name] == segment[name] for name in own)}


def _said(before: Alert | None, after: Alert) -> MessageType | None:
    if before is not None and before.state == after.state:
        return None
    if after.state == "firing":
        return "alert.firing"
    return "alert.resolved" if after.state == "resolved" else None


def _speaks_of(alert: Alert, rule: Rule, evaluation: Evaluation) -> bool:
    """Whether an alert that fired covers this window and segment already."""
    if alert.rule != rule.name or not alert.segment.contains(evaluation.segment) or alert.started_ns is None:
        return False
    end = alert.resolved_ns
    return alert.since_ns <= evaluation.window_start_ns and (end is None or evaluation.window_start_ns < end)


def _moved(table: pa.Table, evaluation: Evaluation) -> list[MovedFeature]:
    """The features of a segment and window that moved most, by the lower bound of their effect."""
    rows = table.filter(
        (pc.field("segment") == str(evaluation.segment))
        & (pc.field("measure") == evaluation.measure)
        & (pc.field("window_end_ns") == evaluation.window_end_ns)
        & pc.field("feature").is_valid()
        & (pc.field("verdict") == "drifted")
    )
    moved = [
        MovedFeature(
            name=row["feature"],
            effect=row["value"],
            lower=row["lower"],
            p=row["p"],
            direction=json.loads(row["details"] or "{}").get("direction"),
        )
        for row in rows.select(["feature", "value", "lower", "p", "details"]).to_pylist()
    ]
    return sorted(moved, key=lambda f: (-(f.lower or 0.0), -(f.effect or 0.0), f.name))[:_FEATURES_SHOWN]


def _tables(transitions: Sequence[Alert], said: Sequence[Notification], now: int) -> Tables:
    tables = {}
    if transitions:
        tables["alerts"] = state.to_rows(transitions, now)
    if said:
        tables["notifications"] = outbox.to_rows(said)
    return tables
