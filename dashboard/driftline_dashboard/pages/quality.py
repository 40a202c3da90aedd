"""Quality: are the answers right?"""

from collections.abc import Sequence

import streamlit as st
from driftline_collector.client import Performance, VersionEstimate

from driftline_dashboard import charts, collector, layout, shell, words
from driftline_dashboard.collector import Answer
from driftline_dashboard.figures import calibration, confusion, ranked
from driftline_dashboard.layout import Tile
from driftline_dashboard.state import View

_LABELS_COMMAND = "driftline labels import labels.csv"
_BUDGET = 10


def draw() -> None:
    """Draw the page."""
    pickers = ("model", "version", "type", "region", "own", "range")
    view = shell.begin("quality", pickers=pickers)
    if view is None:
        return
    _headline(view)
    _tiles(view)
    for left, right in ((_accuracy, _agreement), (_confusion, _calibration)):
        first, second = st.columns(2, gap="large")
        with first:
            left(view)
        with second:
            right(view)
    with st.columns(2, gap="large")[0]:
        _budget(view)


def _asked(view: View) -> Answer[Performance]:
    return collector.performance(view.to_segment(), past=view.pinned, **view.span())


@layout.card(height=72)
def _headline(view: View) -> None:
    answer = _asked(view)
    found = answer.value
    if found is None:
        shell.title(f"How good the answers of {view.model} are is not known")
        layout.settled(answer, "Quality")
    else:
        shell.title(title(view.model or "", found))
    shell.freshness(collector.overview(view.model))


def title(model: str, found: Performance) -> str:
    """The verdict: the accuracy of the version that is worst for sure; without labels, agreement."""
    known = [(each.version, each.estimate) for each in found.accuracy if each.estimate is not None]
    if known:
        version, worst = min(known, key=lambda each: each[1].upper or each[1].value)
        bounds = words.interval(worst.lower, worst.upper, words.share)
        text = f"{words.share(worst.value)} of the answers of {model} {version} are right"
        others = f", the least of {words.counted(len(known), 'version')}" if len(known) > 1 else ""
        return f"{text} ({bounds}, n {words.count(worst.n)}){others}"
    agreeing = [(each.version, each.estimate) for each in found.agreement if each.estimate is not None]
    if agreeing:
        version, worst = min(agreeing, key=lambda each: each[1].upper or each[1].value)
        share = words.share(worst.value)
        return f"No labels yet; {share} of what {model} {version} escalated was answered alike"
    return f"Nobody has said yet whether the answers of {model} are right"


@layout.card(height=92)
def _tiles(view: View) -> None:
    found = layout.settled(_asked(view), "Quality")
    if found is None:
        return
    shown = []
    if found.escalation_rate is not None:
        shown.append(layout.estimate_tile("Escalated to the cloud", found.escalation_rate, "predictions"))
    if found.label_lag is not None:
        lag = found.label_lag
        shown.append(
            Tile(
                name="Labels come after",
                value=words.duration(lag.median_s),
                detail=f"median; 95 % within {words.duration(lag.p95_s)}, n {words.count(lag.n)}",
            )
        )
    if found.labels_per_day is not None:
        shown.append(
            Tile(
                name="Labels a day", value=words.count(found.labels_per_day), detail="on average in this time"
            )
        )
    if found.ece is not None:
        bounds = words.interval(found.ece.lower, found.ece.upper, words.thousandths)
        detail = ", ".join(part for part in (bounds, f"n {words.count(found.ece.n)} labels") if part)
        shown.append(Tile(name="Calibration error", value=words.thousandths(found.ece.value), detail=detail))
    if shown:
        layout.tiles(shown)


def _versions(estimates: Sequence[VersionEstimate]) -> list[ranked.Row]:
    return [
        ranked.Row(
            name=each.version,
            value=each.estimate.value if each.estimate else None,
            lower=each.estimate.lower if each.estimate else None,
            upper=each.estimate.upper if each.estimate else None,
            n=each.estimate.n if each.estimate else None,
            note=each.reason or "no estimate",
        )
        for each in estimates
    ]


def _by_version(estimates: Sequence[VersionEstimate], *, title: str, unit: str, key: str) -> None:
    rows = _versions(estimates)
    figure = ranked.ranked(rows, title=f"{title}, 95 % interval", percent=True)
    says = ranked.says(rows, what=title, percent=True)
    if any(row.value is not None for row in rows):
        charts.chart(figure, says=says, key=key)
    layout.table(
        ("Version", title, "95 % interval", unit),
        [
            (
                row.name,
                words.share(row.value) if row.value is not None else row.note,
                words.interval(row.lower, row.upper, words.share) or words.NO_NUMBER,
                words.count(row.n),
            )
            for row in rows
        ],
        numbers=(1, 2, 3),
        says=says,
    )


@layout.card(height=250)
def _accuracy(view: View) -> None:
    found = _asked(view).value
    if found is None:
        return
    layout.section("Accuracy by version", "Against the truth, weighted by how samples were chosen.")
    if not found.accuracy:
        layout.empty(
            "No ground truth yet.",
            "Send it from a device, by monitor.ground_truth(prediction_id, label=…), or import a file"
            " with the columns prediction_id and label:",
            _LABELS_COMMAND,
        )
        return
    _by_version(found.accuracy, title="Accuracy", unit="Labels", key="quality-accuracy")


@layout.card(height=250)
def _agreement(view: View) -> None:
    found = _asked(view).value
    if found is None:
        return
    layout.section(
        "Edge–cloud agreement by version",
        "Of escalated predictions; it says nothing about the rest.",
    )
    if not found.agreement:
        layout.empty(
            "Nothing has been escalated in this time.",
            "Set escalate_below on the Monitor, and say what the cloud answered with inference.escalated(…).",
        )
        return
    _by_version(found.agreement, title="Agreement", unit="Escalated", key="quality-agreement")


@layout.card(height=440)
def _confusion(view: View) -> None:
    found = _asked(view).value
    if found is None or not found.confusion:
        return
    layout.section(
        "Answers by truth", "How many labelled predictions; shares are weighted by how samples were chosen."
    )
    says = confusion.says(found.confusion)
    labels = {cell.true_label for cell in found.confusion} | {cell.label for cell in found.confusion}
    with layout.wide("confusion"):
        if len(labels) <= confusion.MOST_LABELS:
            charts.share_legend("Share of the truth in its row")
            charts.chart(confusion.confusion(found.confusion), says=says, key="quality-confusion")
        layout.note(says)
    with layout.narrow("confusion"):
        layout.note(says)
        layout.table(
            ("True", "Answered", "Labels"),
            [
                (cell.true_label, cell.label, words.count(cell.n))
                for cell in confusion.most_confused(found.confusion, 8)
            ],
            numbers=(2,),
            says="The most frequent mistakes",
        )


@layout.card(height=420)
def _calibration(view: View) -> None:
    found = _asked(view).value
    if found is None or not found.calibration:
        return
    layout.section("Calibration", "What scores promise, and how often the answers were right.")
    says = calibration.says(found.calibration, found.ece)
    with layout.wide("calibration"):
        charts.chart(calibration.calibration(found.calibration), says=says, key="quality-calibration")
        layout.note(says)
    with layout.narrow("calibration"):
        figure = calibration.calibration(found.calibration, counts=False)
        charts.chart(figure, says=says, key="quality-calibration-narrow")
        layout.note(says)
        layout.table(
            ("Scores", "Right", "Labels"),
            [
                (
                    f"{words.significant(bin_.bin_low)}–{words.significant(bin_.bin_high)}",
                    words.share(bin_.accuracy.value),
                    words.count(bin_.accuracy.n),
                )
                for bin_ in found.calibration
            ],
            numbers=(1, 2),
            says="How often answers of each score were right",
        )


@layout.card(height=300)
def _budget(view: View) -> None:
    found = _asked(view).value
    if found is None or not found.budget:
        return
    layout.section("Which to label next", "Labels that an accuracy to within 5 points needs.")
    lacking = [each for each in found.budget if each.have < each.need]
    if not lacking:
        layout.note(f"Each of {words.counted(len(found.budget), 'segment')} has the labels that it needs.")
        return
    short = sorted(lacking, key=lambda each: each.have - each.need)[:_BUDGET]
    layout.table(
        ("Segment", "Have", "Need", "Missing"),
        [
            (
                words.where(each.segment),
                words.count(each.have),
                words.count(each.need),
                words.count(max(0, each.need - each.have)),
            )
            for each in short
        ],
        numbers=(1, 2, 3),
        says="Labels that segments have and need",
    )
