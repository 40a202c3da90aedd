"""What there is: models with their versions, and the segments that were judged."""

from collections.abc import Collection, Mapping
from typing import Any

from driftline_schemas.segments import Segment
from fastapi import APIRouter, Response

from driftline_collector.answers.records import Model, OwnDimension, Page, SegmentState, Version
from driftline_collector.api import arrow
from driftline_collector.api.arrow import AsArrow
from driftline_collector.api.filters import At, Common
from driftline_collector.api.filters import Model as ModelName
from driftline_collector.api.overview import busiest
from driftline_collector.api.pages import Cursor, Limit, page
from driftline_collector.api.parts import Parts
from driftline_collector.api.references import summary
from driftline_collector.api.values import read_time, write_time
from driftline_collector.api.verdicts import window


def routes(parts: Parts) -> APIRouter:
    """`/models` and `/segments`."""
    router = APIRouter(tags=["catalogue"])

    @router.get("/models")
    def models(*, model: ModelName = None, limit: Limit = 1000, cursor: Cursor = None) -> Page[Model]:
        """Every model that devices have spoken of, with its versions, and what it can be filtered by."""
        rows = [row for row in parts.store.catalogue().to_pylist() if model in {None, row["model"]}]
        references = {
            (row["model"], row["version"]): summary(row) for row in parts.store.references(model).to_pylist()
        }
        names = sorted({row["model"] for row in rows} | {name for name, _ in references})
        own = _own_dimensions(parts)
        found = [
            _model(name, [row for row in rows if row["model"] == name], references, own.get(name, {}))
            for name in names
        ]
        return page(lambda count: found[:count], limit, cursor, parts.now())

    @router.get("/segments", response_model=Page[SegmentState], responses=arrow.RESPONSES)
    def segments(
        *,
        filters: Common,
        at: At = None,
        limit: Limit = 1000,
        cursor: Cursor = None,
        as_arrow: AsArrow,
    ) -> Page[SegmentState] | Response:
        """The segments that were judged in the latest closed window, or in the one that holds `at`."""
        now = parts.now()
        where = filters.where(now)
        model = where.model or busiest(parts, where)
        at_ns = read_time(at, "at", now)
        latest = parts.store.latest_window(model or "", "drift", where.end_ns - 1 if at_ns is None else at_ns)
        rows: list[dict[str, Any]] = []
        if latest.num_rows:
            start = latest["window_start_ns"][0].as_py()
            rows = parts.store.judged(model or "", start, ["drift"], features=False).to_pylist()
        if filters.segment:
            rows = [row for row in rows if filters.segment.contains(Segment.parse(row["segment"]))]
        found = [_segment(row) for row in rows]
        answer = page(lambda count: found[:count], limit, cursor, now)
        return arrow.page(SegmentState, answer) if as_arrow else answer

    return router


def _own_dimensions(parts: Parts) -> dict[str, dict[str, set[str]]]:
    """Model → dimension of the user's own → values."""
    found: dict[str, dict[str, set[str]]] = {}
    for row in parts.store.own_segments().to_pylist():
        (name, value), *more = Segment.parse(row["segment"]).own
        if not more:
            found.setdefault(row["model"], {}).setdefault(name, set()).add(value)
    return found


def _model(
    name: str,
    rows: list[dict[str, Any]],
    references: dict[tuple[str, str], Any],
    own: Mapping[str, Collection[str]],
) -> Model:
    names = {row["version"] for row in rows} | {version for model, version in references if model == name}
    versions = []
    for version in names:
        of_version = [row for row in rows if row["version"] == version]
        versions.append(
            Version(
                version=version,
                first=write_time(min((row["first_ns"] for row in of_version), default=None)),
                last=write_time(max((row["last_ns"] for row in of_version), default=None)),
                predictions=sum(row["predictions"] for row in of_version),
                reference=references.get((name, version)),
            )
        )
    return Model(
        model=name,
        versions=tuple(sorted(versions, key=lambda v: (v.last or "", v.version), reverse=True)),
        tiers=_distinct(rows, "tier"),
        device_types=_distinct(rows, "device_type"),
        regions=_distinct(rows, "region"),
        own=tuple(OwnDimension(name=each, values=tuple(sorted(own[each]))) for each in sorted(own)),
    )


def _distinct(rows: list[dict[str, Any]], name: str) -> tuple[str, ...]:
    return tuple(sorted({row[name] for row in rows if row[name] is not None}))


def _segment(row: dict[str, Any]) -> SegmentState:
    return SegmentState(
        segment=row["segment"],
        verdict=row["verdict"],
        finding=row["finding"],
        since=write_time(row["since_ns"]),
        n=row["n"],
        devices=row["devices"],
        coverage=row["coverage"],
        window=window(row),
    )
