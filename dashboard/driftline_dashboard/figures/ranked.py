"""Estimates one below another, each with its interval, against a limit."""

from collections.abc import Sequence
from dataclasses import dataclass

import altair as alt

from driftline_dashboard import words
from driftline_dashboard.figures import parts
from driftline_dashboard.figures.palette import INK

#: The selection that a click makes; its field is `name`.
CLICK = "name"
_ROW = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One estimate. `over`: on the bad side of the limit for sure, as its verdict says."""

    name: str
    value: float | None
    lower: float | None = None
    upper: float | None = None
    n: float | None = None
    over: bool = False
    note: str = ""

    def written(self, *, percent: bool = False) -> str:
        """`0.31 (0.27–0.36)`, or the note where there is no value."""
        if self.value is None:
            return self.note or words.NO_NUMBER
        write: words.Writer = words.share if percent else words.effect
        bounds = words.interval(self.lower, self.upper, write)
        value = write(self.value)
        return f"{value} ({bounds})" if bounds else value


def ranked(
    rows: Sequence[Row],
    *,
    title: str,
    limit: float | None = None,
    percent: bool = False,
    selected: str | None = None,
    clickable: bool = False,
) -> alt.LayerChart:
    """Dots with whiskers, the order as given; ▲ over the limit, ● else, the limit a dashed line."""
    values = [
        {
            "name": row.name,
            "value": row.value,
            "lower": row.lower if row.lower is not None else row.value,
            "upper": row.upper if row.upper is not None else row.value,
            "over": row.over,
            "selected": row.name == selected,
            "says": row.written(percent=percent),
            "rows": f"n {words.count(row.n)}",
        }
        for row in rows
    ]
    bounds = [bound for row in rows for bound in (row.value, row.lower, row.upper) if bound is not None]
    reach = [*bounds, *([limit] if limit is not None else [])]
    low = 0.0 if not percent or not reach else max(0.0, min(reach) - 0.02)
    high = (1.0 if percent else max(reach, default=1) * 1.05) or 1.0
    scale = alt.Scale(domain=[low, high], nice=False)
    axis = alt.Axis(format="~%" if percent else "~g", tickCount=6, orient="top", titleLimit=0)
    across = alt.X("value:Q", title=title, scale=scale, axis=axis)
    down = alt.Y(
        "name:N",
        sort=[row.name for row in rows],
        title=None,
        axis=parts.names_axis(orient="left"),
    )
    base = parts.charted(values).encode(
        y=down,
        tooltip=[
            alt.Tooltip("name:N", title="Name"),
            alt.Tooltip("says:N", title=title),
            alt.Tooltip("rows:N", title="Evidence"),
        ],
    )
    chosen = base.transform_filter("datum.selected").mark_rect(opacity=0.18, color=INK.line)
    whiskers = base.mark_rule(color=INK.line, strokeWidth=2).encode(
        x=alt.X("lower:Q", scale=scale, axis=axis, title=title), x2="upper:Q"
    )
    dots = base.transform_filter("!datum.over").mark_point(filled=True, size=54, opacity=1, color=INK.line)
    over = base.transform_filter("datum.over").mark_point(
        shape="triangle-up", filled=True, size=80, opacity=1, color=INK.over
    )
    layers = [chosen, whiskers, dots.encode(x=across), over.encode(x=across)]
    if limit is not None:
        line = parts.charted([{"value": limit}])
        layers.append(line.mark_rule(color=INK.text, strokeDash=[5, 4], strokeWidth=1.25).encode(x=across))
    if clickable:
        # What can be hit is the whole line, not a dot of seven pixels.
        click = alt.selection_point(name=CLICK, fields=["name"], on="click", clear=False)
        layers.append(base.mark_rect(opacity=0, cursor="pointer").add_params(click))
    return parts.layered(*layers, height=max(1, len(rows)) * _ROW)


def says(rows: Sequence[Row], *, what: str, percent: bool = False) -> str:
    """The finding in a sentence: the first of them, and how many are over the limit."""
    known = [row for row in rows if row.value is not None]
    if not known:
        return f"{what}: nothing to show yet."
    over = sum(row.over for row in rows)
    first = f"{known[0].name} {known[0].written(percent=percent)}"
    tail = f"; {words.count(over)} of {words.count(len(rows))} over the limit" if over else ""
    return f"{what}: {first}{tail}."
