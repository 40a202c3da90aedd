"""The figures of devices, predictions and traces: what they are given can be read off their specification."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from driftline_collector.client import Change, Device, DevicePoint, FeatureSeen, Span
from driftline_dashboard.figures import fleet, lanes, percentiles, waterfall

from tests.dashboard.fake_devices import device, point
from tests.dashboard.fake_fleet import Fleet
from tests.dashboard.test_figures import everything, parts, spec

NOW = datetime(2026, 11, 21, 9, 40, tzinfo=UTC)
FLEET = Fleet(devices=20, clock=lambda: NOW)
POINTS = [DevicePoint(**point(FLEET, place)) for place in range(144)]


def test_groups_begin_with_the_one_that_moved_most() -> None:
    devices = [Device(**device(FLEET, number)) for number in range(20)]
    found = fleet.groups(devices)
    assert [group.moved for group in found] == sorted((group.moved for group in found), reverse=True)
    assert sum(group.devices for group in found) == 20
    chart = fleet.fleet(found)
    labels = {row["name"]: row["label"] for row in everything(chart)}
    assert len(labels) == len(found)
    assert labels[found[0].name].startswith("▲ ")


def test_a_silent_group_is_not_said_to_be_well() -> None:
    group = fleet.Group(device_type="a", firmware=None, devices=2, moved=0, silent=2)
    assert group.name == "a · firmware not told"
    assert group.label() == "2 of 2 silent"
    assert (
        fleet.says([group])
        == "None of 2 devices is known to have moved; 2 silent, of which nothing new is known."
    )


def test_buckets_without_reports_side_by_side_are_one_gap() -> None:
    assert lanes.gaps(POINTS) == [(POINTS[70].time, POINTS[71].end)]


def test_lanes_stay_below_two_thousand_marks_and_in_utc() -> None:
    start = NOW - timedelta(hours=24)
    full = [DevicePoint(**point(FLEET, place)) for place in range(lanes.MOST)]
    change = Change(time=POINTS[100].time, kind="firmware", before="1", after="2")
    chart = lanes.lanes(full, changes=[change], limit=0.02, start=start, end=NOW)
    assert sum("time" in row for row in everything(chart)) < 2000
    assert {part["type"] for part in parts(spec(chart)) if part.get("type") in {"utc", "time"}} == {"utc"}
    assert any(row.get("text") == "firmware 1 → 2" for row in everything(chart))


def test_a_lane_of_which_nothing_is_known_is_left_out() -> None:
    start = NOW - timedelta(hours=24)
    blind = [DevicePoint(**(point(FLEET, place) | {"p95": None, "segment_p95": None})) for place in range(9)]
    none = [replace(point, effect=None, segment_median_effect=None) for point in blind]
    alone = lanes.lanes(none, changes=[], limit=0.02, start=start, end=NOW)
    assert not any("Effect" in str(row.get("text")) for row in everything(alone))
    chart = lanes.lanes(blind, changes=[], limit=None, start=start, end=NOW)
    texts = [row["text"] for row in everything(chart) if "text" in row]
    assert texts == [
        "Predictions in 10\u202fmin, 0 to 30",
        "Effect (PSI), 0 to 0.010",
        "No change in this time",
    ]


def test_what_lies_far_out_in_the_reference_comes_first_and_is_marked() -> None:
    seen = [
        FeatureSeen(name=name, value=1.0, percentile=at) for name, at in (("a", 50), ("b", 99), ("c", 10))
    ]
    seen.append(FeatureSeen(name="d", value="night"))
    placed = percentiles.placed(seen)
    assert [feature.name for feature in placed] == ["b", "c", "a"]
    marked = {row["name"]: row["out"] for row in everything(percentiles.percentiles(placed))}
    assert marked == {"b": True, "c": False, "a": False}
    assert percentiles.says(seen) == "1 of 3 features lies outside the middle 95 %: b."


def test_a_trace_is_drawn_on_one_clock_and_an_error_is_written() -> None:
    spans = [
        Span(
            span_id=str(place),
            parent_span_id=None if place == 0 else "0",
            name="infer",
            tier="device_edge" if place == 0 else "cloud",
            service="s",
            device=None,
            start=f"2026-11-21T09:40:00.{place * 20:03}000Z",
            duration=0.05,
            status="ok" if place == 0 else "error",
        )
        for place in range(2)
    ]
    rows = {row["row"]: row for row in everything(waterfall.waterfall(spans))}
    assert [(round(row["from"]), round(row["to"])) for row in rows.values()] == [(0, 50), (20, 70)]
    assert rows[1]["says"].startswith("✕ error · cloud · infer")
    assert waterfall.says([]) == "No trace."
