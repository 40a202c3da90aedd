"""A number over time: its mean with the 95 % band, the limit, and changes in a lane of their own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import altair as alt
from driftline_collector.client import Change, SeriesPoint

from driftline_dashboard import words
from driftline_dashboard.figures import parts
from driftline_dashboard.figures.palette import INK

_HEIGHT = 210
_LANE = 28
#: 24-hour UTC, the day where a new one starts.
_MIDNIGHT = "utchours(datum.value) == 0 && utcminutes(datum.value) == 0 && utcseconds(datum.value) == 0"
_CLOCK = f"{_MIDNIGHT} ? utcFormat(datum.value, '%d %b') : utcFormat(datum.value, '%H:%M')"
_SECONDS = f"{_MIDNIGHT} ? utcFormat(datum.value, '%d %b') : utcFormat(datum.value, '%H:%M:%S')"


@dataclass(frozen=True, slots=True)
class Unit:
    """How a measure is written: its values, its limit, and the labels of its axis (a format of d3)."""

    write: words.Writer
    limit: Callable[[float], str]
    axis: str


EFFECT = Unit(words.effect, words.limit, "~g")
SHARE = Unit(words.share, words.share, "~%")
_UNITS = {
    **dict.fromkeys(("accuracy", "agreement", "escalation_rate", "coverage", "quality"), SHARE),
    "silent_devices": Unit(words.count, words.count, "~d"),
    "latency_p95": Unit(lambda s: words.NO_NUMBER if s is None else words.duration(s), words.duration, "~s"),
}


def unit_of(measure: str) -> Unit:
    """The unit of a measure; that of an effect, where nothing else is known."""
    return _UNITS.get(measure, EFFECT)


def course(
    points: Sequence[SeriesPoint],
    *,
    title: str,
    limit: float | None,
    start: datetime,
    end: datetime,
    changes: Sequence[Change] = (),
    since: datetime | None = None,
    unit: Unit = EFFECT,
) -> alt.LayerChart:
    """The course of a measure from `start` to `end`; `since` is marked as the start of what was found.

    A bucket without a mean is a gap: the line is not drawn across it. At most 1,000 buckets.
    """
    time = time_axis(start, end)
    top = max([*(value for point in points if (value := point.upper or point.max)), limit or 0], default=0)
    # The lane of changes is the lowest part of the same picture: views that are stacked do not shrink with
    # their container.
    scale = alt.Scale(domain=[0, top * 1.08 or 1], nice=False, range=[_HEIGHT, 0])
    axis = alt.Axis(tickCount=5, format=unit.axis, titleLimit=0)
    level = alt.Y("mean:Q", title=title, scale=scale, axis=axis)
    base = parts.charted(_values(point, unit.write) for point in points)
    tooltip = [
        alt.Tooltip("when:N", title="Window (UTC)"),
        alt.Tooltip("says:N", title=title),
        alt.Tooltip("rows:N", title="Evidence"),
    ]
    layers: list[alt.Chart] = [
        base.mark_area(opacity=0.22, color=INK.line, clip=True).encode(
            x=time, y=alt.Y("lower:Q", title=title, scale=scale, axis=axis), y2="upper:Q"
        ),
        base.mark_line(color=INK.line, strokeWidth=2, clip=True).encode(x=time, y=level),
        base.transform_filter("datum.over")
        .mark_point(shape="triangle-up", filled=True, size=44, color=INK.over, opacity=1, clip=True)
        .encode(x=time, y=level),
        base.mark_point(size=160, opacity=0, clip=True).encode(x=time, y=level, tooltip=tooltip),
    ]
    if limit is not None:
        layers += [
            _at([start, end], limit)
            .mark_line(color=INK.text, strokeDash=[5, 4], strokeWidth=1.25)
            .encode(x=time, y=level),
            _at([start], limit)
            .mark_text(
                text=f"limit {unit.limit(limit)}", align="left", dx=4, dy=-7, color=INK.text, fontSize=11
            )
            .encode(x=time, y=level),
        ]
    if since is not None and start <= since <= end:
        mark = _at([since], 0)
        late = since - start > (end - start) / 2
        layers += [
            mark.mark_rule(color=INK.over, strokeWidth=1.5).encode(
                x=time, y=alt.value(0), y2=alt.value(_HEIGHT)
            ),
            mark.mark_text(
                text=f"since {words.clock(since)}",
                align="right" if late else "left",
                dx=-5 if late else 5,
                fontSize=11,
                color=INK.text,
            ).encode(x=time, y=alt.value(8)),
        ]
    shown = [change for change in changes if _within(change, start, end)]
    layers += _lane(shown, time, start, end)
    return parts.layered(*layers, height=_HEIGHT + _LANE)


def time_axis(start: datetime, end: datetime) -> alt.X:
    """Time from left to right, in UTC wherever the browser is."""
    bounds = [
        alt.DateTime(
            year=at.year,
            month=at.month,
            date=at.day,
            hours=at.hour,
            minutes=at.minute,
            seconds=at.second,
            utc=True,
        )
        for at in (start, end)
    ]
    scale = alt.Scale(type="utc", domain=bounds, nice=False)
    short = (end - start).total_seconds() < 600
    labels = _SECONDS if short else _CLOCK
    axis = alt.Axis(labelExpr=labels, labelOverlap="greedy", tickCount=5 if short else 8, grid=False)
    return alt.X("time:T", title="Time (UTC)", scale=scale, axis=axis)


def _at(times: Sequence[datetime], level: float) -> alt.Chart:
    values = [{"time": time.timestamp() * 1000, "mean": level} for time in times]
    return parts.charted(values)


def _within(change: Change, start: datetime, end: datetime) -> bool:
    moment = words.parse_time(change.time)
    return moment is not None and start <= moment <= end


def _values(point: SeriesPoint, write: words.Writer) -> dict[str, object]:
    start, end = words.parse_time(point.time), words.parse_time(point.end)
    known = point.mean is not None
    bounds = words.interval(point.lower, point.upper, write)
    return {
        "time": start.timestamp() * 1000 if start else None,
        # Below 0 there is no effect: the estimate is corrected for bias.
        "mean": None if point.mean is None else max(0.0, point.mean),
        "lower": point.lower if known else None,
        "upper": point.upper if known else None,
        "over": known and point.verdict == "drifted",
        "when": words.stretch(start, end),
        "says": f"{write(point.mean)}{f' ({bounds})' if bounds else ''}",
        "rows": f"n {words.count(point.n)}, {point.verdict or 'no verdict'}",
    }


def _lane(changes: Sequence[Change], time: alt.X, start: datetime, end: datetime) -> list[alt.Chart]:
    """Changes below the course. Without any the lane says so, so that "none" is seen and not guessed."""
    middle = alt.value(_HEIGHT + _LANE / 2)
    ruler = _at([start], 0).mark_rule(color=INK.faint).encode(y=alt.value(_HEIGHT))
    if not changes:
        none = _at([start], 0).mark_text(
            text="no change in this segment", align="left", dx=4, fontSize=11, color=INK.soft
        )
        return [ruler, none.encode(x=time, y=middle)]
    values = [
        {
            "time": moment.timestamp() * 1000,
            "says": f"{change.kind} {change.before or '?'} → {change.after or '?'}",
            "when": words.clock(moment),
            "devices": words.counted(change.devices, "device"),
            "late": moment - start > (end - start) / 2,
        }
        for change in changes
        if (moment := words.parse_time(change.time))
    ]
    base = parts.charted(values)
    tooltip = [
        alt.Tooltip("says:N", title="Change"),
        alt.Tooltip("when:N", title="Time (UTC)"),
        alt.Tooltip("devices:N", title="On"),
    ]
    marks = base.mark_point(shape="diamond", filled=True, size=80, opacity=1, color=INK.text)
    # Beside the mark, on the side where there is room.
    late = base.transform_filter("datum.late").mark_text(align="right", dx=-8, fontSize=11, color=INK.soft)
    early = base.transform_filter("!datum.late").mark_text(align="left", dx=8, fontSize=11, color=INK.soft)
    return [
        ruler,
        marks.encode(x=time, y=middle, tooltip=tooltip),
        late.encode(x=time, y=middle, text="says:N"),
        early.encode(x=time, y=middle, text="says:N"),
    ]


def says(points: Sequence[SeriesPoint], *, what: str, limit: float | None, unit: Unit = EFFECT) -> str:
    """The finding of a course in a sentence: where it stands, the limit, and since when it is over it."""
    known = [point for point in points if point.mean is not None]
    if not known:
        return f"{what}: no value in this time."
    last = known[-1]
    seconds = words.to_the_second(words.parse_time(last.time), words.parse_time(last.end))
    at = words.clock(words.parse_time(last.end), seconds=seconds)
    text = f"{what}: {unit.write(last.mean)} at {at} UTC"
    if limit is not None:
        text += f", limit {unit.limit(limit)}"
    over = [point for point in known if point.verdict == "drifted"]
    if over:
        first = words.clock(words.parse_time(over[0].time), seconds=seconds)
        windows = f"{words.counted(len(over), 'window')} of {words.count(len(known))}"
        text += f"; over it in {windows}, first at {first}"
    return f"{text}."
