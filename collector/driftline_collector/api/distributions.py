"""Reference and now of one feature, on the same bins."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from driftline_schemas.segments import Segment
from fastapi import APIRouter, Response

from driftline_collector.answers.pictures import Bin, Distribution
from driftline_collector.api import arrow
from driftline_collector.api.arrow import AsArrow
from driftline_collector.api.filters import At, Feature, SegmentKey
from driftline_collector.api.parts import Parts
from driftline_collector.api.problems import ProblemError
from driftline_collector.api.sentences import moved
from driftline_collector.api.values import read_time
from driftline_collector.api.verdicts import details, window
from driftline_collector.store.base import Selection

_NUMBER = r"[-+]?[0-9.]+(?:e[-+]?[0-9]+)?"
#: Names of numeric bins, as `FeatureBinning.bin_names` and unions of them are spelled.
_BETWEEN = re.compile(rf"\(({_NUMBER}), ({_NUMBER})[\])]")
_BELOW = re.compile(rf"<=? ({_NUMBER})")
_ABOVE = re.compile(rf"> ({_NUMBER})")


def routes(parts: Parts) -> APIRouter:
    """`/distributions`."""
    router = APIRouter(tags=["pictures"])

    @router.get(
        "/distributions",
        response_model=Distribution,
        responses=arrow.RESPONSES | {404: {"description": "Nothing was evaluated of this then"}},
    )
    def distributions(
        *, segment: SegmentKey, feature: Feature, at: At = None, as_arrow: AsArrow
    ) -> Distribution | Response:
        """The reference and a closed window of a feature on the same bins, and in a sentence what moved."""
        found = _distribution(parts, Segment.parse(segment), feature, read_time(at, "at", parts.now()))
        return arrow.stream(Bin, found.bins) if as_arrow else found

    return router


def _distribution(parts: Parts, segment: Segment, feature: str, at_ns: int | None) -> Distribution:
    model = segment["model"] or ""
    latest = parts.store.latest_window(model, "drift", at_ns).to_pylist()
    rows: list[dict[str, Any]] = []
    if latest:
        start = latest[0]["window_start_ns"]
        wanted = Selection(
            model=model, segment=str(segment), measure="drift", start_ns=start, end_ns=start + 1, limit=10_000
        )
        rows = parts.store.evaluations(wanted).to_pylist()
    row = next((row for row in rows if row["feature"] == feature), None)
    if row is None:
        raise ProblemError(404, _why_absent(rows, segment, feature))
    said = details(row)
    bins, kind = _bins(said), str(said.get("kind") or _kind(said.get("bins", ())))
    return Distribution(
        segment=str(segment),
        feature=feature,
        kind=kind,
        window=window(row),
        n=row["n"],
        m=sum(said.get("reference", ())) or None,
        effect=row["value"],
        lower=row["lower"],
        upper=row["upper"],
        verdict=row["verdict"],
        limit=parts.limit("drift", segment),
        reference_id=row["reference"],
        sentence=moved(feature, kind, bins, row["verdict"], said.get("direction")),
        bins=tuple(bins),
    )


def _why_absent(rows: Sequence[Mapping[str, Any]], segment: Segment, feature: str) -> str:
    known = sorted(row["feature"] for row in rows if row["feature"] is not None)
    if known:
        shown = ", ".join(known[:20]) + (f" and {len(known) - 20} more" if len(known) > 20 else "")
        return f"feature {feature!r} was not evaluated in {segment}; there are: {shown}"
    if rows:
        why = rows[0]["reason"] or rows[0]["verdict"]
        return f"{segment} was not compared with a reference in this window: {why}"
    return f"{segment} was not evaluated then; GET /api/v1/segments lists what was, and 'at' picks a window"


def _bins(said: Mapping[str, Any]) -> list[Bin]:
    names, now, before = said.get("bins", ()), said.get("now", ()), said.get("reference", ())
    rows, reference_rows = sum(now), sum(before)
    edges = said.get("edges") or [edges_of(name) for name in names]
    return [
        Bin(
            name=name,
            low=low,
            high=high,
            reference_share=was / reference_rows if reference_rows else 0.0,
            now_share=count / rows if rows else 0.0,
            now_count=int(count),
        )
        for name, (low, high), count, was in zip(names, edges, now, before, strict=True)
    ]


def _kind(names: Sequence[str]) -> str:
    return "numeric" if any(_BETWEEN.fullmatch(name) for name in names) else "categorical"


def edges_of(name: str) -> tuple[float | None, float | None]:
    """The bounds of a numeric bin by its name; (None, None) of missing, a category, what is in pieces."""
    if between := _BETWEEN.fullmatch(name):
        return float(between[1]), float(between[2])
    if below := _BELOW.fullmatch(name):
        return None, float(below[1])
    if above := _ABOVE.fullmatch(name):
        return float(above[1]), None
    return (0.0, 0.0) if name == "0" else (None, None)
