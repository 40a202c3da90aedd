"""One alert: what moved, where, since when, and what else changed?"""

from datetime import datetime, timedelta
from html import escape

import streamlit as st
from driftline_collector.client import Alert, AlertDetail

from driftline_dashboard import (
    cases,
    changed,
    charts,
    collector,
    findings,
    layout,
    places,
    routes,
    shell,
    words,
)
from driftline_dashboard.collector import Answer
from driftline_dashboard.figures import course
from driftline_dashboard.state import View

_FEATURES = 10
_SEGMENTS = 8
_LATEST = 15
_SILENT = 5


def draw() -> None:
    """Draw the page."""
    view = shell.begin("alert", own=("id", "segment"), pickers=())
    if view is None:
        return
    if view.id is None:
        shell.title("Which alert?")
        _choice(view)
        return
    answer = collector.alert(view.id)
    if answer.value is None and answer.problem is not None and answer.problem.kind == "not_found":
        shell.title("There is no such alert")
        layout.notice(f"The collector knows no alert “{view.id}”. These are the latest.", "warning")
        _choice(view)
        return
    # What is never drawn for a measure must not stand in a column either: it would leave a gap.
    measure = answer.value.alert.measure if answer.value else "drift"
    _headline(view)
    left, right = st.columns([3, 2], gap="large")
    with left:
        _course(view)
        if measure == "drift":
            _heatmap(view)
            if answer.value and answer.value.changed:
                _changed(view)
    with right:
        if measure == "drift":
            _distribution(view)
        if measure == "silent_devices":
            _silent(view)
        else:
            _apart(view)
            _devices(view)
            _samples(view)
    _silence(view)


@layout.card(height=120)
def _choice(view: View) -> None:
    alerts = layout.settled(collector.alerts(model=view.model, limit=_LATEST), "Alerts")
    if alerts is None:
        return
    if not alerts.items:
        layout.empty(
            "There are no alerts.", "Nothing needs you; the first page shows the next one when it comes."
        )
    today = words.parse_time(alerts.as_of)
    for alert in alerts:
        resolved = words.parse_time(alert.resolved_at)
        if resolved is None:
            lasts = f"{alert.state} since {findings.since(alert, today)} UTC"
        else:
            since = words.parse_time(alert.since)
            lasts = f"{words.stretch(since, resolved, today=today)} UTC, {alert.state}"
        routes.link("alert", f"{findings.headline(alert)}: {lasts}", view.to(id=alert.id))


def _asked(view: View) -> Answer[AlertDetail]:
    return collector.alert(view.id or "")


def _feature(view: View, detail: AlertDetail) -> str | None:
    """The feature in view: the URL's, else the most moved."""
    names = [feature.name for feature in (*detail.features, *detail.alert.features)]
    return view.feature or (names[0] if names else None)


def _segment(view: View, detail: AlertDetail) -> str:
    """The segment in view: the one clicked on in the heat map, else the alert's."""
    return view.segment or detail.alert.segment


@layout.card(height=140)
def _headline(view: View) -> None:
    detail = layout.settled(_asked(view), "Alert")
    if detail is None:
        shell.title("What this alert says is not known")
        return
    overview = collector.overview(view.model)
    alert = detail.alert
    since = words.parse_time(alert.since)
    today = overview.value and words.parse_time(overview.value.as_of)
    shell.title(*_title(detail, today or None))
    shell.freshness(overview)
    sign = findings.SIGNS.get(alert.severity, "●")
    kind = [alert.severity, alert.state, f"rule {alert.rule}"]
    if silenced := findings.silenced(alert, today or None):
        kind.append(silenced)
    layout.html(
        f'<div class="dl-alert dl-{escape(alert.severity)}">'
        f'<p class="dl-kind">{sign} {escape(" · ".join(kind))}</p>'
        f"<p><b>{escape(findings.value(alert))}</b> {escape(findings.window(alert, today or None))} · "
        f"{escape(findings.evidence(alert))}</p>"
        f'<p class="dl-dim">{escape(findings.nearby(detail.changes, since))}</p></div>'
    )


def _title(detail: AlertDetail, today: datetime | None) -> tuple[str, str]:
    alert = detail.alert
    about = findings.headline(alert, detail.features)
    since, resolved = words.parse_time(alert.since), words.parse_time(alert.resolved_at)
    if resolved is not None:
        lasted = words.stretch(since, resolved, today=today)
        return f"{about}{',' if alert.measure != 'drift' else ''} {lasted}, and no more", "✓"
    return f"{about} since {findings.since(alert, today)}", findings.OVER


def _range(view: View, detail: AlertDetail) -> tuple[datetime, datetime]:
    """The URL's range where it is pinned, else the alert's own: at least 12 windows around the start."""
    start = words.parse_time(view.start) or words.parse_time(detail.range.start)
    end = words.parse_time(view.end) or words.parse_time(detail.range.end)
    if end is None:
        end = shell.utc_now()
    return start or end - timedelta(hours=24), end


@layout.card(height=385)
def _course(view: View) -> None:
    detail = _asked(view).value
    if detail is None:
        return
    alert, drift = detail.alert, detail.alert.measure == "drift"
    feature = _feature(view, detail) if drift else None
    segment = _segment(view, detail)
    start, end = _range(view, detail)
    past = end < shell.utc_now() - timedelta(hours=1)
    answer = collector.series(
        segment,
        alert.measure,
        past=past,
        feature=feature,
        start=words.rfc3339(start),
        end=words.rfc3339(end),
    )
    what = (
        f"{findings.measure_name(alert.measure)} of {words.feature(feature)}"
        if feature
        else findings.measure_name(alert.measure)
    )
    band = "" if alert.measure == "silent_devices" else "; the band is the 95 % interval of each window"
    layout.section(f"Course: {what}", f"Of {words.where(segment)}{band}.")
    series = layout.settled(answer, "Course")
    if series is None:
        return
    if not series.points:
        layout.empty("No window in this time has a value.", "Take a longer range, or another segment.")
        return
    unit = course.unit_of(alert.measure)
    limit = alert.limit if alert.limit is not None else series.limit
    figure = course.course(
        series.points,
        title=findings.measure_name(alert.measure),
        limit=limit,
        start=start,
        end=end,
        changes=series.changes,
        since=words.parse_time(alert.since),
        unit=unit,
    )
    says = course.says(series.points, what=what, limit=limit, unit=unit)
    charts.chart(figure, says=says, key="alert-course")
    layout.note(says)


@layout.card(height=540)
def _heatmap(view: View) -> None:
    detail = _asked(view).value
    if detail is None or detail.alert.measure != "drift":
        return
    answer = collector.heatmap(model=view.model, at=_at(detail.alert), limit=1000)
    layout.section(
        "Features and segments",
        f"The {_FEATURES} most moved features in the {_SEGMENTS} nearest segments, "
        f"{findings.window(detail.alert)}.",
    )
    found = layout.settled(answer, "Features and segments")
    if found is None:
        return
    places.heatmap_card(
        "alert",
        view,
        found,
        features=found.features[:_FEATURES],
        segments=places.related(found.segments, detail.alert.segment)[:_SEGMENTS],
        chosen=(_feature(view, detail), _segment(view, detail)),
    )


def _at(alert: Alert) -> str:
    """A time inside the alert's latest window."""
    return alert.window.start


@layout.card(height=415)
def _distribution(view: View) -> None:
    detail = _asked(view).value
    if detail is None or detail.alert.measure != "drift":
        return
    feature, segment = _feature(view, detail), _segment(view, detail)
    if feature is not None:
        places.distribution_card(segment, feature, at=_at(detail.alert), key="alert-distribution")


@layout.card(height=330)
def _changed(view: View) -> None:
    detail = _asked(view).value
    if detail is not None and detail.changed is not None:
        changed.card(detail.changed, detail.features, words.parse_time(detail.alert.window.start))


@layout.card(height=150)
def _apart(view: View) -> None:
    detail = _asked(view).value
    if detail is not None:
        cases.apart(detail.apart)


@layout.card(height=195)
def _devices(view: View) -> None:
    detail = _asked(view).value
    if detail is not None:
        start, end = _range(view, detail)
        cases.devices(detail.devices, view, {"start": words.rfc3339(start), "end": words.rfc3339(end)})
        dimensions = places.filters(detail.alert.segment)
        routes.link("devices", "All devices of this segment\u00a0→", view.to(**dimensions))


@layout.card(height=175)
def _samples(view: View) -> None:
    detail = _asked(view).value
    if detail is not None:
        which = f"the latest of this segment {findings.window(detail.alert)}"
        cases.samples(detail.samples, view, which=which, today=words.parse_time(detail.alert.window.start))


@layout.card(height=160)
def _silent(view: View) -> None:
    detail = _asked(view).value
    if detail is None:
        return
    segment = detail.alert.segment
    asked = collector.devices(segment=segment, state="silent", sort="last_seen", limit=_SILENT)
    found = layout.settled(asked, "Silent devices")
    if found is None:
        return
    cases.silent(found.items, view, words.parse_time(found.as_of))
    routes.link("devices", "All silent devices\u00a0→", view.to(state="silent", **places.filters(segment)))


@layout.card(height=110, live=False)
def _silence(view: View) -> None:
    detail = _asked(view).value
    if detail is not None:
        held = detail.alert.silenced
        if held is None or detail.unsilence_command is None:
            layout.section(
                "Silence it", "Evaluation goes on; only messages stop. Copy the command and say why."
            )
            st.code(detail.silence_command, language=None, wrap_lines=True)
            return
        until = words.clock(words.parse_time(held.until), today=shell.utc_now())
        layout.section(f"Silenced until {until} UTC", f"By {held.author}: {held.reason}. This ends it:")
        st.code(detail.unsilence_command, language=None, wrap_lines=True)
        layout.note(f"Its segment, as rules and the API name it: {detail.alert.segment}")
