"""Alerts and what was said of them."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query

from driftline_collector.alerts import outbox, state
from driftline_collector.alerts.messages import link_to, trial_message
from driftline_collector.alerts.outbox import Notification
from driftline_collector.api import models
from driftline_collector.api.pages import Cursor, Limit, page
from driftline_collector.api.parts import Parts
from driftline_collector.api.problems import ProblemError
from driftline_collector.api.values import rows_of, write_time

AlertStates = Annotated[
    list[Literal["pending", "firing", "resolved", "dropped"]] | None,
    Query(description="May be repeated. Without it: firing and resolved."),
]
NotificationStates = Annotated[
    list[Literal["queued", "delivered", "failed"]] | None,
    Query(description="May be repeated; all without it."),
]
_ALL = 1_000_000


def routes(parts: Parts) -> APIRouter:
    """`/alerts`, `/alerts/{id}`, `/alerts/test` and `/notifications`."""
    router = APIRouter(tags=["alerts"])

    @router.get("/alerts")
    def alerts(
        *, state: AlertStates = None, limit: Limit = 1000, cursor: Cursor = None
    ) -> models.Page[models.Alert]:
        """Alerts in the given states, latest change first."""
        states = state or ("firing", "resolved")

        def read(count: int) -> list[models.Alert]:
            return _alerts(parts.store.alerts(states, count), parts.link_base)

        return page(read, limit, cursor, parts.now())

    @router.get("/notifications")
    def notifications(
        *, state: NotificationStates = None, limit: Limit = 1000, cursor: Cursor = None
    ) -> models.Page[models.Notification]:
        """What went out, what waits for another attempt, and what failed for good."""

        def read(count: int) -> list[models.Notification]:
            return [models.Notification(**row) for row in rows_of(parts.store.notifications(state, count))]

        return page(read, limit, cursor, parts.now())

    @router.post("/alerts/test", status_code=202)
    def test(*, notifier: Annotated[list[str] | None, Query()] = None) -> models.Queued:
        """Send a test message to the notifiers, or to those that are named."""
        if not parts.notifiers:
            raise ProblemError(409, "no notifiers are configured; add one under 'notifiers' and start again")
        if unknown := set(notifier or ()) - set(parts.notifiers):
            known = ", ".join(parts.notifiers)
            raise ProblemError(404, f"there is no notifier {min(unknown)!r}; there are: {known}")
        now = parts.now()
        message = trial_message(now_ns=now, link_base=parts.link_base)
        queued = [Notification.of(message, name, now) for name in notifier or parts.notifiers]
        parts.store.submit({"notifications": outbox.to_rows(queued)}).result()
        parts.notification_queued()
        return models.Queued(queued={notification.notifier: notification.id for notification in queued})

    @router.get("/alerts/{alert_id}")
    def alert(alert_id: str) -> models.Alert:
        """One alert."""
        for found in _alerts(parts.store.alerts(None, _ALL), parts.link_base):
            if found.id == alert_id:
                return found
        raise ProblemError(404, f"there is no alert {alert_id!r}; GET /api/v1/alerts lists those there are")

    return router


def _alerts(table: Any, link_base: str) -> list[models.Alert]:
    changed = table["changed_ns"].to_pylist()
    return [
        models.Alert(
            id=alert.id,
            rule=alert.rule,
            severity=alert.severity,
            segment=str(alert.segment),
            measure=alert.measure,
            state=alert.state,
            since=_time(alert.since_ns),
            started_at=write_time(alert.started_ns),
            resolved_at=write_time(alert.resolved_ns),
            window=models.Range(start=_time(alert.window_start_ns), end=_time(alert.window_end_ns)),
            summary=None if alert.message is None else alert.message["data"]["summary"],
            changed=_time(changed_ns),
            message=None if alert.message is None else dict(alert.message),
            link=link_to(link_base, alert.id),
        )
        for alert, changed_ns in zip(state.from_rows(table), changed, strict=True)
    ]


def _time(ns: int) -> str:
    return write_time(ns) or ""
