"""Alerts and what was said of them."""

from typing import Annotated, Any, Literal

import pyarrow.compute as pc
from driftline_schemas.segments import Segment
from fastapi import APIRouter, Path, Query

from driftline_collector.alerts import outbox
from driftline_collector.alerts.messages import trial_message
from driftline_collector.alerts.outbox import Notification
from driftline_collector.answers.cases import AlertDetail
from driftline_collector.answers.records import Alert, Page
from driftline_collector.answers.records import Notification as NotificationRecord
from driftline_collector.api import alert_records, models
from driftline_collector.api.alert_page import alert_page
from driftline_collector.api.filters import Model
from driftline_collector.api.pages import Cursor, Limit, page
from driftline_collector.api.parts import Parts
from driftline_collector.api.problems import ProblemError
from driftline_collector.api.values import rows_of

AlertStates = Annotated[
    list[Literal["pending", "firing", "resolved", "dropped"]] | None,
    Query(description="May be repeated. Without it: firing and resolved"),
]
NotificationStates = Annotated[
    list[Literal["queued", "silenced", "delivered", "failed", "dropped"]] | None,
    Query(description="May be repeated; all without it"),
]
AlertId = Annotated[
    str, Path(description="The alert's id", examples=["alert_1f0c"], min_length=1, max_length=512)
]
Notifiers = Annotated[list[str] | None, Query(description="Notifiers by name; all without it")]


def routes(parts: Parts) -> APIRouter:
    """`/alerts`, `/alerts/{id}`, `/alerts/test` and `/notifications`."""
    router = APIRouter(tags=["alerts"])

    @router.get("/alerts")
    def alerts(
        *, state: AlertStates = None, model: Model = None, limit: Limit = 1000, cursor: Cursor = None
    ) -> Page[Alert]:
        """Alerts in the given states, latest change first."""
        states = state or ("firing", "resolved")

        def read(count: int) -> list[Alert]:
            if model is None:
                return alert_records.in_state(parts, states, count)
            found = parts.store.alerts(states, alert_records.MANY)
            first = str(Segment.of({"model": model})).partition(",")[0]  # the model stands first in each key
            of_model = pc.starts_with(found["segment"], f"{first},")
            return alert_records.records(parts, found.filter(of_model).slice(0, count))

        return page(read, limit, cursor, parts.now())

    @router.get("/notifications")
    def notifications(
        *, state: NotificationStates = None, limit: Limit = 1000, cursor: Cursor = None
    ) -> Page[NotificationRecord]:
        """What went out, what waits for another attempt or the end of a silence, and what never went."""

        def read(count: int) -> list[NotificationRecord]:
            return [_notification(row) for row in rows_of(parts.store.notifications(state, count))]

        return page(read, limit, cursor, parts.now())

    @router.post(
        "/alerts/test",
        status_code=202,
        responses={
            404: {"description": "There is no such notifier"},
            409: {"description": "No notifiers are configured"},
        },
    )
    def test(*, notifier: Notifiers = None) -> models.Queued:
        """Send a test message to the notifiers, or to those that are named."""
        if not parts.notifiers:
            raise ProblemError(409, "no notifiers are configured; add one under 'notifiers' and start again")
        if unknown := set(notifier or ()) - set(parts.notifiers):
            known = ", ".join(parts.notifiers)
            raise ProblemError(404, f"there is no notifier {min(unknown)!r}; there are: {known}")
        now = parts.now()
        message = trial_message(now_ns=now, links=parts.links)
        queued = [Notification.of(message, name, now) for name in notifier or parts.notifiers]
        parts.store.submit({"notifications": outbox.to_rows(queued)}).result()
        parts.notification_queued()
        return models.Queued(queued={notification.notifier: notification.id for notification in queued})

    @router.get("/alerts/{alert_id}", responses={404: {"description": "There is no such alert"}})
    def alert(alert_id: AlertId) -> AlertDetail:
        """One alert and all that stands around it: features, devices, samples, and what else changed."""
        (found,) = alert_records.records(parts, alert_records.one(parts, alert_id))
        return alert_page(parts, found)

    return router


def _notification(row: dict[str, Any]) -> NotificationRecord:
    return NotificationRecord(**{name: row[name] for name in NotificationRecord.__dataclass_fields__})
