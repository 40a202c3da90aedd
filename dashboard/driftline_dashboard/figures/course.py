"""A number over time: its mean with the 95 % band, the limit, and changes in a lane of their own."""

from collections.abc import Sequence
from datetime import datetime
from typing import cast

import altair as alt
from driftline_collector.client import Change, SeriesPoint

from driftline_dashboard import words
from driftline_dashboard.figures import palette, parts

_HEIGHT = 240
_LANE = 34
#: 24-hour UTC, the day where a new one starts.
_CLOCK = (
    "utchours(datum.value) == 0 && utcminutes(datum.value) == 0"
    " ? utcFormat(datum.value, '%d %b') : utcFormat(datum.value, '%H:%M')"
)


def course(
    points: Sequence[SeriesPoint],
    *,
    title: str,
    limit: float | None,
    start: datetime,
    end: datetime,
    ink: palette.Ink,
    changes: Sequence[Change] = (),
    since: datetime | None = None,
    percent: bool = False,
) -> alt.VConcatChart:
    """The course of a measure from `start` to `end`; `since` is marked as the start of what was found.

    A bucket without a mean is a gap: the line is not drawn across it. At most 1,000 buckets.
    """
    span = (start.timestamp() * 1000, end.timestamp() * 1000)
    time = _time(span)
    write: words.Writer = words.share if percent else words.significant
    top = max([*(value for point in points if (value := point.upper or point.max)), limit or 0], default=0)
    scale = alt.Scale(domainMin=0, domainMax=top * 1.08 or 1, nice=False)
    axis = alt.Axis(tickCount=5, format=".0%" if percent else "~g", titleLimit=0)
    level = alt.Y("mean:Q", title=title, scale=scale, axis=axis)
    base = alt.Chart(alt.InlineData(values=[_values(point, write) for point in points]))
    tooltip = [
        alt.Tooltip("when:N", title="Window (UTC)"),
        alt.Tooltip("says:N", title=title),
        alt.Tooltip("rows:N", title="Evidence"),
    ]
    layers: list[alt.Chart] = [
        base.mark_area(opacity=0.22, color=ink.line, clip=True).encode(
            x=time, y=alt.Y("lower:Q", title=title, scale=scale, axis=axis), y2="upper:Q"
        ),
        base.mark_line(color=ink.line, strokeWidth=2, clip=True).encode(x=time, y=level),
        base.transform_filter("datum.over")
        .mark_point(shape="triangle-up", filled=True, size=44, color=ink.over, opacity=1, clip=True)
        .encode(x=time, y=level),
        base.mark_point(size=160, opacity=0, clip=True).encode(x=time, y=level, tooltip=tooltip),
    ]
    if limit is not None:
        layers += [
            _points(span, limit)
            .mark_line(color=ink.text, strokeDash=[5, 4], strokeWidth=1.25)
            .encode(x=time, y=level),
            _points(span[:1], limit)
            .mark_text(text=f"limit {write(limit)}", align="left", dx=4, dy=-7, color=ink.text, fontSize=11)
            .encode(x=time, y=level),
        ]
    if since is not None:
        rule = _points((since.timestamp() * 1000,), 0).mark_rule(color=ink.over, strokeWidth=1.5)
        layers.append(rule.encode(x=time))
    upper = parts.layered(*layers, height=_HEIGHT)
    whole = alt.vconcat(upper, _lane(changes, span, ink), spacing=4).resolve_scale(x="shared")
    return cast("alt.VConcatChart", whole)


def _time(span: tuple[float, ...], *, axis: bool = True) -> alt.X:
    """Time from left to right, in UTC wherever the browser is."""
    shown = alt.Axis(labelExpr=_CLOCK, labelOverlap="greedy", tickCount=8, grid=False) if axis else None
    scale = alt.Scale(type="utc", domain=list(span), nice=False)
    return alt.X("time:T", title="Time (UTC)", scale=scale, axis=shown)


def _points(times: tuple[float, ...], level: float) -> alt.Chart:
    return alt.Chart(alt.InlineData(values=[{"time": time, "mean": level} for time in times]))


def _values(point: SeriesPoint, write: words.Writer) -> dict[str, object]:
    start, end = words.parse_time(point.time), words.parse_time(point.end)
    known = point.mean is not None
    bounds = words.interval(point.lower, point.upper)
    return {
        "time": start.timestamp() * 1000 if start else None,
        "mean": point.mean,
        "lower": point.lower if known else None,
        "upper": point.upper if known else None,
        "over": known and point.verdict == "drifted",
        "when": f"{words.clock(start)}–{words.clock(end)}",
        "says": f"{write(point.mean)}{f' ({bounds})' if bounds else ''}",
        "rows": f"n {words.count(point.n)}, {point.verdict or 'no verdict'}",
    }


def _lane(changes: Sequence[Change], span: tuple[float, ...], ink: palette.Ink) -> alt.LayerChart:
    """Changes below the course. Without any the lane stays, so that "none" is seen and not guessed."""
    time = _time(span, axis=False)
    lane = alt.Y("lane:N", title=None, axis=parts.names_axis(orient="left"))
    values = [
        {
            "time": moment.timestamp() * 1000,
            "lane": "Changes",
            "says": f"{change.kind} {change.before or '?'} → {change.after or '?'}",
            "when": words.clock(moment),
            "devices": words.counted(change.devices, "device"),
        }
        for change in changes
        if (moment := words.parse_time(change.time))
    ]
    if not values:
        none = alt.Chart(alt.InlineData(values=[{"time": span[0], "lane": "Changes"}]))
        text = none.mark_text(text="none in this segment", align="left", dx=4, fontSize=11, color=ink.soft)
        return parts.layered(text.encode(x=time, y=lane), height=_LANE)
    base = alt.Chart(alt.InlineData(values=values))
    tooltip = [
        alt.Tooltip("says:N", title="Change"),
        alt.Tooltip("when:N", title="Time (UTC)"),
        alt.Tooltip("devices:N", title="On"),
    ]
    marks = base.mark_point(shape="diamond", filled=True, size=80, opacity=1, color=ink.text, clip=True)
    texts = base.mark_text(align="left", dx=8, fontSize=11, color=ink.soft)
    return parts.layered(
        marks.encode(x=time, y=lane, tooltip=tooltip),
        texts.encode(x=time, y=lane, text="says:N"),
        height=_LANE,
    )


def says(points: Sequence[SeriesPoint], *, what: str, limit: float | None, percent: bool = False) -> str:
    """The finding of a course in a sentence: where it stands, the limit, and since when it is over it."""
    known = [point for point in points if point.mean is not None]
    if not known:
        return f"{what}: no value in this time."
    write: words.Writer = words.share if percent else words.significant
    last = known[-1]
    text = f"{what} is {write(last.mean)} at {words.clock(words.parse_time(last.end))} UTC"
    if limit is not None:
        text += f", limit {write(limit)}"
    over = [point for point in known if point.verdict == "drifted"]
    if over:
        first = words.clock(words.parse_time(over[0].time))
        windows = f"{words.counted(len(over), 'window')} of {words.count(len(known))}"
        text += f"; over it in {windows}, first at {first}"
    return f"{text}."
