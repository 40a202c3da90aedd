"""Evaluations in, transitions and notifications out, over a real store and across restarts."""

import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pytest
from driftline_collector.alerts import outbox, state
from driftline_collector.alerts.messages import Links
from driftline_collector.alerts.pipeline import AlertPipeline
from driftline_collector.alerts.rules import Rule
from driftline_collector.store.base import Store
from driftline_schemas.segments import Segment

from tests.alerts.evaluated import CAMERA_A, CAMERA_A_EU, FLEET, MINUTE, START, drifted, row, table

DRIFT = Rule(name="drift", measure="drift")
FIRING, RESOLVED, LATE = "alert.firing", "alert.resolved", "finding.late"


class Desk:
    """A pipeline that is made anew for each window, as if the collector were restarted before each."""

    def __init__(
        self, store: Store, rules: Sequence[Rule] = (DRIFT,), notifiers: Sequence[str] = ("desk",)
    ) -> None:
        self.store = store
        self.rules = rules
        self.notifiers = notifiers
        self.now = START

    def pipeline(self) -> AlertPipeline:
        return AlertPipeline(
            self.store, self.rules, self.notifiers, now=lambda: self.now, links=Links(api="http://d")
        )

    def observe(self, *rows: dict[str, Any]) -> list[tuple[str, str, str]]:
        """(type, segment, notifier) of what was said, in order, after these evaluations were committed."""
        self.now += MINUTE
        following = self.pipeline().observe(table(*rows))
        if following:
            self.store.submit(following).result()
        said = outbox.from_rows(following["notifications"]) if "notifications" in following else []
        return [
            (message["type"], message["data"]["segment"], n.notifier) for n in said if (message := loads(n))
        ]

    def states(self) -> dict[str, str]:
        """Segment → state, of each alert that there has been; the latest episode counts."""
        alerts = state.from_rows(self.store.alerts())
        return {str(alert.segment): alert.state for alert in reversed(alerts)}


def loads(notification: outbox.Notification) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(notification.payload)
    return message


@pytest.fixture
def desk(store: Store) -> Desk:
    return Desk(store)


def test_a_finding_fires_once_and_is_resolved_once_across_restarts(desk: Desk) -> None:
    assert desk.observe(row(0)) == []
    assert desk.observe(drifted(1)) == [(FIRING, CAMERA_A, "desk")]
    assert desk.observe(drifted(2)) == []
    assert desk.states() == {CAMERA_A: "firing"}
    assert desk.observe(row(3)) == [(RESOLVED, CAMERA_A, "desk")]
    assert desk.observe(row(4)) == []
    assert desk.states() == {CAMERA_A: "resolved"}


def test_a_hold_time_goes_on_after_a_restart(store: Store) -> None:
    desk = Desk(store, [Rule(name="drift", measure="drift", hold_ns=3 * MINUTE)])
    assert [desk.observe(drifted(window)) for window in range(3)] == [[], [], [(FIRING, CAMERA_A, "desk")]]


def test_each_episode_is_an_alert_of_its_own(desk: Desk) -> None:
    for window, kind in enumerate("dsds"):
        desk.observe((drifted if kind == "d" else row)(window))
    ids = desk.store.alerts(("resolved",))["id"].to_pylist()
    assert len(set(ids)) == len(ids) == 2


def test_several_windows_at_once_are_taken_in_order(desk: Desk) -> None:
    """As after an outage of the collector."""
    assert desk.observe(row(2), drifted(0), drifted(1)) == [
        (FIRING, CAMERA_A, "desk"),
        (RESOLVED, CAMERA_A, "desk"),
    ]


def test_the_same_window_twice_says_nothing_new(desk: Desk) -> None:
    """The evaluations were committed, and then they come again."""
    desk.observe(drifted(0))
    assert desk.observe(drifted(0)) == []


def test_what_was_not_committed_comes_again_under_the_same_ids(desk: Desk) -> None:
    """A crash between the step and its commit."""
    lost = desk.pipeline().observe(table(drifted(0)))
    again = desk.pipeline().observe(table(drifted(0)))
    for name in ("alerts", "notifications"):
        assert lost[name]["id"] == again[name]["id"]


def test_nothing_to_say_is_no_table_at_all(desk: Desk) -> None:
    assert desk.pipeline().observe(table(row(0))) == {}
    assert desk.pipeline().observe(table()) == {}


def test_a_finding_within_one_that_fires_does_not_ring_again(desk: Desk) -> None:
    assert desk.observe(drifted(0)) == [(FIRING, CAMERA_A, "desk")]
    assert desk.observe(drifted(1, CAMERA_A_EU), row(1, CAMERA_A, verdict="drifted")) == []
    assert desk.states() == {CAMERA_A: "firing", CAMERA_A_EU: "pending"}


def test_it_fires_once_the_wider_one_is_resolved_and_it_is_still_there(desk: Desk) -> None:
    desk.observe(drifted(0))
    desk.observe(drifted(1, CAMERA_A_EU), row(1, CAMERA_A, verdict="drifted"))
    assert desk.observe(row(2, CAMERA_A), drifted(2, CAMERA_A_EU)) == [
        (RESOLVED, CAMERA_A, "desk"),
        (FIRING, CAMERA_A_EU, "desk"),
    ]


def test_of_two_findings_in_one_window_the_wider_one_rings(desk: Desk) -> None:
    assert desk.observe(drifted(0, CAMERA_A_EU), drifted(0, FLEET)) == [(FIRING, FLEET, "desk")]


def test_limits_do_not_cover_each_other(store: Store) -> None:
    split = Rule(name="low-type", measure="accuracy", below=0.9, each=("device_type",))
    desk = Desk(store, [Rule(name="low", measure="accuracy", below=0.9), split])
    low = {"measure": "accuracy", "verdict": None, "value": 0.5}
    assert desk.observe(row(0, FLEET, **low), row(0, CAMERA_A, **low)) == [
        (FIRING, FLEET, "desk"),
        (FIRING, CAMERA_A, "desk"),
    ]


def test_rules_on_one_segment_are_alerts_of_their_own(store: Store) -> None:
    desk = Desk(
        store, [Rule(name="a", measure="drift"), Rule(name="b", measure="drift", severity="critical")]
    )
    assert len(desk.observe(drifted(0))) == 2
    assert sorted(desk.store.alerts()["severity"].to_pylist()) == ["critical", "warning"]


def test_a_rule_tells_only_whom_it_names(store: Store) -> None:
    desk = Desk(store, [Rule(name="drift", measure="drift", notify=("night",))], ["desk", "night"])
    assert desk.observe(drifted(0)) == [(FIRING, CAMERA_A, "night")]
    desk.rules = [Rule(name="drift", measure="drift", notify=())]
    assert desk.observe(row(1)) == []
    assert desk.states() == {CAMERA_A: "resolved"}


def test_everybody_is_told_where_a_rule_names_nobody(store: Store) -> None:
    desk = Desk(store, notifiers=["desk", "night"])
    assert [notifier for _, _, notifier in desk.observe(drifted(0))] == ["desk", "night"]


def message_of(store: Store) -> dict[str, Any]:
    (alert,) = state.from_rows(store.alerts(("firing",)))
    assert alert.message is not None
    return dict(alert.message["data"])


def test_the_message_names_the_features_that_moved_most_first(desk: Desk) -> None:
    moved = [
        drifted(0, feature=name, lower=lower, value=2 * lower, p=0.001, details='{"direction": "higher"}')
        for name, lower in [("ink", 0.1), ("edge", 0.3), ("size", 0.2)]
    ]
    desk.observe(drifted(0), *moved, row(0, feature="calm"), drifted(0, CAMERA_A_EU, feature="elsewhere"))
    assert message_of(desk.store)["features"] == [
        {"name": name, "effect": 2 * lower, "lower": lower, "p": 0.001, "direction": "higher"}
        for name, lower in [("edge", 0.3), ("size", 0.2), ("ink", 0.1)]
    ]


WHOSE = {
    "model": "digits",
    "version": "2",
    "device_type": "camera-a",
    "region": "eu",
    "tier": "device_edge",
}


def deployment(device: str, time_ns: int, **columns: Any) -> dict[str, Any]:
    return {
        **WHOSE,
        "time_ns": time_ns,
        "device": device,
        "kind": "firmware",
        "from_version": "1.3",
        "to_version": "1.4",
        **columns,
    }


def test_the_message_tells_of_deployments_in_the_segment_near_the_start(desk: Desk) -> None:
    hour = 60 * MINUTE
    rows = [
        deployment("b", START - 2 * MINUTE),
        deployment("a", START - 5 * MINUTE),
        deployment("a", START - 2 * hour),  # long before
        deployment("c", START - MINUTE, device_type="camera-b"),  # elsewhere
    ]
    desk.store.submit({"deployments": pa.Table.from_pylist(rows)}).result()
    desk.observe(drifted(0))
    assert message_of(desk.store)["changes"] == [
        {
            "kind": "firmware",
            "before": "1.3",
            "after": "1.4",
            "first_at": "2025-12-31T23:55:00.000Z",
            "devices": 2,
        }
    ]


def test_of_a_tier_those_deployments_are_told_that_were_on_its_devices(desk: Desk) -> None:
    rows = [deployment("a", START - MINUTE), deployment("b", START - MINUTE, tier="network_edge")]
    desk.store.submit({"deployments": pa.Table.from_pylist(rows)}).result()
    desk.observe(drifted(0, f"{CAMERA_A},tier=network_edge"))
    assert [change["devices"] for change in message_of(desk.store)["changes"]] == [1]


def test_of_a_line_those_deployments_are_told_that_were_on_its_devices(desk: Desk) -> None:
    line = f"{CAMERA_A},segment.line=A3"
    desk.store.submit(
        {
            "deployments": pa.Table.from_pylist(
                [deployment("a", START - MINUTE), deployment("b", START - MINUTE)]
            ),
            "stream_windows": pa.table(
                {
                    **{name: [value] * 2 for name, value in WHOSE.items()},
                    "stream": ["a", "b"],
                    "device": ["a", "b"],
                    "start_ns": [START - MINUTE] * 2,
                    "end_ns": [START] * 2,
                    "predictions": [1, 1],
                    "segment": pa.array([[("line", "A3")], None], pa.map_(pa.string(), pa.string())),
                }
            ),
        }
    ).result()
    desk.observe(drifted(0, line))
    assert [change["devices"] for change in message_of(desk.store)["changes"]] == [1]


def test_a_finding_that_only_late_data_bring_is_a_notice_and_no_alert(desk: Desk) -> None:
    desk.observe(row(0))
    desk.observe(row(1))
    assert desk.observe(drifted(0, revision=1)) == [(LATE, CAMERA_A, "desk")]
    assert desk.states() == {}


def test_a_late_finding_is_told_once_however_often_it_is_revised(desk: Desk) -> None:
    desk.observe(row(0))
    desk.observe(drifted(0, revision=1))
    assert desk.observe(drifted(0, revision=2)) == []


def test_a_late_finding_that_lasts_is_told_once_and_not_for_each_window(desk: Desk) -> None:
    for window in range(3):
        desk.observe(row(window))
    first = desk.observe(drifted(0, revision=1))
    assert first == [(LATE, CAMERA_A, "desk")]
    since_ns = int(drifted(0)["window_start_ns"])
    assert desk.observe(drifted(1, revision=1, since_ns=since_ns)) == []
    assert desk.observe(drifted(2, revision=1, since_ns=int(drifted(2)["window_start_ns"]))) == first


def test_a_revision_of_a_window_that_was_an_alert_says_nothing(desk: Desk) -> None:
    for window in range(3):
        desk.observe(drifted(window))
    assert desk.observe(drifted(1, revision=1)) == []
    desk.observe(row(3))
    assert desk.observe(drifted(1, revision=2)) == []
    assert desk.observe(drifted(1, CAMERA_A_EU, revision=3)) == []  # within what fired


def test_a_revision_neither_ends_nor_starts_an_alert(desk: Desk) -> None:
    desk.observe(drifted(0))
    assert desk.observe(row(0, revision=1)) == []
    assert desk.states() == {CAMERA_A: "firing"}


def test_an_alert_whose_rule_is_gone_is_resolved_at_the_start(store: Store) -> None:
    held = Rule(name="slow", measure="drift", hold_ns=9 * MINUTE)
    desk = Desk(store, [DRIFT, held])
    desk.observe(drifted(0))
    desk.rules = []
    ending = desk.pipeline().withdraw()
    store.submit(ending).result()
    assert sorted(store.alerts()["state"].to_pylist()) == ["dropped", "resolved"]
    (notification,) = outbox.from_rows(ending["notifications"])
    data = loads(notification)["data"]
    assert (data["state"], data["segment"]) == ("resolved", CAMERA_A)
    assert data["summary"].endswith("rule 'drift' was taken out of the configuration")
    assert desk.pipeline().withdraw() == {}


def test_a_segment_is_known_by_its_key_whatever_its_values_are(desk: Desk) -> None:
    odd = str(Segment.of({"model": "digits", "region": "a=b,c*%/ü"}))
    assert desk.observe(drifted(0, odd)) == [(FIRING, odd, "desk")]
    assert desk.observe(row(1, odd)) == [(RESOLVED, odd, "desk")]
