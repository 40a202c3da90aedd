"""One prediction: what it saw, what was answered, what was right, and its way through the tiers."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

from driftline_schemas.errors import SchemaError
from driftline_schemas.reference import Reference
from fastapi import APIRouter, Path

from driftline_collector.answers.cases import Answer, FeatureSeen, PredictionDetail, Sample, Span, Truth
from driftline_collector.api.parts import Parts
from driftline_collector.api.placing import place
from driftline_collector.api.problems import ProblemError
from driftline_collector.api.samples import features
from driftline_collector.api.values import moment
from driftline_collector.store.identifiers import made_ns

PredictionId = Annotated[
    str,
    Path(
        description="The prediction's id",
        examples=["01938a2b-7c1d-7e3f-8a4b-5c6d7e8f9a0b"],
        min_length=1,
        max_length=512,
    ),
]
_CLOUDS = ("regional_cloud", "cloud")
_STATUS = {1: "ok", 2: "error"}


def routes(parts: Parts) -> APIRouter:
    """`/predictions/{id}`."""
    router = APIRouter(tags=["cases"])

    @router.get(
        "/predictions/{prediction:path}",
        responses={
            404: {"description": "It is not here; the detail says whether it was sampled, or expired"}
        },
    )
    def prediction(prediction: PredictionId) -> PredictionDetail:
        """What a prediction saw against the reference, what edge, cloud and truth say, and its trace."""
        rows = parts.store.prediction(prediction).to_pylist()
        if not rows:
            raise ProblemError(404, _why_absent(parts, prediction))
        return _detail(parts, rows[0])

    return router


def _detail(parts: Parts, row: dict[str, Any]) -> PredictionDetail:
    answers = parts.store.answers_to(row["id"], row["trace_id"], row["time_ns"]).to_pylist()
    own = _answer(row, row["escalation_reason"])
    is_cloud = row["tier"] in _CLOUDS
    cloud = own if is_cloud else _cloud(row, answers[0] if answers else None)
    truths = parts.store.truth(row["id"]).to_pylist()
    truth = _truth(truths[0], row["time_ns"]) if truths else None
    trace_id = row["trace_id"]
    spans = parts.store.trace(trace_id, row["time_ns"]).to_pylist() if trace_id else []
    return PredictionDetail(
        sample=_sample(row, cloud, truth),
        features=tuple(_features(parts, row)),
        edge=None if is_cloud else own,
        cloud=cloud,
        truth=truth,
        trace_id=trace_id.hex() if trace_id else None,
        spans=tuple(_span(span) for span in spans),
        attributes=_object(row["attributes"]),
    )


def _sample(row: Mapping[str, Any], cloud: Answer | None, truth: Truth | None) -> Sample:
    names = ("id", "device", "device_type", "region", "version", "tier", "model", "label", "value", "score")
    return Sample(
        **{name: row[name] for name in names},
        time=moment(row["time_ns"]),
        probability=row["probability"],
        reasons=tuple(row["reasons"] or ()),
        cloud_label=cloud.label if cloud else None,
        true_label=truth.label if truth else None,
    )


def _answer(row: Mapping[str, Any], reason: str | None = None) -> Answer:
    names = ("id", "model", "version", "tier", "label", "value", "score", "duration")
    return Answer(**{name: row[name] for name in names}, reason=reason)


def _cloud(row: Mapping[str, Any], answered: Mapping[str, Any] | None) -> Answer | None:
    """What a cloud said of it: by its own record, else by the edge's word."""
    if answered is not None:
        return _answer(answered)
    if row["escalation_label"] is None and row["escalation_score"] is None:
        return None
    return Answer(
        id=None,
        model=None,
        version=None,
        tier=None,
        label=row["escalation_label"],
        value=None,
        score=row["escalation_score"],
        duration=None,
    )


def _truth(row: Mapping[str, Any], made_ns: int) -> Truth:
    return Truth(
        label=row["label"],
        value=row["value"],
        source=row["source"],
        time=moment(row["time_ns"]),
        lag_s=(row["time_ns"] - made_ns) / 1e9,
    )


def _features(parts: Parts, row: Mapping[str, Any]) -> list[FeatureSeen]:
    """The features in the model's order, each with its place in the reference of its version."""
    reference = _reference(parts, row["model"], row["version"])
    seen = features(row["names"], row["types"], row["numbers"], row["texts"])
    return [place(name, value, reference) for name, value in seen.items()]


def _reference(parts: Parts, model: str, version: str) -> Reference | None:
    for row in parts.store.references(model).to_pylist():
        if row["version"] == version:
            try:
                return Reference.from_json(json.loads(row["document"]), where=f"reference {row['id']}")
            except SchemaError:
                return None
    return None


def _span(row: Mapping[str, Any]) -> Span:
    start, parent = row["start_ns"], row["parent_span_id"]
    return Span(
        span_id=(row["span_id"] or b"").hex(),
        parent_span_id=parent.hex() if parent and any(parent) else None,
        name=row["name"] or "",
        tier=row["tier"],
        service=row["service"],
        device=row["device"],
        start=f"{moment(start)[:-1]}{start % 10**6 // 10**3:03}Z",
        duration=(row["end_ns"] - start) / 1e9,
        status=_STATUS.get(row["status_code"] or 0, "unset"),
    )


def _object(text: str | None) -> dict[str, Any] | None:
    found = json.loads(text) if text else None
    return found if isinstance(found, dict) else None


def _why_absent(parts: Parts, prediction: str) -> str:
    """By the time in its id (a UUIDv7): expired, not sampled, or never seen."""
    made = made_ns(prediction)
    known = parts.store.sampling(made or parts.now()).to_pylist()[0]
    if known["oldest_ns"] is None:
        return "no samples have been stored yet; see sample_rate of the SDK's Monitor"
    if made is None or made > parts.now() + parts.lateness_ns:
        return f"prediction {prediction!r} was never seen here: check the id"
    if made < known["oldest_ns"]:
        oldest = moment(known["oldest_ns"])
        return f"expired: it was made at {moment(made)}, and the oldest sample that is kept is of {oldest}"
    kept = f" (1 in {round(1 / known['typical'])} kept)" if known["typical"] else ""
    return (
        f"not sampled{kept}: it was made at {moment(made)}, when samples were taken, and was not chosen or"
        " has not arrived; raise sample_rate on its device to keep more"
    )
