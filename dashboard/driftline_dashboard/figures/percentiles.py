"""What one prediction saw, against what the reference holds: each feature's place from 0 to 100."""

from collections.abc import Sequence

import altair as alt
from driftline_collector.client import FeatureSeen

from driftline_dashboard import words
from driftline_dashboard.figures import parts
from driftline_dashboard.figures.palette import INK

_ROW = 22
#: Beyond these lies one value in twenty of the reference: further out than most.
USUAL = (2.5, 97.5)


def placed(features: Sequence[FeatureSeen]) -> list[FeatureSeen]:
    """The features that have a place in the reference, the furthest from its middle first."""
    known = [feature for feature in features if feature.percentile is not None]
    return sorted(known, key=lambda feature: (-abs((feature.percentile or 0) - 50), feature.name))


def unusual(feature: FeatureSeen) -> bool:
    """Whether a value lies where 5 % of the reference do."""
    return feature.percentile is not None and not USUAL[0] <= feature.percentile <= USUAL[1]


def percentiles(features: Sequence[FeatureSeen]) -> alt.LayerChart:
    """A row for each feature: the middle 95 % as a band, the value as ●, or ▲ where it is outside."""
    values = [
        {
            "name": words.feature(feature.name),
            "at": feature.percentile,
            "low": USUAL[0],
            "high": USUAL[1],
            "out": unusual(feature),
            "says": written(feature),
            "bin": feature.bin or words.NO_NUMBER,
            "share": words.share(feature.reference_share),
        }
        for feature in features
    ]
    scale = alt.Scale(domain=[0, 100], nice=False)
    axis = alt.Axis(orient="top", values=[0, 25, 50, 75, 100], titleLimit=0)
    title = "Percentile in the reference"
    base = parts.charted(values).encode(
        y=alt.Y(
            "name:N",
            sort=[str(value["name"]) for value in values],
            title=None,
            axis=parts.names_axis(orient="left"),
        ),
        tooltip=[
            alt.Tooltip("name:N", title="Feature"),
            alt.Tooltip("says:N", title="Value"),
            alt.Tooltip("at:Q", title=title, format=".3~g"),
            alt.Tooltip("bin:N", title="Bin"),
            alt.Tooltip("share:N", title="Reference in this bin"),
        ],
    )
    place = alt.X("at:Q", title=title, scale=scale, axis=axis)
    band = base.mark_bar(color=INK.line, opacity=0.16, height=_ROW - 10).encode(
        x=alt.X("low:Q", title=title, scale=scale, axis=axis), x2="high:Q"
    )
    dots = base.transform_filter("!datum.out").mark_point(filled=True, size=54, opacity=1, color=INK.line)
    outside = base.transform_filter("datum.out").mark_point(
        shape="triangle-up", filled=True, size=80, opacity=1, color=INK.over
    )
    return parts.layered(
        band, dots.encode(x=place), outside.encode(x=place), height=max(1, len(values)) * _ROW
    )


def written(feature: FeatureSeen) -> str:
    """The value as it was seen; `missing` where there was none."""
    if feature.value is None:
        return "missing"
    if isinstance(feature.value, bool | str):
        return str(feature.value)
    return words.significant(feature.value, 4)


def says(features: Sequence[FeatureSeen]) -> str:
    """The finding in a sentence: which values are far out in the reference."""
    known = placed(features)
    out = [feature for feature in known if unusual(feature)]
    if not known:
        return "No feature has a place in a reference."
    if not out:
        return (
            f"{words.counted(len(known), 'feature')} with a place in the reference, all in its middle 95 %."
        )
    names = ", ".join(words.feature(feature.name) for feature in out[:3])
    more = f" and {words.count(len(out) - 3)} more" if out[3:] else ""
    lie = "lies" if len(out) == 1 else "lie"
    many = f"{words.count(len(out))} of {words.counted(len(known), 'feature')}"
    return f"{many} {lie} outside the middle 95 %: {names}{more}."
