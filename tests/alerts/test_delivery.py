"""The outbox: at least once, in order, under one id, across restarts and a kill at the worst moment."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from driftline_collector.alerts import delivery, outbox
from driftline_collector.alerts.delivery import Delivery
from driftline_collector.alerts.messages import trial_message
from driftline_collector.alerts.notifiers import Answer, Outcome
from driftline_collector.alerts.notifiers.webhook import WebhookNotifier
from driftline_collector.alerts.outbox import Notification
from driftline_collector.store.base import Store
from driftline_collector.store.duckdb import DuckDBStore

from tests.alerts.desk import SECRET, desk

SECOND = 10**9
#: Messages are of now: one that is older than four days is given up.
START = time.time_ns()
RNG = random.Random(3)


def message(alert: str, kind: str = "alert.firing", now_ns: int = START) -> dict[str, object]:
    made = trial_message(now_ns=now_ns)
    return made | {"type": kind, "data": made["data"] | {"alert_id": alert}}


def queued(
    alert: str, kind: str = "alert.firing", *, notifier: str = "desk", at: int = START
) -> Notification:
    return Notification.of(message(alert, kind, at), notifier, at)


def put(store: Store, *notifications: Notification) -> None:
    store.submit({"notifications": outbox.to_rows(notifications)}).result()


def states(store: Store) -> dict[str, str]:
    return {n.alert: n.state for n in outbox.from_rows(store.notifications())}


class Clock:
    """A clock that stands still, near enough for signatures to be believed, until a test moves it."""

    def __init__(self) -> None:
        self.ahead_ns = 0

    def __call__(self) -> int:
        return START + self.ahead_ns


@contextmanager
def delivering(store: Store, *urls: str, clock: Callable[[], int] = time.time_ns) -> Iterator[Delivery]:
    """Notifiers `desk`, `desk1`, … for these addresses."""
    names = [f"desk{i or ''}" for i in range(len(urls))]
    notifiers = [WebhookNotifier(name, url, SECRET) for name, url in zip(names, urls, strict=True)]
    running = Delivery(store, notifiers, now=clock, rng=random.Random(1))
    running.start()
    try:
        yield running
    finally:
        running.stop()


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


# -- what follows from an answer ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "attempts", "age_s", "state"),
    [
        (Answer.DELIVERED, 0, 0, "delivered"),
        (Answer.GONE, 0, 0, "failed"),
        (Answer.RETRY, 0, 0, "queued"),
        (Answer.RETRY, 5000, 4 * 86400 - 1, "queued"),
        (Answer.RETRY, 5000, 4 * 86400, "failed"),
        (Answer.RETRY_BRIEFLY, delivery.BRIEF_ATTEMPTS - 2, 0, "queued"),
        (Answer.RETRY_BRIEFLY, delivery.BRIEF_ATTEMPTS - 1, 0, "failed"),
    ],
)
def test_an_answer_decides_what_becomes_of_a_message(
    answer: Answer, attempts: int, age_s: int, state: str
) -> None:
    before = queued("a").changed(START, attempts=attempts)
    now = START + age_s * SECOND
    after = delivery.after(before, Outcome(answer, "why"), said_ns=START, now_ns=now, rng=RNG)
    assert (after.state, after.attempts, after.error) == (state, attempts + 1, "why")
    assert (after.next_attempt_ns is None) == (state != "queued")
    assert after.changed_ns > before.changed_ns
    assert (after.id, after.payload) == (before.id, before.payload)


def test_delays_double_up_to_five_minutes_with_jitter_of_a_half() -> None:
    later = Outcome(Answer.RETRY)
    for attempts in range(1, 40):
        nominal = min(300.0, 2.0 ** (attempts - 1))
        delays = [delivery.delay_s(attempts, later, RNG) for _ in range(50)]
        assert nominal / 2 <= min(delays) < max(delays) <= nominal


@pytest.mark.parametrize(("asked", "least"), [(20.0, 20.0), (10_000.0, 300.0)])
def test_a_receiver_that_names_a_time_is_obeyed_up_to_five_minutes(asked: float, least: float) -> None:
    assert delivery.delay_s(1, Outcome(Answer.RETRY, retry_after_s=asked), RNG) == least


def test_a_clock_that_goes_back_does_not_make_an_old_state_the_latest(store: Store) -> None:
    first = queued("a")
    put(store, first, first.changed(START - 3600 * SECOND, state="delivered"))
    assert states(store) == {"a": "delivered"}


# -- sending ----------------------------------------------------------------------------------------------


def test_what_is_queued_is_delivered_and_remembered(store: Store) -> None:
    put(store, queued("a"), queued("b"))
    with desk() as receiver, delivering(store, receiver.url):
        receiver.wait_for(2)
        wait_until(lambda: states(store) == {"a": "delivered", "b": "delivered"})
    assert len({identity for identity, _ in receiver.attempts}) == 2


def test_a_message_that_comes_later_is_sent_at_once_when_woken(store: Store) -> None:
    with desk() as receiver, delivering(store, receiver.url) as running:
        put(store, queued("a"))
        running.wake()
        receiver.wait_for(1)


def test_a_refused_message_comes_again_under_the_same_id_and_body(store: Store) -> None:
    clock = Clock()
    put(store, queued("a"))
    with (
        desk(lambda attempt: 503 if attempt < 2 else 200) as receiver,
        delivering(store, receiver.url, clock=clock) as running,
    ):
        for attempt in (1, 2):
            receiver.wait_for(attempt)
            wait_until(lambda attempt=attempt: outbox.from_rows(store.notifications())[0].attempts == attempt)  # type: ignore[misc]
            clock.ahead_ns += 2 * SECOND
            running.wake()
        receiver.wait_for(3)
        wait_until(lambda: states(store) == {"a": "delivered"})
    assert len({identity for identity, _ in receiver.attempts}) == 1
    assert len(set(receiver.bodies)) == 1


def test_messages_of_one_alert_keep_their_order_while_others_go_on(store: Store) -> None:
    """The firing message waits for another attempt; the resolved one must not overtake it."""
    put(
        store,
        queued("a", at=START - 3 * SECOND),
        queued("a", "alert.resolved", at=START - 2 * SECOND),
        queued("b", at=START - SECOND),
    )
    clock = Clock()
    with (
        desk(lambda attempt: 503 if attempt == 0 else 200) as receiver,
        delivering(store, receiver.url, clock=clock) as running,
    ):
        receiver.wait_for(2)
        wait_until(lambda: states(store)["b"] == "delivered")
        assert [message["data"]["alert_id"] for message in receiver.messages] == ["b"]
        clock.ahead_ns += 2 * SECOND
        running.wake()
        receiver.wait_for(4)
    assert [(m["data"]["alert_id"], m["type"]) for m in receiver.messages] == [
        ("b", "alert.firing"),
        ("a", "alert.firing"),
        ("a", "alert.resolved"),
    ]


def test_of_one_moment_firing_goes_before_resolved(store: Store) -> None:
    put(store, queued("a", "alert.resolved"), queued("a", "alert.firing"))
    with desk() as receiver, delivering(store, receiver.url):
        receiver.wait_for(2)
    assert [message["type"] for message in receiver.messages] == ["alert.firing", "alert.resolved"]


def test_a_receiver_that_is_gone_gets_nothing_more(store: Store) -> None:
    put(store, queued("a"))
    with desk(lambda attempt: 410) as receiver, delivering(store, receiver.url) as running:
        wait_until(lambda: states(store) == {"a": "failed"})
        put(store, queued("b"))
        running.wake()
        wait_until(lambda: states(store)["b"] == "failed")
    assert len(receiver.attempts) == 1


def test_a_receiver_that_is_silent_delays_no_other(store: Store) -> None:
    silence = threading.Event()

    def wait(attempt: int) -> int:
        silence.wait(20)
        return 200

    put(store, queued("a"), queued("b", notifier="desk1"))
    with desk(wait) as silent, desk() as quick, delivering(store, silent.url, quick.url):
        quick.wait_for(1)
        wait_until(lambda: states(store)["b"] == "delivered")
        assert states(store)["a"] == "queued"
        silence.set()


def test_what_is_queued_for_nobody_has_failed_and_says_so(store: Store) -> None:
    put(store, queued("a", notifier="former"))
    with desk() as receiver, delivering(store, receiver.url):
        wait_until(lambda: states(store) == {"a": "failed"})
    assert outbox.from_rows(store.notifications())[0].error == "its notifier is not configured any more"


def test_a_restart_goes_on_with_what_was_left(tmp_path: Path) -> None:
    file = tmp_path / "a.duckdb"
    clock = Clock()
    with desk(lambda attempt: 503 if attempt == 0 else 200) as receiver:
        store = DuckDBStore(file)
        put(store, queued("a"), queued("b"))
        with delivering(store, receiver.url, clock=clock):
            receiver.wait_for(2)
            wait_until(lambda: sorted(states(store).values()) == ["delivered", "queued"])
        store.close()
        clock.ahead_ns += 2 * SECOND
        store = DuckDBStore(file)
        with delivering(store, receiver.url, clock=clock):
            receiver.wait_for(3)
            wait_until(lambda: set(states(store).values()) == {"delivered"})
        store.close()
    assert sorted(status for _, status in receiver.attempts) == [200, 200, 503]


SENDER = """
import sys, time
from driftline_collector.alerts.delivery import Delivery
from driftline_collector.alerts.notifiers.webhook import WebhookNotifier
from driftline_collector.store.duckdb import DuckDBStore

store = DuckDBStore(sys.argv[1])
Delivery(store, [WebhookNotifier("desk", sys.argv[2], sys.argv[3])], now=time.time_ns).start()
time.sleep(60)
"""


def test_a_kill_between_sending_and_remembering_sends_again_under_the_same_id(tmp_path: Path) -> None:
    """The receiver has taken it, the collector dies before it could note that: at least once, never lost."""
    file = tmp_path / "a.duckdb"
    store = DuckDBStore(file)
    put(store, queued("a"))
    store.close()
    killed = threading.Event()

    def answer(attempt: int) -> int:
        if attempt == 0:
            os.kill(sender.pid, signal.SIGKILL)
            sender.wait()
            killed.set()
        return 200

    with desk(answer) as receiver:
        sender = subprocess.Popen([sys.executable, "-c", SENDER, str(file), receiver.url, SECRET])
        assert killed.wait(30)
        store = DuckDBStore(file)
        assert states(store) == {"a": "queued"}
        with delivering(store, receiver.url):
            receiver.wait_for(2)
            wait_until(lambda: states(store) == {"a": "delivered"})
        store.close()
    first, second = receiver.attempts
    assert first == second
    assert json.loads(receiver.bodies[0]) == json.loads(receiver.bodies[1])
