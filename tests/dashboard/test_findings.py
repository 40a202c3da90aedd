"""The sentences that say what was found."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from driftline_collector.client import Alert, Cell, Change, Comparison, MovedFeature, Overview, Range
from driftline_dashboard import findings, places

NOW = datetime(2026, 11, 21, 9, 41, 38, tzinfo=UTC)
WINDOW = Range(start="2026-11-21T09:20:00Z", end="2026-11-21T09:30:00Z")
REGIONS = ("ap-south", "eu-west", "us-east")


def key(kind: str, region: str = "*") -> str:
    return f"model=digits,version=*,device_type={kind},region={region}"


def cells(verdict: str | None, *kinds: str) -> tuple[Cell, ...]:
    return tuple(
        Cell(segment=key(kind, region), device_type=kind, region=region, verdict=verdict)
        for kind in kinds
        for region in REGIONS
    )


def alert(kind: str = "camera-b", region: str = "*", measure: str = "drift") -> Alert:
    return Alert(
        id="a1",
        rule=measure,
        severity="critical",
        segment=key(kind, region),
        measure=measure,
        state="firing",
        since="2026-11-21T09:31:00Z",
        window=WINDOW,
        changed="2026-11-21T09:31:00Z",
        value=0.871,
        lower=0.842,
        upper=0.896,
        limit=0.9,
        n=604,
        n_eff=550,
        devices=218,
        coverage=0.994,
        features=(MovedFeature(name="sharpness"), MovedFeature(name="ink"), MovedFeature(name="slant")),
    )


def overview(grid: tuple[Cell, ...], *alerts: Alert, has_reference: bool = True) -> Overview:
    return Overview(
        model="digits",
        as_of="2026-11-21T09:41:38Z",
        data_up_to="2026-11-21T09:41:20Z",
        devices_expected=2000,
        devices_reported=1987,
        silent_devices=13,
        predictions=Comparison(value=1),
        lost=0,
        announced_lost=0,
        agreement=None,
        accuracy=None,
        alerts=alerts,
        grid=grid,
        window=WINDOW,
        limit=0.02,
        has_reference=has_reference,
        has_labels=False,
    )


WELL = cells("stable", "camera-a", "camera-c")
MOVED = cells("drifted", "camera-b")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (overview(WELL), "All is well: 6 segments stable"),
        (
            overview(WELL + cells("insufficient_data", "kiosk")),
            "Nothing has moved: 6 segments stable, 3 with too few data",
        ),
        (
            overview(cells("insufficient_data", "kiosk") + cells(None, "phone")),
            "No verdict on digits yet: 3 with too few data, 3 not judged yet",
        ),
        (overview(()), "No verdict on digits yet: no window has closed"),
        (overview(WELL, has_reference=False), "No verdict on digits yet: it has no reference"),
        (
            overview(WELL + MOVED, alert()),
            "1 segment of digits has moved: camera-b (3 regions) since 09:31",
        ),
        (
            overview(WELL + MOVED, alert(), alert("kiosk", "eu-west"), alert("phone"), alert("phone")),
            "4 segments of digits have moved: camera-b (3 regions), kiosk in eu-west, 2 more since 09:31",
        ),
        (
            overview(WELL + MOVED, alert(), alert(measure="accuracy")),
            "1 segment of digits has moved: camera-b (3 regions) since 09:31; 1 more alert",
        ),
        (
            overview(WELL, alert(measure="accuracy")),
            "Accuracy of digits (every version), camera-b is 87.1 % since 09:31",
        ),
        (
            overview(WELL + MOVED),
            "3 segments of digits are over the limit, without an alert: 6 segments stable",
        ),
        (
            overview(WELL, replace(alert(), state="pending")),
            "All is well: 6 segments stable",
        ),
    ],
)
def test_the_first_title_is_the_verdict(given: Overview, said: str) -> None:
    sentence, _ = findings.now_title(given, NOW)
    assert sentence.replace("\u202f", " ") == said


def test_a_fleet_that_fell_silent_is_not_said_to_be_well() -> None:
    later = NOW + timedelta(hours=1)
    sentence, sign = findings.now_title(overview(WELL), later)
    assert sentence == "No data from digits since 09:41: what follows is as of then"
    assert sign == "!"


def test_an_alert_says_what_moved_and_where() -> None:
    assert findings.headline(alert()) == "sharpness, ink and 1 more feature moved on camera-b"
    assert findings.headline(replace(alert(), features=())) == "The inputs of camera-b have moved"
    assert findings.headline(alert(measure="accuracy")).startswith("Accuracy of camera-b is ")
    silent = replace(alert(measure="silent_devices"), value=1.0)
    assert findings.headline(silent) == "1 device of camera-b is silent"
    over = replace(silent, value=13.0, resolved_at="2026-11-21T09:00:00Z")
    assert findings.headline(over) == "13 devices of camera-b were silent"
    everywhere = replace(silent, segment="model=digits,version=*,device_type=*,region=*")
    assert findings.headline(everywhere) == "1 device is silent"


@pytest.mark.parametrize(
    ("measure", "said"),
    [
        ("drift", "Effect (PSI) 0.87 (0.84–0.90), limit 0.9"),
        ("accuracy", "Accuracy 87.1 % (84.2–89.6 %), limit 90.0 %"),
        ("latency_p95", "Latency (p95) 871 ms (842–896 ms), limit 900 ms"),
    ],
)
def test_a_value_has_its_unit_its_interval_and_its_limit(measure: str, said: str) -> None:
    assert findings.value(alert(measure=measure)).replace("\u202f", " ") == said


def test_the_evidence_is_rows_devices_and_coverage() -> None:
    said = findings.evidence(alert()).replace("\u202f", " ")
    assert said == "n 604 (counting for 550), 218 devices, coverage 99.40 %"


def test_a_change_is_nearby_and_never_a_cause() -> None:
    since = datetime(2026, 11, 21, 9, 31, tzinfo=UTC)
    change = Change(time="2026-11-21T09:24:00Z", kind="firmware", before="4.1.2", after="4.2.0", devices=218)
    assert findings.nearby((change,), since).replace("\u202f", " ") == (
        "Changed nearby: firmware 4.1.2 → 4.2.0 on 218 devices, 7 min before the start"
    )
    assert findings.nearby((change, change), since).endswith("before the start, and 1 more change")
    assert findings.nearby((), since) == "Nothing is known to have changed nearby"


def test_an_alert_on_a_line_of_the_users_own_is_about_that_line() -> None:
    line = f"{key('*')},segment.line=A3"
    assert findings.headline(replace(alert(), segment=line)).endswith("moved on line A3")
    assert places.filters(line)["own"] == (("segment.line", "A3"),)
    assert places.filters(key("camera-b"))["own"] == (), "a link away from a line leaves it"


def test_devices_of_a_tier_are_asked_for_by_their_segment_as_no_picker_names_one() -> None:
    gateways = f"{key('*')},tier=network_edge"
    assert places.filters(gateways) == {"segment": gateways}
