"""Reliability diagram: what scores promise against how often the answers were right."""

from collections.abc import Sequence

import altair as alt
from driftline_collector.client import CalibrationBin, Estimate

from driftline_dashboard import words
from driftline_dashboard.figures import parts
from driftline_dashboard.figures.palette import INK


def calibration(bins: Sequence[CalibrationBin], *, counts: bool = True) -> alt.LayerChart:
    """A dot for each bin of scores, its interval and how many labels; the dashed line is a promise kept.

    Without `counts` how many labels there are is left to a table beside it: they need room.
    """
    values = [
        {
            "score": bin_.mean_score,
            "right": bin_.accuracy.value,
            "lower": bin_.accuracy.lower,
            "upper": bin_.accuracy.upper,
            "n": f"n {words.count(bin_.accuracy.n)}",
            "range": f"{words.significant(bin_.bin_low)}–{words.significant(bin_.bin_high)}",
            "says": f"{words.share(bin_.accuracy.value)} "
            f"({words.interval(bin_.accuracy.lower, bin_.accuracy.upper, words.share)})",
        }
        for bin_ in bins
    ]
    promise = parts.charted([{"score": 0, "right": 0}, {"score": 1, "right": 1}])
    unit = alt.Scale(domain=[0, 1], nice=False)
    across = alt.X("score:Q", title="Mean score", scale=unit, axis=alt.Axis(format="~%", tickCount=5))
    up = alt.Y(
        "right:Q", title="Answers that were right", scale=unit, axis=alt.Axis(format="~%", tickCount=5)
    )
    base = parts.charted(values).encode(
        tooltip=[
            alt.Tooltip("range:N", title="Scores"),
            alt.Tooltip("says:N", title="Right"),
            alt.Tooltip("n:N", title="Labels"),
        ]
    )
    layers = [
        promise.mark_line(color=INK.text, strokeDash=[5, 4], strokeWidth=1.25).encode(x=across, y=up),
        base.mark_rule(color=INK.line, strokeWidth=2).encode(
            x=across, y=alt.Y("lower:Q", scale=unit, title="Answers that were right"), y2="upper:Q"
        ),
        base.mark_point(filled=True, size=64, opacity=1, color=INK.line).encode(x=across, y=up),
    ]
    if counts:
        # Beside the dot on the side away from the diagonal, so that neither stands on the other.
        below, above = (base.transform_filter(f"datum.right {than} datum.score") for than in ("<=", ">"))
        layers += [
            marks.encode(x=across, y=up, text="n:N")
            for marks in (
                below.mark_text(align="left", dx=7, dy=4, fontSize=11, color=INK.soft),
                above.mark_text(align="right", dx=-7, dy=4, fontSize=11, color=INK.soft),
            )
        ]
    return parts.layered(*layers, height=300)


def says(bins: Sequence[CalibrationBin], ece: Estimate | None) -> str:
    """Whether scores promise too much or too little, and by how much on average."""
    total = sum(bin_.accuracy.n or 0 for bin_ in bins)
    if not total:
        return "No labels with scores yet."
    gap = sum((bin_.mean_score - bin_.accuracy.value) * (bin_.accuracy.n or 0) for bin_ in bins) / total
    direction = "promise more than they keep" if gap > 0 else "promise less than they keep"
    text = f"Scores {direction}, by {abs(gap) * 100:.1f} points on average"
    if ece is None:
        return f"{text} (n {words.count(total)})."
    bounds = words.interval(ece.lower, ece.upper, words.thousandths)
    error = f"{words.thousandths(ece.value)}{f' ({bounds})' if bounds else ''}"
    return f"{text}; calibration error {error}, n {words.count(ece.n)}."
