"""Purging over the API: told first, done only when that is confirmed, written down."""

from typing import Any

import pytest

from tests.api.serving import START, Serving, prediction, profile

ANNA = {"author": "anna"}


@pytest.fixture
def filled(collector: Serving) -> Serving:
    for number, device in enumerate(("cam-1", "cam-2")):
        collector.put("predictions", prediction(f"p{number}", device=device))
        collector.put("profiles", profile("__label__", "predictions", device=device, stream=f"s{number}"))
    return collector


def ask(collector: Serving, **wanted: Any) -> dict[str, Any]:
    answer = collector.http.post("/purge", json={**ANNA, **wanted})
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


def devices(collector: Serving) -> list[str]:
    return [row["device"] for row in collector.read("SELECT DISTINCT device FROM predictions ORDER BY ALL")]


def test_what_would_go_is_told_and_goes_when_it_is_confirmed(filled: Serving) -> None:
    planned = ask(filled, device="cam-1")
    assert (planned["done"], planned["rows"]) == (False, 3)
    assert {each["table"]: each["rows"] for each in planned["tables"] if each["rows"]} == {
        "predictions": 1,
        "profiles": 1,
        "stream_windows": 1,
    }
    assert devices(filled) == ["cam-1", "cam-2"]
    done = ask(filled, device="cam-1", confirm=planned["confirm"], reason="sold")
    assert (done["done"], done["rows"], done["confirm"]) == (True, 3, None)
    assert devices(filled) == ["cam-2"]
    (entry,) = filled.http.get("/audit").json()["items"]
    assert entry.pop("time")
    assert entry == {
        "what": "purge",
        "author": "anna",
        "reason": "sold",
        "scope": {"device": "cam-1"},
        "rows": {"predictions": 1, "profiles": 1, "stream_windows": 1},
    }


def test_a_confirmation_is_good_for_what_was_told_and_nothing_else(filled: Serving) -> None:
    confirm = ask(filled, device="cam-1")["confirm"]
    for other in ({"device": "cam-2"}, {"device": "cam-1", "from": "1h"}, {"model": "digits"}):
        answer = filled.http.post("/purge", json={**ANNA, **other, "confirm": confirm})
        assert answer.status_code == 409
        assert "ask without it, and look at what would go" in answer.json()["detail"]
    assert devices(filled) == ["cam-1", "cam-2"]


def test_an_interval_is_purged_as_it_was_told(filled: Serving) -> None:
    interval = {"from": str(START), "to": str(START + 1)}
    planned = ask(filled, **interval)
    assert planned["scope"] == {"start_ns": START, "end_ns": START + 1}
    assert "A window or sum that is partly in the interval goes as a whole." in planned["notes"]
    assert ask(filled, **interval, confirm=planned["confirm"])["rows"] == planned["rows"]
    assert devices(filled) == []


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({}, "name a device, a stream, a model, or an interval"),
        ({"from": "1h", "to": "2h"}, "from: it is not before 'to'"),
        ({"from": "yesterday"}, "is no time"),
        ({"device": ""}, "at least 1 character"),
        ({"everything": True}, "Extra inputs are not permitted"),
    ],
)
def test_what_names_nothing_or_nonsense_is_refused(
    shared: Serving, wanted: dict[str, Any], message: str
) -> None:
    answer = shared.http.post("/purge", json={**ANNA, **wanted})
    assert answer.status_code == 422
    assert message in answer.json()["detail"]
