"""Health, Prometheus metrics, and whether the numbers can be trusted."""

from collections.abc import Iterator
from importlib.metadata import version

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from driftline_collector.api import models
from driftline_collector.api.parts import Parts
from driftline_collector.api.problems import problem
from driftline_collector.api.values import write_time

_ALL = 1_000_000
_DAY_NS = 24 * 3600 * 10**9
#: Keys of `Store.totals` that are sums and not the rows of a table.
_SUMS = ("repeated", "refused", "announced_lost")


def health_routes(parts: Parts) -> APIRouter:
    """`/healthz`, `/readyz` and `/metrics`, outside of `/api/v1`."""
    router = APIRouter(tags=["health"])
    registry = CollectorRegistry()
    registry.register(_Counts(parts))

    @router.get("/healthz")
    def healthz() -> dict[str, str]:
        """Whether the process answers."""
        return {"status": "ok"}

    @router.get("/readyz", responses={503: {"description": "The store does not answer"}})
    def readyz() -> Response:
        """Whether data are taken: the store answers and nothing is being shut down."""
        if not parts.ready():
            return problem(
                503, "the collector is starting or stopping; ask again", headers={"retry-after": "1"}
            )
        parts.store.models()
        return Response('{"status":"ready"}', media_type="application/json")

    @router.get("/metrics")
    def metrics() -> Response:
        """The collector about itself, in Prometheus' text format."""
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return router


def routes(parts: Parts) -> APIRouter:
    """`/system`."""
    router = APIRouter(tags=["system"])

    @router.get("/system")
    def system() -> models.System:
        """Everything received, stored, repeated, refused and lost, so far."""
        totals = parts.store.totals()
        streams = parts.store.coverage(0, parts.now() + _DAY_NS).select(["missing_logs", "missing_spans"])
        lost = sum((row["missing_logs"] or 0) + (row["missing_spans"] or 0) for row in streams.to_pylist())
        return models.System(
            version=version("driftline"),
            time=write_time(parts.now()) or "",
            stored={name: count for name, count in totals.items() if name not in _SUMS},
            repeated=totals.get("repeated", 0),
            refused=totals.get("refused", 0),
            lost=lost,
            announced_lost=totals.get("announced_lost", 0),
            since_start=dict(parts.counts()),
            alerts_firing=parts.store.alerts(("firing",), _ALL).num_rows,
            notifications_queued=parts.store.notifications(("queued",), _ALL).num_rows,
            ready=parts.ready(),
        )

    return router


class _Counts(Collector):
    """Reads the counts when Prometheus asks, so that nothing is counted twice over."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def describe(self) -> Iterator[Metric]:
        """Nothing in advance: registering must not ask the store."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """The families that `/metrics` shows."""
        totals = self._parts.store.totals()
        rows = CounterMetricFamily("driftline_committed_rows", "Rows committed, by table", labels=["table"])
        for table, count in sorted(totals.items()):
            if table not in _SUMS:
                rows.add_metric([table], count)
        yield rows
        yield CounterMetricFamily(
            "driftline_repeated", "Records that came again and were dropped", totals.get("repeated", 0)
        )
        yield CounterMetricFamily(
            "driftline_refused", "Records that were turned away", totals.get("refused", 0)
        )
        yield CounterMetricFamily(
            "driftline_announced_lost",
            "Predictions that devices say were lost",
            totals.get("announced_lost", 0),
        )
        for name, count in sorted(self._parts.counts().items()):
            kind = GaugeMetricFamily if name.startswith("queue") else CounterMetricFamily
            yield kind(f"driftline_{name}", f"{name.replace('_', ' ')}, since the start", count)
        store = self._parts.store
        yield GaugeMetricFamily(
            "driftline_alerts_firing", "Alerts that fire", store.alerts(("firing",), _ALL).num_rows
        )
        for state in ("queued", "failed"):
            count = store.notifications((state,), _ALL).num_rows
            yield GaugeMetricFamily(
                f"driftline_notifications_{state}", f"Notifications that are {state}", count
            )
