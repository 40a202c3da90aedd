"""The report calls a run a success only when everything that was asked for held."""

import io
from typing import Any

import pytest
from rich.console import Console

from examples.digits_fleet.plan import make_fleet
from examples.digits_fleet.receiver import Delivery
from examples.digits_fleet.report import alerts_of, shortcomings
from examples.digits_fleet.scenario import Ledger
from examples.digits_fleet.view import View, summary

FLEET = make_fleet("http://127.0.0.1:1")
CAMERA = "model=digits,version=*,device_type=camera-b,region=*"
SINCE = "2026-11-21T01:22:05.000Z"
OTHER = "model=digits,version=1.9.0,device_type=*,region=*"


@pytest.fixture
def ledger() -> Ledger:
    ledger = Ledger()
    ledger.begin("camera", {"device_type": "camera-b"}, FLEET, at=100.0).ended = 130.0
    return ledger


def delivery(kind: str, segment: str, at: float) -> Delivery:
    payload = {"type": kind, "data": {"segment": segment, "summary": "sharpness fell", "since": SINCE}}
    return Delivery(f"{kind}-{segment}", at, payload)


def good() -> dict[str, Any]:
    return {
        "healthy_false_drift": 0,
        "drifted_segments": [CAMERA],
        "expected_segments": [CAMERA],
        "alerts": [
            {"state": "firing", "segment": CAMERA, "seconds": 7.0, "since": SINCE},
            {"state": "resolved", "segment": CAMERA, "seconds": 8.0, "since": SINCE},
        ],
        "edge_cloud_agreement": {"2.0.0": {"value": 0.7, "lower": 0.6, "upper": 0.8, "n": 900.0}},
        "accuracy": {"2.0.0": {"value": 0.94, "lower": 0.92, "upper": 0.96, "n": 900.0}},
        "escalation_rate": 0.12,
        "predictions_made": 1000,
        "predictions_counted_by_collector": 990,
        "announced_lost": 10,
        "lost": 0,
        "in_doubt": 0,
        "repeated": 3,
        "records_missing": 0,
        "webhooks_undelivered": 0,
    }


def test_a_run_in_which_all_held_has_no_shortcomings(ledger: Ledger) -> None:
    assert shortcomings(good(), ledger, refused=0, unclean=[]) == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"healthy_false_drift": 1}, "without a cause"),
        ({"drifted_segments": []}, "not what was caused"),
        (
            {"drifted_segments": [CAMERA, "model=digits,version=*,device_type=*,region=*"]},
            "not what was caused",
        ),
        ({"lost": 1}, "lost without a word"),
        ({"lost": -1}, "made up"),
        ({"records_missing": 1}, "samples or spans"),
        ({"webhooks_undelivered": 1}, "not delivered"),
        ({"alerts": good()["alerts"][:1]}, f"no webhook: resolved for {CAMERA}"),
    ],
)
def test_each_thing_that_went_wrong_is_said(ledger: Ledger, changed: dict[str, Any], said: str) -> None:
    (found,) = shortcomings(good() | changed, ledger, refused=0, unclean=[])
    assert said in found


def test_forged_webhooks_and_unclean_ends_are_shortcomings_too(ledger: Ledger) -> None:
    found = shortcomings(good(), ledger, refused=1, unclean=["cloud ended with 1"])
    assert len(found) == 2
    assert "cloud ended with 1" in found


def test_a_prediction_that_a_kill_cut_in_two_may_be_counted_or_not(ledger: Ledger) -> None:
    assert shortcomings(good() | {"lost": -1, "in_doubt": 1}, ledger, refused=0, unclean=[]) == []
    assert shortcomings(good() | {"lost": 1, "in_doubt": 1}, ledger, refused=0, unclean=[]) != []


def test_seconds_are_from_the_cause_to_the_delivery_and_unknown_without_a_cause(ledger: Ledger) -> None:
    arrived = [
        delivery("alert.test", CAMERA, 99.0),
        delivery("alert.firing", CAMERA, 107.5),
        delivery("alert.firing", OTHER, 108.0),
        delivery("alert.resolved", CAMERA, 141.0),
    ]
    assert alerts_of(ledger, arrived) == [
        {"state": "firing", "segment": CAMERA, "seconds": 7.5, "since": SINCE},
        {"state": "firing", "segment": OTHER, "seconds": None, "since": SINCE},
        {"state": "resolved", "segment": CAMERA, "seconds": 11.0, "since": SINCE},
    ]


@pytest.mark.parametrize("height", [24, 60])
def test_the_picture_fits_the_terminal_and_shows_what_was_found(height: int) -> None:
    view = View()
    view.findings = {CAMERA: SINCE}
    for number in range(20):
        view.event(f"event {number}")
        view.delivery(delivery("alert.firing", CAMERA, float(number)))
    console = Console(width=100, height=height, file=io.StringIO(), record=True)
    console.print(view)
    text = console.export_text()
    assert len(text.splitlines()) <= height
    assert f"drifted  {CAMERA}" in text
    assert "event 19" in text
    assert "sharpness fell" in text


def test_the_summary_tells_all_figures() -> None:
    console = Console(width=120, file=io.StringIO(), record=True)
    console.print(summary(good()))
    text = console.export_text()
    for expected in (
        CAMERA,
        "7.0 s after the cause",
        "94.0%  (92.0% to 96.0%, n = 900)",
        "10 announced as lost",
    ):
        assert expected in text
