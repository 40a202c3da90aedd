"""What was evaluated: every number, and the findings among them."""

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Query, Response

from driftline_collector.answers.records import Evaluation, Page
from driftline_collector.api import arrow
from driftline_collector.api.arrow import AsArrow
from driftline_collector.api.filters import AnySegment, From, Model, Until
from driftline_collector.api.pages import Cursor, Limit, page
from driftline_collector.api.parts import Parts
from driftline_collector.api.values import read_segment, read_time
from driftline_collector.api.verdicts import evaluations as to_records
from driftline_collector.store.base import Selection

Measure = Annotated[str | None, Query(description="The measure", examples=["drift"], max_length=64)]
Verdict = Annotated[str | None, Query(description="The verdict", examples=["drifted"], max_length=64)]
Reference = Annotated[
    str | None,
    Query(description="Compared with it, whatever was said of their windows later", max_length=1100),
]
Findings = Annotated[bool, Query(description="Only the smallest set of segments that explains the drift")]


def routes(parts: Parts) -> APIRouter:
    """`/evaluations` and `/findings`."""
    router = APIRouter(tags=["evaluations"])

    @router.get("/evaluations", response_model=Page[Evaluation], responses=arrow.RESPONSES)
    def evaluations(
        *,
        model: Model = None,
        measure: Measure = None,
        segment: AnySegment = None,
        verdict: Verdict = None,
        reference: Reference = None,
        start: From = None,
        end: Until = None,
        findings: Findings = False,
        limit: Limit = 1000,
        cursor: Cursor = None,
        as_arrow: AsArrow,
    ) -> Page[Evaluation] | Response:
        """Evaluations in their latest revision, latest window first, of windows that overlap the interval."""
        now = parts.now()
        selection = Selection(
            model=model,
            segment=read_segment(segment),
            measure=measure,
            verdict=verdict,
            reference=reference,
            start_ns=read_time(start, "from", now),
            end_ns=read_time(end, "to", now),
            findings_only=findings,
        )

        def read(count: int) -> list[Evaluation]:
            return to_records(parts.store.evaluations(replace(selection, limit=count)))

        answer = page(read, limit, cursor, now)
        return arrow.page(Evaluation, answer) if as_arrow else answer

    @router.get("/findings")
    def findings(*, model: Model = None, start: From = None, end: Until = None) -> Page[Evaluation]:
        """Where drift is: of each model's latest window, or of all windows where `from` or `to` is given."""
        names = [model] if model else sorted(set(parts.store.catalogue()["model"].to_pylist()))
        bounds = (read_time(start, "from", parts.now()), read_time(end, "to", parts.now()))
        found: list[Evaluation] = []
        for name in names:
            first = bounds[0]
            if bounds == (None, None):
                latest = parts.store.latest_window(name, "drift")
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
            found += to_records(parts.store.evaluations(selection))
        whole = [evaluation for evaluation in found if evaluation.feature is None]
        return page(lambda count: whole[:count], len(whole) or 1, None, parts.now())

    return router
