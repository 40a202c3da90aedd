"""Silences: which alerts they are about, and what becomes of messages before, within and after them."""

import json
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from driftline_collector.alerts import outbox, silences
from driftline_collector.alerts.delivery import Delivery
from driftline_collector.alerts.held import sort_out
from driftline_collector.alerts.messages import moment
from driftline_collector.alerts.notifiers.webhook import WebhookNotifier
from driftline_collector.alerts.outbox import Notification
from driftline_collector.alerts.pipeline import AlertPipeline
from driftline_collector.alerts.rules import Rule
from driftline_collector.alerts.silences import About, Silence
from driftline_collector.store.base import Store
from driftline_schemas.segments import Segment

from tests.alerts.desk import SECRET, Desk, desk
from tests.alerts.evaluated import CAMERA_A, CAMERA_A_EU, FLEET, drifted, row, table
from tests.alerts.test_delivery import SECOND, START, Clock, wait_until

CAMERA_B = CAMERA_A.replace("camera-a", "camera-b")
FIRING, RESOLVED, LATE = "alert.firing", "alert.resolved", "finding.late"
#: So short that a desk still believes a signature of its end.
MINUTE = 60 * SECOND
WEEK = 7 * 24 * 60 * MINUTE


def silence(segment: str = CAMERA_A, **changes: Any) -> Silence:
    """Of a minute from START on."""
    made = Silence(
        id="silence_1",
        segment=Segment.parse(segment),
        start_ns=START,
        end_ns=START + MINUTE,
        author="anna",
        reason="lenses are cleaned",
        created_ns=START,
        changed_ns=START,
    )
    return replace(made, **changes)


def about(segment: str = CAMERA_A, *moved: str, rule: str = "drift", measure: str = "drift") -> About:
    return About(segment=Segment.parse(segment), rule=rule, measure=measure, moved=moved)


# -- which alerts it is about ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("narrowed", "what", "held"),
    [
        ({}, about(CAMERA_A), True),
        ({}, about(CAMERA_A_EU), True),
        ({}, about(FLEET), False),
        ({}, about(CAMERA_B), False),
        ({}, about(rule="low", measure="accuracy"), True),
        ({"rule": "drift"}, about(), True),
        ({"rule": "drift"}, about(rule="low", measure="accuracy"), False),
        ({"measure": "accuracy"}, about(rule="low", measure="accuracy"), True),
        ({"measure": "accuracy"}, about(), False),
        ({"features": ("sharpness",)}, about(CAMERA_A, "sharpness"), True),
        ({"features": ("sharpness", "contrast")}, about(CAMERA_A, "sharpness"), True),
        ({"features": ("sharpness",)}, about(CAMERA_A, "sharpness", "contrast"), False),
        ({"features": ("sharpness",)}, about(CAMERA_A), False),
    ],
)
def test_a_silence_is_about_a_segment_and_all_within_it_as_far_as_it_is_not_narrowed_down(
    narrowed: dict[str, Any], what: About, held: bool
) -> None:
    assert silence(**narrowed).matches(what) is held


@pytest.mark.parametrize(
    ("ahead_ns", "state"),
    [(-1, "pending"), (0, "active"), (MINUTE - 1, "active"), (MINUTE, "expired")],
)
def test_a_silence_holds_from_its_start_until_before_its_end(ahead_ns: int, state: str) -> None:
    now_ns = START + ahead_ns
    assert silence().state(now_ns) == state
    held = silences.holding([silence()], about(), now_ns)
    assert (held is not None) == (state == "active")


def test_of_several_the_one_that_ends_last_holds() -> None:
    longer = silence(id="silence_2", end_ns=START + 2 * MINUTE)
    assert silences.holding([silence(), longer, silence(FLEET)], about(), START) == longer


def test_a_silence_that_is_ended_stays_on_record_with_who_ended_it(store: Store) -> None:
    put(store, silence())
    # Also where the clock has gone back.
    put(store, silence().ended(START - MINUTE, "ben"))
    (kept,) = silences.from_rows(store.silences())
    assert (kept.author, kept.ended_by, kept.state(START)) == ("anna", "ben", "expired")
    assert store.silences(START).num_rows == 0


# -- what becomes of messages ----------------------------------------------------------------------------


class Watch:
    """Evaluations go in, messages come out at a desk; the clock stands still unless a test moves it."""

    def __init__(self, store: Store, receiver: Desk) -> None:
        self.store = store
        self.receiver = receiver
        self.clock = Clock()
        self.delivery = Delivery(
            store,
            [WebhookNotifier("desk", receiver.url, SECRET)],
            now=self.clock,
            rng=random.Random(1),
        )
        self.pipeline = AlertPipeline(store, [Rule(name="drift", measure="drift")], ["desk"], now=self.clock)

    def see(self, *rows: dict[str, Any]) -> None:
        """What follows from evaluations."""
        self.store.submit(self.pipeline.observe(table(*rows))).result()
        self.delivery.wake()

    def at(self, ahead_ns: int) -> None:
        """Let it be so long after START."""
        self.clock.ahead_ns = ahead_ns
        self.delivery.wake()

    def put(self, kept: Silence) -> None:
        """Commit a silence."""
        put(self.store, kept)
        self.delivery.wake()

    def states(self) -> list[tuple[str, str]]:
        """Type and state of each notification, by type."""
        return sorted((json.loads(n.payload)["type"], n.state) for n in self.notifications())

    def notifications(self) -> list[Notification]:
        return outbox.from_rows(self.store.notifications())

    def until(self, *states: tuple[str, str]) -> None:
        """Wait for these."""
        wait_until(lambda: self.states() == sorted(states))


def put(store: Store, *kept: Silence) -> None:
    store.submit({"silences": silences.to_rows(kept)}).result()


@contextmanager
def watching(
    store: Store, status: Callable[[int], int] = lambda attempt: 204, *, ahead_ns: int = 0
) -> Iterator[Watch]:
    with desk(status) as receiver:
        watch = Watch(store, receiver)
        watch.clock.ahead_ns = ahead_ns
        watch.delivery.start()
        try:
            yield watch
        finally:
            watch.delivery.stop()


def test_what_fires_within_a_silence_is_told_at_its_end_once(store: Store) -> None:
    put(store, silence())
    with watching(store) as watch:
        watch.see(drifted(0, CAMERA_A_EU))
        watch.until((FIRING, "silenced"))
        (held,) = watch.notifications()
        assert held.error is not None
        assert held.error.endswith(" by silence_1")
        watch.at(MINUTE)
        watch.receiver.wait_for(1)
        watch.until((FIRING, "delivered"))
        watch.see(drifted(1, CAMERA_A_EU))
    assert watch.receiver.told == [(FIRING, CAMERA_A_EU)]
    assert [identity for identity, _ in watch.receiver.attempts] == [held.id]
    before, after = json.loads(held.payload), watch.receiver.messages[0]
    assert (after["data"], after["timestamp"] > before["timestamp"]) == (before["data"], True)


def test_a_silence_that_ends_just_after_it_held_a_message_back_has_it_told_as_of_then(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, silence())
    with watching(store) as watch:

        def now(clock: Clock) -> int:
            if watch.states() == [(FIRING, "silenced")]:
                clock.ahead_ns = MINUTE
            return START + clock.ahead_ns

        monkeypatch.setattr(Clock, "__call__", now)
        watch.see(drifted(0, CAMERA_A_EU))
        watch.until((FIRING, "delivered"))
    (message,) = watch.receiver.messages
    assert message["timestamp"] == moment(START + MINUTE)


def test_other_segments_are_told_meanwhile(store: Store) -> None:
    put(store, silence())
    with watching(store) as watch:
        watch.see(drifted(0, CAMERA_A), drifted(0, CAMERA_B))
        watch.until((FIRING, "delivered"), (FIRING, "silenced"))
        assert watch.receiver.told == [(FIRING, CAMERA_B)]


def test_an_alert_that_comes_and_goes_within_a_silence_is_never_told(store: Store) -> None:
    put(store, silence())
    with watching(store) as watch:
        watch.see(drifted(0))
        watch.until((FIRING, "silenced"))
        watch.see(row(1))
        watch.until((FIRING, "dropped"), (RESOLVED, "dropped"))
        watch.at(MINUTE)
        watch.see(drifted(2, CAMERA_B))
        watch.receiver.wait_for(1)
    assert watch.receiver.told == [(FIRING, CAMERA_B)]


def test_an_alert_that_is_over_when_its_silence_ends_is_never_told(store: Store) -> None:
    """Nothing is sent in between: the sender sees both ends at once, as after a restart."""
    put(store, silence())
    with watching(store) as watch:
        watch.see(drifted(0))
        watch.until((FIRING, "silenced"))
    watch.see(row(1))
    with watching(store, ahead_ns=MINUTE) as watch:
        watch.until((FIRING, "dropped"), (RESOLVED, "dropped"))
        assert not watch.receiver.attempts


def test_an_alert_that_was_told_before_is_told_to_be_over_within_its_silence(store: Store) -> None:
    with watching(store) as watch:
        watch.see(drifted(0))
        watch.receiver.wait_for(1)
        watch.until((FIRING, "delivered"))
        watch.put(silence())
        watch.see(row(1))
        watch.receiver.wait_for(2)
    assert watch.receiver.told == [(FIRING, CAMERA_A), (RESOLVED, CAMERA_A)]


def test_a_silence_also_holds_what_waits_for_another_attempt(store: Store) -> None:
    with watching(store, lambda attempt: 503 if attempt == 0 else 204) as watch:
        watch.see(drifted(0))
        watch.receiver.wait_for(1)
        watch.until((FIRING, "queued"))
        watch.put(silence())
        watch.until((FIRING, "silenced"))
        watch.at(10 * SECOND)
        watch.at(MINUTE)
        watch.until((FIRING, "delivered"))
        assert len(watch.receiver.attempts) == 2


def test_a_silence_that_is_ended_early_lets_messages_go_at_once(store: Store) -> None:
    put(store, silence())
    with watching(store) as watch:
        watch.see(drifted(0))
        watch.until((FIRING, "silenced"))
        watch.put(silence().ended(START, "ben"))
        watch.receiver.wait_for(1)
    assert watch.receiver.told == [(FIRING, CAMERA_A)]


def test_a_longer_silence_goes_on_holding_when_a_shorter_one_ends(store: Store) -> None:
    put(store, silence(), silence(FLEET, id="silence_2", end_ns=START + 2 * MINUTE))
    with watching(store) as watch:
        watch.see(drifted(0))
        watch.until((FIRING, "silenced"))
        watch.at(MINUTE)
        watch.see(drifted(0, "model=faces,version=*,device_type=*,region=*"))
        watch.until((FIRING, "delivered"), (FIRING, "silenced"))
        watch.at(2 * MINUTE)
        watch.until((FIRING, "delivered"), (FIRING, "delivered"))


def test_a_silence_for_a_week_does_not_make_its_message_too_old_to_be_tried_again(store: Store) -> None:
    put(store, silence(end_ns=START + WEEK))
    with watching(store, lambda attempt: 503) as watch:
        watch.see(drifted(0))
        watch.until((FIRING, "silenced"))
    (held,) = watch.notifications()
    (changed,) = sort_out_at(watch, START + WEEK)
    assert (changed.state, changed.next_attempt_ns) == ("queued", START + WEEK)
    assert json.loads(changed.payload)["timestamp"] > json.loads(held.payload)["timestamp"]


def sort_out_at(watch: Watch, now_ns: int) -> list[Notification]:
    kept = silences.from_rows(watch.store.silences())
    firing = watch.store.alerts(("firing",))["id"].to_pylist()
    return sort_out(watch.notifications(), kept, firing, now_ns)


def test_a_late_finding_within_a_silence_is_not_told(store: Store) -> None:
    put(store, silence())
    with watching(store) as watch:
        watch.see(row(0))
        watch.see(drifted(0, revision=1))
        watch.until((LATE, "dropped"))
        assert not watch.receiver.attempts


def test_a_restart_within_a_silence_keeps_what_is_held(store: Store) -> None:
    put(store, silence())
    with watching(store) as watch:
        watch.see(drifted(0))
        watch.until((FIRING, "silenced"))
    with watching(store) as watch:
        watch.at(MINUTE)
        watch.receiver.wait_for(1)
        assert watch.receiver.told == [(FIRING, CAMERA_A)]
