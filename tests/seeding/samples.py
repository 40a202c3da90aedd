"""Predictions that were sent whole, what the cloud and people said of them, and their traces."""

import uuid
from typing import Any

import numpy as np
import pyarrow as pa
from driftline_schemas.attributes import SPAN_INFERENCE

from tests.seeding.fleet import SECOND, Fleet, Member

LABELS = tuple("0123456789")
FEATURE_SET = 7
#: One in 50 is kept, and all that are escalated.
PROBABILITY = 0.02


def tables(fleet: Fleet) -> dict[str, pa.Table]:
    """Rows of predictions, labels, spans and feature sets."""
    random = fleet.random(10)
    candidates = [m for m in fleet.members if m.fate not in {"idle", "new"}]
    times = np.sort(random.integers(fleet.start_ns, fleet.now_ns - 3 * 3600 * SECOND, fleet.samples))
    times[-min(40, fleet.samples) :] += 2 * 3600 * SECOND  # some of the last hours
    who = random.integers(0, len(candidates), fleet.samples)
    features = random.uniform(0, 1, (fleet.samples, len(fleet.feature_names) - 1))
    predictions: list[dict[str, Any]] = []
    labels: list[dict[str, Any]] = []
    spans: list[dict[str, Any]] = []
    for i, (time_ns, place) in enumerate(zip(times.tolist(), who.tolist(), strict=True)):
        member = candidates[place]
        moved = member.device_type == fleet.moved_type
        truth = LABELS[int(random.integers(10))]
        right = random.uniform() < (0.7 if moved else 0.95)
        label = truth if right else LABELS[(int(truth) + 1) % 10]
        score = float(random.beta(8, 2) if right else random.beta(3, 3))
        edge = _prediction(fleet, member, i, time_ns, label=label, score=score, features=features[i])
        if score < 0.6:
            said = truth if random.uniform() < 0.97 else label
            edge |= {
                "escalation_reason": "score",
                "escalation_label": said,
                "escalation_score": 0.99,
                "probability": 1.0,
                "reasons": ["escalated"],
                "trace_id": _digits(fleet, 16, i),
                "span_id": _digits(fleet, 8, i, 0),
            }
            spans += _trace(fleet, member, edge, i)
        predictions.append(edge)
        if random.uniform() < fleet.labelled:
            told = time_ns + int(random.lognormal(9.0, 0.7) * SECOND)
            labels.append(
                {
                    "time_ns": told,
                    "prediction_id": edge["id"],
                    "label": truth,
                    "source": fleet.named("human", i),
                }
            )
    names = [*fleet.feature_names[:-1], fleet.feature_names[-1]]
    types = ["number"] * (len(names) - 1) + ["text"]
    return {
        "feature_sets": pa.table({"id": [FEATURE_SET], "names": [names], "types": [types]}),
        "predictions": pa.Table.from_pylist(predictions, schema=_PREDICTIONS),
        "labels": pa.Table.from_pylist(labels, schema=_LABELS),
        "spans": pa.Table.from_pylist(spans, schema=_SPANS),
    }


def prediction_id(time_ns: int, number: int) -> str:
    """A UUIDv7 that is the same each time."""
    bits = (time_ns // 10**6) << 80 | 7 << 76 | 2 << 62 | number
    return str(uuid.UUID(int=bits))


def _prediction(
    fleet: Fleet, member: Member, i: int, time_ns: int, *, label: str, score: float, features: Any
) -> dict[str, Any]:
    names = ("stream", "device", "version", "device_type", "region", "tier", "firmware")
    own = {name: member.name if name == "device" else getattr(member, name) for name in names}
    return {
        **own,
        "model": fleet.model_name,
        "time_ns": time_ns,
        "id": prediction_id(time_ns, i),
        "label": fleet.named(label, i) if fleet.hostile else label,
        "score": score,
        "duration": 0.02 + 0.01 * (i % 3),
        "probability": PROBABILITY,
        "reasons": ["random"],
        "feature_set": FEATURE_SET,
        "numbers": [float("nan"), *features[1:].tolist()] if i % 50 == 7 else features.tolist(),
        "texts": [("day", "dusk", "night")[i % 3]],
        "attributes": '{"lens":"wide"}',
    }


def _trace(fleet: Fleet, member: Member, edge: dict[str, Any], i: int) -> list[dict[str, Any]]:
    """edge → network edge → cloud, each within the one before."""
    start, spans = int(edge["time_ns"]), []
    steps = (
        ("device_edge", SPAN_INFERENCE, "camera", 0, 80, 0),
        ("network_edge", "forward", "gateway", 6, 66, 0),
        ("cloud", SPAN_INFERENCE, "digits-cloud", 14, 40, 2 if i % 25 == 0 else 1),
    )
    for depth, (tier, name, service, after, lasts, status) in enumerate(steps):
        spans.append(
            {
                "start_ns": start + after * 10**6,
                "end_ns": start + (after + lasts) * 10**6,
                "trace_id": edge["trace_id"],
                "span_id": _digits(fleet, 8, i, depth),
                "parent_span_id": _digits(fleet, 8, i, depth - 1) if depth else None,
                "name": fleet.named(name, i),
                "service": fleet.named(service, i),
                "device": member.name if depth == 0 else None,
                "tier": tier,
                "prediction_id": edge["id"] if depth == 0 else None,
                "kind": 1,
                "status_code": status,
                "attributes": "{}",
            }
        )
    return spans


def _digits(fleet: Fleet, size: int, *what: int) -> bytes:
    return fleet.random(11, *what).bytes(size)


def _schema(**types: pa.DataType) -> pa.Schema:
    return pa.schema(list(types.items()))


_TEXT, _WHOLE, _NUMBER, _BYTES = pa.string(), pa.int64(), pa.float64(), pa.binary()
_PREDICTIONS = _schema(
    time_ns=_WHOLE,
    stream=_TEXT,
    id=_TEXT,
    trace_id=_BYTES,
    span_id=_BYTES,
    model=_TEXT,
    version=_TEXT,
    device=_TEXT,
    device_type=_TEXT,
    region=_TEXT,
    tier=_TEXT,
    firmware=_TEXT,
    label=_TEXT,
    score=_NUMBER,
    duration=_NUMBER,
    escalation_reason=_TEXT,
    escalation_label=_TEXT,
    escalation_score=_NUMBER,
    probability=_NUMBER,
    reasons=pa.list_(_TEXT),
    feature_set=_WHOLE,
    numbers=pa.list_(_NUMBER),
    texts=pa.list_(_TEXT),
    attributes=_TEXT,
)
_LABELS = _schema(time_ns=_WHOLE, prediction_id=_TEXT, label=_TEXT, source=_TEXT)
_SPANS = _schema(
    start_ns=_WHOLE,
    end_ns=_WHOLE,
    trace_id=_BYTES,
    span_id=_BYTES,
    parent_span_id=_BYTES,
    name=_TEXT,
    service=_TEXT,
    device=_TEXT,
    tier=_TEXT,
    prediction_id=_TEXT,
    kind=pa.int32(),
    status_code=pa.int32(),
    attributes=_TEXT,
)
