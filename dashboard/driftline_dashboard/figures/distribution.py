"""The reference against now, on the same bins."""

from collections.abc import Sequence

import altair as alt
from driftline_collector.client import Bin

from driftline_dashboard import words
from driftline_dashboard.figures import palette, parts


def distribution(bins: Sequence[Bin], *, feature: str, ink: palette.Ink) -> alt.LayerChart:
    """Shares by bin: now as filled bars, the reference as dashed outlines over them."""
    names = [bin_.name for bin_ in bins]
    now = [_values(bin_, bin_.now_share) for bin_ in bins]
    reference = [_values(bin_, bin_.reference_share) for bin_ in bins]
    place = alt.X(
        "bin:N",
        sort=names,
        title=f"{feature} (bins chosen from the reference)",
        scale=alt.Scale(paddingInner=0.12, paddingOuter=0.06),
        axis=parts.names_axis(orient="bottom", angle=-40),
    )
    height = alt.Y(
        "share:Q", title="Share of predictions", axis=alt.Axis(format="~%", tickCount=4, titleLimit=0)
    )
    tooltip = [
        alt.Tooltip("bin:N", title=feature),
        alt.Tooltip("now:N", title="Now"),
        alt.Tooltip("reference:N", title="Reference"),
        alt.Tooltip("moved:N", title="Difference"),
    ]
    bars = (
        alt.Chart(alt.InlineData(values=now))
        .mark_bar(color=ink.line, opacity=0.75)
        .encode(x=place, y=height, tooltip=tooltip)
    )
    outlines = (
        alt.Chart(alt.InlineData(values=reference))
        .mark_bar(fillOpacity=0, stroke=ink.text, strokeWidth=1.5, strokeDash=[4, 3])
        .encode(x=place, y=height, tooltip=tooltip)
    )
    return parts.layered(bars, outlines, height=190)


def _values(bin_: Bin, share: float) -> dict[str, object]:
    by = (bin_.now_share - bin_.reference_share) * 100
    return {
        "bin": bin_.name,
        "share": share,
        "now": words.share(bin_.now_share),
        "reference": words.share(bin_.reference_share),
        "moved": f"{'+' if by >= 0 else '−'}{abs(by):.1f} points",
    }
