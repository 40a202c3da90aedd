"""The answers of the fake collector, path by path, in the API's shapes."""

from datetime import datetime, timedelta
from typing import Any

from driftline_schemas.segments import Segment

from tests.dashboard.fake_evaluations import distribution, heatmap, series
from tests.dashboard.fake_fleet import FEATURES, LIMIT, WINDOW_S, Fleet, NotFoundError, alert_of, cell_of, iso
from tests.dashboard.fake_quality import performance


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
    if path == "/evaluations":
        return items(fleet, faults(fleet, asked))
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
        "own": [{"name": each, "values": list(values)} for each, values in fleet.own.items()],
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
        "changed": what_changed(fleet, found),
        "silence_command": f"driftline alerts silence --segment '{found['segment']}' --for 2h --reason ''",
    }


def faults(fleet: Fleet, asked: dict[str, str]) -> list[dict[str, Any]]:
    """Data quality of a segment: one feature is out of range on the type that moved."""
    common = {
        "model": fleet.models[0],
        "segment": asked["segment"],
        "measure": asked["measure"],
        "window_start": iso(fleet.closed() - timedelta(seconds=WINDOW_S)),
        "window_end": iso(fleet.closed()),
        "revision": 0,
        "finding": False,
        "n": 5_400,
    }
    if "camera-b" not in asked["segment"]:
        return [common | {"verdict": "stable", "value": 0.0}]
    reason = "12.0% out of the reference's range"
    number = {"verdict": "suspect", "value": 0.12, "lower": 0.11, "upper": 0.13}
    whole = common | number | {"reason": f"sharpness: {reason}"}
    return [whole, common | number | {"feature": "sharpness", "reason": reason}]


def what_changed(fleet: Fleet, found: dict[str, Any]) -> dict[str, Any] | None:
    if found["measure"] != "drift" or not found["features"]:
        return None
    since = datetime.fromisoformat(found["since"])
    kind = Segment.parse(found["segment"])["device_type"]
    return {
        "feature": found["features"][0]["name"],
        "onset": {
            "at": iso(since + timedelta(seconds=120)),
            "earliest": iso(since - timedelta(seconds=60)),
            "latest": iso(since + timedelta(seconds=300)),
            "known_from": iso(since - timedelta(seconds=12 * WINDOW_S)),
        },
        "attribution": {
            "cause": "device",
            "what": f"device_type={kind}",
            "reasons": [f"9 of 9 devices of device type {kind} shifted, and 0 of 18 others"],
        },
        "contributors": [
            {"device": f"cam-{100 + place:04}", "share": 0.2 - place / 100, "n": 400 + place}
            for place in range(10)
        ],
        "deployments": found["changes"],
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
