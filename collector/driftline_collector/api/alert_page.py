"""All that the page of one alert shows."""

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from driftline_schemas.segments import Segment

from driftline_collector.answers.cases import AlertDetail, Apart, MovedDevice
from driftline_collector.answers.records import Alert, MovedFeature, Range
from driftline_collector.api.changed import what_changed
from driftline_collector.api.devices import change
from driftline_collector.api.filters import where_of
from driftline_collector.api.fleet_state import Fleet, Judgement
from driftline_collector.api.parts import Parts
from driftline_collector.api.samples import sample
from driftline_collector.api.values import moment, read_time, shown
from driftline_collector.api.verdicts import details, evaluation
from driftline_collector.store.base import Selection
from driftline_collector.store.shown import Samples, Where

_LEAST_WINDOWS = 12
_SHOWN = 5
_FEATURES = 10
#: What may set devices apart, beside which device it is.
_DIMENSIONS = ("firmware", "version", "device_type", "region", "tier")


def alert_page(parts: Parts, alert: Alert) -> AlertDetail:
    """An alert, its numbers, its devices, and what else changed."""
    now = parts.now()
    segment = Segment.parse(alert.segment)
    window = _ns(alert.window.start), _ns(alert.window.end)
    rows = _evaluations(parts, alert, *window)
    whole = next((row for row in rows if row["feature"] is None), None)
    start, end = _range(alert, window, now)
    where = replace(where_of(segment), start_ns=start, end_ns=end)
    everywhere = Where(model=segment["model"], start_ns=start, end_ns=end)
    fleet = Fleet.of(parts, everywhere, now)
    judgement = Judgement.of(parts, segment["model"], window[0])
    everybody = fleet.latest
    inside = [row for row in everybody if _is_in(row, segment)]
    if where.own:
        there = {_who(row) for row in Fleet.of(parts, where, now).rows}
        inside = [row for row in inside if _who(row) in there]
    moved = [row for row in inside if judgement.about(row).get("verdict") == "drifted"] or inside
    affected = {id(row) for row in moved}
    features = _features(rows)
    strongest = features[0].name if features else None
    samples = Samples(where=replace(where, start_ns=window[0], end_ns=window[1]), limit=_SHOWN)
    sets = parts.store.feature_sets().to_pylist()
    return AlertDetail(
        alert=alert,
        evaluation=None if whole is None else evaluation(shown(whole)),
        features=features,
        apart=_apart(moved, [row for row in everybody if id(row) not in affected], segment),
        devices=_devices(judgement, inside),
        samples=tuple(sample(row, sets, strongest) for row in parts.store.samples(samples).to_pylist()),
        changes=tuple(change(row) for row in parts.store.changes(where).to_pylist()),
        range=Range(start=moment(start), end=moment(end)),
        silence_command=f"driftline alerts silence {shlex.quote(alert.id)} --for 4h",
        unsilence_command=None
        if alert.silenced is None
        else f"driftline alerts unsilence {shlex.quote(alert.silenced.silence)}",
        changed=what_changed(whole),
    )


def _ns(time: str) -> int:
    return read_time(time, "time", 0) or 0


def _evaluations(parts: Parts, alert: Alert, start_ns: int, end_ns: int) -> list[dict[str, Any]]:
    """The rows about the alert's segment in its latest window."""
    wanted = Selection(
        model=Segment.parse(alert.segment)["model"],
        segment=alert.segment,
        measure=alert.measure,
        start_ns=start_ns,
        end_ns=end_ns,
        limit=10_000,
    )
    rows: list[dict[str, Any]] = parts.store.evaluations(wanted).to_pylist()
    return rows


def _range(alert: Alert, window: tuple[int, int], now_ns: int) -> tuple[int, int]:
    """From 12 windows before the start on, to where the alert ended or to now, 24 windows in all at least."""
    width = max(window[1] - window[0], 1)
    since = _ns(alert.since)
    start = max(0, since - _LEAST_WINDOWS * width)
    end = min(window[1] + _LEAST_WINDOWS * width, max(now_ns, window[1]))
    return start, max(end, start + width)


def _is_in(row: Mapping[str, Any], segment: Segment) -> bool:
    """Whether a device is, as far as it tells: of the user's own dimensions windows tell."""
    own = {"model", *(name for name, _ in segment.own)}
    return all(name in own or row.get(name) == value for name, value in segment.values)


def _who(row: Mapping[str, Any]) -> tuple[str, str, str]:
    return row["device"], row["version"], row["tier"]


def _features(rows: Sequence[Mapping[str, Any]]) -> tuple[MovedFeature, ...]:
    """What moved, first what surely moved most; where nothing is sure, what may have."""
    features = [row for row in rows if row["feature"] is not None and row["value"] is not None]
    moved = [row for row in features if row["verdict"] == "drifted"] or features
    moved.sort(key=lambda row: (-(row["lower"] or 0.0), -row["value"], row["feature"]))
    return tuple(
        MovedFeature(
            name=row["feature"],
            effect=row["value"],
            lower=row["lower"],
            p=row["p"],
            direction=details(row).get("direction"),
        )
        for row in moved[:_FEATURES]
    )


def _apart(
    inside: Sequence[Mapping[str, Any]], elsewhere: Sequence[Mapping[str, Any]], segment: Segment
) -> tuple[Apart, ...]:
    """Values that affected devices have more often than the model's others, most telling first."""
    found = []
    for dimension in _DIMENSIONS:
        if dict(segment.values).get(dimension) is not None:
            continue
        here = Counter(row[dimension] for row in inside if row[dimension])
        there = Counter(row[dimension] for row in elsewhere if row[dimension])
        for value, count in here.items():
            share = count / len(inside)
            other = there[value] / len(elsewhere) if elsewhere else None
            if other is None or share > other:
                found.append(
                    Apart(dimension=dimension, value=value, share_inside=share, share_elsewhere=other)
                )
    found.sort(key=lambda apart: (-(apart.share_inside - (apart.share_elsewhere or 0.0)), apart.dimension))
    return tuple(found[:_FEATURES])


def _devices(judgement: Judgement, inside: Sequence[Mapping[str, Any]]) -> tuple[MovedDevice, ...]:
    """Those that moved most."""
    judged = [(row["device"], judgement.about(row)) for row in inside]
    known = [(device, row) for device, row in judged if row.get("value") is not None]
    known.sort(key=lambda item: (-item[1]["value"], item[0]))
    return tuple(
        MovedDevice(device=device, feature=row["strongest"], effect=row["value"], n=row["n"])
        for device, row in known[:_SHOWN]
    )
