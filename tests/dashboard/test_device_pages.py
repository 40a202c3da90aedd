"""Devices, one device, one prediction and the system, drawn by Streamlit's own tester."""

import re
from typing import Any

import pytest
from driftline_collector.client import Device
from driftline_dashboard import tables
from driftline_dashboard.pages import devices

from tests.dashboard.conftest import Serve
from tests.dashboard.fake_collector import FakeCollector
from tests.dashboard.fake_devices import PREDICTION, TRACE, serve_devices, system
from tests.dashboard.fake_fleet import Fleet
from tests.dashboard.test_pages import HOSTILE, charts, html, links, show, text, title

OWN = {"devices": {}, "device": {"id": "cam"}, "prediction": {"id": PREDICTION}, "system": {}}


def served(serve: Serve, fleet: Fleet) -> FakeCollector:
    collector = serve(fleet)
    serve_devices(collector)
    return collector


def test_devices_say_how_many_moved_and_where_they_are(serve: Serve) -> None:
    served(serve, Fleet(devices=2000))
    tester = show("devices")
    assert title(tester) == "▲ digits: 400 of 2 000 devices have moved and 200 are silent"
    assert "2 400 of 10 002 400 predictions, on 200 devices" in text(tester)
    assert len(tester.dataframe[0].value) == 2000
    assert tester.dataframe[0].value["State"][0] == "▲ moved"
    assert links(tester)["! Silent 200"].endswith("state=silent")
    assert charts(tester) == 1


def test_the_url_says_which_state_and_which_device_is_picked(serve: Serve) -> None:
    served(serve, Fleet(devices=20))
    tester = show("devices", {"state": "moved", "id": "camera-b-0010"})
    assert len(tester.dataframe[0].value) == 4
    assert links(tester)["Open →"] == "device?model=digits&id=camera-b-0010"


def test_devices_that_are_well_are_said_to_be(serve: Serve) -> None:
    collector = served(serve, Fleet(devices=4))
    for device in collector.replaced["/devices"]["items"]:
        device["state"], device["lost"] = "ok", 0
    tester = show("devices")
    assert title(tester) == "digits: 4 devices, none moved and none silent"
    assert 'class="dl-tile dl-bad"' not in html(tester)


def test_an_unknown_state_is_said_and_left_out(serve: Serve) -> None:
    served(serve, Fleet(devices=20))
    tester = show("devices", {"state": "tired"})
    assert "There is no state “tired”" in text(tester)
    assert len(tester.dataframe[0].value) == 20


def test_filters_without_devices_say_what_to_do(serve: Serve) -> None:
    served(serve, Fleet(devices=0))
    tester = show("devices", {"type": "camera-z"})
    assert title(tester) == "No device of digits, camera-z has reported in this time"
    assert "Take a longer range, or fewer filters." in text(tester)


def test_a_spreadsheet_takes_no_name_in_the_csv_for_a_formula(serve: Serve) -> None:
    evil = '=HYPERLINK("http://evil.example")'
    collector = served(serve, Fleet(devices=1, named=evil))
    found = [Device(**document) for document in collector.replaced["/devices"]["items"]]
    lines = tables.csv(tables.frame(found, state=devices.state_text)).splitlines()
    assert lines[0].startswith("Device,State,Type,Region")
    assert lines[1].startswith("\"'=HYPERLINK")


def test_a_device_stands_beside_its_segment_with_its_gaps_and_changes(serve: Serve) -> None:
    served(serve, Fleet(devices=4))
    tester = show("device", {"id": "cam"})
    assert title(tester) == "▲ camera-b-0000 has moved, most in sharpness 0.31 (PSI)"
    shown = text(tester)
    assert (
        "4 260 predictions in this time, 1 gap; the last effect is 0.30 (segment 0.010), limit 0.02" in shown
    )
    assert "firmware 4.1.2 → 4.2.0 at" in shown
    assert "3 to 15" in shown  # what a power cut may have taken on top
    assert charts(tester) == 1
    assert any(target.startswith("prediction?") and PREDICTION in target for target in links(tester).values())


def test_a_retired_device_is_said_to_be_one_and_not_to_be_silent(serve: Serve) -> None:
    collector = served(serve, Fleet(devices=4))
    own = collector.replaced["/devices/cam"]["device"]
    own |= {"state": "retired", "retired": own["last_seen"]}
    said = title(show("device", {"id": "cam"}))
    assert said.startswith("camera-b-0000 is retired since ")
    assert "and last reported at " in said
    collector.replaced["/devices"]["items"][0] |= {"state": "retired"}
    assert any("Retired" in label for label in links(show("devices")))


@pytest.mark.parametrize("page", ["device", "prediction"])
def test_what_is_not_known_is_said_to_be_and_others_are_offered(serve: Serve, page: str) -> None:
    collector = served(serve, Fleet(devices=4))
    del collector.replaced[f"/predictions/{PREDICTION}"]
    tester = show(page, {"id": "nope"})
    assert title(tester) in {"There is nothing to show of this device", "This prediction is not here"}
    assert "There is no /" in text(tester)
    offered = "devices?" if page == "device" else "prediction?"
    assert [
        label for label, target in links(tester).items() if target.startswith(offered) and label != "Devices"
    ]


def test_a_prediction_shows_its_answers_its_features_and_its_trace(serve: Serve) -> None:
    served(serve, Fleet(devices=4))
    tester = show("prediction", {"id": PREDICTION})
    assert title(tester) == "▲ camera-b-0000 answered 0; it was 9"
    shown = text(tester)
    assert "1 of 2 features lies outside the middle 95 %: slant." in shown
    assert "2 steps in 80.0 ms; longest after the first: camera-b step (cloud), 60.0 ms; 1 error." in shown
    assert [code.value for code in tester.code if code.value == TRACE] == [TRACE]
    assert charts(tester) == 2


def test_a_system_that_no_device_has_reported_to_is_shown_all_the_same(serve: Serve) -> None:
    collector = served(serve, Fleet(models=()))
    collector.replaced["/system"]["ingest"] |= {"records": 0, "committed": {}, "refused": []}
    tester = show("system")
    assert title(tester) == "The collector is ready, and has received nothing yet"
    assert "No device has reported yet." in text(tester)
    assert "Rules" in text(tester)


def test_a_system_that_is_well_says_so(serve: Serve) -> None:
    served(serve, Fleet(devices=4))
    tester = show("system")
    assert title(tester) == "These numbers are complete: nothing is lost and nothing was refused"
    shown = text(tester)
    assert "3 requests" in shown
    assert "Accuracy below 90.0 %, for 10 min" in shown
    assert "Nobody: there is no notifier" in shown


def test_names_that_were_folded_are_told_and_refuse_nothing(serve: Serve) -> None:
    collector = served(serve, Fleet(devices=4))
    folded = "folded into __other__: a name of a device type too many, or too long"
    collector.replaced["/system"]["ingest"]["folded"] = [
        {"signal": "metrics", "reason": folded, "count": 12_000}
    ]
    tester = show("system")
    assert title(tester) == "These numbers are complete: nothing is lost and nothing was refused"
    shown = text(tester)
    assert "Kept, under __other__: there are more names than have a place of their own." in shown
    assert "a name of a device type too many, or too long" in shown
    assert "12 000" in shown


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (
            {"missing": 20},
            "! These numbers are not complete: 20 predictions of 10 000 (0.20 %) lost, nothing refused",
        ),
        ({"refused": 3}, "! These numbers are not complete: 3 records refused"),
        ({"free": 10**9}, "! The disk is nearly full: 1.00 GB free"),
    ],
)
def test_what_stands_in_the_way_of_trust_is_in_the_title(
    serve: Serve, wrong: dict[str, int], said: str
) -> None:
    collector = served(serve, Fleet(devices=4))
    collector.replaced["/system"] = system(collector.fleet, **wrong)
    assert title(show("system")) == said


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (None, "These numbers are complete: nothing is lost and nothing was refused"),
        (
            "No space left on device",
            "! The database takes nothing in, and 5.40 MB wait in the journal: No space left on device",
        ),
    ],
)
def test_what_waits_in_the_journal_is_shown_and_why_it_does_is_in_the_title(
    serve: Serve, fault: str | None, said: str
) -> None:
    collector = served(serve, Fleet(devices=4))
    waiting: dict[str, Any] = {"bytes": 5_400_000, "oldest_s": 12.0, "fault": fault, "set_aside": []}
    collector.replaced["/system"]["journal"] = waiting
    tester = show("system")
    assert title(tester) == said
    assert "wait for the database, the oldest for 12" in text(tester)


@pytest.mark.parametrize("page", OWN)
def test_a_503_warns_and_leaves_a_title(serve: Serve, page: str) -> None:
    collector = served(serve, Fleet(devices=4))
    collector.status = dict.fromkeys(("/devices", "/predictions", "/system"), 503)
    tester = show(page, OWN[page])
    assert title(tester).endswith("not known")
    assert "The store is busy; ask again in a moment." in text(tester)


@pytest.mark.parametrize("page", [page for page in OWN if page != "system"])
def test_an_empty_collector_is_told_from_a_broken_one(serve: Serve, page: str) -> None:
    serve(Fleet(models=()))
    assert title(show(page, OWN[page])) == "No device has reported yet"


@pytest.mark.parametrize("page", OWN)
def test_what_devices_call_themselves_is_text(serve: Serve, page: str) -> None:
    served(serve, Fleet(devices=4, named=HOSTILE))
    tester = show(page, OWN[page])
    assert "<img" not in html(tester)
    for element in tester:
        if element.type == "page_link":
            assert not re.search(r"(?<!\\)[<\[]", element.proto.label), "Markdown is escaped"
        assert element.type != "markdown", "markdown would have to be escaped"
