"""Figures are pure functions: what they are given is what can be read off their specification."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import altair as alt
import pytest
from driftline_collector.client import Bin, CalibrationBin, Change, ConfusionCell, Estimate, SeriesPoint
from driftline_dashboard.figures import calibration, confusion, course, distribution, heatmap, ranked
from driftline_dashboard.figures.heatmap import Square

START = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
END = START + timedelta(hours=2)


def spec(chart: alt.LayerChart) -> dict[str, Any]:
    """The specification, as a browser gets it: it must be JSON and valid Vega-Lite."""
    found: dict[str, Any] = json.loads(json.dumps(chart.to_dict()))
    return found


def rows(chart: alt.LayerChart, layer: int = 0) -> list[dict[str, Any]]:
    """The data behind a layer."""
    whole = spec(chart)
    part = whole["layer"][layer]
    data = part.get("data") or whole["data"]
    if "name" in data:
        return list(whole["datasets"][data["name"]])
    return list(data["values"])


def everything(chart: alt.LayerChart) -> list[dict[str, Any]]:
    """The data behind all layers."""
    return [row for layer in range(len(spec(chart)["layer"])) for row in rows(chart, layer)]


def parts(node: Any) -> Iterator[dict[str, Any]]:
    """Every object inside a specification."""
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from parts(value)
    elif isinstance(node, list):
        for value in node:
            yield from parts(value)


def square(**given: Any) -> Square:
    usual: dict[str, Any] = {
        "row": "camera-b",
        "column": "eu-west",
        "verdict": "stable",
        "limit": 0.02,
        "n": 1300,
    }
    return Square(**(usual | given))


def grid(*squares: Square, selected: tuple[str | None, str | None] = (None, None)) -> alt.LayerChart:
    return heatmap.heatmap(
        squares,
        rows=sorted({each.row for each in squares}),
        columns=sorted({each.column for each in squares}),
        row_title="Device type",
        column_title="Region",
        selected=selected,
    )


# -- squares -------------------------------------------------------------------------------------------


def test_a_square_over_the_limit_carries_a_sign_and_its_interval() -> None:
    over = square(verdict="drifted", effect=0.31, lower=0.27, upper=0.36)
    assert over.text() == "▲ 0.31"
    assert over.evidence() == "0.27–0.36 (95 %), limit 0.02, n 1\u202f300"
    assert square(effect=0.004, lower=0.0).text() == "0.004"


def test_too_few_data_are_said_and_neither_coloured_nor_filled() -> None:
    few = square(verdict="insufficient_data", n=74, reason="74 rows count for 31; a verdict needs 50")
    assert few.text() == "too few"
    assert few.evidence() == "74 rows count for 31; a verdict needs 50; n 74"
    chart = grid(few)
    assert rows(chart)[0]["fill"] == "transparent"
    dashed = [part for part in parts(spec(chart)) if part.get("strokeDash") and part.get("type") == "rect"]
    assert dashed, "it has a dashed outline"


@pytest.mark.parametrize(
    ("verdict", "text"),
    [("no_reference", "no ref."), ("new_segment", "new"), ("vanished", "gone"), (None, "–")],
)
def test_each_verdict_without_a_number_has_its_word(verdict: str | None, text: str) -> None:
    assert square(verdict=verdict, effect=0.5).text() == text


def test_each_square_names_itself_and_what_is_clicked_is_its_place() -> None:
    chart = grid(square(effect=0.01), square(row="kiosk", effect=0.05, verdict="drifted"))
    assert {(row["row"], row["text"]) for row in rows(chart)} == {("camera-b", "0.010"), ("kiosk", "▲ 0.050")}
    (click,) = spec(chart)["params"]
    assert (click["name"], click["select"]["fields"]) == (heatmap.CLICK, ["row", "column"])


def test_the_highlight_comes_from_what_is_given_not_from_the_click() -> None:
    chart = grid(square(effect=0.01), square(row="kiosk", effect=0.05), selected=("kiosk", "eu-west"))
    assert [row["row"] for row in rows(chart) if row["selected"]] == ["kiosk"]


def test_colours_of_their_own_do_not_share_a_scale() -> None:
    assert spec(grid(square(effect=0.01)))["resolve"] == {"scale": {"color": "independent"}}


def test_no_label_of_an_axis_of_names_is_left_out_or_cut() -> None:
    charts = [
        grid(*(square(column=f"a-rather-long-region-{number}", effect=0.01) for number in range(20))),
        distribution.distribution(BINS, feature="ink"),
        confusion.confusion(CONFUSION),
        ranked.ranked([ranked.Row(name="ink", value=0.1)], title="Effect"),
    ]
    for chart in charts:
        axes = [
            part["axis"] for part in parts(spec(chart)) if part.get("type") == "nominal" and part.get("axis")
        ]
        assert axes
        assert all(axis["labelLimit"] == 0 and axis["labelOverlap"] is False for axis in axes)


def test_a_heat_map_is_said_in_a_sentence() -> None:
    squares = [square(effect=0.01), square(row="kiosk", effect=0.05, verdict="drifted"), square(verdict=None)]
    assert heatmap.says(squares, "segment") == (
        "1 of 3 segments has moved, most kiosk, eu-west: 0.050; 1 without a verdict."
    )
    assert heatmap.says([squares[0]], "segment") == "None of 1 segment has moved."
    assert heatmap.says([], "segment") == "No segment has been evaluated."


# -- over time -----------------------------------------------------------------------------------------


def point(minutes: int, mean: float | None, verdict: str | None = "stable") -> SeriesPoint:
    at = START + timedelta(minutes=minutes)
    return SeriesPoint(
        time=at.isoformat(),
        end=(at + timedelta(minutes=10)).isoformat(),
        min=mean,
        mean=mean,
        max=mean,
        lower=None if mean is None else mean - 0.001,
        upper=None if mean is None else mean + 0.001,
        n=1300,
        verdict=verdict,
        limit=0.02,
    )


POINTS = [point(0, 0.004), point(10, None, None), point(20, 0.3, "drifted"), point(30, 0.31, "drifted")]


def drawn(**given: Any) -> alt.LayerChart:
    usual: dict[str, Any] = {"title": "Effect (PSI)", "limit": 0.02, "start": START, "end": END}
    return course.course(POINTS, **(usual | given))


def test_time_is_utc_and_spans_what_was_asked_for() -> None:
    scales = [part["x"]["scale"] for part in parts(spec(drawn())) if "x" in part and "scale" in part["x"]]
    assert scales
    assert {scale["type"] for scale in scales} == {"utc"}
    for scale in scales:
        assert [bound["hours"] for bound in scale["domain"]] == [8, 10]
        assert all(bound["utc"] for bound in scale["domain"])


def test_a_window_without_a_value_is_a_gap_and_not_a_zero() -> None:
    values = rows(drawn())
    assert [row["mean"] for row in values] == [0.004, None, 0.3, 0.31]
    assert values[1]["lower"] is None
    assert [row["over"] for row in values] == [False, False, True, True]


def test_the_limit_is_dashed_and_written() -> None:
    chart = spec(drawn())
    assert any(part.get("strokeDash") and part.get("type") == "line" for part in parts(chart))
    assert any(part.get("text") == "limit 0.02" for part in parts(chart))
    assert not any(str(part.get("text", "")).startswith("limit") for part in parts(spec(drawn(limit=None))))


def test_changes_have_their_lane_and_none_is_said() -> None:
    at = (START + timedelta(minutes=15)).isoformat()
    change = Change(time=at, kind="firmware", before="4.1.2", after="4.2.0", devices=218)
    told = [row["says"] for row in everything(drawn(changes=[change])) if "devices" in row]
    assert set(told) == {"firmware 4.1.2 → 4.2.0"}
    outside = Change(time="2026-01-01T00:00:00Z", kind="model", before="1", after="2")
    for chart in (drawn(), drawn(changes=[outside])):
        assert any(part.get("text") == "no change in this segment" for part in parts(spec(chart)))


def test_a_course_is_said_in_a_sentence() -> None:
    assert course.says(POINTS, what="Effect of ink", limit=0.02) == (
        "Effect of ink: 0.31 at 08:40 UTC, limit 0.02; over it in 2 windows of 3, first at 08:20."
    )
    assert (
        course.says(POINTS[1:2], what="Effect of ink", limit=None) == "Effect of ink: no value in this time."
    )
    silent = replace(POINTS[-1], mean=13.0, verdict=None)
    unit = course.unit_of("silent_devices")
    assert course.says([silent], what="Silent devices", limit=0, unit=unit) == (
        "Silent devices: 13 at 08:40 UTC, limit 0."
    )


# -- the rest ------------------------------------------------------------------------------------------

BINS = [
    Bin(name="up to 0.4", low=None, high=0.4, reference_share=0.3, now_share=0.72),
    Bin(name="above 0.4", low=0.4, high=None, reference_share=0.69, now_share=0.27),
    Bin(name="missing", low=None, high=None, reference_share=0.01, now_share=0.01),
]
CONFUSION = [
    ConfusionCell(true_label="7", label="7", n=90, weight=900.0),
    ConfusionCell(true_label="7", label="1", n=10, weight=100.0),
    ConfusionCell(true_label="10", label="10", n=5, weight=50.0),
]


def test_reference_and_now_stand_on_the_same_bins() -> None:
    chart = distribution.distribution(BINS, feature="ink")
    now, reference = rows(chart, 0), rows(chart, 1)
    assert [row["bin"] for row in now] == [row["bin"] for row in reference] == [bin_.name for bin_ in BINS]
    assert now[0]["share"] == 0.72
    assert reference[0]["share"] == 0.3
    assert now[0]["moved"] == "+42.0 points"
    assert spec(chart)["layer"][1]["mark"]["strokeDash"]


def test_bins_have_short_names_where_those_tell_them_apart() -> None:
    assert distribution.label("(0.1, 0.2]") == "0.1–0.2"
    assert distribution.label("(-0.299081, -0.1092]") == "−0.299 to −0.109"
    assert distribution.label("<= 0 or > 1 or missing") == "outside"
    assert distribution.label("dusk") == "dusk"
    twice = [replace(BINS[0], name=name) for name in ("<= 0 or > 1", "<= 0 or > 1 or missing")]
    chart = distribution.distribution(twice, feature="ink")
    assert [row["bin"] for row in rows(chart)] == ["<= 0 or > 1", "<= 0 or > 1 or missing"]


def test_labels_that_are_numbers_are_in_their_order() -> None:
    scales = [part.get("scale") or {} for part in parts(spec(confusion.confusion(CONFUSION)))]
    domains = [scale["domain"] for scale in scales if "domain" in scale]
    assert domains
    assert all(domain == ["1", "7", "10"] for domain in domains)


def test_the_most_frequent_mistake_is_said() -> None:
    assert confusion.says(CONFUSION) == (
        "The most frequent mistake: 7 answered as 1, 10 times among 105 labelled predictions."
    )
    assert confusion.says(CONFUSION[:1]) == "All 90 labelled predictions were answered right."
    assert confusion.says([]) == "No labelled predictions yet."


def test_scores_that_promise_too_much_are_said_to() -> None:
    right = Estimate(value=0.8, lower=0.7, upper=0.88, n=100)
    bins = [CalibrationBin(bin_low=0.8, bin_high=0.9, mean_score=0.85, accuracy=right)]
    assert calibration.says(bins, Estimate(value=0.05, lower=0.01, upper=0.1, n=100)) == (
        "Scores promise more than they keep, by 5.0 points on average;"
        " calibration error 0.050 (0.010–0.100), n 100."
    )
    assert calibration.says([], None) == "No labels with scores yet."
    assert rows(calibration.calibration(bins), 1)[0]["n"] == "n 100"


def test_ranked_rows_keep_their_order_and_over_the_limit_is_a_shape() -> None:
    given = [
        ranked.Row(name="sharpness", value=0.31, lower=0.27, upper=0.36, n=1300, over=True),
        ranked.Row(name="ink", value=0.004, lower=0.0, upper=0.01, n=1300),
        ranked.Row(name="slant", value=None, note="too few"),
    ]
    chart = ranked.ranked(given, title="Effect (PSI)", limit=0.02, selected="ink", clickable=True)
    sorts = [part["y"]["sort"] for part in parts(spec(chart)) if "y" in part and "sort" in part["y"]]
    assert sorts
    assert all(order == ["sharpness", "ink", "slant"] for order in sorts)
    assert [row["selected"] for row in rows(chart)] == [False, True, False]
    assert any(part.get("shape") == "triangle-up" for part in parts(spec(chart)))
    assert ranked.says(given, what="Most moved") == (
        "Most moved: sharpness 0.31 (0.27–0.36); 1 of 3 over the limit."
    )
    assert given[2].written() == "too few"
