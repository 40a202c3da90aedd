"""The spool behind a plain OpenTelemetry SDK: what was exported arrives, whatever happens in between."""

import logging
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import driftline
import pytest
import requests
from driftline.exporters import SpooledLogExporter, SpooledMetricExporter, SpooledSpanExporter
from driftline.testing import attributes_of
from opentelemetry import context
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricExportResult, MetricsData, PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExportResult

from tests.telemetry.conftest import OK, Collector, Reply

pytestmark = pytest.mark.usefixtures("quick_backoff")

AWAY = "http://127.0.0.1:9"


def records(collector: Collector, path: str) -> list[Any]:
    """All spans, log records or metrics that came."""
    found: list[Any] = []
    for each, request in list(collector.kept):
        for resource in getattr(request, request.DESCRIPTOR.fields[0].name) if each == path else ():
            for scope in getattr(resource, resource.DESCRIPTOR.fields_by_number[2].name):
                found += getattr(scope, scope.DESCRIPTOR.fields_by_number[2].name)
    return found


def names(collector: Collector) -> Counter[str]:
    """How often each span came, by name."""
    return Counter(span.name for span in records(collector, "/v1/traces"))


@pytest.fixture
def traced(tmp_path: Path, collector: Collector) -> Iterator[Callable[..., Any]]:
    """Makes tracers with a spooled exporter each."""
    made: list[TracerProvider] = []

    def make(endpoint: str | None = None, **options: Any) -> Any:
        exporter = SpooledSpanExporter(
            endpoint=endpoint or collector.endpoint, spool_dir=tmp_path / "spool", **options
        )
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        made.append(provider)
        return provider, exporter

    yield make
    for provider in made:
        provider.shutdown()


def trace(provider: TracerProvider, *names: str) -> None:
    for name in names:
        provider.get_tracer("test").start_span(name).end()


def test_spans_logs_and_metrics_arrive_as_opentelemetry_has_them(
    collector: Collector, tmp_path: Path
) -> None:
    where: dict[str, Any] = {"endpoint": collector.endpoint, "spool_dir": tmp_path}
    tracers = TracerProvider()
    spans, logs, metrics = (
        SpooledSpanExporter(**where),
        SpooledLogExporter(**where),
        SpooledMetricExporter(**where),
    )
    tracers.add_span_processor(BatchSpanProcessor(spans))
    loggers = LoggerProvider()
    loggers.add_log_record_processor(BatchLogRecordProcessor(logs))
    meters = MeterProvider([PeriodicExportingMetricReader(metrics)])
    with tracers.get_tracer("test").start_as_current_span("sort") as span:
        span.set_attribute("belt", 3)
    loggers.get_logger("test").emit(body="jammed", severity_text="WARN")
    meters.get_meter("test").create_counter("sorted").add(7)
    for provider, exporter in ((tracers, spans), (loggers, logs), (meters, metrics)):
        assert provider.force_flush()
        assert exporter.force_flush()
    (arrived,) = records(collector, "/v1/traces")
    assert (arrived.name, attributes_of(arrived)) == ("sort", {"belt": 3})
    (line,) = records(collector, "/v1/logs")
    assert (line.body.string_value, line.severity_text) == ("jammed", "WARN")
    (metric,) = records(collector, "/v1/metrics")
    assert (metric.name, metric.sum.data_points[0].as_int) == ("sorted", 7)
    for provider in (tracers, loggers, meters):
        provider.shutdown()


def test_an_outage_loses_nothing_and_holds_up_nobody(collector: Collector, traced: Any) -> None:
    collector.rule = lambda path, number: Reply(503)
    provider, exporter = traced()
    trace(provider, *map(str, range(50)))
    assert not exporter.force_flush(100)
    collector.rule = lambda path, number: OK
    assert exporter.force_flush()
    assert names(collector) == Counter(map(str, range(50)))
    assert exporter.dropped == 0


def test_what_a_process_leaves_the_next_one_sends(collector: Collector, traced: Any) -> None:
    provider, _ = traced(AWAY)
    trace(provider, "left")
    provider.shutdown()
    assert names(collector) == {}
    _, exporter = traced()
    assert exporter.force_flush()
    assert names(collector) == {"left": 1}


LOOP = """
import itertools, sys
from driftline.exporters import SpooledSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
provider = TracerProvider()
exporter = SpooledSpanExporter(endpoint=sys.argv[1], spool_dir=sys.argv[2], sync=False)
provider.add_span_processor(SimpleSpanProcessor(exporter))
for number in itertools.count():
    provider.get_tracer("test").start_span(str(number)).end()
    print(number, flush=True)
"""


@pytest.mark.parametrize("away", [False, True], ids=["collector there", "collector away"])
def test_after_kill_9_each_span_that_was_exported_arrives(
    away: bool, collector: Collector, traced: Any, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", LOOP, AWAY if away else collector.endpoint, str(tmp_path / "spool")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(300):
            process.stdout.readline()
        process.kill()
        said = 299 + len([line for line in process.stdout.read().splitlines(keepends=True) if "\n" in line])
    _, exporter = traced()
    assert exporter.force_flush()
    assert set(map(str, range(said + 1))) <= set(names(collector))


def test_each_export_is_on_the_medium_when_it_returns(traced: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(
        "driftline._spool.sync", lambda file: synced.append(Path(f"/proc/self/fd/{file}").readlink())
    )
    provider, _ = traced(AWAY)
    trace(provider, "a", "b")
    assert [path.name for path in synced] == ["spool.db-wal"] * 2
    provider, _ = traced(AWAY, sync=False)
    trace(provider, "c")
    assert len(synced) == 2


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_exports_through_a_spool_of_its_own(
    collector: Collector, traced: Any, tmp_path: Path
) -> None:
    provider, exporter = traced()
    trace(provider, "before")
    if (child := os.fork()) == 0:
        trace(provider, "child")
        os._exit(0 if exporter.force_flush(20_000) else 1)
    trace(provider, "parent")
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert exporter.force_flush()
    assert names(collector) == {"before": 1, "child": 1, "parent": 1}
    assert sorted(path.name for path in (tmp_path / "spool").iterdir()) == ["0", "1"]


def test_a_bad_span_is_put_aside_and_the_rest_of_its_batch_arrives(
    collector: Collector, tmp_path: Path
) -> None:
    collector.bad = lambda values: values.get("bad", False)
    exporter = SpooledSpanExporter(endpoint=collector.endpoint, spool_dir=tmp_path)
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(exporter))
    for number in range(20):
        provider.get_tracer("test").start_span(str(number), attributes={"bad": number == 13}).end()
    assert provider.force_flush()
    assert exporter.force_flush()
    assert names(collector) == Counter(str(number) for number in range(20) if number != 13)
    assert exporter.dropped == 1
    provider.shutdown()


def test_a_full_disk_lets_it_wait_in_memory(collector: Collector, traced: Any) -> None:
    provider, exporter = traced()
    db = exporter._spooled._uplink.held.spool._db
    pages = db.execute("PRAGMA page_count").fetchone()[0]
    db.execute(f"PRAGMA max_page_count = {pages}")
    name = os.urandom(50_000).hex()
    trace(provider, name)
    assert not exporter.force_flush(50)
    db.execute("PRAGMA max_page_count = 1000000")
    assert exporter.force_flush()
    assert names(collector) == {name: 1}
    assert exporter.dropped == 0


def test_a_full_spool_drops_the_oldest_and_counts(collector: Collector, traced: Any) -> None:
    provider, exporter = traced(AWAY, max_spool_bytes=65_536)
    sizes = [f"{number} " + os.urandom(8_000).hex() for number in range(20)]
    trace(provider, *sizes)
    assert 10 < exporter.dropped < 20
    provider.shutdown()
    _, heir = traced()
    assert heir.force_flush()
    kept = set(names(collector))
    assert len(kept) == len(sizes) - exporter.dropped
    assert len(kept - set(sizes[exporter.dropped :])) <= 1, "one that is under way is not dropped"


def test_requests_of_the_exporter_are_not_traced_themselves(
    collector: Collector, traced: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[object] = []
    post = requests.Session.post

    def watched(*arguments: Any, **options: Any) -> Any:
        seen.append(context.get_value(context._SUPPRESS_INSTRUMENTATION_KEY))
        return post(*arguments, **options)

    monkeypatch.setattr(requests.Session, "post", watched)
    provider, exporter = traced()
    trace(provider, "a")
    assert exporter.force_flush()
    assert seen == [True]


def test_switched_off_or_shut_down_it_counts_what_it_does_not_take(
    tmp_path: Path, traced: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider, exporter = traced(AWAY)
    provider.shutdown()
    assert exporter.export(()) is SpanExportResult.FAILURE
    monkeypatch.setenv("DRIFTLINE_DISABLED", "1")
    off = SpooledSpanExporter(spool_dir=tmp_path / "off")
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(off))
    trace(provider, "a", "b")
    assert off.force_flush()
    assert off.dropped == 2
    assert not (tmp_path / "off").exists()
    metrics = SpooledMetricExporter(spool_dir=tmp_path / "off")
    assert metrics.export(MetricsData([])) is MetricExportResult.SUCCESS


def test_a_folder_that_was_named_and_cannot_be_used_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(driftline.ConfigurationError, match=r"spool_dir .* cannot be used"):
        SpooledSpanExporter(spool_dir=tmp_path / "file")
    with pytest.raises(driftline.ConfigurationError, match="timeout is 0"):
        SpooledLogExporter(spool_dir=tmp_path, timeout=0)


def test_without_a_place_for_the_default_it_spools_in_memory(
    tmp_path: Path, collector: Collector, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("DRIFTLINE_SPOOL_DIR", str(tmp_path / "file"))
    exporter = SpooledSpanExporter(endpoint=collector.endpoint)
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with caplog.at_level(logging.WARNING):
        trace(provider, "a")
    assert exporter.force_flush()
    assert names(collector) == {"a": 1}
    provider.shutdown()
