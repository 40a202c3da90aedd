"""The spool behind OpenTelemetry's SDK: what was exported while the collector was away is stored, once."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from driftline.exporters import SpooledLogExporter, SpooledMetricExporter, SpooledSpanExporter
from opentelemetry._logs import LogRecord
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from tests.clients import stored
from tests.receiver.serving import Serving, serving

RESOURCE = Resource({"service.name": "sensor", "device.id": "camera-7"})
AWAY = "http://127.0.0.1:9"


@pytest.fixture
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("spooled")) as running:
        yield running


def spans(exporter: SpooledSpanExporter, when: str) -> None:
    provider = TracerProvider(resource=RESOURCE)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    provider.get_tracer("scope").start_span(when, attributes={"n": 1}).end()
    provider.shutdown()


def logs(exporter: SpooledLogExporter, when: str) -> None:
    provider = LoggerProvider(resource=RESOURCE)
    provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
    provider.get_logger("scope").emit(LogRecord(timestamp=len(when), body=when))
    provider.shutdown()


def metrics(exporter: SpooledMetricExporter, when: str) -> None:
    provider = MeterProvider([PeriodicExportingMetricReader(exporter)], resource=RESOURCE)
    provider.get_meter("scope").create_counter(when).add(3, {"of": "counter"})
    provider.shutdown()


def test_what_was_exported_while_the_collector_was_away_is_stored_once(
    served: Serving, tmp_path: Path
) -> None:
    folder = tmp_path / "spool"
    for when, endpoint in (("away", AWAY), ("back", served.url)):
        spans(SpooledSpanExporter(endpoint=endpoint, spool_dir=folder / "spans"), when)
        logs(SpooledLogExporter(endpoint=endpoint, spool_dir=folder / "logs"), when)
        metrics(SpooledMetricExporter(endpoint=endpoint, spool_dir=folder / "metrics"), when)
    found = stored.spans(served)
    assert set(found) == {"away", "back"}
    assert found["away"]["attributes"] == {"n": 1}
    assert sorted(row["body"] for row in stored.logs(served)) == ["away", "back"]
    counted = stored.metrics(served)
    assert {name: row["value"] for name, row in counted.items()} == {"away": 3.0, "back": 3.0}
