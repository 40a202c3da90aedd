"""Samples: predictions that were sent whole."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from driftline_collector.answers.cases import Sample
from driftline_collector.answers.records import Page
from driftline_collector.api import arrow
from driftline_collector.api.arrow import AsArrow
from driftline_collector.api.filters import AnyFeature, Common
from driftline_collector.api.pages import Cursor
from driftline_collector.api.parts import Parts
from driftline_collector.api.problems import ProblemError
from driftline_collector.api.values import moment
from driftline_collector.store.shown import Samples

Limit = Annotated[int, Query(ge=1, le=1000, description="At most so many samples")]
Label = Annotated[str | None, Query(description="What the model answered", examples=["7"], max_length=512)]
Device = Annotated[str | None, Query(description="A device's id", examples=["cam-0017"], max_length=512)]
MinScore = Annotated[float | None, Query(description="The least score", allow_inf_nan=False)]
MaxScore = Annotated[float | None, Query(description="The greatest score", allow_inf_nan=False)]
_CURSOR = re.compile(r"([0-9]{1,19})-(.+)", re.DOTALL)
_LAST_NS = 2**63 - 1
#: How the types of a feature set fill `numbers` and `texts`.
_NUMERIC, _TEXTUAL = ("number", "boolean"), ("text", "json")


def routes(parts: Parts) -> APIRouter:
    """`/samples`."""
    router = APIRouter(tags=["cases"])

    @router.get("/samples", response_model=Page[Sample], responses=arrow.RESPONSES)
    def samples(
        *,
        filters: Common,
        device: Device = None,
        feature: AnyFeature = None,
        label: Label = None,
        min_score: MinScore = None,
        max_score: MaxScore = None,
        limit: Limit = 100,
        cursor: Cursor = None,
        as_arrow: AsArrow,
    ) -> Page[Sample] | Response:
        """Predictions of the interval (the last 24 hours) that were sent whole, latest first.

        With `feature` only those that have it, and its value in each. A cursor goes on where its part ended,
        also when new samples have come meanwhile.
        """
        now = parts.now()
        where = filters.where(now)
        chosen = Samples(
            where=where if device is None else replace(where, device=device),
            label=label,
            min_score=min_score,
            max_score=max_score,
            feature=feature,
            before=_before(cursor),
            limit=limit + 1,
        )
        rows = parts.store.samples(chosen).to_pylist()
        sets = parts.store.feature_sets().to_pylist() if feature is not None else []
        found = tuple(sample(row, sets, feature) for row in rows[:limit])
        last = rows[limit - 1] if len(rows) > limit else None
        following = None if last is None else f"{last['time_ns']}-{last['id']}"
        answer = Page(found, following, moment(now))
        return arrow.page(Sample, answer) if as_arrow else answer

    return router


def _before(cursor: str | None) -> tuple[int, str] | None:
    if cursor is None:
        return None
    match = _CURSOR.fullmatch(cursor)
    if match is None or int(match[1]) > _LAST_NS:
        raise ProblemError(422, f"cursor: {cursor!r} is none of ours; take it from 'next' of the part before")
    return int(match[1]), match[2]


def sample(row: Mapping[str, Any], sets: Sequence[Mapping[str, Any]], feature: str | None) -> Sample:
    """A row of `Shown.samples`; `sets` are the feature sets, by which a feature's value is found."""
    known = {name: row[name] for name in Sample.__dataclass_fields__ if name in row and name != "reasons"}
    own = next((s for s in sets if s["id"] == row["feature_set"]), None) if feature is not None else None
    values = features(own["names"], own["types"], row["numbers"], row["texts"]) if own else {}
    return Sample(
        **known,
        time=moment(row["time_ns"]),
        reasons=tuple(row["reasons"] or ()),
        feature_value=values.get(feature or ""),
    )


def features(
    names: Sequence[str] | None,
    types: Sequence[str] | None,
    numbers: Sequence[float] | None,
    texts: Sequence[str] | None,
) -> dict[str, float | str | bool | None]:
    """Name → value of what a prediction saw; None is missing, and so is what is no finite number."""
    number, text = iter(numbers or ()), iter(texts or ())
    found: dict[str, float | str | bool | None] = {}
    for name, kind in zip(names or (), types or (), strict=True):
        value: float | str | bool | None = None
        if kind in _NUMERIC:
            value = next(number, None)
            if value is not None and not math.isfinite(value):
                value = None
            elif kind == "boolean" and value is not None:
                value = bool(value)
        elif kind in _TEXTUAL:
            value = next(text, None)
        found[name] = value
    return found
