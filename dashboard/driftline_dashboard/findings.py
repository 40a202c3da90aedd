"""The sentences that say what was found: titles with the verdict, and what an alert is about.

"Moved", not "anomalous"; "changed nearby", never "caused by". Pure functions of the API's records.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from driftline_collector.client import Alert, Cell, Change, MovedFeature, Overview
from driftline_schemas.errors import SchemaError
from driftline_schemas.segments import Segment

from driftline_dashboard import words

#: Signs of severity: a shape and a word, and never a colour alone.
SIGNS = {"critical": "◆", "warning": "▲", "info": "●"}
OVER = "▲"
_NAMES = {
    "drift": "Effect (PSI)",
    "accuracy": "Accuracy",
    "agreement": "Edge–cloud agreement",
    "escalation_rate": "Escalation rate",
    "coverage": "Coverage",
    "silent_devices": "Silent devices",
    "latency_p95": "Latency (p95)",
    "quality": "Share of rows at fault",
}
SHARES = frozenset({"accuracy", "agreement", "escalation_rate", "coverage", "quality"})
# Shorter pauses are the rhythm of devices that report once a minute.
_SHORTEST_SILENCE = timedelta(minutes=5)


def measure_name(measure: str) -> str:
    """A measure as people say it."""
    return _NAMES.get(measure, measure.replace("_", " ").capitalize())


def measured(measure: str, value: float | None) -> str:
    """A value of a measure in its unit."""
    if value is None:
        return words.NO_NUMBER
    if measure in SHARES:
        return words.share(value)
    if measure == "latency_p95":
        return words.duration(value)
    return words.count(value) if measure == "silent_devices" else words.effect(value)


def now_title(overview: Overview, now: datetime) -> tuple[str, str]:
    """Title of the first page, and the sign before it: does anything need me?"""
    silence = silent_since(overview, now)
    if silence is not None:
        last = words.clock(silence, today=now)
        return f"No data from {overview.model} since {last}: what follows is as of then", "!"
    firing = [alert for alert in overview.alerts if alert.state == "firing"]
    moved = [alert for alert in firing if alert.measure == "drift"]
    others = [alert for alert in firing if alert.measure != "drift"]
    if moved:
        more = f"; {words.counted(len(others), 'more alert')}" if others else ""
        return f"{_moved(moved, overview, now)}{more}", OVER
    if others:
        return _others(others, now), OVER
    return _quiet(overview), ""


def silent_since(overview: Overview, now: datetime) -> datetime | None:
    """When the last data came, where that is longer ago than two windows; None where data are coming."""
    up_to = words.parse_time(overview.data_up_to)
    if up_to is None or overview.window is None:
        return None
    start, end = words.parse_time(overview.window.start), words.parse_time(overview.window.end)
    if start is None or end is None:
        return None
    return up_to if now - up_to > max(2 * (end - start), _SHORTEST_SILENCE) else None


def _moved(alerts: Sequence[Alert], overview: Overview, now: datetime) -> str:
    shown = [place(alert.segment, overview.grid) for alert in alerts[:2]]
    if len(alerts) > len(shown):
        shown.append(f"{words.count(len(alerts) - len(shown))} more")
    have = "has" if len(alerts) == 1 else "have"
    subject = f"{words.counted(len(alerts), 'segment')} of {overview.model} {have} moved"
    first = min(alerts, key=lambda alert: alert.since)
    return f"{subject}: {', '.join(shown)} since {since(first, now)}"


def _others(alerts: Sequence[Alert], now: datetime) -> str:
    first = alerts[0]
    more = f", and {words.counted(len(alerts) - 1, 'more alert')}" if len(alerts) > 1 else ""
    return f"{_measured_at(first, words.where(first.segment, model=True))} since {since(first, now)}{more}"


def _quiet(overview: Overview) -> str:
    count = Counter(cell.verdict or "not judged yet" for cell in overview.grid)
    stable, drifted = count.pop("stable", 0), count.pop("drifted", 0)
    if not overview.has_reference:
        return f"No verdict on {overview.model} yet: it has no reference"
    if not overview.grid:
        return f"No verdict on {overview.model} yet: no window has closed"
    rest = [f"{words.count(number)} {_WITHOUT.get(verdict, verdict)}" for verdict, number in count.items()]
    if drifted:
        rest.insert(0, f"{words.counted(stable, 'segment')} stable")
        over = "is" if drifted == 1 else "are"
        subject = f"{words.counted(drifted, 'segment')} of {overview.model} {over} over the limit"
        return f"{subject}, without an alert: {', '.join(rest)}"
    if stable and not rest:
        return f"All is well: {words.counted(stable, 'segment')} stable"
    if stable:
        return f"Nothing has moved: {words.counted(stable, 'segment')} stable, {', '.join(rest)}"
    return f"No verdict on {overview.model} yet: {', '.join(rest)}"


_WITHOUT = {
    "insufficient_data": "with too few data",
    "no_reference": "without a reference",
    "new_segment": "new",
    "vanished": "gone",
}


def place(segment: str, grid: Sequence[Cell] = ()) -> str:
    """Where an alert is: `camera-b (3 regions)` where it is on more than one that moved."""
    text = words.where(segment)
    try:
        parsed = Segment.parse(segment)
    except SchemaError:
        return text
    if parsed["device_type"] and not parsed["region"]:
        inside = {
            cell.region
            for cell in grid
            if cell.device_type == parsed["device_type"] and cell.verdict == "drifted"
        }
        if inside:
            return f"{text} ({words.counted(len(inside), 'region')})"
    return text


def headline(alert: Alert, features: Sequence[MovedFeature] = ()) -> str:
    """What an alert is about: `sharpness, contrast moved on camera-b`; its own features, else those given."""
    where = words.where(alert.segment)
    if alert.measure != "drift":
        return _measured_at(alert, where)
    names = [words.feature(feature.name) for feature in alert.features or features]
    if not names:
        return f"The inputs of {where} have moved"
    more = f" and {words.counted(len(names) - 2, 'more feature')}" if names[2:] else ""
    return f"{', '.join(names[:2])}{more} moved on {where}"


def _measured_at(alert: Alert, where: str) -> str:
    """`Accuracy of camera-b is 83.1 %`, or what it was once the alert is over."""
    one, many = ("was", "were") if alert.resolved_at else ("is", "are")
    if alert.measure == "silent_devices":
        who = words.counted(alert.value, "device")
        within = words.where(alert.segment)
        of = "" if within == words.EVERY else f" of {within}"
        return f"{who}{of} {one if alert.value == 1 else many} silent"
    return f"{measure_name(alert.measure)} of {where} {one} {measured(alert.measure, alert.value)}"


def since(alert: Alert, today: datetime | None = None) -> str:
    """`09:31`, to the second where the windows that are judged are that short."""
    short = words.to_the_second(words.parse_time(alert.window.start), words.parse_time(alert.window.end))
    return words.clock(words.parse_time(alert.since), today=today, seconds=short)


def silenced(alert: Alert, today: datetime | None) -> str:
    """`silenced until 14:05 UTC` where messages about it are held back, else nothing."""
    if alert.silenced is None:
        return ""
    return f"silenced until {words.clock(words.parse_time(alert.silenced.until), today=today)} UTC"


def value(alert: Alert) -> str:
    """`Effect (PSI) 0.31 (0.29–0.34), limit 0.02`: the value, its interval, what it is held against."""
    bounds = words.interval(alert.lower, alert.upper, lambda bound: measured(alert.measure, bound))
    text = f"{measure_name(alert.measure)} {measured(alert.measure, alert.value)}"
    text += f" ({bounds})" if bounds else ""
    if alert.limit is None:
        return text
    held = words.limit(alert.limit) if alert.measure == "drift" else measured(alert.measure, alert.limit)
    return f"{text}, limit {held}"


def window(alert: Alert, today: datetime | None = None) -> str:
    """`in 04:00–05:00 UTC`: the window that an alert's numbers are of."""
    start, end = words.parse_time(alert.window.start), words.parse_time(alert.window.end)
    return f"in {words.stretch(start, end, today=today)} UTC"


def evidence(alert: Alert) -> str:
    """What stands behind it: rows, devices, coverage."""
    if alert.measure == "silent_devices":
        parts = [f"of {words.count(alert.n)} expected"]
    else:
        parts = [f"n {words.count(alert.n)}"]
        if alert.n_eff is not None and alert.n_eff != alert.n:
            parts[0] += f" (counting for {words.count(alert.n_eff)})"
        if alert.devices is not None:
            parts.append(words.counted(alert.devices, "device"))
    if alert.coverage is not None:
        parts.append(f"coverage {words.share(alert.coverage)}")
    return ", ".join(parts)


def nearby(changes: Sequence[Change], since: datetime | None) -> str:
    """`Changed nearby: firmware 4.1.2 → 4.2.0 on 218 devices, 7 min before`: not said to be the cause."""
    if not changes:
        return "Nothing is known to have changed nearby"
    first = changes[0]
    text = f"Changed nearby: {first.kind} {first.before or '?'} → {first.after or '?'}"
    text += f" on {words.counted(first.devices, 'device')}"
    moment = words.parse_time(first.time)
    if moment is not None and since is not None:
        apart = (since - moment).total_seconds()
        text += f", {words.duration(abs(apart))} {'before' if apart >= 0 else 'after'} the start"
    return text + (f", and {words.counted(len(changes) - 1, 'more change')}" if changes[1:] else "")
