"""A believable fleet, seeded: what the fake collector answers, in the shapes of the real API.

`Fleet()` has 27 segments of which camera-b has moved in three regions; `moved=()` is a quiet night.
"""

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from driftline_schemas.segments import Segment

FEATURES = (
    *("sharpness", "ink", "contrast", "width", "height", "slant", "loops", "border_ink"),
    *("centre_x", "centre_y"),
    *(f"stroke_{number:02}" for number in range(1, 31)),
)
TYPES = (
    "camera-a",
    "camera-b",
    "camera-c",
    "gateway-s",
    "gateway-m",
    "jetson-nano",
    "jetson-orin",
    "kiosk",
    "phone",
)
REGIONS = ("ap-south", "eu-west", "us-east", "us-west")
WINDOW_S = 600
LIMIT = 0.02


class NotFoundError(LookupError):
    """There is no such thing; says what to do."""


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """What there is. `moved` are device types that moved; the last cell has too few rows where `sparse`."""

    devices: int = 2000
    features: int = 10
    types: int = 9
    regions: int = 3
    moved: Sequence[str] = ("camera-b",)
    alerts: int = 1
    silent: int = 13
    sparse: bool = True
    reference: bool = True
    labels: bool = True
    models: Sequence[str] = ("digits", "letters")
    #: Dimensions of the user's own with their values.
    own: Mapping[str, Sequence[str]] = field(default_factory=dict)
    #: What the second device type calls itself.
    named: str = TYPES[1]
    hours_ago: float = 4.2
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    @property
    def now(self) -> datetime:
        return self.clock().replace(microsecond=0)

    def random(self, *identity: object) -> random.Random:
        return random.Random("/".join(map(str, (self.devices, *identity))))

    def cells(self) -> list[tuple[str, str]]:
        kinds = [self.named if kind == TYPES[1] else kind for kind in TYPES[: self.types]]
        return [(kind, region) for kind in kinds for region in REGIONS[: self.regions]]

    def start(self) -> datetime:
        """When it moved: the start of a closed window."""
        return floor(self.now - timedelta(hours=self.hours_ago))

    def closed(self) -> datetime:
        """The end of the last closed window."""
        return floor(self.now - timedelta(seconds=90))


def floor(moment: datetime) -> datetime:
    return datetime.fromtimestamp(moment.timestamp() // WINDOW_S * WINDOW_S, UTC)


def iso(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}.000Z"


def key(
    kind: str | None = None, region: str | None = None, model: str = "digits", version: str | None = None
) -> str:
    return str(Segment.of({"model": model, "version": version, "device_type": kind, "region": region}))


def has_moved(fleet: Fleet, kind: str | None, feature: str) -> bool:
    return kind in fleet.moved and feature in {"sharpness", "contrast", "stroke_07"}


def effect_of(fleet: Fleet, kind: str | None, region: str | None, feature: str) -> dict[str, Any]:
    """The row of an evaluation: effect, interval, verdict."""
    chance = fleet.random(kind, region, feature)
    cells = 1 if kind and region else fleet.regions if kind else len(fleet.cells())
    n = round(chance.uniform(0.9, 1.1) * fleet.devices * 6 * cells / max(1, len(fleet.cells())))
    few = fleet.sparse and (kind, region) == fleet.cells()[-1]
    row: dict[str, Any] = {"feature": feature, "segment": key(kind, region), "limit": LIMIT, "reason": None}
    if not fleet.reference:
        return row | nothing("no_reference", n, "no reference is registered for this version")
    if few:
        return row | nothing("insufficient_data", 74, "74 rows count for 31; a verdict needs 50", n_eff=31)
    by = (
        {"sharpness": 0.31, "contrast": 0.09, "stroke_07": 0.05}.get(feature, 0)
        if has_moved(fleet, kind, feature)
        else 0
    )
    effect = by * chance.uniform(0.8, 1.2) + abs(chance.gauss(0, 0.003))
    half = 1.4 * math.sqrt((effect + 0.002) / max(n, 50)) + 0.001
    lower, upper = max(0.0, effect - half), effect + half
    drifted = lower > LIMIT
    return row | {
        "verdict": "drifted" if drifted else "stable",
        "effect": effect,
        "lower": lower,
        "upper": upper,
        "p": 1e-9 if drifted else chance.uniform(0.2, 1),
        "q": 1e-8 if drifted else 1.0,
        "n": n,
        "n_eff": round(n * 0.81),
    }


def nothing(verdict: str, n: float, reason: str, n_eff: float | None = None) -> dict[str, Any]:
    return {
        **dict.fromkeys(("effect", "lower", "upper", "p", "q")),
        "verdict": verdict,
        "n": n,
        "n_eff": n if n_eff is None else n_eff,
        "reason": reason,
    }


def cell_of(fleet: Fleet, kind: str, region: str) -> dict[str, Any]:
    rows = [effect_of(fleet, kind, region, feature) for feature in FEATURES[: fleet.features]]
    worst = max(rows, key=lambda row: row["effect"] or 0)
    verdicts = {row["verdict"] for row in rows}
    return {
        "segment": key(kind, region),
        "device_type": kind,
        "region": region,
        "verdict": "drifted" if "drifted" in verdicts else worst["verdict"],
        "worst_feature": worst["feature"] if worst["effect"] is not None else None,
        "devices": max(1, fleet.devices // len(fleet.cells())),
        "coverage": 0.994,
        "since": iso(fleet.start()) if "drifted" in verdicts else None,
        **{name: worst[name] for name in ("effect", "lower", "limit", "n", "n_eff", "reason")},
    }


#: What alerts after the first are about: (measure, value, lower, upper, limit).
OTHERS = (
    ("accuracy", 0.871, 0.842, 0.896, 0.9),
    ("escalation_rate", 0.213, 0.201, 0.226, 0.15),
    ("latency_p95", 0.212, None, None, 0.15),
    ("silent_devices", 9, None, None, 5),
    ("agreement", 0.902, 0.871, 0.927, 0.93),
)


def alert_of(fleet: Fleet, number: int) -> dict[str, Any]:
    """Alert `number`: the first is the drift of a device type, the others are about other measures."""
    start = fleet.start() + timedelta(seconds=WINDOW_S * (number % 20))
    alert = {
        "id": f"a{number:05}",
        "rule": "drift",
        "severity": "critical" if number == 0 else "warning",
        "measure": "drift",
        "state": "firing",
        "verdict": "drifted",
        "summary": None,
        "since": iso(start),
        "started_at": iso(start + timedelta(seconds=WINDOW_S)),
        "resolved_at": None,
        "window": {"start": iso(fleet.closed() - timedelta(seconds=WINDOW_S)), "end": iso(fleet.closed())},
        "coverage": 0.994,
        "devices": fleet.devices // fleet.types,
        "link": None,
        "changed": iso(fleet.closed()),
        "changes": [
            {
                "kind": "firmware",
                "before": "4.1.2",
                "after": "4.2.0",
                "time": iso(start - timedelta(minutes=7)),
                "devices": max(1, fleet.devices // fleet.types - 4),
            }
        ],
    }
    if number and fleet.moved:
        measure, value, lower, upper, limit = OTHERS[number % len(OTHERS)]
        kind, region = fleet.cells()[number % len(fleet.cells())]
        numbers = {"value": value, "lower": lower, "upper": upper, "limit": limit, "n": 604, "n_eff": 604}
        other = {"rule": measure, "measure": measure, "verdict": None, "segment": key(kind, region)}
        return alert | numbers | other | {"features": [], "changes": []}
    kind = (fleet.moved or ("camera-a",))[0]
    rows = [effect_of(fleet, kind, None, name) for name in FEATURES[: fleet.features]]
    rows.sort(key=lambda row: -(row["effect"] or 0))
    return alert | {
        "segment": key(kind),
        "value": rows[0]["effect"],
        **{name: rows[0][name] for name in ("lower", "upper", "limit", "n", "n_eff")},
        "features": [
            {"name": row["feature"], **{name: row[name] for name in ("effect", "lower", "p")}}
            for row in rows
            if row["verdict"] == "drifted"
        ],
    }


def bins_of(fleet: Fleet, kind: str | None, feature: str) -> list[dict[str, Any]]:
    """Ten bins of equal share in the reference, and now's shares; a moved feature has slid down."""
    shift = -1.1 if has_moved(fleet, kind, feature) else fleet.random(kind, feature).gauss(0, 0.02)
    edges = [-1.2816, -0.8416, -0.5244, -0.2533, 0.0, 0.2533, 0.5244, 0.8416, 1.2816]
    bounds = [None, *edges, None]
    below = [0.0, *(0.5 * math.erfc(-(edge - shift) / math.sqrt(2)) for edge in edges), 1.0]
    scaled = [None if edge is None else round(0.5 + edge / 6, 4) for edge in bounds]
    names = [f"{low or '…'} to {high or '…'}" for low, high in pairwise(scaled)]
    return [
        {
            "name": name,
            "low": low,
            "high": high,
            "reference_share": 0.0995,
            "now_share": (after - before) * 0.995,
            "now_count": round((after - before) * 1300),
        }
        for name, (low, high), (before, after) in zip(names, pairwise(scaled), pairwise(below), strict=True)
    ] + [{"name": "missing", "low": None, "high": None, "reference_share": 0.005, "now_share": 0.005}]
