"""What several pictures share: axes whose labels are all shown, and layers of a given height."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import altair as alt

_PADDING = {"left": 0, "right": 6, "top": 4, "bottom": 4}


def charted(rows: Iterable[Mapping[str, Any]]) -> alt.Chart:
    """A chart of these rows. As a tuple: Altair copies lists, and all in them, with each step and layer."""
    return alt.Chart(alt.InlineData(values=tuple(rows)))


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
        # The first and the last name stand in the middle of their row too.
        labelFlush=False,
        labelBound=False,
    )


def layered(*layers: alt.Chart, height: int) -> alt.LayerChart:
    """Layers on the same axes, `height` pixels high without their axes.

    Colours are resolved by layer: a layer with colours of its own and one with a scale make an empty chart
    without a message otherwise.
    """
    # All at once: each further step would copy every layer, and search for what they have in common again.
    return alt.LayerChart(
        layer=list(layers),
        resolve=alt.Resolve(scale=alt.ScaleResolveMap(color="independent")),
        height=height,
        # Only the width is fitted to the page: squares and lanes keep the height they were given.
        autosize=alt.AutoSizeParams(type="fit-x", contains="padding"),
        padding=_PADDING,
    )
