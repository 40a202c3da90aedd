"""What was answered where what was right."""

from collections import defaultdict
from collections.abc import Sequence

import altair as alt
from driftline_collector.client import ConfusionCell

from driftline_dashboard import words
from driftline_dashboard.figures import palette, parts

#: Labels that fit in a picture; the rarest of more are left to the table.
MOST_LABELS = 40


def confusion(cells: Sequence[ConfusionCell]) -> alt.LayerChart:
    """Answers by truth, coloured by their share of each truth.

    Shares are weighted, so that samples that were chosen selectively do not mislead.
    """
    weight: dict[str, float] = defaultdict(float)
    for cell in cells:
        weight[cell.true_label] += cell.weight
    labels = sorted({cell.true_label for cell in cells} | {cell.label for cell in cells}, key=_in_order)
    values = []
    for cell in cells:
        share = cell.weight / weight[cell.true_label] if weight[cell.true_label] else 0.0
        fill = palette.cividis(share)
        values.append(
            {
                "true": cell.true_label,
                "answer": cell.label,
                "n": words.count(cell.n),
                "share": f"{words.share(share)} of what is {cell.true_label}",
                "fill": fill,
                "ink": palette.on(fill),
            }
        )
    base = parts.charted(values).encode(
        x=alt.X(
            "answer:N",
            sort=labels,
            title="Answered",
            axis=parts.names_axis(orient="top", angle=0 if len(labels) <= 12 else -40),
            scale=alt.Scale(domain=labels, paddingInner=0.05),
        ),
        y=alt.Y(
            "true:N",
            sort=labels,
            title="True",
            axis=parts.names_axis(orient="left"),
            scale=alt.Scale(domain=labels, paddingInner=0.05),
        ),
        tooltip=[
            alt.Tooltip("true:N", title="True"),
            alt.Tooltip("answer:N", title="Answered"),
            alt.Tooltip("n:N", title="Labelled predictions"),
            alt.Tooltip("share:N", title="Share"),
        ],
    )
    fills = base.mark_rect(cornerRadius=2).encode(fill=alt.Fill("fill:N", scale=None, legend=None))
    numbers = base.mark_text(fontSize=11).encode(
        text="n:N", color=alt.Color("ink:N", scale=None, legend=None)
    )
    return parts.layered(fills, numbers, height=max(1, len(labels)) * 28)


def _in_order(label: str) -> tuple[bool, float, str]:
    return (False, float(label), "") if label.isdecimal() else (True, 0.0, label)


def most_confused(cells: Sequence[ConfusionCell], most: int = 5) -> list[ConfusionCell]:
    """The wrong answers that are most frequent among the labels; of those that are as frequent, by weight."""
    wrong = [cell for cell in cells if cell.true_label != cell.label]
    return sorted(wrong, key=lambda cell: (-cell.n, -cell.weight))[:most]


def says(cells: Sequence[ConfusionCell]) -> str:
    """The most frequent mistake in a sentence."""
    total = sum(cell.n for cell in cells)
    if not total:
        return "No labelled predictions yet."
    wrong = most_confused(cells, 1)
    if not wrong:
        return f"All {words.counted(total, 'labelled prediction')} were answered right."
    first = wrong[0]
    return (
        f"The most frequent mistake: {first.true_label} answered as {first.label}, "
        f"{words.counted(first.n, 'time')} among {words.counted(total, 'labelled prediction')}."
    )
