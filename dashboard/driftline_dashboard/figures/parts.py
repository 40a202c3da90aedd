"""What several pictures share: axes whose labels are all shown, and layers of a given height."""

from typing import Literal, cast

import altair as alt


def names_axis(*, orient: Literal["top", "bottom", "left"], angle: int = 0) -> alt.Axis:
    """An axis of names, each of them written out: none is left out or cut."""
    return alt.Axis(
        orient=orient,
        labelAngle=angle,
        labelLimit=0,
        labelOverlap=False,
        ticks=False,
        domain=False,
        grid=False,
    )


def layered(*layers: alt.Chart, height: int) -> alt.LayerChart:
    """Layers on the same axes.

    Colours are resolved by layer: a layer with colours of its own and one with a scale make an empty chart
    without a message otherwise.
    """
    chart = alt.layer(*layers).resolve_scale(color="independent")
    return cast("alt.LayerChart", chart.properties(height=height))
