"""The URL is the only state."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from driftline_dashboard.state import OWN, SHARED, View, range_text, read
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
FULL = {
    "model": "digits",
    "version": "2.1.0",
    "from": "2026-11-21T08:00:00Z",
    "to": "2026-11-21T10:00:00Z",
    "type": "camera-b",
    "region": "eu-west",
    "feature": "sharpness",
    "id": "a1",
    "segment": "model=digits,version=*,device_type=camera-b,region=*",
    "page": "3",
    "state": "silent",
    "sort": "lost",
    "segment.line": "A3",
}


def test_what_is_read_is_written_back_the_same() -> None:
    view = read(FULL, OWN)
    assert not view.problems
    assert view.parameters() == FULL
    assert set(FULL) == {*SHARED, *OWN, "segment.line"}


@given(
    st.dictionaries(
        st.sampled_from([*SHARED, *OWN, "segment.line", "segment.", "nonsense", "embed"]), st.text()
    )
)
def test_no_url_raises_and_what_is_kept_can_be_read_again(parameters: dict[str, str]) -> None:
    view = read(parameters, OWN)
    again = read(view.parameters(), OWN)
    assert again.parameters() == view.parameters()
    assert not again.problems


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("from", "yesterday", "is no time"),
        ("page", "0", "is no page number"),
        ("page", "9" * 40, "is no page number"),
        ("segment", "device_type=x", "the model must be named"),
        ("type", "x" * 600, "longer than 512"),
        ("type", "a\x00b", "cannot be shown"),
        ("segment.line", "x" * 600, "longer than 512"),
        ("segment.", "A3", "does not know the parameter"),
        ("nonsense", "1", "does not know the parameter"),
        ("id", "1", "does not know the parameter"),
    ],
)
def test_what_cannot_be_understood_is_left_out_and_named(name: str, value: str, said: str) -> None:
    view = read({"model": "digits", name: value}, ("page", "segment"))
    assert view.parameters() == {"model": "digits"}
    assert len(view.problems) == 1
    assert said in view.problems[0]


def test_times_are_written_in_one_way_whatever_zone_they_came_in() -> None:
    view = read({"from": "2026-11-21T09:00:00+01:00", "to": "2026-11-21T10:00:00.123456"})
    assert (view.start, view.end) == ("2026-11-21T08:00:00Z", "2026-11-21T10:00:00Z")


def test_a_link_to_another_page_takes_the_shared_parameters_and_leaves_the_page_s_own() -> None:
    view = read(FULL, OWN)
    shared = {name: FULL[name] for name in (*SHARED, "segment.line")}
    assert view.to(id="cam-017") == shared | {"id": "cam-017"}
    assert "type" not in view.to(device_type=None)
    assert view.here(page=4) == FULL | {"page": "4"}


def test_the_filters_make_a_segment() -> None:
    view = View(model="digits", device_type="camera b")
    assert view.to_segment() == "model=digits,version=*,device_type=camera%20b,region=*"
    assert view.filters() == {"model": "digits", "device_type": "camera b"}
    of_line = replace(view, own=(("segment.line", "A3"),))
    assert of_line.filters() == {"segment": f"{view.to_segment()},segment.line=A3"}


def test_a_length_before_a_pinned_end_is_counted_from_that_end() -> None:
    view = View(start="6h", end="2026-11-20T10:00:00Z")
    assert view.span() == {"start": "2026-11-20T04:00:00Z", "end": "2026-11-20T10:00:00Z"}
    assert view.pinned
    assert View(start="6h").span() == {"start": "6h", "end": None}
    assert not View(start="6h").pinned


def test_the_axis_of_a_chart_spans_what_was_asked_for() -> None:
    start, end = View(start="6h").bounds(NOW)
    assert (start.hour, end) == (6, NOW)
    start, end = View().bounds(NOW)
    assert (end - start).total_seconds() == 24 * 3600
    start, end = View(start="2026-11-21T08:00:00Z", end="1h").bounds(NOW)
    assert (start.hour, end.hour) == (8, 11)


def test_a_pinned_range_is_told_with_its_days() -> None:
    pinned = View(start="2026-11-20T22:00:00Z", end="2026-11-21T02:00:00Z")
    assert range_text(pinned, NOW) == "20 Nov 22:00 – 02:00"
    assert range_text(View(start="3h"), NOW) == "3h ago – now"
