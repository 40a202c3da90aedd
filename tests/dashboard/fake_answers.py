"""The answers of the fake collector, path by path, in the API's shapes."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from driftline_schemas.segments import Segment

from tests.dashboard.fake_fleet import (
    FEATURES,
    LIMIT,
    WINDOW_S,
    Fleet,
    alert_of,
    bins_of,
    cell_of,
    effect_of,
    has_moved,
    iso,
)


class NotFoundError(LookupError):
    """There is no such thing; says what to do."""


def answer(fleet: Fleet, path: str, asked: dict[str, str]) -> dict[str, Any]:
    parts = path.strip("/").split("/")
    if path == "/models":
        return items(fleet, [model(fleet, name) for name in fleet.models])
    if not fleet.models:
        raise NotFoundError("no device has reported yet")
    if path == "/overview":
        return overview(fleet, asked)
    if path == "/alerts":
        return items(fleet, [alert_of(fleet, number) for number in range(fleet.alerts)])
    if parts[0] == "alerts":
        return alert(fleet, parts[1])
    if path == "/evaluations/heatmap":
        return heatmap(fleet, asked)
    if path == "/series":
        return series(fleet, asked)
    if path == "/distributions":
        return distribution(fleet, asked)
    if path == "/performance":
        return performance(fleet, asked)
    raise NotFoundError(f"there is no {path}")


def items(fleet: Fleet, found: list[Any]) -> dict[str, Any]:
    return {"items": found, "next": None, "as_of": iso(fleet.now)}


def model(fleet: Fleet, name: str) -> dict[str, Any]:
    first = iso(fleet.now - timedelta(days=30))
    reference = {
        "id": "r1",
        "model": name,
        "version": "2.1.0",
        "binning": "b1",
        "rows": 20_000,
        "features": list(FEATURES[: fleet.features]),
        "registered": first,
    }
    return {
        "model": name,
        "versions": [
            {
                "version": version,
                "first": first,
                "last": iso(fleet.now),
                "reference": reference if fleet.reference else None,
                "predictions": 12_000_000,
            }
            for version in ("2.1.0", "2.0.0")
        ],
        "tiers": ["device_edge", "cloud"],
        "device_types": sorted({kind for kind, _ in fleet.cells()}),
        "regions": sorted({region for _, region in fleet.cells()}),
    }


def overview(fleet: Fleet, asked: dict[str, str]) -> dict[str, Any]:
    total = fleet.devices * 360
    return {
        "model": asked.get("model") or fleet.models[0],
        "as_of": iso(fleet.now),
        "data_up_to": iso(fleet.now - timedelta(seconds=18)),
        "devices_expected": fleet.devices,
        "devices_reported": fleet.devices - fleet.silent,
        "predictions": {"value": total, "previous": round(total / 1.04)},
        "silent_devices": fleet.silent,
        "lost": 214,
        "announced_lost": 180,
        "agreement": {"value": 0.947, "lower": 0.938, "upper": 0.955, "n": 2_604},
        "accuracy": {"value": 0.931, "lower": 0.909, "upper": 0.949, "n": 604} if fleet.labels else None,
        "alerts": [alert_of(fleet, number) for number in range(fleet.alerts)],
        "grid": [cell_of(fleet, kind, region) for kind, region in fleet.cells()],
        "window": {"start": iso(fleet.closed() - timedelta(seconds=WINDOW_S)), "end": iso(fleet.closed())},
        "limit": LIMIT,
        "has_reference": fleet.reference,
        "has_labels": fleet.labels,
    }


def alert(fleet: Fleet, alert_id: str) -> dict[str, Any]:
    number = int(alert_id[1:]) if alert_id[1:].isdecimal() else -1
    if not 0 <= number < fleet.alerts:
        raise NotFoundError(f"there is no alert {alert_id!r}; GET /api/v1/alerts lists those there are")
    found = alert_of(fleet, number)
    start = datetime.fromisoformat(found["since"])
    kind = Segment.parse(found["segment"])["device_type"]
    return {
        "alert": found,
        "evaluation": None,
        "features": found["features"],
        "apart": [
            {"dimension": "firmware", "value": "4.2.0", "share_inside": 0.98, "share_elsewhere": 0.04},
            {"dimension": "version", "value": "2.1.0", "share_inside": 1.0, "share_elsewhere": 0.71},
            {"dimension": "tier", "value": "device_edge", "share_inside": 1.0, "share_elsewhere": 0.94},
        ],
        "devices": [
            {
                "device": f"cam-{100 + place:04}",
                "feature": "sharpness",
                "effect": 0.52 - place * 0.03,
                "n": 412 - place,
            }
            for place in range(min(5, fleet.devices))
        ],
        "samples": [sample(fleet, place, kind) for place in range(5)],
        "changes": found["changes"],
        "range": {
            "start": iso(start - timedelta(seconds=18 * WINDOW_S)),
            "end": iso(start + timedelta(seconds=25 * WINDOW_S)),
        },
        "silence_command": f"driftline alerts silence --segment '{found['segment']}' --for 2h --reason ''",
    }


def sample(fleet: Fleet, place: int, kind: str | None) -> dict[str, Any]:
    return {
        "id": f"0199f0c2-5c1e-7a00-8000-00000000{place:04}",
        "time": iso(fleet.now - timedelta(minutes=3 * place + 1)),
        "device": f"cam-{100 + place:04}",
        "device_type": kind,
        "region": "eu-west",
        "version": "2.1.0",
        "tier": "device_edge",
        "label": str(place),
        "score": 0.41 + place / 20,
        "probability": 0.02,
        "reasons": ["random"],
        "cloud_label": str(place + (place % 2)),
        "true_label": None,
    }


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


def performance(fleet: Fleet, asked: dict[str, str]) -> dict[str, Any]:
    near = {"2.1.0": (0.931, 0.909, 0.949, 604), "2.0.0": (0.958, 0.944, 0.969, 1_311)}
    agreement = {"2.1.0": (0.947, 0.938, 0.955, 2_604), "2.0.0": (0.962, 0.955, 0.968, 3_120)}
    answer: dict[str, Any] = {
        "segment": asked["segment"],
        "range": {"start": iso(fleet.now - timedelta(days=1)), "end": iso(fleet.now)},
        "accuracy": [],
        "agreement": by_version(agreement),
        "escalation_rate": {"value": 0.083, "lower": 0.081, "upper": 0.085, "n": 720_000},
        "confusion": [],
        "calibration": [],
        "ece": None,
        "label_lag": None,
        "labels_per_day": None,
        "budget": [],
        "as_of": iso(fleet.now),
    }
    if not fleet.labels:
        return answer
    return answer | {
        "accuracy": by_version(near),
        "confusion": confusion(fleet),
        "calibration": [
            {
                "bin_low": place / 10,
                "bin_high": (place + 1) / 10,
                "mean_score": place / 10 + 0.05,
                "accuracy": estimate(place / 10 + 0.02, 0.3 / (place + 1), 18 * (place + 1) ** 2),
            }
            for place in range(2, 10)
        ],
        "ece": {"value": 0.031, "lower": 0.019, "upper": 0.044, "n": 1_915},
        "label_lag": {"median_s": 5_400, "p95_s": 93_600, "n": 1_915},
        "labels_per_day": 212,
        "budget": [
            {"segment": cell_of(fleet, kind, region)["segment"], "have": have, "need": 100}
            for (kind, region), have in zip(fleet.cells(), (12, 31, 44, 71, 96), strict=False)
        ],
    }


def confusion(fleet: Fleet) -> list[dict[str, Any]]:
    found = []
    for true in range(10):
        for label in range(10):
            wrong = fleet.random(true, label).choice((0, 0, 0, 1, 2, 5 if true == 7 else 1))
            if n := 118 if true == label else wrong:
                found.append({"true_label": str(true), "label": str(label), "n": n, "weight": n * 50.0})
    return found


def by_version(rows: Mapping[str, tuple[float, float, float, float]]) -> list[dict[str, Any]]:
    return [{"version": name, "estimate": as_estimate(*row), "reason": None} for name, row in rows.items()]


def as_estimate(value: float, lower: float, upper: float, n: float) -> dict[str, float]:
    return {"value": value, "lower": lower, "upper": upper, "n": n}


def estimate(value: float, half: float, n: float) -> dict[str, float]:
    return as_estimate(value, max(0.0, value - half), min(1.0, value + half), n)
