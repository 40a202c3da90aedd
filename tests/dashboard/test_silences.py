"""A silence on the pages: who it holds, until when, why, and the command that ends it."""

from tests.dashboard.conftest import Serve
from tests.dashboard.fake_answers import answer
from tests.dashboard.fake_collector import FakeCollector
from tests.dashboard.fake_devices import serve_devices
from tests.dashboard.fake_fleet import Fleet, iso
from tests.dashboard.test_pages import html, show, text

ENDS_IT = "driftline alerts unsilence silence_1"


def silenced(collector: FakeCollector) -> str:
    """Let the first alert be silenced until today's last minute. Returns its id."""
    fleet = collector.fleet
    until = iso(fleet.now.replace(hour=23, minute=59, second=0))
    held = {"until": until, "silence": "silence_1", "author": "anna", "reason": "lenses & <b>co</b>"}
    overview = answer(fleet, "/overview", {})
    first = overview["alerts"][0]
    first["silenced"] = held
    collector.replaced["/overview"] = overview
    detail = answer(fleet, f"/alerts/{first['id']}", {})
    detail["alert"]["silenced"] = held
    collector.replaced[f"/alerts/{first['id']}"] = detail | {"unsilence_command": ENDS_IT}
    return str(first["id"])


def test_the_card_of_a_silenced_alert_says_until_when(serve: Serve) -> None:
    collector = serve(Fleet())
    silenced(collector)
    assert text(show("now")).count("silenced until 23:59 UTC") == 1, "of several alerts"


def test_the_page_of_a_silenced_alert_shows_who_why_and_how_to_end_it(serve: Serve) -> None:
    collector = serve(Fleet())
    alert = silenced(collector)
    tester = show("alert", {"id": alert})
    shown = text(tester)
    assert "silenced until 23:59 UTC" in shown
    assert "By anna: lenses &amp; &lt;b&gt;co&lt;/b&gt;. This ends it:" in html(tester)
    assert [code.value for code in tester.code if code.value.startswith("driftline")] == [ENDS_IT]


def test_the_system_lists_silences_and_says_that_nothing_is_deleted(serve: Serve) -> None:
    collector = serve(Fleet(devices=4))
    serve_devices(collector)
    collector.replaced["/system"]["silences"] = [
        {
            "id": "silence_1",
            "state": "active",
            "segment": "model=digits,version=*,device_type=camera-b,region=*",
            "rule": "drift",
            "measure": None,
            "features": ["sharpness"],
            "start": iso(collector.fleet.now),
            "end": iso(collector.fleet.now.replace(hour=23, minute=59, second=0)),
            "author": "anna",
            "reason": "lenses are cleaned",
            "created": iso(collector.fleet.now),
            "ended_by": None,
            "alerts": ["a00000"],
        }
    ]
    shown = text(show("system"))
    for part in ("camera-b · rule drift · sharpness", "anna", "lenses are cleaned", "23:59", ENDS_IT):
        assert part in shown
    assert "Kept for good: nothing is deleted" in shown
    assert "1 200 taken since its start" in shown
