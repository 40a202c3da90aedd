"""Silences over HTTP, by the command, in the counts, and across a kill."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from driftline_collector.client import Client

from tests.alerts.desk import desk
from tests.alerts.evaluated import CAMERA_A, CAMERA_A_EU, drifted
from tests.api.serving import Serving, serving
from tests.api.test_alerts import notifier, observe
from tests.api.test_health import samples
from tests.cli.command import here
from tests.end_to_end.running import collector as started

WANTED = {"segment": CAMERA_A, "for": "4h", "author": "anna", "reason": "lenses are cleaned"}


def silence(collector: Serving, **changes: Any) -> httpx.Response:
    return collector.http.post("/silences", json=WANTED | changes)


def test_a_silence_of_an_alert_is_about_its_segment_and_rule_and_marks_it(collector: Serving) -> None:
    observe(collector, drifted(0, CAMERA_A_EU))
    (alert,) = collector.http.get("/alerts").json()["items"]
    assert alert["silenced"] is None
    answer = silence(collector, segment=None, alert=alert["id"])
    made = answer.json()
    assert (answer.status_code, made["state"], made["alerts"]) == (201, "active", [alert["id"]])
    assert (made["segment"], made["rule"], made["ended_by"]) == (CAMERA_A_EU, "drift", None)
    (alert,) = collector.http.get("/alerts").json()["items"]
    told = {"until": made["end"], "silence": made["id"], "author": "anna", "reason": "lenses are cleaned"}
    assert alert["silenced"] == told
    detail = collector.http.get(f"/alerts/{alert['id']}").json()
    assert detail["unsilence_command"] == f"driftline alerts unsilence {made['id']}"
    (shown,) = collector.http.get("/system").json()["silences"]
    assert shown == made
    assert samples(collector)["driftline_silences_active", ""] == 1


def test_a_silence_is_ended_once_and_stays_on_record(collector: Serving) -> None:
    made = silence(collector).json()
    path = f"/silences/{made['id']}/expire"
    ended = collector.http.post(path, params={"author": "ben"})
    assert (ended.status_code, ended.json()["state"], ended.json()["ended_by"]) == (200, "expired", "ben")
    again = collector.http.post(path, params={"author": "ben"})
    assert (again.status_code, again.json()["status"]) == (409, 409)
    assert collector.http.get("/silences").json()["items"] == []
    (kept,) = collector.http.get("/silences", params={"state": "expired"}).json()["items"]
    assert kept == ended.json()
    assert samples(collector)["driftline_silences_active", ""] == 0


def test_a_silence_can_begin_later(collector: Serving) -> None:
    made = silence(collector, start="2199-01-01T00:00:00Z")
    assert (made.status_code, made.json()["detail"]) == (
        422,
        "start: it is more than a year ahead; give an earlier one",
    )
    now = datetime.fromisoformat(collector.http.get("/system").json()["as_of"])
    made = silence(collector, start=(now + timedelta(hours=1)).isoformat()).json()
    assert (made["state"], datetime.fromisoformat(made["start"])) == ("pending", now + timedelta(hours=1))
    assert datetime.fromisoformat(made["end"]) == now + timedelta(hours=5)


@pytest.mark.parametrize(
    ("changes", "status", "said"),
    [
        ({"reason": ""}, 422, "body.reason"),
        ({"reason": " \n"}, 422, "body.reason: expected a text that is not blank"),
        ({"author": ""}, 422, "body.author"),
        ({"segment": None}, 422, "give one of both, an alert's id or a segment key"),
        ({"alert": "alert_none"}, 422, "give one of both, an alert's id or a segment key"),
        ({"alert": "alert_none", "segment": None}, 404, "there is no alert 'alert_none'; GET /api/v1/alerts"),
        ({"segment": "camera"}, 422, "is not <dimension>=<value>"),
        ({"rule": "drfit"}, 422, "there is no rule 'drfit'; there are: drift"),
        ({"measure": "accuracy", "features": ["x"]}, 422, "only drift has features"),
        ({"for": None}, 422, "when it ends or for how long it lasts (4h)"),
        ({"end": "2999-01-01T00:00:00Z"}, 422, "when it ends or for how long it lasts (4h)"),
        ({"for": "four hours"}, 422, "body.for: expected for how long, such as 90s, 30m, 4h or 7d"),
        ({"for": "0s"}, 422, "it is not after the start"),
        ({"for": None, "end": "2020-01-01T00:00:00Z"}, 422, "it is not after the start"),
        ({"for": "31d"}, 422, "it is more than 30 days after the start; give an earlier one"),
        ({"for": "999999999d"}, 422, "it is more than 30 days after the start; give an earlier one"),
        ({"for": None, "end": "soon"}, 422, "end: 'soon' is no time"),
        ({"untill": "4h"}, 422, "body.untill"),
    ],
)
def test_a_silence_that_cannot_be_is_refused_with_what_to_do(
    shared: Serving, changes: dict[str, Any], status: int, said: str
) -> None:
    answer = silence(shared, **changes)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert said in answer.json()["detail"]
    assert shared.http.get("/silences").json()["items"] == []


def test_the_end_of_a_silence_that_is_not_there_is_told(shared: Serving) -> None:
    answer = shared.http.post("/silences/silence_none/expire", params={"author": "ben"})
    assert answer.status_code == 404
    assert "there is no silence 'silence_none'" in answer.json()["detail"]


def test_the_command_silences_lists_and_ends(tmp_path: Path) -> None:
    with desk() as receiver, serving(tmp_path, notifiers=(notifier(receiver.url),)) as collector:
        observe(collector, drifted(0))
        (alert,) = collector.http.get("/alerts").json()["items"]
        at = ("--url", collector.url)
        words = ("alerts", "silence", alert["id"], "--for", "4h", "--reason", "lenses")
        done = here(*words, "--by", "anna", *at)
        assert done.returncode == 0, done.stderr
        assert f"{CAMERA_A} · rule drift is silenced until " in done.stdout
        assert "1 alert that fires now is held." in done.stdout
        assert "firing, silenced until " in here("alerts", "list", *at).stdout
        (made,) = json.loads(here("alerts", "silences", "--json", *at).stdout)
        assert (made["author"], made["reason"], made["alerts"]) == ("anna", "lenses", [alert["id"]])
        done = here("alerts", "unsilence", made["id"], "--by", "ben", *at)
        assert done.stdout == f"{CAMERA_A} · rule drift is silenced no more.\n"
        assert here("alerts", "silences", *at).stdout == "No silences.\n"
        assert "anna, ended by ben" in here("alerts", "silences", "--all", *at).stdout
        done = here("alerts", "unsilence", made["id"], "--by", "ben", *at)
        assert done.returncode == 1
        assert "already; there is nothing to do" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("alert_1", "--for", "4h"), "say why"),
        (("--for", "4h", "--reason", "x"), "give one of both"),
        (("alert_1", "--segment", CAMERA_A, "--for", "4h", "--reason", "x"), "give one of both"),
    ],
)
def test_a_command_that_lacks_what_it_needs_ends_with_status_2(words: tuple[str, ...], said: str) -> None:
    done = here("alerts", "silence", *words)
    assert done.returncode == 2
    assert said in done.stderr


def test_a_silence_that_was_answered_outlives_a_kill(tmp_path: Path) -> None:
    with started(tmp_path) as running:
        made = running.api.post("/silences", json=WANTED).json()
        running.kill()
    with started(tmp_path) as running, Client(running.url) as client:
        (kept,) = client.silences()
        assert (kept.id, kept.end, kept.state) == (made["id"], made["end"], "active")
        assert client.unsilence(kept.id, author="ben").ended_by == "ben"
        running.kill()
    with started(tmp_path) as running:
        assert running.get("/silences")["items"] == []


def test_requests_are_counted_by_protocol_and_outcome(collector: Serving) -> None:
    def counts() -> dict[tuple[str, str], int]:
        rows = collector.http.get("/system").json()["ingest"]["requests"]
        return {(row["protocol"], row["outcome"]): row["count"] for row in rows}

    assert set(counts().values()) == {0}
    protobuf = {"content-type": "application/x-protobuf"}
    assert httpx.post(f"{collector.url}/v1/logs", content=b"", headers=protobuf).status_code == 200
    assert httpx.post(f"{collector.url}/v1/logs", content=b"\xff", headers=protobuf).status_code == 400
    told = {what: count for what, count in counts().items() if count}
    assert told == {("http", "taken"): 1, ("http", "refused"): 1}
