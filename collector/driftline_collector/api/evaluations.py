"""What was evaluated: every number, the findings among them, and how good the answers are."""

from dataclasses import replace
from typing import Annotated

import pyarrow as pa
from driftline_schemas.segments import Segment
from fastapi import APIRouter, Query

from driftline_collector.api import models
from driftline_collector.api.pages import Cursor, Limit, page
from driftline_collector.api.parts import Parts
from driftline_collector.api.problems import ProblemError
from driftline_collector.api.values import read_segment, read_time, rows_of
from driftline_collector.store.base import Selection

From = Annotated[str | None, Query(alias="from", description="RFC 3339, ns, or 6h for so long ago; included")]
Until = Annotated[str | None, Query(alias="to", description="As `from`; excluded")]
SegmentKey = Annotated[
    str | None, Query(description="A segment key", examples=["model=digits,version=*,device_type=*,region=*"])
]


def routes(parts: Parts) -> APIRouter:
    """`/evaluations`, `/findings` and `/performance`."""
    router = APIRouter(tags=["evaluations"])

    @router.get("/evaluations")
    def evaluations(
        *,
        model: str | None = None,
        measure: str | None = None,
        segment: SegmentKey = None,
        verdict: str | None = None,
        start: From = None,
        end: Until = None,
        findings: bool = False,
        limit: Limit = 1000,
        cursor: Cursor = None,
    ) -> models.Page[models.Evaluation]:
        """Evaluations in their latest revision, latest window first; `from`, `to` bound windows' starts."""
        now = parts.now()
        selection = Selection(
            model=model,
            segment=read_segment(segment),
            measure=measure,
            verdict=verdict,
            start_ns=read_time(start, "from", now),
            end_ns=read_time(end, "to", now),
            findings_only=findings,
        )

        def read(count: int) -> list[models.Evaluation]:
            return _evaluations(parts.store.evaluations(replace(selection, limit=count)))

        return page(read, limit, cursor, now)

    @router.get("/findings")
    def findings(
        *, model: str | None = None, start: From = None, end: Until = None
    ) -> models.Page[models.Evaluation]:
        """Where drift is: of each model's latest window, or of all windows where `from` or `to` is given."""
        names = [model] if model else sorted(set(parts.store.models()["model"].to_pylist()))
        bounds = (read_time(start, "from", parts.now()), read_time(end, "to", parts.now()))
        found: list[models.Evaluation] = []
        for name in names:
            first = bounds[0]
            if bounds == (None, None):
                latest = parts.store.evaluations(Selection(model=name, measure="drift", limit=1))
                if not latest.num_rows:
                    continue
                first = latest["window_start_ns"][0].as_py()
            selection = Selection(
                model=name,
                measure="drift",
                start_ns=first,
                end_ns=bounds[1],
                findings_only=True,
                limit=10_000,
            )
            found += _evaluations(parts.store.evaluations(selection))
        whole = [evaluation for evaluation in found if evaluation.feature is None]
        return page(lambda count: whole[:count], len(whole) or 1, None, parts.now())

    @router.get("/performance")
    def performance(*, segment: str, start: From = None, end: Until = None) -> models.Rows:
        """Accuracy, edge-cloud agreement and the like by version, each with its interval, over any time."""
        if parts.performance is None:
            raise ProblemError(503, "this collector runs without analysis; there are no figures to give")
        first = read_time(start, "from", parts.now())
        last = read_time(end, "to", parts.now())
        now = parts.now()
        rows = parts.performance(Segment.parse(segment), first or 0, now if last is None else last)
        return models.Rows(rows=[dict(row) for row in rows])

    return router


def _evaluations(table: pa.Table) -> list[models.Evaluation]:
    return [models.Evaluation(**row) for row in rows_of(table)]
