"""The records of `golden/otlp.json`: who speaks, events, a window's counts."""

from typing import Any

NOON = 1_767_268_800_000_000_000  # 2026-01-01T12:00:00Z
MINUTE = 60_000_000_000

RESOURCE = {
    "deployment.environment.name": "production",
    "device.id": "cam-017",
    "driftline.device.region": "eu-west",
    "driftline.device.type": "jetson-orin-nano",
    "driftline.firmware.version": "36.4.3",
    "driftline.model.name": "digits",
    "driftline.model.version": "2.1.0",
    "driftline.segment.line": "A3",
    "driftline.stream.id": "0f8fad5bd9cb469fa16570867728950e",
    "driftline.tier": "device_edge",
    "service.name": "sorter",
    "service.version": "1.4.2",
}
PREDICTION_ID = "019b7960-8a00-7a4b-8a1e-2f0d3c4b5a69"
TRACE_ID, SPAN_ID = "5b8efff798038103d269b633813fc60c", "eee19b7ec3c1b174"
STREAM_END = {
    "driftline.stream.last_sequence.logs": 7,
    "driftline.stream.last_sequence.traces": 1,
    "driftline.stream.last_window_end": NOON + 2 * MINUTE,
    "driftline.stream.predictions.made": 12,
    "driftline.stream.predictions.profiled": 12,
}
# Name, time, attributes, trace and span.
EVENTS: dict[str, tuple[str, int, dict[str, Any], bool]] = {
    "stream start": (
        "driftline.stream",
        NOON,
        {"driftline.sequence": 1, "driftline.stream.phase": "start"},
        False,
    ),
    "prediction of a classifier, with its span": (
        "driftline.prediction",
        NOON + 1_500_000_000,
        {
            "driftline.escalation.label": "1",
            "driftline.escalation.reason": "score",
            "driftline.escalation.score": 0.99,
            "driftline.features.blurred": False,
            "driftline.features.ink": 0.25,
            "driftline.features.paper": "r\u00e9cycl\u00e9",
            "driftline.features.strokes": 3,
            "driftline.prediction.duration": 0.0042,
            "driftline.prediction.id": PREDICTION_ID,
            "driftline.prediction.label": "7",
            "driftline.prediction.score": 0.53,
            "driftline.sample.probability": 1.0,
            "driftline.sample.reasons": ["random", "escalated"],
            "driftline.sequence": 2,
        },
        True,
    ),
    "prediction of a regression model, a number and no more": (
        "driftline.prediction",
        NOON + 2_000_000_001,
        {
            "driftline.prediction.id": "019b7960-8a01-7000-8000-000000000001",
            "driftline.prediction.value": -0.0,
            "driftline.sample.probability": 0.01,
            "driftline.sample.reasons": ["random"],
            "driftline.sequence": 3,
        },
        False,
    ),
    "ground truth that brings its prediction along": (
        "driftline.ground_truth",
        NOON + 90_000_000_000,
        {
            "driftline.ground_truth.label": "1",
            "driftline.ground_truth.probability": 0.1,
            "driftline.ground_truth.source": "human",
            "driftline.prediction.id": PREDICTION_ID,
            "driftline.sample.probability": 1.0,
            "driftline.sequence": 4,
        },
        False,
    ),
    "deployment": (
        "driftline.deployment",
        NOON + 100_000_000_000,
        {
            "driftline.deployment.from": "2.0.0",
            "driftline.deployment.kind": "model",
            "driftline.deployment.to": "2.1.0",
            "driftline.sequence": 5,
        },
        False,
    ),
    "stream goes on without what its spool had to drop": (
        "driftline.stream",
        NOON + 110_000_000_000,
        {
            "driftline.sequence": 6,
            "driftline.stream.phase": "gap",
            "driftline.stream.tombstones.logs": [3, 3],
        },
        False,
    ),
    "stream end": (
        "driftline.stream",
        NOON + 2 * MINUTE,
        {"driftline.sequence": 7, **STREAM_END, "driftline.stream.phase": "end"},
        False,
    ),
    "stream closed by its successor, with losses": (
        "driftline.stream",
        NOON + 3 * MINUTE,
        {
            "driftline.sequence": 2,
            "driftline.stream.closed.id": "00000000000000000000000000000abc",
            **STREAM_END,
            "driftline.stream.phase": "closed",
            "driftline.stream.predictions.profiled": 9,
            "driftline.stream.tombstones.logs": [1, 2, 4, 4],
            "driftline.stream.tombstones.traces": [1, 1],
        },
        False,
    ),
}
# A window of 12 predictions on a binning: the counts in its layout, and what they become.
BINNING = {
    "model": "digits",
    "features": [
        {"name": "ink", "kind": "numeric", "edges": [0.0, 0.25, 0.5]},
        {"name": "paper", "kind": "categorical", "categories": ["new", "recycled"]},
        {"name": "__label__", "kind": "categorical", "categories": ["1", "7"]},
        {"name": "__score__", "kind": "numeric", "edges": [0.5, 0.9]},
    ],
}
BINNING_ID = "b1-06e139b32834f538"
COUNTS = {
    "ink": [0, 7, 2, 1, 2],
    "paper": [11, 0, 1, 0],
    "__label__": [4, 7, 1, 0],
    "__score__": [1, 3, 8, 0],
}
WINDOW = (NOON, NOON + MINUTE)
IDLE = (NOON + MINUTE, NOON + 2 * MINUTE)
