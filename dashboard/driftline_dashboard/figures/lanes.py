"""What happened to a device: lanes on one axis of time, each with the median of its segment beside it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import altair as alt
from driftline_collector.client import Change, DevicePoint

from driftline_dashboard import words
from driftline_dashboard.figures import parts
from driftline_dashboard.figures.course import time_axis
from driftline_dashboard.figures.palette import INK

#: Buckets that a picture holds: with the marks of all lanes, fewer than 2,000.
MOST = 300
_HEAD = 24
_LANE = 66
_CHANGES = 44


@dataclass(frozen=True, slots=True)
class _Lane:
    """A lane from `top` to `bottom` in pixels; `most` is what its top stands for."""

    title: str
    top: float
    bottom: float
    most: float

    def place(self, value: float) -> float:
        """Where a value stands, in pixels from the top of the picture."""
        return (
            self.bottom - (self.bottom - self.top) * min(value / self.most, 1.0) if self.most else self.bottom
        )


def lanes(
    points: Sequence[DevicePoint],
    *,
    changes: Sequence[Change],
    limit: float | None,
    start: datetime,
    end: datetime,
) -> alt.LayerChart:
    """Predictions with gaps, effect and latency against the segment's median (dashed), and changes.

    At most `MOST` points. A lane of which nothing is known is left out.
    """
    effects = [*_known(points, _effect), *_known(points, _median)]
    # The limit alone makes no lane; beside a small effect it is what there is to see.
    highest = max([*effects, limit or 0.0]) if effects else 0.0
    latency = [*_known(points, _p95), *_known(points, _segment_p95)]
    made = max((point.predictions for point in points), default=0)
    held = f", limit {words.limit(limit)} dotted" if limit else ""
    found: list[_Lane] = []
    top = 0.0
    for title, most in (
        (f"Predictions in {_width(points)}, 0 to {words.count(made)}", float(made)),
        (f"Effect (PSI), 0 to {words.effect(highest)}{held}", highest),
        (f"Latency (p95), 0 to {words.duration(max(latency, default=0))}", max(latency, default=0.0)),
    ):
        if most or not found:
            found.append(_Lane(title, top + _HEAD, top + _HEAD + _LANE, most))
            top += _HEAD + _LANE
    height = top + _CHANGES
    scale = alt.Scale(domain=[0, height], range=[0, height], nice=False)
    time = time_axis(start, end)
    up, to = alt.Y("y:Q", scale=scale, axis=None), "y2:Q"
    layers = [
        _rows(_gaps(points, found[0]))
        .mark_bar(color=INK.faint, opacity=0.7)
        .encode(x=time, x2="until:T", y=up, y2=to),
        _rows(_volume(points, found[0]))
        .mark_bar(color=INK.line, opacity=0.75, binSpacing=0)
        .encode(x=time, x2="until:T", y=up, y2=to),
    ]
    for lane in found[1:]:
        own, median = (_effect, _median) if lane.title.startswith("Effect") else (_p95, _segment_p95)
        if own is _effect and limit:
            rule = _rows([{"time": _ms(at), "y": lane.place(limit)} for at in (start, end)])
            layers.append(
                rule.mark_line(color=INK.text, strokeWidth=1, strokeDash=[2, 3]).encode(x=time, y=up)
            )
        layers += [
            _rows(_line(points, lane, median))
            .mark_line(color=INK.soft, strokeWidth=1.5, strokeDash=[6, 4], clip=True)
            .encode(x=time, y=up),
            _rows(_line(points, lane, own))
            .mark_line(color=INK.line, strokeWidth=2, point=alt.OverlayMarkDef(size=14), clip=True)
            .encode(x=time, y=up),
        ]
    heads: list[dict[str, object]] = [
        {"time": _ms(start), "y": lane.top - 9, "text": lane.title} for lane in found
    ]
    heads.append(
        {"time": _ms(start), "y": top + 15, "text": "Changes" if changes else "No change in this time"}
    )
    floors: list[dict[str, object]] = [{"y": lane.bottom} for lane in found]
    layers += [
        _rows(floors).mark_rule(color=INK.faint).encode(y=up),
        _rows(heads)
        .mark_text(align="left", fontSize=11, fontWeight=600, color=INK.soft)
        .encode(x=time, y=up, text="text:N"),
        *_changes(changes, start, end, top + 32, time=time, up=up),
        _rows(_tips(points, height))
        .mark_bar(opacity=0)
        .encode(x=time, x2="until:T", y=up, y2=to, tooltip=_TOOLTIP),
    ]
    return parts.layered(*layers, height=round(height))


_TOOLTIP = [
    alt.Tooltip("when:N", title="Time (UTC)"),
    alt.Tooltip("made:N", title="Predictions"),
    alt.Tooltip("effect:N", title="Effect (PSI)"),
    alt.Tooltip("latency:N", title="Latency (p95)"),
    alt.Tooltip("escalated:N", title="Escalated"),
]
_Number = Callable[[DevicePoint], float | None]


def _effect(point: DevicePoint) -> float | None:
    return None if point.effect is None else max(0.0, point.effect)


def _median(point: DevicePoint) -> float | None:
    return None if point.segment_median_effect is None else max(0.0, point.segment_median_effect)


def _p95(point: DevicePoint) -> float | None:
    return point.p95


def _segment_p95(point: DevicePoint) -> float | None:
    return point.segment_p95


def _known(points: Sequence[DevicePoint], number: _Number) -> list[float]:
    return [value for point in points if (value := number(point)) is not None]


def _rows(values: Sequence[dict[str, object]]) -> alt.Chart:
    return parts.charted(values)


def _ms(moment: datetime | None) -> float | None:
    return moment.timestamp() * 1000 if moment else None


def _at(text: str) -> float | None:
    return _ms(words.parse_time(text))


def _width(points: Sequence[DevicePoint]) -> str:
    if not points:
        return "a bucket"
    start, end = words.parse_time(points[0].time), words.parse_time(points[0].end)
    return words.duration((end - start).total_seconds()) if start and end else "a bucket"


def closed(points: Sequence[DevicePoint], now: datetime | None) -> list[DevicePoint]:
    """The points without a last bucket that is not over: what has not come yet is no gap."""
    found = list(points)
    end = words.parse_time(found[-1].end) if found else None
    if found and found[-1].gap and now is not None and end is not None and end > now:
        found.pop()
    return found


def gaps(points: Sequence[DevicePoint]) -> list[tuple[str, str]]:
    """From when until when nothing was reported; buckets side by side are one gap."""
    found: list[tuple[str, str]] = []
    for point in points:
        if not point.gap:
            continue
        if found and found[-1][1] == point.time:
            found[-1] = (found[-1][0], point.end)
        else:
            found.append((point.time, point.end))
    return found


def _gaps(points: Sequence[DevicePoint], lane: _Lane) -> list[dict[str, object]]:
    return [
        {"time": _at(start), "until": _at(end), "y": lane.top, "y2": lane.bottom}
        for start, end in gaps(points)
    ]


def _volume(points: Sequence[DevicePoint], lane: _Lane) -> list[dict[str, object]]:
    return [
        {
            "time": _at(point.time),
            "until": _at(point.end),
            "y": lane.place(point.predictions),
            "y2": lane.bottom,
        }
        for point in points
        if point.predictions
    ]


def _line(points: Sequence[DevicePoint], lane: _Lane, number: _Number) -> list[dict[str, object]]:
    return [
        {"time": _at(point.time), "y": lane.place(value)}
        for point in points
        if (value := number(point)) is not None
    ]


def _tips(points: Sequence[DevicePoint], height: float) -> list[dict[str, object]]:
    return [
        {
            "time": _at(point.time),
            "until": _at(point.end),
            "y": 0,
            "y2": height,
            "when": f"{words.clock(words.parse_time(point.time))}–{words.clock(words.parse_time(point.end))}",
            "made": "nothing reported" if point.gap else words.count(point.predictions),
            "effect": _beside(point.effect, point.segment_median_effect, words.effect)
            + (f" in {words.feature(point.feature)}" if point.feature else ""),
            "latency": _beside(point.p95, point.segment_p95, words.duration),
            "escalated": words.share(point.escalation_rate),
        }
        for point in points
    ]


def _beside(own: float | None, median: float | None, write: Callable[[float], str]) -> str:
    if own is None:
        return words.NO_NUMBER
    return write(own) if median is None else f"{write(own)} (segment {write(median)})"


def _changes(
    changes: Sequence[Change],
    start: datetime,
    end: datetime,
    level: float,
    *,
    time: alt.X,
    up: alt.Y,
) -> list[alt.Chart]:
    middle = start + (end - start) / 2
    values: list[dict[str, object]] = [
        {
            "time": _ms(moment),
            "y": level,
            "late": moment > middle,
            "text": f"{change.kind} {change.before or '?'} → {change.after or '?'}",
        }
        for change in changes
        if (moment := words.parse_time(change.time)) and start <= moment <= end
    ]
    if not values:
        return []
    base = _rows(values)
    early, late = base.transform_filter("!datum.late"), base.transform_filter("datum.late")
    return [
        base.mark_point(shape="diamond", filled=True, size=80, opacity=1, color=INK.text).encode(
            x=time, y=up
        ),
        early.mark_text(align="left", dx=8, fontSize=11, color=INK.text).encode(x=time, y=up, text="text:N"),
        late.mark_text(align="right", dx=-8, fontSize=11, color=INK.text).encode(x=time, y=up, text="text:N"),
    ]


def says(points: Sequence[DevicePoint], changes: Sequence[Change], limit: float | None) -> str:
    """The finding in a sentence: predictions, gaps, the last effect against the segment, changes."""
    made = sum(point.predictions for point in points)
    text = f"{words.counted(made, 'prediction')} in this time, {words.counted(len(gaps(points)), 'gap')}"
    last = next((point for point in reversed(points) if point.effect is not None), None)
    if last is not None:
        text += f"; the last effect is {_beside(last.effect, last.segment_median_effect, words.effect)}"
        text += f", limit {words.limit(limit)}" if limit else ""
    if changes:
        first = changes[-1]
        at = words.clock(words.parse_time(first.time))
        text += f"; {first.kind} {first.before or '?'} → {first.after or '?'} at {at}"
    return f"{text}."
