"""References: which one counts for a model version, and whether a new one fits."""

import json
from typing import Annotated, Any

import pyarrow as pa
from driftline_schemas.binning import RESERVED
from driftline_schemas.errors import SchemaError
from driftline_schemas.reference import Reference
from fastapi import APIRouter, Body, Query

from driftline_collector.answers.records import Page, ReferenceSummary
from driftline_collector.api import models
from driftline_collector.api.filters import From, Model, Until
from driftline_collector.api.pages import page
from driftline_collector.api.parts import Parts
from driftline_collector.api.problems import ProblemError
from driftline_collector.api.values import moment, read_time

#: How far back the model's own profiles are looked at.
_RECENT_NS = 24 * 3600 * 10**9
#: How a profile's kind is called in a binning.
_KINDS = {"numeric": "numeric", "category": "categorical"}
ROWS = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("registered_ns", pa.int64(), nullable=False),
        pa.field("model", pa.string(), nullable=False),
        pa.field("version", pa.string(), nullable=False),
        pa.field("binning", pa.string(), nullable=False),
        pa.field("rows", pa.int64(), nullable=False),
        pa.field("document", pa.string(), nullable=False),
        pa.field("from_ns", pa.int64()),
        pa.field("to_ns", pa.int64()),
    ]
)


def routes(parts: Parts) -> APIRouter:
    """`GET` and `POST /references`."""
    router = APIRouter(tags=["references"])

    @router.get("/references")
    def references(*, model: Model = None) -> Page[ReferenceSummary]:
        """The latest reference of each model version."""
        found = [summary(row) for row in parts.store.references(model).to_pylist()]
        return page(lambda count: found[:count], len(found) or 1, None, parts.now())

    @router.post(
        "/references",
        status_code=201,
        responses={409: {"description": "It does not fit what the model version sends"}},
    )
    def register(
        document: Annotated[
            dict[str, Any], Body(description="A reference file, as `Reference.save` wrote it")
        ],
        *,
        model: Annotated[
            str | None, Query(description="The model, where the file names none", max_length=512)
        ] = None,
        version: Annotated[str | None, Query(description="Its version, likewise", max_length=512)] = None,
    ) -> models.Registered:
        """Register a reference for a model version. One that does not fit is refused, by name."""
        reference = _named(Reference.from_json(document), model, version)
        unwatched = _check_fit(parts, reference)
        row = _row(reference, parts.now())
        _register(parts, row)
        return models.Registered(reference=summary(row), unwatched=tuple(unwatched))

    @router.post(
        "/references/past", status_code=201, responses={409: {"description": "Nothing was counted then"}}
    )
    def register_past(
        *,
        model: Annotated[str, Query(description="A model's name", min_length=1, max_length=512)],
        version: Annotated[str, Query(description="A model version", min_length=1, max_length=512)],
        start: From = None,
        end: Until = None,
    ) -> ReferenceSummary:
        """Make a reference of what a model version counted from one time to another, and register it."""
        if start is None:
            raise ProblemError(422, "say from when on with ?from=…")
        if parts.past_reference is None:
            raise ProblemError(503, "this collector makes no references")
        now = parts.now()
        start_ns, end_ns = read_time(start, "from", now), read_time(end, "to", now) or now
        if start_ns is None or start_ns >= end_ns:
            raise ProblemError(422, "'from' must be before 'to'")
        try:
            reference = parts.past_reference(model, version, start_ns, end_ns)
        except SchemaError as error:
            raise ProblemError(409, str(error)) from error
        row = _row(reference, now) | {"from_ns": start_ns, "to_ns": end_ns}
        _register(parts, row)
        return summary(row)

    return router


def _register(parts: Parts, row: dict[str, Any]) -> None:
    parts.store.submit({"model_references": pa.Table.from_pylist([row], schema=ROWS)}).result()
    parts.reference_registered()


def _named(reference: Reference, model: str | None, version: str | None) -> Reference:
    for what, given, own in (("model", model, reference.model), ("version", version, reference.version)):
        if not (given or own):
            raise ProblemError(422, f"the reference names no {what}; say which with ?{what}=…")
    return reference.named(model or reference.model, version or reference.version)


def _row(reference: Reference, now_ns: int) -> dict[str, Any]:
    return {
        "id": f"{reference.model}-{reference.version}-{now_ns}",
        "registered_ns": now_ns,
        "model": reference.model,
        "version": reference.version,
        "binning": reference.binning.id,
        "rows": reference.rows,
        "document": json.dumps(reference.to_json(), separators=(",", ":")),
    }


def _check_fit(parts: Parts, reference: Reference) -> list[str]:
    """Compare with what the model version has sent of late. Returns the features that go unwatched.

    Refuses a feature that the model does not send, and one that it sends as another kind. A model that has
    sent nothing yet fits: a reference may come before its roll-out.
    """
    sent = _sent(parts, reference)
    if not sent:
        return []
    name = f"{reference.model} {reference.version}"
    own = {f.name: f.kind for f in reference.binning.features if f.name not in RESERVED}
    if strangers := sorted(own.keys() - sent.keys()):
        raise ProblemError(
            409,
            f"the reference has {_list(strangers)}, which {name} does not send;"
            f" it sends {_list(sorted(sent))}. "
            "Register it for the model it was built for, or build it from that model's features",
        )
    for feature, kind in own.items():
        if sent[feature] != kind:
            raise ProblemError(
                409, f"feature {feature!r} is {kind} in the reference, and {name} sends it as {sent[feature]}"
            )
    return sorted(sent.keys() - own.keys())


def _sent(parts: Parts, reference: Reference) -> dict[str, str]:
    """Feature → kind, of what the model version sent in its last day."""
    known = parts.store.models().to_pylist()
    mine = [row for row in known if (row["model"], row["version"]) == (reference.model, reference.version)]
    if not mine:
        return {}
    last = max(row["last_ns"] for row in mine)
    told = parts.store.features(reference.model, reference.version, last - _RECENT_NS, last + 1)
    return {
        row["feature"]: _KINDS[row["kind"]]
        for row in told.to_pylist()
        if row["kind"] in _KINDS and row["feature"] not in RESERVED
    }


def summary(row: dict[str, Any]) -> ReferenceSummary:
    """A row of `Store.references`."""
    document = json.loads(row["document"])
    features = [feature["name"] for feature in document["binning"]["features"]]
    return ReferenceSummary(
        id=row["id"],
        model=row["model"],
        version=row["version"],
        binning=row["binning"],
        rows=row["rows"],
        features=tuple(features),
        registered=moment(row["registered_ns"]),
        start=moment(row["from_ns"]) if row.get("from_ns") is not None else None,
        end=moment(row["to_ns"]) if row.get("to_ns") is not None else None,
        hours=sum(len(group["hours"]) for group in document.get("hours", ())),
    )


def _list(names: list[str]) -> str:
    shown = ", ".join(map(repr, names[:8]))
    return f"{shown} and {len(names) - 8} more" if len(names) > 8 else shown
