"""Now: does anything need me?"""

from collections.abc import Sequence
from html import escape

import streamlit as st
from driftline_collector.client import Alert, Cell, Overview

from driftline_dashboard import charts, collector, findings, layout, paging, routes, shell, state, words
from driftline_dashboard.figures import heatmap
from driftline_dashboard.layout import Tile
from driftline_dashboard.state import View

_ALERTS = 6
_LISTED = 8
_ROWS = 40
_GRID = "now-grid"


def draw() -> None:
    """Draw the page."""
    view = shell.begin("now", own=("page",), pickers=("model",))
    if view is None:
        return
    _headline(view)
    _alerts(view)
    _tiles(view)
    _grid(view)


@layout.card(height=72)
def _headline(view: View) -> None:
    answer = collector.overview(view.model)
    if answer.value is None:
        shell.title("How it stands is not known")
    else:
        sentence, sign = findings.now_title(answer.value, shell.collector_now(answer, answer.value.as_of))
        shell.title(sentence, sign)
    shell.freshness(answer)


@layout.card(height=140)
def _alerts(view: View) -> None:
    overview = collector.overview(view.model).value
    if overview is None:
        return
    shown = [alert for alert in overview.alerts if alert.state in {"firing", "pending"}]
    page = paging.Paged.of(shown, view.page, _ALERTS)
    for alert in page.items:
        _alert(view, alert, overview)
    paging.pager("now", page, view, "alerts, the worst first")


def _alert(view: View, alert: Alert, overview: Overview) -> None:
    since = words.parse_time(alert.since)
    today = words.parse_time(overview.as_of)
    kind = [alert.severity, *(["pending"] if alert.state == "pending" else [])]
    if silenced := findings.silenced(alert, today):
        kind.append(silenced)
    sign = findings.SIGNS.get(alert.severity, "●")
    with st.container(key=f"dl-alert-{alert.id}", horizontal=True, vertical_alignment="center", border=True):
        layout.html(
            f'<div class="dl-alert dl-{escape(alert.severity)}">'
            f'<p class="dl-kind">{sign} {escape(" · ".join(kind))} · since '
            f"{escape(findings.since(alert, today))} UTC</p>"
            f"<h3>{escape(findings.headline(alert))}</h3>"
            f"<p><b>{escape(findings.value(alert))}</b> {escape(findings.window(alert, today))} · "
            f"{escape(findings.evidence(alert))}</p>"
            f'<p class="dl-dim">{escape(findings.nearby(alert.changes, since))}</p></div>'
        )
        routes.link(
            "alert", "Investigate\u00a0→", view.to(id=alert.id, device_type=None, region=None, own=())
        )


@layout.card(height=105)
def _tiles(view: View) -> None:
    overview = collector.overview(view.model).value
    if overview is not None:
        layout.tiles(_made_tiles(overview))


def _made_tiles(overview: Overview) -> list[Tile]:
    predictions = overview.predictions
    by = words.change(predictions.value, predictions.previous)
    expected = overview.devices_expected
    made = predictions.value + overview.announced_lost
    found = [
        Tile(
            name="Predictions, last 24 h",
            value=words.count(predictions.value),
            detail=f"{by} on the 24 h before" if by else "nothing to compare with yet",
        ),
        Tile(
            name="Silent devices",
            value=words.count(overview.silent_devices),
            detail=f"of {words.count(expected)} expected"
            + (f" ({words.share(overview.silent_devices / expected)})" if expected else ""),
            sign="!" if overview.silent_devices else "",
        ),
        Tile(
            name="Lost at the edge",
            value=words.count(overview.announced_lost),
            detail=(f"{words.share(overview.announced_lost / made)} of what was made; " if made else "")
            + f"{words.count(overview.lost)} missing on the way",
        ),
    ]
    if overview.agreement is not None:
        found.append(layout.estimate_tile("Edge–cloud agreement", overview.agreement, "escalated"))
    if overview.accuracy is not None:
        found.append(layout.estimate_tile("Accuracy", overview.accuracy, "labels"))
    return found


@layout.card(height=320)
def _grid(view: View) -> None:
    overview = collector.overview(view.model).value
    if overview is None:
        return
    layout.section("Device types and regions", _window_note(overview))
    if not overview.has_reference:
        layout.empty(
            "There is no reference yet, so nothing can be said to have moved.",
            "Tell what healthy looks like, once for each model version:",
            f"driftline reference build train.csv --output reference.json\n"
            f"driftline reference register reference.json --model {overview.model}",
        )
        return
    if not overview.grid:
        layout.empty(
            "No window has closed yet.", "The first verdicts come when one has; this page shows them then."
        )
        return
    worst_first = sorted(overview.grid, key=_badness)
    rows = list(dict.fromkeys(cell.device_type for cell in worst_first))
    columns = sorted({cell.region for cell in overview.grid})
    squares = [square(cell) for cell in overview.grid if cell.device_type in set(rows[:_ROWS])]
    says = heatmap.says(squares, "segment")
    with layout.wide("grid"):
        chosen = (view.device_type, view.region)
        key = f"{_GRID}:{chosen}"
        figure = heatmap.heatmap(
            squares,
            rows=rows[:_ROWS],
            columns=columns,
            row_title="Device type",
            column_title="Region",
            selected=chosen,
        )
        charts.effect_legend(overview.limit)
        clicked = charts.clicked(key, heatmap.CLICK, _pick)
        charts.chart(figure, says=says, key=key, on_select=clicked, most=heatmap.width(columns))
        if len(rows) > _ROWS:
            layout.note(f"{_ROWS} of {words.counted(len(rows), 'device type')}, the worst first.")
        _chosen(view, overview)
    with layout.narrow("grid"):
        _list(view, worst_first)


def _pick(row: str, column: str) -> None:
    state.write(device_type=row, region=column)


def square(cell: Cell) -> heatmap.Square:
    """A cell of the grid as a square of the picture."""
    return heatmap.Square(
        row=cell.device_type,
        column=cell.region,
        verdict=cell.verdict,
        effect=cell.effect,
        lower=cell.lower,
        limit=cell.limit,
        n=cell.n,
        n_eff=cell.n_eff,
        reason=cell.reason,
        feature=None if cell.worst_feature is None else words.feature(cell.worst_feature),
    )


def _badness(cell: Cell) -> tuple[bool, float, str, str]:
    return (cell.verdict != "drifted", -(cell.effect or 0), cell.device_type, cell.region)


def _window_note(overview: Overview) -> str:
    if overview.window is None:
        return ""
    start, end = words.parse_time(overview.window.start), words.parse_time(overview.window.end)
    return (
        f"The most moved feature of each segment in the latest closed window, "
        f"{words.stretch(start, end)} UTC."
    )


def _chosen(view: View, overview: Overview) -> None:
    """What is known of the square that the URL names, and where to go from it."""
    if not view.device_type or not view.region:
        return
    cells = [
        cell for cell in overview.grid if cell.device_type == view.device_type and cell.region == view.region
    ]
    name = f"{view.device_type} in {view.region}"
    if not cells:
        layout.notice(f"There is no segment {name} in the latest window.", "warning")
        return
    with layout.row("chosen"):
        layout.html(f'<p class="dl-line"><b>{escape(name)}</b>: {escape(describe(cells[0]))}</p>')
        routes.link("drift", "What moved\u00a0→", view.to(feature=cells[0].worst_feature))
        routes.link("devices", "Its devices\u00a0→", view.to())


def describe(cell: Cell) -> str:
    """A cell in words: what it says, how sure, and on how much."""
    shown = square(cell)
    text = shown.text() if shown.judged else (cell.verdict or "not evaluated")
    feature = f" in {words.feature(cell.worst_feature)}" if shown.judged and cell.worst_feature else ""
    devices = f", {words.counted(cell.devices, 'device')}" if cell.devices is not None else ""
    return f"{text}{feature}; {shown.evidence()}{devices}"


def _list(view: View, cells: Sequence[Cell]) -> None:
    """The ranked list that stands in for the grid on a narrow screen."""
    for cell in cells[:_LISTED]:
        routes.link(
            "drift",
            f"{cell.device_type} in {cell.region}: {square(cell).brief()}",
            view.to(device_type=cell.device_type, region=cell.region, feature=cell.worst_feature),
        )
    if len(cells) > _LISTED:
        routes.link("drift", f"{words.counted(len(cells) - _LISTED, 'more segment')}\u00a0→", view.to())
