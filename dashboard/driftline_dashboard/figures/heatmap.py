"""Squares with numbers in them: features × segments, device types × regions, answers × truth."""

from collections.abc import Sequence
from dataclasses import dataclass

import altair as alt

from driftline_dashboard import words
from driftline_dashboard.figures import palette, parts
from driftline_dashboard.figures.palette import INK

#: The selection that a click on a square makes; its fields are `row` and `column`.
CLICK = "square"
_ROW_HEIGHT = 30
#: What stands in a square that has no number.
_WORDS = {
    "insufficient_data": "too few",
    "no_reference": "no ref.",
    "new_segment": "new",
    "vanished": "gone",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Square:
    """One square. It is coloured where there is a verdict on an effect, else outlined with dashes."""

    row: str
    column: str
    verdict: str | None
    effect: float | None = None
    lower: float | None = None
    upper: float | None = None
    limit: float | None = None
    n: float | None = None
    n_eff: float | None = None
    reason: str | None = None
    feature: str | None = None

    @property
    def over(self) -> bool:
        """Whether the effect is over the limit for sure, as the verdict says."""
        return self.verdict == "drifted"

    @property
    def judged(self) -> bool:
        """Whether there is an effect to colour."""
        return self.verdict in {"stable", "drifted"} and self.effect is not None

    def text(self) -> str:
        """What stands in the square: the effect with ▲ where it is over the limit, or why there is none."""
        if not self.judged:
            return _WORDS.get(self.verdict or "", words.NO_NUMBER)
        return f"{'▲ ' if self.over else ''}{words.effect(self.effect)}"

    def brief(self) -> str:
        """The same with its interval and rows, for a line of a list: `▲ 0.48 (0.44–0.53), n 29 192`."""
        if not self.judged:
            return f"{self.text()}, {self.evidence()}"
        bounds = words.interval(self.lower, self.upper)
        return f"{self.text()}{f' ({bounds})' if bounds else ''}, n {words.count(self.n)}"

    def evidence(self) -> str:
        """Interval, limit and rows, or the reason why there is no verdict."""
        rows = f"n {words.count(self.n)}"
        if not self.judged:
            return f"{self.reason or self.verdict or 'not evaluated'}; {rows}"
        bounds = words.interval(self.lower, self.upper)
        limit = "" if self.limit is None else f"limit {words.limit(self.limit)}"
        return ", ".join(part for part in (bounds and f"{bounds} (95 %)", limit, rows) if part)


def heatmap(
    squares: Sequence[Square],
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    row_title: str,
    column_title: str,
    selected: tuple[str | None, str | None] = (None, None),
) -> alt.LayerChart:
    """Squares in the given order of rows and columns; the selected one (row, column) is framed.

    At most 2,000 squares: page them.
    """
    values = [_values(square, selected) for square in squares]
    click = alt.selection_point(name=CLICK, fields=["row", "column"], on="click", clear=False)
    base = parts.charted(values).encode(
        x=alt.X(
            "column:N",
            sort=list(columns),
            title=column_title,
            scale=alt.Scale(paddingInner=0.04, paddingOuter=0.02),
            axis=parts.names_axis(orient="top", angle=0 if len(columns) <= 5 else -40),
        ),
        y=alt.Y(
            "row:N",
            sort=list(rows),
            title=row_title,
            scale=alt.Scale(paddingInner=0.08, paddingOuter=0.02),
            axis=parts.names_axis(orient="left"),
        ),
    )
    # Only these are pointed at: what a layer tells is made for each of its squares before it is drawn.
    fills = base.mark_rect(cornerRadius=3, cursor="pointer").encode(
        fill=alt.Fill("fill:N", scale=None, legend=None),
        tooltip=[
            alt.Tooltip("row:N", title=row_title),
            alt.Tooltip("column:N", title=column_title),
            alt.Tooltip("says:N", title="Effect (PSI)"),
            alt.Tooltip("evidence:N", title="Evidence"),
        ],
    )
    # Dashes are a layer of their own: a scale of dashes is not drawn on rectangles.
    outlines = base.transform_filter("!datum.judged").mark_rect(
        cornerRadius=3, fillOpacity=0, stroke=INK.soft, strokeWidth=1.25, strokeDash=[4, 3]
    )
    frames = base.transform_filter("datum.selected").mark_rect(
        cornerRadius=3, fillOpacity=0, strokeWidth=3, stroke=INK.over
    )
    # Smaller where many columns share little room, so that numbers do not run into one another.
    size = alt.ExprRef("max(7, min(12, bandwidth('x') / 3.6))")
    numbers = base.mark_text(baseline="middle", fontSize=size).encode(
        text="text:N", color=alt.Color("ink:N", scale=None, legend=None)
    )
    return parts.layered(
        fills.add_params(click), outlines, frames, numbers, height=max(1, len(rows)) * _ROW_HEIGHT
    )


def width(columns: Sequence[str]) -> int | None:
    """The most pixels in width that so few columns are given; None: as many as there are."""
    return 200 + 200 * len(columns) if len(columns) < 6 else None


def _values(square: Square, selected: tuple[str | None, str | None]) -> dict[str, str | bool]:
    shown = square.effect if square.judged and square.effect is not None else None
    fill = "transparent" if shown is None else palette.magnitude(shown, square.limit or 0)
    said = square.text() if shown is not None else square.verdict or "no verdict"
    return {
        "row": square.row,
        "column": square.column,
        "text": square.text(),
        "says": f"{said} ({square.feature})" if square.feature else said,
        "evidence": square.evidence(),
        "fill": fill,
        "ink": INK.soft if shown is None else palette.on(fill),
        "judged": shown is not None,
        "selected": (square.row, square.column) == selected,
    }


def says(squares: Sequence[Square], subject: str) -> str:
    """The finding of a heat map in a sentence: how many moved, which most, how many lack a verdict."""
    over = sorted((square for square in squares if square.over), key=lambda square: -(square.effect or 0))
    blank = sum(not square.judged for square in squares)
    rest = f"; {words.count(blank)} without a verdict" if blank else ""
    if not squares:
        return f"No {subject} has been evaluated."
    if not over:
        return f"None of {words.counted(len(squares), subject)} has moved{rest}."
    worst = over[0]
    moved = f"{words.count(len(over))} of {words.counted(len(squares), subject)}"
    have = "has" if len(over) == 1 else "have"
    place = f"{worst.row}, {worst.column}"
    return f"{moved} {have} moved, most {place}: {words.effect(worst.effect)}{rest}."
