"""The tour ends with links that open the pages of what it has shown."""

from urllib.parse import parse_qs, urlsplit

import pytest
from driftline_collector.answers.records import Alert, Range
from driftline_dashboard import routes, state

from examples.digits_fleet.links import links, open_browser

DASHBOARD = "http://127.0.0.1:8501"
CAMERA = Alert(
    id="alert_1",
    rule="drift",
    severity="warning",
    segment="model=digits,version=*,device_type=camera-b,region=*",
    measure="drift",
    state="resolved",
    since="2026-11-21T09:41:20.000Z",
    window=Range(start="2026-11-21T09:41:20.000Z", end="2026-11-21T09:41:25.000Z"),
    changed="2026-11-21T09:42:20.000Z",
    link=f"{DASHBOARD}/alert?id=alert_1",
)


def test_an_alert_is_linked_as_its_message_is_and_with_its_segments_drift() -> None:
    found = dict(links(DASHBOARD, [CAMERA], "camera-a-eu-west-00"))
    assert found["what moved on camera-b"] == CAMERA.link
    drift = urlsplit(found["what else moved on camera-b"])
    assert drift.path == f"/{routes.ROUTES['drift'].path}"
    assert parse_qs(drift.query) == {
        "model": ["digits"],
        "type": ["camera-b"],
        "from": ["2026-11-21T09:40:20Z"],
        "to": ["2026-11-21T09:41:35Z"],
    }


def test_each_parameter_is_one_that_the_dashboard_reads() -> None:
    for _, address in links(DASHBOARD, [CAMERA], "camera-a-eu-west-00"):
        asked = urlsplit(address)
        view = state.read({name: values[0] for name, values in parse_qs(asked.query).items()}, own=("id",))
        assert view.problems == ()


def test_the_killed_device_and_the_system_are_linked_though_nothing_moved() -> None:
    assert links(DASHBOARD, [], "camera-a-eu-west-00") == [
        ("camera-a-eu-west-00, which was killed", f"{DASHBOARD}/device?id=camera-a-eu-west-00&from=10m"),
        ("can the numbers be trusted?", f"{DASHBOARD}/system"),
    ]


def test_no_browser_is_opened_where_nobody_sits_before_a_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    monkeypatch.setenv("DISPLAY", ":0")
    assert not open_browser(DASHBOARD)  # pytest's standard output is no terminal
    assert opened == []
