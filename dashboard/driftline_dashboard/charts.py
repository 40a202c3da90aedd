"""How charts stand on a page: drawn with the sentence that says what they show, clicked, and explained."""

from collections.abc import Callable
from html import escape

import altair as alt
import streamlit as st
from altair.utils import schemapi

from driftline_dashboard import layout, words
from driftline_dashboard.figures import palette
from driftline_dashboard.figures.palette import INK

Figure = alt.Chart | alt.LayerChart

# Holding each part of a chart against the schema as it is made, and then the whole of it, is most of what a
# chart costs. The tests do it.
schemapi.disable_debug_mode()
# Its sizes are not ours.
alt.theme.enable("none")


def chart(
    figure: Figure,
    *,
    says: str,
    key: str,
    on_select: Callable[[], None] | None = None,
    most: int | None = None,
) -> None:
    """A chart with the sentence that states its finding, for those who do not see it.

    It is as wide as there is room, or `most` pixels where it has too little to show for that.
    """
    spec = figure.to_dict(validate=False)
    # Streamlit's own grey of axes is too pale to be read.
    axis = {"labelColor": INK.soft, "titleColor": INK.soft, "gridColor": INK.faint, "gridOpacity": 0.5}
    spec["config"] = {**spec.get("config", {}), "axis": axis}
    with st.container(width="stretch" if most is None else most):
        if on_select is None:
            st.vega_lite_chart(spec=spec, width="stretch", theme="streamlit", key=key, alt=says)
        else:
            st.vega_lite_chart(
                spec=spec, width="stretch", theme="streamlit", key=key, alt=says, on_select=on_select
            )


def clicked(key: str, selection: str, pick: Callable[..., None]) -> Callable[[], None]:
    """A callback for a chart's `on_select`: gives the fields of what was clicked to `pick`, for the URL.

    Nothing is drawn from the selection itself: the highlight comes from the URL, so that Back takes it along.
    """

    def callback() -> None:
        chosen = st.session_state[key]["selection"].get(selection)
        if chosen:
            pick(**chosen[0])

    return callback


def effect_legend(limit: float | None) -> None:
    """How to read coloured squares: the same scale on each page, from 0 to twice the limit."""
    ends = ("0", f"limit {words.limit(limit)}", f"≥ {words.limit(2 * limit)}") if limit else ()
    marks = "".join(f"<span>{escape(end)}</span>" for end in ends)
    layout.html(
        '<div class="dl-legend"><span>Effect (PSI)</span>'
        f'<span class="dl-scale">{_scale()}'
        f'<span class="dl-ends">{marks}</span></span>'
        '<span>▲ over the limit</span><span><i class="dl-dashed"></i> no verdict: too few data</span></div>'
    )


def share_legend(what: str) -> None:
    """How to read squares that are coloured by a share, from none to all."""
    layout.html(
        f'<div class="dl-legend"><span>{escape(what)}</span><span class="dl-scale">{_scale()}'
        '<span class="dl-ends"><span>0 %</span><span>50 %</span><span>100 %</span></span></span></div>'
    )


def _scale() -> str:
    colours = ", ".join(palette.cividis(step / 8) for step in range(9))
    return f'<i style="background:linear-gradient(90deg,{colours})"></i>'


def swatches() -> None:
    """What solid and dashed bars are."""
    layout.html(
        '<div class="dl-legend"><span><i class="dl-solid"></i> now</span>'
        '<span><i class="dl-dashed"></i> reference</span></div>'
    )
