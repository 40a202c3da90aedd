"""Empties the outbox: one thread for each notifier, so that a slow one delays no other."""

import json
import logging
import random
import threading
from collections.abc import Callable, Sequence
from datetime import datetime

from driftline_collector.alerts import outbox, silences
from driftline_collector.alerts.held import sort_out
from driftline_collector.alerts.notifiers import Answer, Notifier, Outcome
from driftline_collector.alerts.outbox import Notification
from driftline_collector.store.base import Store

_log = logging.getLogger(__name__)
_SECOND = 10**9
FIRST_DELAY_S = 1.0
LONGEST_DELAY_S = 300.0
#: A receiver that is down for a long weekend still hears of it.
GIVE_UP_AFTER_S = 4 * 86400.0
#: Attempts at a receiver that refuses (4xx): about five minutes.
BRIEF_ATTEMPTS = 9
#: How often the outbox is looked at without being woken: rows that another hand put there.
_IDLE_S = 30.0
_MANY = 1_000_000
_WAITING = ("queued", "silenced")
_ORPHAN = "its notifier is not configured any more"
_DISABLED = "not sent: the receiver answered 410 before; it is asked again after a restart"


def delay_s(attempts: int, outcome: Outcome, rng: random.Random) -> float:
    """Seconds until the next attempt, after `attempts` of them: 1, 2, 4 … 300, each with jitter of a half.

    A receiver that names a later time is obeyed up to the longest delay.
    """
    backoff = min(LONGEST_DELAY_S, FIRST_DELAY_S * 2.0 ** min(attempts - 1, 30)) * rng.uniform(0.5, 1.0)
    return max(backoff, min(outcome.retry_after_s or 0.0, LONGEST_DELAY_S))


def after(
    notification: Notification, outcome: Outcome, *, said_ns: int, now_ns: int, rng: random.Random
) -> Notification:
    """What becomes of a notification, said at `said_ns`, after an attempt."""
    attempts = notification.attempts + 1
    done = notification.changed(now_ns, attempts=attempts, next_attempt_ns=None, error=outcome.detail)
    if outcome.answer is Answer.DELIVERED:
        return done.changed(now_ns, state="delivered")
    brief = outcome.answer is Answer.RETRY_BRIEFLY and attempts >= BRIEF_ATTEMPTS
    too_old = now_ns - said_ns >= GIVE_UP_AFTER_S * _SECOND
    if outcome.answer is Answer.GONE or brief or too_old:
        return done.changed(now_ns, state="failed")
    later = now_ns + round(delay_s(attempts, outcome, rng) * _SECOND)
    return done.changed(now_ns, next_attempt_ns=later)


class Delivery:
    """Sends what the outbox holds for the given notifiers, from `start` to `stop`."""

    def __init__(
        self,
        store: Store,
        notifiers: Sequence[Notifier],
        *,
        now: Callable[[], int],
        rng: random.Random | None = None,
    ) -> None:
        self._store = store
        self._notifiers = {notifier.name: notifier for notifier in notifiers}
        self._now = now
        self._rng = rng or random.Random()  # noqa: S311  # jitter, not a secret
        self._wakes = {name: threading.Event() for name in self._notifiers}
        self._stopping = threading.Event()
        self._gone: set[str] = set()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin to send, with what was left over from before."""
        self._refuse_orphans()
        for name in self._notifiers:
            thread = threading.Thread(target=self._run, args=(name,), name=f"notify-{name}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def wake(self) -> None:
        """Look into the outbox now: something was committed to it."""
        for event in self._wakes.values():
            event.set()

    def stop(self, timeout_s: float = 15.0) -> None:
        """Finish the attempts that are under way; what is left stays in the outbox."""
        self._stopping.set()
        self.wake()
        for thread in self._threads:
            thread.join(timeout_s)
        for notifier in self._notifiers.values():
            notifier.close()

    def _refuse_orphans(self) -> None:
        """What is queued for a notifier that is no longer configured will never go out: say so."""
        queued = outbox.from_rows(self._store.notifications(_WAITING, _MANY))
        orphans = [
            n.changed(self._now(), state="failed", next_attempt_ns=None, error=_ORPHAN)
            for n in queued
            if n.notifier not in self._notifiers
        ]
        if orphans:
            self._store.submit({"notifications": outbox.to_rows(orphans)}).result()

    def _run(self, name: str) -> None:
        wait_s = 0.0
        wake = self._wakes[name]
        while not self._stopping.is_set():
            wake.wait(wait_s)
            wake.clear()
            try:
                wait_s = self._send_due(self._notifiers[name])
            except Exception:  # noqa: BLE001  # the store may be closing, or full; the outbox keeps what it has
                _log.exception("notifier %s: the outbox cannot be read or written; trying again", name)
                wait_s = _IDLE_S

    def _send_due(self, notifier: Notifier) -> float:
        """Send what is due, oldest first. Returns the seconds until the next is due.

        An alert's messages keep their order: while one waits, the later ones wait behind it.
        """
        mine = sorted(self._to_send(notifier), key=_order)
        waiting: dict[str, int] = {}
        for notification in mine:
            if self._stopping.is_set():
                return 0.0
            due_ns = notification.next_attempt_ns or 0
            if notification.alert in waiting:
                continue
            # What is held back is only sent once it has been said anew, though its silence is over by now.
            if notification.state == "silenced" or due_ns > self._now():
                waiting[notification.alert] = due_ns
                continue
            result = self._attempt(notifier, notification)
            self._store.submit({"notifications": outbox.to_rows([result])}).result()
            if result.state == "queued":
                waiting[notification.alert] = result.next_attempt_ns or 0
            if self._wakes[notifier.name].is_set():  # what is still to be sent may be silenced by now
                return 0.0
        next_ns = min(waiting.values(), default=self._now() + round(_IDLE_S * _SECOND))
        return min(_IDLE_S, max(0.0, (next_ns - self._now()) / _SECOND))

    def _to_send(self, notifier: Notifier) -> list[Notification]:
        """What is queued for a notifier, once silences have had their say; those that wait are among it."""
        # In this order: an alert that is over by now has its message of that in the outbox, and a silence
        # that was there before a message was is seen.
        firing = set(self._store.alerts(("firing",), _MANY)["id"].to_pylist())
        waiting = outbox.from_rows(self._store.notifications(_WAITING, _MANY))
        now_ns = self._now()
        held_by = silences.from_rows(self._store.silences(now_ns))
        mine = {n.id: n for n in waiting if n.notifier == notifier.name}
        if changes := sort_out(list(mine.values()), held_by, firing, now_ns):
            self._store.submit({"notifications": outbox.to_rows(changes)}).result()
            mine |= {changed.id: changed for changed in changes}
        return [n for n in mine.values() if n.state in _WAITING]

    def _attempt(self, notifier: Notifier, notification: Notification) -> Notification:
        if notifier.name in self._gone:
            outcome = Outcome(Answer.GONE, _DISABLED)
        else:
            outcome = notifier.send(notification.id, notification.payload, self._now())
        if outcome.answer is Answer.GONE:
            self._gone.add(notifier.name)
        result = after(
            notification, outcome, said_ns=_said_ns(notification), now_ns=self._now(), rng=self._rng
        )
        if result.state != "delivered":
            _log.warning(
                "notifier %s: %s of alert %s: %s", notifier.name, result.state, result.alert, outcome.detail
            )
        return result


def _said_ns(notification: Notification) -> int:
    said = datetime.fromisoformat(json.loads(notification.payload)["timestamp"])
    return round(said.timestamp() * _SECOND)


def _order(notification: Notification) -> tuple[int, str, str]:
    """Oldest first; of one moment, `alert.firing` before `alert.resolved`."""
    return _said_ns(notification), json.loads(notification.payload)["type"], notification.id
