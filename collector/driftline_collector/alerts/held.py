"""What silences do to the outbox: which messages wait, which go out after all, and which never do.

Only messages that something fires are held back. They wait while the silence lasts and are sent at its end if
the alert still fires; if not, neither they nor the word that it is over are sent. That an alert is over is
told within a silence too where its beginning was told: nobody's desk shall keep an incident open for good.
"""

import json
from collections.abc import Collection, Sequence
from typing import Any

from driftline_schemas.segments import Segment

from driftline_collector.alerts.messages import moment
from driftline_collector.alerts.outbox import Notification
from driftline_collector.alerts.silences import About, Silence, holding

_OVER = "not sent: the alert was over before its silence was"
_NEVER_TOLD = "not sent: that the alert fires was never told, because of a silence"


def sort_out(
    waiting: Sequence[Notification], silences: Sequence[Silence], firing: Collection[str], now_ns: int
) -> list[Notification]:
    """The changes that silences make to what one notifier still has to send (queued or silenced).

    `firing` are the ids of alerts that fire, as they stood before `waiting` was read: so an alert that is not
    among them has its message of being over in `waiting` already. Commit the changes together.
    """
    changes: list[Notification] = []
    untold: set[str] = set()
    over: list[Notification] = []
    for notification in waiting:
        said = json.loads(notification.payload)
        if said["type"] == "alert.resolved":
            over.append(notification)
        elif said["type"] == "alert.firing":
            fires = notification.alert in firing
            changed = _firing(notification, _silence(said["data"], silences, now_ns), fires, said, now_ns)
            if changed is not None:
                changes.append(changed)
                if changed.state == "dropped":
                    untold.add(notification.alert)
        elif said["type"] == "finding.late" and (held := _silence(said["data"], silences, now_ns)):
            changes.append(_dropped(notification, f"not sent: silenced by {held.id}", now_ns))
    changes += [_dropped(each, _NEVER_TOLD, now_ns) for each in over if each.alert in untold]
    return changes


def _firing(
    notification: Notification, silence: Silence | None, fires: bool, said: dict[str, Any], now_ns: int
) -> Notification | None:
    waits = notification.state == "silenced"
    if not fires and (silence is not None or waits):
        return _dropped(notification, _OVER, now_ns)
    if silence is not None:
        if waits and notification.next_attempt_ns == silence.end_ns:
            return None
        error = f"silenced until {moment(silence.end_ns)} by {silence.id}"
        return notification.changed(now_ns, state="silenced", next_attempt_ns=silence.end_ns, error=error)
    if not waits:
        return None
    # It is said now, not when it was held back: its age decides for how long delivery is tried.
    return notification.saying(said | {"timestamp": moment(now_ns)}).changed(
        now_ns, state="queued", next_attempt_ns=now_ns, error=None
    )


def _dropped(notification: Notification, reason: str, now_ns: int) -> Notification:
    return notification.changed(now_ns, state="dropped", next_attempt_ns=None, error=reason)


def _silence(data: dict[str, Any], silences: Sequence[Silence], now_ns: int) -> Silence | None:
    about = About(
        segment=Segment.parse(data["segment"]),
        rule=data["rule"],
        measure=data["measure"],
        moved=[feature["name"] for feature in data["features"]],
    )
    return holding(silences, about, now_ns)
