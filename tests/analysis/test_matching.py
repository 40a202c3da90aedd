"""Which windows of the past are like a window: by the clocks on the wall of its region."""

import datetime as dt
from typing import get_args
from zoneinfo import ZoneInfo

import pytest
from driftline_collector.analysis import matching
from driftline_collector.analysis.matching import DAY_NS, HOUR_NS, matches, unit_of
from driftline_collector.analysis.windows import Window
from driftline_collector.settings_types import Against


def at(text: str, width_ns: int = HOUR_NS) -> Window:
    start = round(dt.datetime.fromisoformat(text).timestamp()) * 10**9
    return Window(start, start + width_ns)


def shown(time_ns: int, zone: str) -> tuple[int, int, int]:
    """Weekday, hour and minute on the wall of a time zone."""
    local = dt.datetime.fromtimestamp(time_ns / 1e9, ZoneInfo(zone))
    return local.weekday(), local.hour, local.minute


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"])
def test_the_same_hour_of_the_week_is_the_same_on_the_wall_though_clocks_have_changed(zone: str) -> None:
    window = at("2026-04-14T07:00+00:00")  # both Berlin's and New York's clocks changed before
    by_week, _ = matches("hour_of_week", window, zone)
    assert len(by_week.starts) == 13
    assert {shown(start, zone) for start in by_week.starts.values()} == {shown(window.start_ns, zone)}
    distances = {window.start_ns - start - days * DAY_NS for days, start in by_week.starts.items()}
    assert distances == ({0} if zone in ("UTC", "Asia/Kolkata") else {0, -HOUR_NS})


def test_until_there_are_enough_weeks_days_of_the_same_kind_are_alike_by_the_regions_own_weekend() -> None:
    window = at("2026-06-06T02:00+00:00")  # Saturday in UTC, still Friday in New York
    _, in_utc = matches("hour_of_week", window, "UTC")
    _, there = matches("hour_of_week", window, "America/New_York")
    assert (in_utc.name, there.name) == ("the same hour of weekends", "the same hour of weekdays")
    assert {shown(start, "UTC")[0] for start in in_utc.starts.values()} == {5, 6}
    assert {shown(start, "America/New_York")[0] for start in there.starts.values()} == set(range(5))
    assert (len(in_utc.starts), len(there.starts)) == (26, 30)


def test_windows_of_minutes_are_compared_with_whole_hours_and_rolling_ones_with_whole_days() -> None:
    window = at("2026-06-03T10:25+00:00", HOUR_NS // 60)
    by_week, _ = matches("hour_of_week", window)
    assert unit_of("hour_of_week", window) == at("2026-06-03T10:00+00:00")
    assert by_week.starts[7] == at("2026-05-27T10:00+00:00").start_ns
    (days,) = matches("rolling", window)
    assert unit_of("rolling", window) == at("2026-06-03T00:00+00:00", DAY_NS)
    assert sorted(days.starts) == list(range(1, 29))
    assert days.starts[1] == at("2026-06-02T00:00+00:00").start_ns


def test_windows_of_weeks_have_no_weekdays_and_the_registered_reference_has_no_windows() -> None:
    window = at("2026-06-04T00:00+00:00", 7 * DAY_NS)
    assert [match.name for match in matches("hour_of_week", window)] == ["the same hour of the week"]
    assert matches("registered", window) == ()


def test_settings_name_what_the_analysis_knows() -> None:
    assert set(get_args(Against)) == set(get_args(matching.Against))
