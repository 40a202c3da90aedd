"""Alerts over HTTP, and a test message all the way to a desk and back to the command."""

import json
from pathlib import Path
from typing import Any

import pytest
from driftline_collector.alerts.messages import Links
from driftline_collector.alerts.pipeline import AlertPipeline
from driftline_collector.alerts.rules import Rule
from driftline_collector.settings import NotifierSettings, WebhookSettings
from pydantic import SecretStr

from tests.alerts.desk import SECRET, desk
from tests.alerts.evaluated import CAMERA_A, FLEET, START, drifted, row, table
from tests.api.serving import Serving, serving
from tests.cli.command import here


def notifier(url: str, name: str = "desk") -> NotifierSettings:
    return NotifierSettings(name=name, webhook=WebhookSettings(url=url, secret=SecretStr(SECRET)))


def observe(collector: Serving, *rows: dict[str, Any]) -> None:
    store = collector.collector._store
    rule = Rule(name="drift", measure="drift")
    pipeline = AlertPipeline(store, [rule], [], now=lambda: START, links=Links(api=collector.url))
    store.submit(pipeline.observe(table(*rows))).result()


def test_alerts_are_listed_by_state_and_one_is_found_by_its_link(collector: Serving) -> None:
    observe(collector, drifted(0), drifted(0, FLEET.replace("digits", "faces")))
    observe(collector, row(1))
    listed = collector.http.get("/alerts").json()["items"]
    assert sorted((alert["state"], alert["segment"]) for alert in listed) == [
        ("firing", FLEET.replace("digits", "faces")),
        ("resolved", CAMERA_A),
    ]
    (firing,) = collector.http.get("/alerts", params={"state": "firing"}).json()["items"]
    assert firing["link"] == f"{collector.url}/api/v1/alerts/{firing['id']}"
    assert collector.http.get(firing["link"]).status_code == 200


def test_alerts_are_listed_by_model_by_its_whole_name(collector: Serving) -> None:
    of = {name: FLEET.replace("digits", name) for name in ("digits", "digits-2", "a%2Cb")}
    observe(collector, *(drifted(0, segment) for segment in of.values()))
    for name, model in (("digits", "digits"), ("digits-2", "digits-2"), ("a%2Cb", "a,b")):
        listed = collector.http.get("/alerts", params={"model": model}).json()["items"]
        assert [alert["segment"] for alert in listed] == [of[name]]
    assert collector.http.get("/alerts", params={"model": "digi"}).json()["items"] == []


def test_an_alert_that_is_not_there_is_told(shared: Serving) -> None:
    answer = shared.http.get("/alerts/alert_none")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert "alert_none" in answer.json()["detail"]


def test_a_state_that_does_not_exist_is_told(shared: Serving) -> None:
    answer = shared.http.get("/alerts", params={"state": "burning"})
    assert answer.status_code == 422
    assert "'firing'" in answer.json()["detail"]


def test_without_notifiers_a_test_says_what_to_do(shared: Serving) -> None:
    answer = shared.http.post("/alerts/test")
    assert (answer.status_code, answer.json()["detail"]) == (
        409,
        "no notifiers are configured; add one under 'notifiers' and start again",
    )


def test_a_test_message_arrives_and_the_command_waits_for_it(tmp_path: Path) -> None:
    with desk() as receiver, serving(tmp_path, notifiers=(notifier(receiver.url),)) as collector:
        done = here("alerts", "test", "--json", "--url", collector.url)
        assert done.returncode == 0, done.stderr
        (result,) = json.loads(done.stdout)
        assert (result["notifier"], result["state"], result["attempts"]) == ("desk", "delivered", 1)
        assert [identity for identity, _ in receiver.attempts] == [result["id"]]
        assert [message["type"] for message in receiver.messages] == ["alert.test"]


def test_a_test_that_is_refused_is_told_with_the_reason_and_exit_status_1(tmp_path: Path) -> None:
    with (
        desk(lambda attempt: 410) as receiver,
        serving(tmp_path, notifiers=(notifier(receiver.url),)) as collector,
    ):
        done = here("alerts", "test", "--url", collector.url)
        assert (done.returncode, done.stdout) == (
            1,
            "desk: failed after 1 attempt(s): the receiver answered 410\n",
        )


@pytest.mark.parametrize(("named", "status"), [(["night"], 202), (["desk", "night"], 202), (["nobody"], 404)])
def test_a_test_goes_to_those_who_are_named(tmp_path: Path, named: list[str], status: int) -> None:
    with desk() as one, desk() as two:
        notifiers = (notifier(one.url), notifier(two.url, "night"))
        with serving(tmp_path, notifiers=notifiers) as collector:
            answer = collector.http.post("/alerts/test", params={"notifier": named})
            assert answer.status_code == status
            for receiver, name in ((one, "desk"), (two, "night")):
                if name in named:
                    receiver.wait_for(1)
        assert [bool(one.attempts), bool(two.attempts)] == ["desk" in named, "night" in named]


def test_what_waits_for_another_attempt_is_shown(tmp_path: Path) -> None:
    with (
        desk(lambda attempt: 503) as receiver,
        serving(tmp_path, notifiers=(notifier(receiver.url),)) as collector,
    ):
        collector.http.post("/alerts/test")
        receiver.wait_for(2)  # so the first attempt was noted
        (waiting,) = collector.http.get("/notifications", params={"state": "queued"}).json()["items"]
        assert (waiting["notifier"], waiting["error"]) == ("desk", "the receiver answered 503")
        assert waiting["attempts"] >= 1
