"""Health, and Prometheus metrics of the collector about itself."""

from collections.abc import Iterator

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from driftline_collector.alerts import silences
from driftline_collector.api.models import Status
from driftline_collector.api.parts import Parts
from driftline_collector.api.problems import ProblemError

_ALL = 1_000_000
#: Keys of `Store.totals` that are sums and not the rows of a table.
SUMS = ("repeated", "refused", "announced_lost")


def routes(parts: Parts) -> APIRouter:
    """`/healthz`, `/readyz` and `/metrics`, outside of `/api/v1`."""
    router = APIRouter(tags=["health"])
    registry = CollectorRegistry()
    registry.register(_Counts(parts))

    @router.get("/healthz")
    def healthz() -> Status:
        """Whether the process answers."""
        return Status(status="ok")

    @router.get("/readyz", responses={503: {"description": "Starting, stopping, or without a store"}})
    def readyz() -> Status:
        """Whether data are taken: the store answers and nothing is being shut down."""
        if not parts.ready():
            raise ProblemError(503, "the collector is starting or stopping; ask again", retry_after_s=1)
        parts.store.references(None)
        return Status(status="ready")

    @router.get(
        "/metrics",
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    def metrics() -> Response:
        """The collector about itself, in Prometheus' text format."""
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

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
            if table not in SUMS:
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
        requests = CounterMetricFamily(
            "driftline_requests",
            "Requests with telemetry, since the start, by protocol and outcome",
            labels=["protocol", "outcome"],
        )
        for row in self._parts.requests():
            requests.add_metric([row["protocol"], row["outcome"]], row["count"])
        yield requests
        for name, count in sorted(self._parts.counts().items()):
            kind = GaugeMetricFamily if name.startswith("queue") else CounterMetricFamily
            yield kind(f"driftline_{name}", f"{name.replace('_', ' ')}, since the start", count)
        store = self._parts.store
        yield GaugeMetricFamily(
            "driftline_alerts_firing", "Alerts that fire", store.alerts(("firing",), _ALL).num_rows
        )
        active = silences.from_rows(store.silences(now := self._parts.now()))
        yield GaugeMetricFamily(
            "driftline_silences_active",
            "Silences that hold messages back now",
            sum(silence.state(now) == "active" for silence in active),
        )
        for state in ("queued", "silenced", "failed"):
            count = store.notifications((state,), _ALL).num_rows
            yield GaugeMetricFamily(
                f"driftline_notifications_{state}", f"Notifications that are {state}", count
            )
