"""The first page: whether anything needs somebody, and where."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from driftline_schemas.segments import Segment
from fastapi import APIRouter

from driftline_collector.answers.records import Alert, Cell, Comparison, Overview
from driftline_collector.api.alert_records import in_state
from driftline_collector.api.filters import Common, Filters
from driftline_collector.api.fleet_state import Fleet, gone
from driftline_collector.api.parts import Parts
from driftline_collector.api.values import moment, write_time
from driftline_collector.api.verdicts import estimate, window
from driftline_collector.store.shown import Where

_SEVERITIES = {"critical": 0, "warning": 1, "info": 2}
_OPEN = "its first window is still open: a verdict comes when it has closed"


def routes(parts: Parts) -> APIRouter:
    """`/overview`."""
    router = APIRouter(tags=["overview"])

    @router.get("/overview")
    def overview(*, filters: Common) -> Overview:
        """Whether anything needs somebody: alerts, each device type in each region, and what arrives.

        Without `model`, of the model that has made most predictions of late. The grid is of the latest window
        that had closed by `to`; the other numbers are of `from` to `to`, by default the last 24 hours.
        """
        return _overview(parts, filters)

    return router


def _overview(parts: Parts, filters: Filters) -> Overview:
    now = parts.now()
    where = filters.where(now)
    if where.model is None:
        where = replace(where, model=busiest(parts, where))
    fleet = Fleet.of(parts, where, now)
    devices = [row for row in fleet.latest if not gone(row)]
    silent = sum(fleet.silent(row) for row in devices)
    lost = parts.store.losses(where).to_pylist()
    judged = _judged(parts, where) if where.model else []
    whole = {row["segment"]: row for row in judged if row["measure"] == "drift"}
    here = str(Segment.of({**where.dimensions(), **dict(where.own)}))
    by_measure = {row["measure"]: row for row in judged if row["segment"] == here}
    return Overview(
        model=where.model,
        as_of=moment(now),
        data_up_to=write_time(fleet.up_to_ns),
        devices_expected=len(devices),
        devices_reported=len(devices) - silent,
        silent_devices=silent,
        predictions=_predictions(parts, where, fleet),
        lost=sum(row["missing"] for row in lost),
        announced_lost=sum(row["announced_lost"] for row in lost),
        agreement=estimate(by_measure.get("agreement")),
        accuracy=estimate(by_measure.get("accuracy")),
        alerts=tuple(_alerts(parts, where)),
        grid=tuple(_grid(parts, where, fleet, whole)),
        window=window(judged[0]) if judged else None,
        limit=parts.minimum_effect,
        has_reference=parts.store.references(where.model).num_rows > 0,
        has_labels=any(row["measure"] == "accuracy" for row in judged),
    )


def busiest(parts: Parts, where: Where) -> str | None:
    """The model with most predictions in the interval, else any that has ever reported."""
    made: dict[str, int] = {}
    for row in parts.store.catalogue().to_pylist():
        recent = row["predictions"] if row["last_ns"] > where.start_ns else 0
        made[row["model"]] = made.get(row["model"], 0) + recent
    return max(sorted(made), key=lambda name: made[name], default=None)


def _judged(parts: Parts, where: Where) -> list[dict[str, Any]]:
    """Segments as wholes in the latest window that had closed by the end."""
    model = where.model or ""
    latest = parts.store.latest_window(model, "drift", where.end_ns - 1).to_pylist()
    if not latest:
        return []
    measures = ("drift", "accuracy", "agreement")
    table = parts.store.judged(model, latest[0]["window_start_ns"], measures, features=False, told=True)
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def _predictions(parts: Parts, where: Where, fleet: Fleet) -> Comparison:
    length = where.end_ns - where.start_ns
    before = replace(where, start_ns=max(0, where.start_ns - length), end_ns=where.start_ns)
    earlier = parts.store.volume(before, max(1, length // 20)).to_pylist()
    # Half a day of data is no previous day to compare with.
    whole = bool(earlier) and earlier[0]["time_ns"] <= before.start_ns + length // 10
    return Comparison(
        value=sum(row["predictions"] for row in fleet.rows),
        previous=sum(row["predictions"] for row in earlier) if whole else None,
    )


def _alerts(parts: Parts, where: Where) -> list[Alert]:
    found = [
        alert
        for alert in in_state(parts, ("firing", "pending"))
        if where.model is None or Segment.parse(alert.segment)["model"] == where.model
    ]
    return sorted(
        found,
        key=lambda a: (
            a.state != "firing",
            _SEVERITIES.get(a.severity, 3),
            -(a.lower or a.value or 0.0),
            a.since,
        ),
    )


def _grid(parts: Parts, where: Where, fleet: Fleet, judged: Mapping[str, Mapping[str, Any]]) -> list[Cell]:
    """Each device type in each region, of one version or all, by its verdict; those not yet judged too."""
    places = {(row["device_type"], row["region"]) for row in fleet.latest}
    cells: dict[tuple[str, str], Cell] = {}
    for key, row in judged.items():
        segment = Segment.parse(key)
        kind, region = segment["device_type"], segment["region"]
        others = (segment["version"], segment.own)
        if kind is None or region is None or others != (where.version, where.own):
            continue
        if where.device_type not in {None, kind} or where.region not in {None, region}:
            continue
        # What is of one tier only is judged without naming it.
        unnamed = segment["tier"] is None and (kind, region) in places - cells.keys()
        if segment["tier"] == where.tier or unnamed:
            cells[kind, region] = _cell(row, kind, region, parts.minimum_effect)
    for kind, region in places - cells.keys():
        named = {"model": where.model, "version": where.version, "tier": where.tier}
        key = str(Segment.of({**named, "device_type": kind, "region": region, **dict(where.own)}))
        cells[kind, region] = Cell(segment=key, device_type=kind, region=region, reason=_OPEN)
    return [cells[place] for place in sorted(cells)]


def _cell(row: Mapping[str, Any], kind: str, region: str, limit: float) -> Cell:
    return Cell(
        segment=row["segment"],
        device_type=kind,
        region=region,
        verdict=row["verdict"],
        reason=row["reason"],
        worst_feature=row["strongest"],
        effect=row["value"],
        lower=row["lower"],
        limit=limit,
        n=row["n"],
        n_eff=row["n_eff"],
        devices=row["devices"],
        coverage=row["coverage"],
        since=write_time(row["since_ns"]),
    )
