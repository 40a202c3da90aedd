"""What the fake collector has evaluated: heat maps, series and distributions, in the API's shapes."""

import math
from datetime import UTC, datetime, timedelta
from typing import Any

from driftline_schemas.segments import Segment

from tests.dashboard.fake_fleet import (
    FEATURES,
    LIMIT,
    WINDOW_S,
    Fleet,
    NotFoundError,
    alert_of,
    bins_of,
    effect_of,
    has_moved,
    iso,
)


def heatmap(fleet: Fleet, asked: dict[str, str]) -> dict[str, Any]:
    chosen = [
        (kind, region)
        for kind, region in fleet.cells()
        if asked.get("type") in {None, kind} and asked.get("region") in {None, region}
    ]
    if "segment" in asked:
        segment = Segment.parse(asked["segment"])
        inside = [cell for cell in chosen if segment["device_type"] in {None, cell[0]}]
        chosen = [cell for cell in inside if segment["region"] in {None, cell[1]}]
    names = [name for name in FEATURES[: fleet.features] if asked.get("feature") in {None, name}]
    rows = [effect_of(fleet, kind, region, name) for kind, region in chosen for name in names]
    rows.sort(key=lambda row: -(row["effect"] or 0))
    return {
        "window": {"start": iso(fleet.closed() - timedelta(seconds=WINDOW_S)), "end": iso(fleet.closed())},
        "features": list(dict.fromkeys(row["feature"] for row in rows)),
        "segments": list(dict.fromkeys(row["segment"] for row in rows)),
        "cells": rows,
        "limit": LIMIT,
        "as_of": iso(fleet.now),
    }


def series(fleet: Fleet, asked: dict[str, str]) -> dict[str, Any]:
    segment = Segment.parse(asked["segment"])
    kind = segment["device_type"]
    end = moment(fleet, asked.get("to")) or fleet.closed()
    start = moment(fleet, asked.get("from")) or end - timedelta(hours=24)
    first = int(start.timestamp() // WINDOW_S)
    last = int(min(end, fleet.closed()).timestamp() // WINDOW_S)
    step = max(1, math.ceil((last - first) / int(asked.get("points", "1000"))))
    changed = kind in fleet.moved and start <= fleet.start() <= end
    return {
        "segment": str(segment),
        "measure": asked["measure"],
        "feature": asked.get("feature"),
        "points": [
            bucket(fleet, asked, floor_of(place), WINDOW_S * step) for place in range(first, last, step)
        ],
        "changes": alert_of(fleet, 0)["changes"] if changed else [],
        "limit": LIMIT,
        "as_of": iso(fleet.now),
    }


def floor_of(place: int) -> datetime:
    return datetime.fromtimestamp(place * WINDOW_S, UTC)


def bucket(fleet: Fleet, asked: dict[str, str], time: datetime, length_s: int) -> dict[str, Any]:
    segment, feature = Segment.parse(asked["segment"]), asked.get("feature") or FEATURES[0]
    chance = fleet.random(segment, feature, time)
    mean = abs(chance.gauss(0, 0.003))
    if has_moved(fleet, segment["device_type"], feature) and time >= fleet.start():
        level = effect_of(fleet, segment["device_type"], segment["region"], feature)["effect"] or 0.0
        mean = level * chance.uniform(0.9, 1.1)
    half = 0.25 * math.sqrt(mean * 0.05) + 0.002
    return {
        "time": iso(time),
        "end": iso(time + timedelta(seconds=length_s)),
        "min": mean,
        "mean": mean,
        "max": mean,
        "lower": max(0.0, mean - half),
        "upper": mean + half,
        "n": round(1300 * chance.uniform(0.9, 1.1)),
        "verdict": "drifted" if mean - half > LIMIT else "stable",
        "limit": LIMIT,
    }


def moment(fleet: Fleet, text: str | None) -> datetime | None:
    if text is None:
        return None
    units = {"h": 3600, "d": 86400, "m": 60, "s": 1}
    if text[-1] in units and text[:-1].isdecimal():
        return fleet.now - timedelta(seconds=int(text[:-1]) * units[text[-1]])
    return datetime.fromisoformat(text)


def distribution(fleet: Fleet, asked: dict[str, str]) -> dict[str, Any]:
    segment, feature = Segment.parse(asked["segment"]), asked["feature"]
    if feature not in FEATURES[: fleet.features]:
        raise NotFoundError(f"there is no feature {feature!r} here; GET /api/v1/evaluations/heatmap has them")
    row = effect_of(fleet, segment["device_type"], segment["region"], feature)
    name = feature.replace("_", " ").capitalize()
    sentence = f"{name} is as it was."
    if has_moved(fleet, segment["device_type"], feature):
        sentence = f"{name} moved down: the share below 0.41 rose from 30 % to 72 %."
    return {
        "segment": str(segment),
        "feature": feature,
        "kind": "numeric",
        "window": {"start": iso(fleet.closed() - timedelta(seconds=WINDOW_S)), "end": iso(fleet.closed())},
        "m": 20_000,
        "limit": LIMIT,
        "reference_id": "r1" if fleet.reference else None,
        "sentence": sentence,
        "bins": bins_of(fleet, segment["device_type"], feature),
        **{part: row[part] for part in ("n", "effect", "lower", "upper", "verdict")},
    }
