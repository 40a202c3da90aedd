"""A trace: its steps one below another on one clock, each in the colour of its tier and named."""

from collections.abc import Sequence

import altair as alt
from driftline_collector.client import Span

from driftline_dashboard import words
from driftline_dashboard.figures import palette, parts
from driftline_dashboard.figures.palette import INK

_ROW = 30
_COLOURS = {
    "device_edge": palette.BLUE,
    "network_edge": palette.GREEN,
    "regional_edge": palette.ORANGE,
    "cloud": palette.PURPLE,
}
#: Marks that a picture can hold; a trace with more is told as a table.
MOST = 60


def waterfall(spans: Sequence[Span]) -> alt.LayerChart:
    """Bars from each step's start to its end, in ms since the first; an error is told by ✕ and its word."""
    values = _values(spans)
    end = max((float(value["to"]) for value in values), default=1.0) or 1.0
    scale = alt.Scale(domain=[0, end * 1.02], nice=False)
    axis = alt.Axis(orient="top", format=".4~g", tickCount=6, titleLimit=0)
    title = "ms since the first step"
    base = parts.charted(values).encode(
        y=alt.Y("row:O", title=None, axis=None, scale=alt.Scale(paddingInner=0.1)),
        tooltip=[
            alt.Tooltip("name:N", title="Step"),
            alt.Tooltip("tier:N", title="Tier"),
            alt.Tooltip("who:N", title="By"),
            alt.Tooltip("starts:N", title="Starts"),
            alt.Tooltip("took:N", title="Took"),
            alt.Tooltip("status:N", title="Status"),
        ],
    )
    bars = base.mark_bar(height=8, yOffset=8, opacity=1).encode(
        x=alt.X("from:Q", title=title, scale=scale, axis=axis),
        x2="to:Q",
        color=alt.Color("colour:N", scale=None, legend=None),
    )
    # The text stands above its bar, at the side of it where there is room.
    early = base.transform_filter(f"datum.from < {end / 2}").mark_text(
        align="left", fontSize=11, dy=-6, color=INK.text
    )
    late = base.transform_filter(f"datum.from >= {end / 2}").mark_text(
        align="right", fontSize=11, dy=-6, color=INK.text
    )
    names = [
        layer.encode(x=alt.X(f"{at}:Q", scale=scale, axis=axis, title=title), text="says:N")
        for layer, at in ((early, "from"), (late, "to"))
    ]
    return parts.layered(bars, *names, height=max(1, len(values)) * _ROW)


def _values(spans: Sequence[Span]) -> list[dict[str, float | str]]:
    starts = [moment.timestamp() if (moment := words.parse_time(span.start)) else 0.0 for span in spans]
    first = min(starts, default=0.0)
    return [
        {
            "row": row,
            "name": span.name,
            "tier": tier(span),
            "who": span.device or span.service or "not told",
            "from": (start - first) * 1000,
            "to": (start - first + span.duration) * 1000,
            "starts": f"after {words.duration(start - first)}",
            "took": words.duration(span.duration),
            "status": span.status,
            "colour": _COLOURS.get(span.tier or "", palette.SKY),
            "says": f"{'✕ error · ' if span.status == 'error' else ''}{tier(span)} · {span.name}"
            f" · {words.duration(span.duration)}",
        }
        for row, (span, start) in enumerate(zip(spans, starts, strict=True))
    ]


def tier(span: Span) -> str:
    """A tier as people say it."""
    return (span.tier or "tier not told").replace("_", " ")


def says(spans: Sequence[Span]) -> str:
    """The finding in a sentence: how long in all, and which step took longest."""
    if not spans:
        return "No trace."
    values = _values(spans)
    total = max(float(value["to"]) for value in values) / 1000
    inner = [span for span in spans if span.parent_span_id is not None] or list(spans)
    longest = max(inner, key=lambda span: span.duration)
    errors = sum(span.status == "error" for span in spans)
    text = f"{words.counted(len(spans), 'step')} in {words.duration(total)}"
    if len(spans) > 1:
        text += (
            f"; longest after the first: {longest.name} ({tier(longest)}), {words.duration(longest.duration)}"
        )
    if errors:
        text += f"; {words.counted(errors, 'error')}"
    return f"{text}."
