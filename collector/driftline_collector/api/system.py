"""Whether the numbers can be trusted."""

import platform
import shutil
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from fastapi import APIRouter

from driftline_collector.answers.system import (
    Database,
    Ingest,
    Journal,
    NotifierState,
    Refused,
    Requests,
    RuleState,
    System,
    Totals,
)
from driftline_collector.api import retention, silences
from driftline_collector.api.health import SUMS
from driftline_collector.api.parts import Parts
from driftline_collector.api.references import summary
from driftline_collector.api.values import moment, write_time
from driftline_collector.store.batch import FOLDED
from driftline_collector.store.shown import Where

_ALL = 1_000_000
#: Packages whose versions are worth knowing when something is wrong.
_PACKAGES = ("driftline", "duckdb", "fastapi", "numpy", "protobuf", "ptars", "pyarrow", "scipy", "uvicorn")
#: Names of `Parts.counts` that have a place of their own in the answer.
_QUEUE = ("queue_requests", "queue_bytes")


def routes(parts: Parts) -> APIRouter:
    """`/system`."""
    router = APIRouter(tags=["system"])

    @router.get("/system")
    def system() -> System:
        """What came in and what did not, the database, the queue, rules, notifiers and references."""
        return _system(parts)

    return router


def _system(parts: Parts) -> System:
    now = parts.now()
    totals = parts.store.totals()
    counts = dict(parts.counts())
    bounds = parts.store.bounds().to_pylist()[0]
    active = parts.store.alerts(("firing", "pending"), _ALL)
    notifications = parts.store.notifications(None, _ALL).to_pylist()
    return System(
        as_of=moment(now),
        version=version("driftline"),
        started=write_time(parts.started_ns),
        ready=parts.ready(),
        database=_database(parts.database),
        ingest=_ingest(parts, totals, counts, bounds),
        coverage=_coverage(parts, totals),
        oldest=write_time(bounds["oldest_ns"]),
        latest=write_time(bounds["latest_ns"]),
        retention=retention.summary(parts.retention),
        keeping=retention.keeping(parts),
        rules=tuple(_rules(parts, active.to_pylist())),
        notifiers=tuple(_notifier(name, notifications) for name in parts.notifiers),
        references=tuple(summary(row) for row in parts.store.references(None).to_pylist()),
        silences=tuple(silences.records(parts, ("pending", "active"))),
        alerts_firing=active["state"].to_pylist().count("firing"),
        notifications_queued=sum(row["state"] == "queued" for row in notifications),
        counts={name: count for name, count in counts.items() if name not in _QUEUE},
        versions=_versions(),
        journal=journal(parts),
    )


def _database(path: Path | None) -> Database:
    """Sizes; a file that is not there has none: the log is folded into the database now and then."""
    if path is None:
        return Database(path=None, bytes=None, wal_bytes=None, disk_free=None)
    log = path.with_name(f"{path.name}.wal")
    return Database(
        path=str(path),
        bytes=path.stat().st_size if path.exists() else None,
        wal_bytes=log.stat().st_size if log.exists() else 0,
        disk_free=shutil.disk_usage(path.parent).free,
    )


def _ingest(parts: Parts, totals: dict[str, int], counts: dict[str, int], bounds: dict[str, Any]) -> Ingest:
    committed = {name: count for name, count in totals.items() if name not in SUMS}
    reasons = [Refused(**row) for row in parts.store.refused().to_pylist()]
    return Ingest(
        requests=tuple(Requests(**row) for row in parts.requests()),
        records=sum(committed.values()),
        committed=committed,
        repeated=totals.get("repeated", 0),
        refused=tuple(each for each in reasons if not each.reason.startswith(FOLDED)),
        folded=tuple(each for each in reasons if each.reason.startswith(FOLDED)),
        queue_requests=counts.get("queue_requests", 0),
        queue_bytes=counts.get("queue_bytes", 0),
        lag_s=None if bounds["behind_s"] is None else max(0.0, bounds["behind_s"]),
    )


def journal(parts: Parts) -> Journal:
    """What was accepted and is not in the database."""
    waiting = parts.store.waiting()
    aside: Sequence[Path] = ()
    if parts.database is not None:
        folder = parts.database.with_name(f"{parts.database.name}.journal")
        aside = sorted([*folder.glob("*.unstorable"), *folder.glob("*.foreign")])
    return Journal(
        bytes=waiting.bytes,
        oldest_s=waiting.oldest_s,
        fault=waiting.fault,
        set_aside=tuple(str(path) for path in aside),
    )


def _coverage(parts: Parts, totals: dict[str, int]) -> Totals:
    made = parts.store.made().to_pylist()[0]
    lost = parts.store.losses(Where()).to_pylist()
    return Totals(
        made=made["made"],
        counted=made["counted"],
        announced_lost=totals.get("announced_lost", 0),
        in_doubt=made["in_doubt"],
        missing=sum(row["missing"] for row in lost),
        repeated=totals.get("repeated", 0),
    )


def _rules(parts: Parts, active: list[dict[str, Any]]) -> list[RuleState]:
    states = [(row["rule"], row["state"]) for row in active]
    return [
        RuleState(
            name=rule.name,
            measure=rule.measure,
            above=rule.above,
            below=rule.below,
            severity=rule.severity,
            segment=None if rule.segment is None else str(rule.segment),
            hold_s=rule.hold_ns / 1e9,
            resolve_after_s=rule.resolve_after_ns / 1e9,
            notify=rule.notify,
            firing=states.count((rule.name, "firing")),
            pending=states.count((rule.name, "pending")),
        )
        for rule in parts.rules
    ]


def _notifier(name: str, notifications: list[dict[str, Any]]) -> NotifierState:
    own = [row for row in notifications if row["notifier"] == name]
    delivered = [row["changed_ns"] for row in own if row["state"] == "delivered"]
    return NotifierState(
        name=name,
        last_delivered=write_time(max(delivered, default=None)),
        queued=sum(row["state"] == "queued" for row in own),
        silenced=sum(row["state"] == "silenced" for row in own),
        failed=sum(row["state"] == "failed" for row in own),
        last_error=next((row["error"] for row in own if row["error"]), None),
    )


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # an optional one
            continue
    return found
