"""Puts a fleet into a store: what devices sent, then what was judged of it, window after window."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pyarrow as pa
import pyarrow.compute as pc
from driftline_collector.alerts.messages import Links
from driftline_collector.alerts.pipeline import AlertPipeline
from driftline_collector.alerts.rules import Rule
from driftline_collector.analysis.drift import Limits
from driftline_collector.analysis.evaluate import Policy, evaluate
from driftline_collector.analysis.windows import Window
from driftline_collector.store import transaction
from driftline_collector.store.duckdb import DuckDBStore

from tests.seeding import judged, profiles, samples
from tests.seeding.fleet import HOUR, REPORT, SECOND, Fleet

RULES = (
    Rule(name="drift", measure="drift", severity="critical"),
    Rule(name="silent", measure="silent_devices", above=0, severity="warning"),
)
NOTIFIERS = ("desk",)


def fill(store: DuckDBStore, fleet: Fleet) -> None:
    """Write all that a fleet of this kind would have sent and caused until its `now_ns`."""
    clock = [fleet.start_ns]
    with _received_by(clock):
        _fill(store, fleet, clock)


def _fill(store: DuckDBStore, fleet: Fleet, clock: list[int]) -> None:
    if fleet.references:
        store.submit({"model_references": _references(fleet)}).result()
    for hour in profiles.windows(fleet):
        clock[0] = int(pc.max(hour[0].column("end_ns")).as_py()) + 5 * SECOND
        for table in hour:
            store.submit({"profiles": table}).result()
    store.submit({"stream_events": profiles.streams(fleet), "deployments": _deployments(fleet)}).result()
    store.submit({"sdk_health": _health(fleet)}).result()
    store.submit(samples.tables(fleet)).result()
    last = Window(fleet.closed_ns - HOUR, fleet.closed_ns)
    model = fleet.model_name
    policy = Policy(limits=Limits(minimum_rows=fleet.minimum_rows))
    rows = evaluate(store, model, last, policy, now_ns=fleet.now_ns).table()
    at = [fleet.now_ns]
    links = Links(dashboard="http://driftline.example")
    pipeline = AlertPipeline(store, RULES, NOTIFIERS, now=lambda: at[0], links=links)
    for start in range(fleet.start_ns, fleet.closed_ns, HOUR):
        at[0] = start + HOUR + 60 * SECOND
        own = judged.window(fleet, rows, start)
        store.submit({"evaluations": own, **pipeline.observe(own)}).result()
    if fleet.old_alerts:
        store.submit({"alerts": judged.old_alerts(fleet)}).result()


@contextmanager
def _received_by(clock: list[int]) -> Iterator[None]:
    """Rows committed meanwhile are stamped with this clock, as if they had come when they were sent."""
    with patch.object(transaction, "time", SimpleNamespace(time_ns=lambda: clock[0])):
        yield


def _references(fleet: Fleet) -> pa.Table:
    rows = []
    for version in fleet.version_names:
        reference = profiles.reference(fleet, version)
        rows.append(
            {
                "id": f"{fleet.model_name}-{version}-1",
                "registered_ns": fleet.start_ns - HOUR,
                "model": fleet.model_name,
                "version": version,
                "binning": reference.binning.id,
                "rows": reference.rows,
                "document": json.dumps(reference.to_json()),
            }
        )
    return pa.Table.from_pylist(rows)


def _deployments(fleet: Fleet) -> pa.Table:
    """The firmware of the devices that moved was changed when they did."""
    rows: list[dict[str, Any]] = []
    since = fleet.closed_ns - fleet.moved_hours * HOUR
    for i, member in enumerate(m for m in fleet.members if m.device_type == fleet.moved_type):
        names = ("version", "device_type", "region", "tier", "stream")
        own = {name: getattr(member, name) for name in names} | {"device": member.name}
        change = {"kind": "firmware", "from_version": "1.8", "to_version": member.firmware}
        rows.append({**own, **change, "model": fleet.model_name, "time_ns": since - (i % 9) * 60 * SECOND})
    return pa.Table.from_pylist(rows)


def _health(fleet: Fleet) -> pa.Table:
    rows = []
    for i, member in enumerate(fleet.members):
        told = {"stream": member.stream, "device": member.name, "time_ns": fleet.reported_ns - REPORT}
        rows.append({**told, "metric": "driftline.sdk.spool.age", "value": float(i % 5)})
    nothing = pa.nulls(len(rows), pa.string())
    return pa.Table.from_pylist(rows).append_column("reason", nothing).append_column("signal", nothing)
