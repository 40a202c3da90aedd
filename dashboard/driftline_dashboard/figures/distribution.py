"""The reference against now, on the same bins."""

import re
from collections.abc import Sequence

import altair as alt
from driftline_collector.client import Bin

from driftline_dashboard import words
from driftline_dashboard.figures import parts
from driftline_dashboard.figures.palette import INK


def label(name: str) -> str:
    """A bin's name as short as an axis needs it: `0.1–0.2` for `(0.1, 0.2]`; the tooltip has it in full."""
    if _OUTSIDE.match(name):
        return "outside"
    ends = _BETWEEN.match(name)
    if ends is None:
        return name
    low, high = (f"{float(end):.3g}".replace("-", "−") for end in ends.groups())
    return f"{low} to {high}" if "−" in low + high else f"{low}–{high}"


_BETWEEN = re.compile(r"^\((\S+), (\S+)[\])]$")
_OUTSIDE = re.compile(r"^<=? \S+ or > \S+")


def distribution(bins: Sequence[Bin], *, feature: str) -> alt.LayerChart:
    """Shares by bin: now as filled bars, the reference as dashed outlines over them."""
    names = _labels(bins)
    now = [_values(name, bin_, bin_.now_share) for name, bin_ in zip(names, bins, strict=True)]
    reference = [_values(name, bin_, bin_.reference_share) for name, bin_ in zip(names, bins, strict=True)]
    place = alt.X(
        "bin:N",
        sort=names,
        title=feature,
        scale=alt.Scale(paddingInner=0.12, paddingOuter=0.06),
        axis=parts.names_axis(orient="bottom", angle=-40),
    )
    height = alt.Y(
        "share:Q", title="Share of predictions", axis=alt.Axis(format="~%", tickCount=4, titleLimit=0)
    )
    tooltip = [
        alt.Tooltip("full:N", title=feature),
        alt.Tooltip("now:N", title="Now"),
        alt.Tooltip("reference:N", title="Reference"),
        alt.Tooltip("moved:N", title="Difference"),
    ]
    bars = (
        parts.charted(now).mark_bar(color=INK.line, opacity=0.75).encode(x=place, y=height, tooltip=tooltip)
    )
    outlines = (
        parts.charted(reference)
        .mark_bar(fillOpacity=0, stroke=INK.text, strokeWidth=1.5, strokeDash=[4, 3])
        .encode(x=place, y=height, tooltip=tooltip)
    )
    return parts.layered(bars, outlines, height=190)


def _labels(bins: Sequence[Bin]) -> list[str]:
    """Short names where they tell the bins apart, else the full ones."""
    short = [label(bin_.name) for bin_ in bins]
    return short if len(set(short)) == len(bins) else [bin_.name for bin_ in bins]


def _values(name: str, bin_: Bin, share: float) -> dict[str, object]:
    by = (bin_.now_share - bin_.reference_share) * 100
    return {
        "bin": name,
        "full": bin_.name,
        "share": share,
        "now": words.share(bin_.now_share),
        "reference": words.share(bin_.reference_share),
        "moved": f"{'+' if by >= 0 else '−'}{abs(by):.1f} points",
    }
