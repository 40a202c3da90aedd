"""One device: what happened to it?"""

from datetime import datetime

import streamlit as st
from driftline_collector.client import DeviceDetail, Stream
from driftline_schemas.segments import Segment

from driftline_dashboard import cases, charts, collector, layout, routes, shell, words
from driftline_dashboard.collector import Answer
from driftline_dashboard.figures import lanes
from driftline_dashboard.layout import Tile
from driftline_dashboard.state import View

_SAMPLES = 10
_STREAMS = 20


def draw() -> None:
    """Draw the page."""
    view = shell.begin("device", own=("id",), pickers=("range",))
    if view is None:
        return
    if view.id is None:
        shell.title("Which device?")
        _choice(view)
        return
    answer = _asked(view)
    if answer.value is None and answer.problem is not None and answer.problem.kind == "not_found":
        shell.title("There is nothing to show of this device")
        layout.notice(words.told(answer.problem.detail), "warning")
        _choice(view)
        return
    _headline(view)
    _tiles(view)
    _lanes(view)
    left, right = st.columns(2, gap="large")
    with left:
        _samples(view)
        _versions(view)
    with right:
        _streams(view)


def _asked(view: View) -> Answer[DeviceDetail]:
    return collector.device(view.id or "", model=view.model, **view.span())


@layout.card(height=60, live=False)
def _choice(view: View) -> None:
    layout.empty("Choose a device from the list.", "It can be filtered by type, region and state.")
    routes.link("devices", "All devices\u00a0→", view.to())


@layout.card(height=150)
def _headline(view: View) -> None:
    answer = _asked(view)
    found = answer.value
    overview = collector.overview(view.model)
    if found is None:
        shell.title(f"How {view.id} is doing is not known")
        layout.settled(answer, "Device")
    else:
        now = words.parse_time(overview.value.as_of) if overview.value else None
        sentence, sign = title(found, now)
        shell.title(sentence, lead=sign)
    shell.freshness(overview)
    if found is None:
        return
    device = found.device
    about = (
        f"{device.model} {device.version} · {device.device_type} in {device.region} · "
        f"{device.tier.replace('_', ' ')} · firmware {device.firmware or 'not told'}"
    )
    layout.note(about)
    with layout.row("device-links"):
        dimensions = {"device_type": device.device_type, "region": device.region}
        where = f"{device.device_type} in {device.region}"
        routes.link("devices", f"Devices of {where}\u00a0→", view.to(feature=None, **dimensions))
        routes.link("drift", f"Drift of {where}\u00a0→", view.to(feature=device.worst_feature, **dimensions))


def title(found: DeviceDetail, now: datetime | None) -> tuple[str, str]:
    """The verdict on a device, and the sign before it."""
    device = found.device
    seen = words.parse_time(device.last_seen)
    last = words.clock(seen, today=now)
    moved = ""
    if device.worst_effect is not None and device.worst_feature is not None:
        moved = f"{words.feature(device.worst_feature)} {words.effect(device.worst_effect)} (PSI)"
    if device.state == "moved":
        return f"{device.device} has moved{f', most in {moved}' if moved else ''}", "▲"
    if device.state == "silent":
        return f"{device.device} is silent since {last}", "!"
    if device.state == "retired":
        since = words.clock(words.parse_time(device.retired), today=now)
        return f"{device.device} is retired since {since}, and last reported at {last}", ""
    said = {
        "idle": f"{device.device} reports and predicts nothing",
        "new": f"{device.device} is new and not judged yet",
        "ended": f"{device.device} said goodbye at {last}",
    }.get(device.state)
    return said or f"{device.device} is well: it reports, and has not moved", ""


@layout.card(height=120)
def _tiles(view: View) -> None:
    found = _asked(view).value
    if found is None:
        return
    device = found.device
    overview = collector.overview(view.model).value
    now = words.parse_time(overview.as_of) if overview else None
    seen = words.parse_time(device.last_seen)
    total = device.predictions + device.lost
    shown = [
        Tile(
            name="Last seen",
            value=words.clock(seen, today=now),
            detail=words.since(seen, now) if now else "UTC",
            sign="!" if device.state == "silent" else "",
        ),
        Tile(name="Predictions", value=words.count(device.predictions), detail="in this time"),
        Tile(
            name="Lost",
            value=words.count(device.lost),
            detail=f"{words.share(device.lost / total)} of {words.count(total)}" if total else "of none",
            sign="!" if device.lost else "",
        ),
    ]
    if device.p95 is not None:
        shown.append(
            Tile(name="Latency (p95)", value=words.duration(device.p95), detail="last closed window")
        )
    if device.coverage is not None:
        shown.append(
            Tile(name="Coverage", value=words.share(device.coverage), detail="received of what it made")
        )
    if device.spool_age is not None:
        shown.append(
            Tile(name="Oldest unsent", value=words.duration(device.spool_age), detail="waits on the device")
        )
    if found.clock_offset is not None:
        shown.append(
            Tile(
                name="Clock",
                value=words.duration(found.clock_offset),
                detail="against the collector's, time on the way included",
            )
        )
    layout.tiles(shown)


@layout.card(height=490)
def _lanes(view: View) -> None:
    found = _asked(view).value
    if found is None:
        return
    answer = collector.device_series(
        view.id or "", past=view.pinned, model=view.model, points=lanes.MOST, **view.span()
    )
    layout.section(
        "What happened", "Solid: this device. Dashed: the median of its type in its region. Grey: a gap."
    )
    series = layout.settled(answer, "What happened")
    if series is None:
        return
    if not series.points:
        layout.empty("It reported nothing in this time.", "Take a longer range.")
        return
    start, end = view.bounds(words.parse_time(series.as_of) or shell.utc_now())
    points = lanes.closed(series.points, words.parse_time(series.as_of))
    figure = lanes.lanes(points, changes=series.changes, limit=series.limit, start=start, end=end)
    says = lanes.says(points, series.changes, series.limit)
    charts.chart(figure, says=says, key="device-lanes")
    layout.note(says)


@layout.card(height=290)
def _samples(view: View) -> None:
    found = _asked(view).value
    if found is None:
        return
    segment = str(Segment.of({"model": found.device.model, "device": found.device.device}))
    samples = layout.settled(collector.samples(segment=segment, **view.span(), limit=_SAMPLES), "Samples")
    if samples is not None:
        today = words.parse_time(samples.as_of)
        cases.samples(samples.items, view, which="the latest of this device", today=today)


@layout.card(height=100)
def _versions(view: View) -> None:
    found = _asked(view).value
    if found is None or len(found.versions) < 2:
        return
    layout.section("Under each version")
    layout.table(
        ("Version", "Last seen (UTC)", "Predictions", "Lost", "p95", "Worst feature"),
        [
            (
                each.version,
                words.clock(words.parse_time(each.last_seen)),
                words.count(each.predictions),
                words.count(each.lost),
                words.NO_NUMBER if each.p95 is None else words.duration(each.p95),
                words.NO_NUMBER
                if each.worst_feature is None
                else f"{words.feature(each.worst_feature)} {words.effect(each.worst_effect)}",
            )
            for each in found.versions
        ],
        numbers=(2, 3, 4),
        says="The device under each of its versions",
    )


@layout.card(height=160)
def _streams(view: View) -> None:
    found = _asked(view).value
    if found is None:
        return
    layout.section("Starts of its process", "What it made by its own word, and what is known to be gone.")
    if not found.streams:
        layout.empty("No start is known.", "A device tells of it in the first minute after it starts.")
        return
    now = words.parse_time(found.device.last_seen)
    shown = found.streams[:_STREAMS]
    layout.table(
        ("Started", "Ended", "Version", "Made", "Counted", "Lost", "Missing"),
        [
            (
                _when(each.started, now),
                _when(each.ended, now) if each.ended else "runs",
                each.version,
                words.count(each.made),
                words.count(each.counted),
                _lost(each),
                words.count(each.missing),
            )
            for each in shown
        ],
        numbers=(3, 4, 5, 6),
        says="Starts of the device's process",
    )
    if len(found.streams) > len(shown):
        layout.note(f"{words.counted(len(found.streams) - len(shown), 'earlier start')} not shown.")


def _when(text: str | None, now: datetime | None) -> str:
    moment = words.parse_time(text)
    return words.NO_NUMBER if moment is None else words.clock(moment, today=now)


def _lost(stream: Stream) -> str:
    """What a power cut may have taken on top stands beside what is known."""
    most = words.count(stream.lost + stream.in_doubt)
    return f"{words.count(stream.lost)} to {most}" if stream.in_doubt else most
