"""How right the fake fleet's answers are, in the API's shapes."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from tests.dashboard.fake_fleet import Fleet, cell_of, iso


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
