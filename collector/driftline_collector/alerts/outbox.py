"""The outbox: notifications on disk until they are delivered, so that a restart loses none."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import pyarrow as pa

NotificationState = Literal["queued", "silenced", "delivered", "failed", "dropped"]

ROWS = pa.schema(
    [
        pa.field("changed_ns", pa.int64(), nullable=False),
        pa.field("id", pa.string(), nullable=False),
        pa.field("alert", pa.string(), nullable=False),
        pa.field("notifier", pa.string(), nullable=False),
        pa.field("state", pa.string(), nullable=False),
        pa.field("attempts", pa.int32(), nullable=False),
        pa.field("next_attempt_ns", pa.int64()),
        pa.field("error", pa.string()),
        pa.field("payload", pa.string(), nullable=False),
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """One message to one notifier. `id` is sent as `webhook-id`, the same at each attempt.

    `silenced` ones wait for the end of a silence; `dropped` ones were never sent because of one.
    """

    changed_ns: int
    id: str
    alert: str
    notifier: str
    payload: str
    state: NotificationState = "queued"
    attempts: int = 0
    next_attempt_ns: int | None = None
    error: str | None = None

    @classmethod
    def of(cls, message: Mapping[str, Any], notifier: str, now_ns: int) -> "Notification":
        """Queue a message. The id follows from what is said to whom: said twice, it is the same one."""
        about = f"{message['data']['alert_id']}\n{message['type']}\n{notifier}"
        return cls(
            changed_ns=now_ns,
            id="msg_" + hashlib.sha256(about.encode()).hexdigest()[:24],
            alert=message["data"]["alert_id"],
            notifier=notifier,
            payload=_written(message),
            next_attempt_ns=now_ns,
        )

    def saying(self, message: Mapping[str, Any]) -> "Notification":
        """This notification with another message, under its id."""
        return replace(self, payload=_written(message))

    def changed(self, now_ns: int, **changes: Any) -> "Notification":
        """This notification after an attempt; later than it was, also where the clock has gone back."""
        return replace(self, changed_ns=max(now_ns, self.changed_ns + 1), **changes)


def _written(message: Mapping[str, Any]) -> str:
    return json.dumps(message, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def to_rows(notifications: Iterable[Notification]) -> pa.Table:
    """Rows of the table `notifications`."""
    rows = [{name: getattr(notification, name) for name in ROWS.names} for notification in notifications]
    return pa.Table.from_pylist(rows, schema=ROWS)


def from_rows(table: pa.Table) -> list[Notification]:
    """Read what `to_rows` made."""
    return [Notification(**row) for row in table.select(ROWS.names).to_pylist()]
