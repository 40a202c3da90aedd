"""Devices, one device, one prediction and the system, in the API's shapes: for the pages that show them."""

from datetime import timedelta
from typing import Any

from tests.dashboard.fake_collector import FakeCollector
from tests.dashboard.fake_fleet import Fleet, iso

TRACE = "74d028005d1c182e31bf6184cf3f0889"
PREDICTION = "01a1fbd9-90be-7000-8000-000000004e02"


def device(fleet: Fleet, number: int) -> dict[str, Any]:
    """Device `number`: in each ten two that moved and one that is silent and lost something."""
    kind, region = fleet.cells()[number % len(fleet.cells())]
    state = {0: "moved", 1: "moved", 2: "silent"}.get(number % 10, "ok")
    return {
        "device": f"{fleet.named}-{number:04}",
        "model": "digits",
        "version": "2.1.0",
        "device_type": kind,
        "region": region,
        "tier": "device_edge",
        "state": state,
        "firmware": "4.2.0" if state == "moved" else "4.1.2",
        "last_seen": iso(fleet.now - timedelta(hours=2 if state == "silent" else 0)),
        "predictions": 5_000,
        "lost": 12 if state == "silent" else 0,
        "spool_age": 3.0,
        "p95": 0.045,
        "worst_feature": "sharpness",
        "worst_effect": 0.31 if state == "moved" else 0.001,
        "coverage": 0.994,
    }


def point(fleet: Fleet, place: int) -> dict[str, Any]:
    start = fleet.now - timedelta(hours=24) + timedelta(minutes=10 * place)
    gap = place in {70, 71}
    return {
        "time": iso(start),
        "end": iso(start + timedelta(minutes=10)),
        "predictions": 0 if gap else 30,
        "gap": gap,
        "effect": None if gap else 0.3 if place > 100 else 0.004,
        "feature": None if gap else "sharpness",
        "segment_median_effect": None if gap else 0.01,
        "p95": None if gap else 0.05,
        "segment_p95": None if gap else 0.045,
        "escalation_rate": None if gap else 0.1,
    }


def sample(fleet: Fleet) -> dict[str, Any]:
    own = device(fleet, 0)
    names = ("device", "device_type", "region", "version", "tier", "model")
    return {name: own[name] for name in names} | {
        "id": PREDICTION,
        "time": iso(fleet.now),
        "label": "0",
        "value": None,
        "score": 0.18,
        "probability": 1.0,
        "reasons": ["escalated"],
        "cloud_label": "9",
        "true_label": "9",
        "feature_value": None,
    }


def prediction(fleet: Fleet) -> dict[str, Any]:
    return {
        "sample": sample(fleet),
        "features": [
            {"name": "ink", "value": 0.5, "percentile": 50.0, "bin": "(0.4, 0.6]", "reference_share": 0.2},
            {"name": "slant", "value": 9.0, "percentile": 99.5, "bin": "(8, …]", "reference_share": 0.01},
            {"name": "light", "value": fleet.named, "percentile": None, "bin": None, "reference_share": None},
        ],
        "edge": _answer("0", 0.18, "device_edge"),
        "cloud": _answer("9", 0.99, "cloud"),
        "truth": {"label": "9", "value": None, "source": "human", "time": iso(fleet.now), "lag_s": 6157.3},
        "trace_id": TRACE,
        "spans": [_span(fleet, 0, "device_edge", "ok"), _span(fleet, 1, "cloud", "error")],
        "attributes": {"lens": fleet.named},
    }


def _answer(label: str, score: float, tier: str) -> dict[str, Any]:
    told = {"id": None, "model": "digits", "version": "2.1.0", "value": None, "duration": 0.04}
    return told | {"tier": tier, "label": label, "score": score, "reason": None}


def _span(fleet: Fleet, place: int, tier: str, status: str) -> dict[str, Any]:
    return {
        "span_id": f"{place:016x}",
        "parent_span_id": None if place == 0 else f"{place - 1:016x}",
        "name": f"{fleet.named} step",
        "tier": tier,
        "service": fleet.named,
        "device": None,
        "start": iso(fleet.now + timedelta(milliseconds=10 * place)),
        "duration": 0.08 - 0.02 * place,
        "status": status,
    }


def system(fleet: Fleet, *, refused: int = 0, missing: int = 0, free: int = 80 * 10**9) -> dict[str, Any]:
    reasons = [{"signal": "logs", "reason": "too_large", "count": refused}] if refused else []
    return {
        "as_of": iso(fleet.now),
        "version": "0.1.0",
        "started": iso(fleet.now - timedelta(days=1)),
        "ready": True,
        "database": {
            "path": "driftline.duckdb",
            "bytes": 56_373_248,
            "wal_bytes": 2_169_987,
            "disk_free": free,
        },
        "ingest": {
            "requests": [{"protocol": "http", "outcome": "taken", "count": 1_200}],
            "records": 1_000_000,
            "committed": {"profiles": 999_000, "predictions": 1_000},
            "repeated": 0,
            "refused": reasons,
            "folded": [],
            "queue_requests": 3,
            "queue_bytes": 40_000,
            "lag_s": 4.2,
        },
        "coverage": {"made": 9_990, "counted": 9_980, "announced_lost": 0}
        | {"in_doubt": 0, "missing": missing, "repeated": 7},
        "oldest": iso(fleet.now - timedelta(days=3)),
        "latest": iso(fleet.now),
        "retention": "kept for good: nothing is deleted",
        "keeping": None,
        "rules": [
            {
                "name": fleet.named,
                "measure": "accuracy",
                "above": None,
                "below": 0.9,
                "severity": "warning",
                "segment": None,
                "hold_s": 600.0,
                "resolve_after_s": 0.0,
                "notify": None,
                "firing": 2,
                "pending": 0,
            }
        ],
        "notifiers": [],
        "references": [],
        "silences": [],
        "alerts_firing": 2,
        "notifications_queued": 0,
        "counts": {},
        "versions": {"python": "3.11.7", "driftline": "0.1.0"},
    }


def keeping(**told: Any) -> dict[str, Any]:
    """80 GB are free, and there is a limit for samples only."""
    return {
        "state": "ample",
        "free": 80 * 10**9,
        "reserve": 10**9,
        "days_left": 120.0,
        "bytes": 5_610_000_000,
        "most_bytes": None,
        "days_until_most": None,
        "shed": ["spans", "logs"],
        "kinds": [
            kept("samples", kept_days=365.0, most_bytes=50 * 10**9, days_left=34.0),
            kept("spans", kept_days=30.0, dropped_rows=1_200, bytes_a_day=-4_000_000.0),
            kept("profiles", bytes_a_day=None, oldest=None, newest=None),
        ],
    } | told


def kept(kind: str, **told: Any) -> dict[str, Any]:
    return {
        "kind": kind,
        "rows": 1_000_000,
        "bytes": 200_000_000,
        "archived_rows": 2_000_000,
        "archived_bytes": 100_000_000,
        "files": 7,
        "oldest": "2026-08-01T00:00:00.000Z",
        "newest": "2026-11-21T09:40:00.000Z",
        "bytes_a_day": 40_000_000.0,
        "kept_days": None,
        "most_bytes": None,
        "days_left": None,
        "dropped_rows": 0,
        "evicted_rows": 0,
    } | told


def serve_devices(collector: FakeCollector) -> None:
    """Have a fake collector answer what these pages ask."""
    fleet = collector.fleet
    own = device(fleet, 0)
    change = {
        "time": iso(fleet.start()),
        "kind": "firmware",
        "before": "4.1.2",
        "after": "4.2.0",
        "devices": 1,
    }
    start = {
        "stream": "s1",
        "version": "2.1.0",
        "started": iso(fleet.now - timedelta(days=1)),
        "ended": None,
        "last_seen": iso(fleet.now),
        "made": None,
        "counted": 5_000,
        "lost": 3,
        "in_doubt": 12,
        "missing": 0,
        "repeated": 0,
    }
    devices = [device(fleet, number) for number in range(fleet.devices)]
    collector.replaced |= {
        "/devices": {"items": devices, "next": None, "as_of": iso(fleet.now)},
        "/devices/cam": {"device": own, "versions": [own], "streams": [start], "clock_offset": -0.4},
        "/devices/cam/series": {
            "device": own["device"],
            "points": [point(fleet, place) for place in range(144)],
            "changes": [change],
            "limit": 0.02,
            "as_of": iso(fleet.now),
        },
        "/samples": {"items": [sample(fleet)], "next": None, "as_of": iso(fleet.now)},
        f"/predictions/{PREDICTION}": prediction(fleet),
        "/system": system(fleet),
    }
