"""Drift: what else moved?"""

from collections.abc import Sequence
from datetime import datetime

import streamlit as st
from driftline_collector.client import HeatCell, Heatmap, Series

from driftline_dashboard import (
    charts,
    collector,
    findings,
    layout,
    paging,
    places,
    routes,
    shell,
    state,
    words,
)
from driftline_dashboard.collector import Answer
from driftline_dashboard.figures import course, ranked
from driftline_dashboard.state import View

_FEATURES = 40
_SEGMENTS = 20
_LISTED = 10
# As many as make the list as high as the charts beside it.
_RANKED = 12
_CELLS = 1000
_FAULTS = 100


def draw() -> None:
    """Draw the page."""
    pickers = ("model", "version", "type", "region", "own", "range")
    view = shell.begin("drift", own=("segment", "page"), pickers=pickers)
    if view is None:
        return
    _headline(view)
    # Side by side and about as high: a column of many features beside two charts would leave a hole.
    for column, card in zip(
        st.columns(3, gap="large"), (_ranked, _feature_course, _distribution), strict=True
    ):
        with column:
            card(view)
    _heatmap(view)
    _faults(view)


def _asked(view: View) -> Answer[Heatmap]:
    """Cells of the filters, in the window that the range ends with."""
    return collector.heatmap(**view.filters(), at=view.end, limit=_CELLS)


def _worst(found: Heatmap) -> list[HeatCell]:
    """The cell in which each feature moved most, the worst feature first."""
    worst: dict[str, HeatCell] = {}
    for cell in found.cells:
        if cell.feature not in worst or (cell.effect or 0) > (worst[cell.feature].effect or 0):
            worst[cell.feature] = cell
    return sorted(worst.values(), key=lambda cell: (cell.verdict != "drifted", -(cell.effect or 0)))


def _feature(view: View, found: Heatmap) -> str | None:
    return view.feature or next((cell.feature for cell in _worst(found)), None)


def _segment(view: View, found: Heatmap, feature: str) -> str:
    """The segment in view: the one clicked on, else where the feature moved most."""
    moved = (cell.segment for cell in _worst(found) if cell.feature == feature)
    return view.segment or next(moved, view.to_segment())


@layout.card(height=72)
def _headline(view: View) -> None:
    answer = _asked(view)
    if answer.value is None:
        shell.title(f"Whether {view.model} has moved is not known")
    else:
        sentence, sign = _title(view, answer.value)
        shell.title(sentence, sign)
    shell.freshness(collector.overview(view.model))


def _title(view: View, found: Heatmap) -> tuple[str, str]:
    over = [cell for cell in _worst(found) if cell.verdict == "drifted"]
    where = words.where(view.to_segment())
    if not found.cells:
        return f"Nothing of {view.model} has been evaluated here yet", ""
    if not over:
        judged = sum(cell.verdict == "stable" for cell in found.cells)
        if not judged:
            reason = "too few data" if _sparse(found) else "no reference"
            return f"No verdict on {where} yet: {reason}", ""
        return f"No feature has moved: {words.counted(judged, 'cell')} of {where} stable", ""
    names = ", ".join(words.feature(cell.feature) for cell in over[:3])
    more = f" and {words.count(len(over) - 3)} more" if over[3:] else ""
    have = "feature has" if len(over) == 1 else "features have"
    segments = len({cell.segment for cell in found.cells if cell.verdict == "drifted"})
    return (
        f"{words.count(len(over))} {have} moved in {words.counted(segments, 'segment')}: {names}{more}",
        findings.OVER,
    )


def _sparse(found: Heatmap) -> bool:
    return any(cell.verdict == "insufficient_data" for cell in found.cells)


@layout.card(height=430)
def _ranked(view: View) -> None:
    layout.section("Features, the most moved first", "Each in the segment where it moved most.")
    found = layout.settled(_asked(view), "Features")
    if found is None:
        return
    if not found.cells:
        _nothing(view)
        return
    every, chosen = _worst(found), _feature(view, found)
    shown = every[:_RANKED]
    if chosen not in {cell.feature for cell in shown}:
        shown[-1:] = [cell for cell in every if cell.feature == chosen][:1] or shown[-1:]
    by_word = {words.feature(cell.feature): cell.feature for cell in shown}
    rows = [
        ranked.Row(
            name=words.feature(cell.feature),
            value=cell.effect,
            lower=cell.lower,
            upper=cell.upper,
            n=cell.n,
            over=cell.verdict == "drifted",
            note=f"{words.where(cell.segment)}",
        )
        for cell in shown
    ]
    says = ranked.says(rows, what="Most moved")
    key = f"drift-ranked:{chosen}"
    with layout.wide("ranked"):
        figure = ranked.ranked(
            rows,
            title="Effect (PSI)",
            limit=found.limit,
            selected=words.feature(chosen or ""),
            clickable=True,
        )

        def pick(name: str) -> None:
            state.write(feature=by_word.get(name))

        charts.chart(figure, says=says, key=key, on_select=charts.clicked(key, ranked.CLICK, pick))
        rest = len(every) - len(shown)
        more = f" {words.counted(rest, 'more feature')} below." if rest else ""
        layout.note(f"▲ over the limit (dashed), with its 95 % interval. Click one to see its course.{more}")
    with layout.narrow("ranked"):
        for row in rows[:_LISTED]:
            sign = f"{findings.OVER} " if row.over else ""
            label = f"{sign}{row.name}: {row.written()}, n {words.count(row.n)}; {row.note}"
            routes.link("drift", label, view.here(feature=by_word[row.name]))


def _nothing(view: View) -> None:
    if view.version or view.device_type or view.region or view.own:
        layout.empty("Nothing has been evaluated for these filters.", "Take one of them away.")
    else:
        layout.empty(
            "No window has closed yet, or there is no reference.",
            "Register what healthy looks like, once for each model version:",
            f"driftline reference register reference.json --model {view.model}",
        )


def _axis(view: View, found: Series) -> tuple[datetime, datetime]:
    """The range in view; where none was chosen it starts with the data, so that a young fleet is no dot."""
    start, end = view.bounds(words.parse_time(found.as_of) or shell.utc_now())
    first = words.parse_time(found.points[0].time)
    if view.start is None and first is not None:
        start = max(start, first - (end - first) / 20)
    return start, end


@layout.card(height=400)
def _feature_course(view: View) -> None:
    found = _asked(view).value
    feature = None if found is None else _feature(view, found)
    if found is None or feature is None:
        return
    segment = _segment(view, found, feature)
    layout.section(f"{words.feature(feature)} over time", words.where(segment))
    answer = collector.series(
        segment,
        "drift",
        past=view.pinned,
        feature=feature,
        **view.span(),
    )
    series = layout.settled(answer, "Course")
    if series is None:
        return
    if not series.points:
        layout.empty("No window in this time has a value for it.", "Take a longer range, or another segment.")
        return
    start, end = _axis(view, series)
    what = f"Effect (PSI) of {words.feature(feature)}"
    limit = series.limit if series.limit is not None else found.limit
    figure = course.course(
        series.points,
        title="Effect (PSI)",
        limit=limit,
        start=start,
        end=end,
        changes=series.changes,
    )
    says = course.says(series.points, what=what, limit=limit)
    charts.chart(figure, says=says, key="drift-course")
    layout.note(says)


@layout.card(height=400)
def _distribution(view: View) -> None:
    found = _asked(view).value
    feature = None if found is None else _feature(view, found)
    if found is not None and feature is not None:
        segment = _segment(view, found, feature)
        places.distribution_card(segment, feature, at=view.end, key="drift-distribution")


@layout.card(height=560)
def _heatmap(view: View) -> None:
    found = _asked(view).value
    if found is None or not found.cells:
        return
    layout.section("Features and segments", "In the window that the range ends with.")
    segments = found.segments[:_SEGMENTS]
    paged = paging.Paged.of([cell.feature for cell in _worst(found)], view.page, _FEATURES)
    places.heatmap_card(
        "drift",
        view,
        found,
        features=paged.items,
        segments=segments,
        chosen=(view.feature, view.segment),
        remark=_left_out(found, segments),
    )
    paging.pager("drift", paged, view, "features")
    _devices(view)


@layout.card(height=150)
def _faults(view: View) -> None:
    """Data quality of the segment in view, in the window that the range ends with."""
    segment = view.segment or view.to_segment()
    found = _asked(view).value
    if found is None or found.window is None:
        return
    layout.section("Data quality", f"What sound devices do not send: {words.where(segment)}, in this window.")
    asked = collector.evaluations(
        segment=segment, measure="quality", start=found.window.start, end=found.window.end, limit=_FAULTS
    )
    rows = layout.settled(asked, "Data quality")
    if rows is None:
        return
    whole = next((row for row in rows if row.feature is None), None)
    suspects = [row for row in rows if row.verdict == "suspect" and row.feature is not None]
    if suspects:
        layout.table(
            ("Feature", "Rows at fault", "95 %", "What"),
            [
                (
                    words.feature(row.feature or ""),
                    words.share(row.value),
                    words.interval(row.lower, row.upper, words.share),
                    row.reason or "",
                )
                for row in suspects
            ],
            numbers=(1, 2),
            says=f"Features of {words.where(segment)} with faults in their data",
        )
    elif whole is None:
        layout.empty("Nothing was judged here.", "It takes a reference, or samples.")
    elif whole.verdict == "stable":
        layout.note(f"No fault is seen in {words.count(whole.n)} rows.")
    else:
        layout.note(f"{whole.reason or 'No verdict'}.")


def _left_out(found: Heatmap, segments: Sequence[str]) -> str:
    left = len(found.segments) - len(segments)
    more = f" {words.counted(left, 'segment')} that moved less not shown: choose a type or a region."
    return more if left else ""


def _devices(view: View) -> None:
    if view.segment:
        where = words.where(view.segment)
        parameters = view.to(**places.filters(view.segment))
        routes.link("devices", f"The devices of {where}\u00a0→", parameters)
        routes.link("drift", "Away from this cell", view.to())
