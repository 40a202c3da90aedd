"""A batch that is refused for good is halved until the bad record is found; all others arrive."""

import gzip
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from driftline._bisect import halves
from driftline._sender import MAX_BARREN, MAX_SEARCH
from driftline._spool import Spool
from driftline._spool_schema import Batch, Stream
from driftline.testing import MemoryMonitor, attributes_of
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from tests.telemetry.conftest import OK, Collector, MakeMonitor, Reply

pytestmark = pytest.mark.usefixtures("quick_backoff")

INK = "driftline.features.ink"


def quarantined(folder: Path) -> list[tuple[Any, ...]]:
    """What is in a copy, as a person would look at it while the process lives."""
    copy = shutil.copytree(next(folder.glob("spool/*/*/0")), folder / "copy")
    with sqlite3.connect(copy / "spool.db") as db:
        rows = db.execute(
            "SELECT signal, records, status, message, body FROM quarantine ORDER BY id"
        ).fetchall()
    db.close()
    return rows


def tombstones(collector: Collector) -> list[int]:
    return [
        number
        for event in collector.events("driftline.stream")
        for number in event.get("driftline.stream.tombstones.logs", [])
    ]


def test_one_bad_record_among_many_is_found_and_all_others_arrive(
    monitor_for: MakeMonitor, collector: Collector, tmp_path: Path
) -> None:
    monitor = monitor_for(sample_rate=1.0, flush_interval=3600.0)
    assert monitor.flush()
    collector.bad = lambda record: record.get(INK) == 111.0
    for i in range(250):
        monitor.record({"ink": float(i)}, label="1")
    assert monitor.flush(timeout=20)
    asked = len(collector.requests)
    assert monitor.dropped == 1
    assert monitor.close()
    assert {event[INK] for event in collector.events("driftline.prediction")} == {*range(250)} - {111}
    assert collector.predictions == 250
    ((signal, records, status, message, body),) = quarantined(tmp_path)
    assert (signal, records, status, message) == ("logs", 1, 400, "a bad record")
    (lost,) = (
        ExportLogsServiceRequest.FromString(gzip.decompress(body)).resource_logs[0].scope_logs[0].log_records
    )
    number = attributes_of(lost)["driftline.sequence"]
    assert tombstones(collector) == [number, number]
    end = collector.events("driftline.stream")[-1]
    everything = set(range(1, end["driftline.stream.last_sequence.logs"] + 1))
    assert set(collector.numbers(end["stream"])) == everything - {number}
    assert asked <= 4 + 2 * 8  # start, samples, window; two for each halving of 250


def test_the_search_goes_on_in_the_next_process(
    monitor_for: MakeMonitor, collector: Collector, tmp_path: Path
) -> None:
    monitor = monitor_for(sample_rate=1.0, flush_interval=3600.0)
    assert monitor.flush()
    collector.bad = lambda record: record.get(INK) == 3.0
    started = len(collector.requests)
    # The uplink goes when the search has begun.
    collector.rule = lambda path, number: OK if number < started + 3 else Reply(503)
    for i in range(64):
        monitor.record({"ink": float(i)}, label="1")
    assert not monitor.close(timeout=0.3)
    collector.rule = lambda path, number: OK
    heir = monitor_for()
    assert heir.close(timeout=20)
    assert {event[INK] for event in collector.events("driftline.prediction")} == {*range(64)} - {3}
    assert [row[1] for row in quarantined(tmp_path)] == [1]


def test_one_bad_point_costs_its_feature_not_the_window(
    monitor_for: MakeMonitor, collector: Collector, tmp_path: Path
) -> None:
    monitor = monitor_for(flush_interval=3600.0)
    collector.bad = lambda record: record.get("driftline.feature.name") == "damp"
    for i in range(40):
        monitor.record({"ink": float(i), "damp": 1.0, "dust": 2.0}, label="1")
    assert monitor.flush(timeout=20)
    assert collector.predictions == 40
    ((signal, _, _, _, body),) = quarantined(tmp_path)
    request = ExportMetricsServiceRequest.FromString(gzip.decompress(body))
    (metric,) = request.resource_metrics[0].scope_metrics[0].metrics
    (point,) = metric.exponential_histogram.data_points
    assert (signal, attributes_of(point)["driftline.feature.name"]) == ("metrics", "damp")
    assert monitor.dropped == 1
    assert monitor.close()
    end = collector.events("driftline.stream")[-1]
    assert end["driftline.stream.predictions.profiled"] == 40
    assert attributes_of(request.resource_metrics[0].resource)["driftline.stream.id"] == end["stream"]


def test_others_go_out_while_a_bad_record_is_looked_for(
    monitor_for: MakeMonitor, collector: Collector
) -> None:
    away = monitor_for(sample_rate=1.0, endpoint="http://127.0.0.1:9")
    for i in range(256):
        away.record({"ink": float(i)}, label="1")
    away.flush(timeout=0.1)
    away.record({"ink": 1000.0}, label="1")
    away.close(timeout=0.1)
    collector.bad = lambda record: record.get(INK) == 7.0
    assert monitor_for().close(timeout=20)
    found = [event[INK] for event in collector.events("driftline.prediction")]
    assert set(found) == ({*range(256)} | {1000}) - {7}
    assert found.index(1000.0) < found.index(6.0), "what waited behind the bad batch came before its parts"


def test_a_search_costs_a_bounded_number_of_requests_and_then_counts_what_is_left(
    monitor_for: MakeMonitor, collector: Collector
) -> None:
    monitor = monitor_for(sample_rate=1.0, flush_interval=3600.0)
    assert monitor.flush()
    before = len(collector.requests)
    collector.bad = lambda record: record.get(INK, 1) % 2 == 0  # every other one
    for i in range(256):
        monitor.record({"ink": float(i)}, label="1")
    assert monitor.flush(timeout=20)
    asked = sum(path == "/v1/logs" for path, _ in collector.requests[before:])
    assert asked <= 1 + MAX_SEARCH
    arrived = len(collector.events("driftline.prediction"))
    assert monitor.dropped == 256 - arrived
    assert monitor.close()


def test_a_collector_that_refuses_everything_is_not_asked_for_each_record(
    monitor_for: MakeMonitor, collector: Collector
) -> None:
    monitor = monitor_for(sample_rate=1.0, flush_interval=3600.0)
    assert monitor.flush()
    before = len(collector.requests)
    collector.rule = lambda path, number: Reply(400, "text/plain", b"no") if path == "/v1/logs" else OK
    for i in range(256 * 8):
        monitor.record({"ink": float(i)}, label="1")
    assert monitor.flush(timeout=20)
    asked = sum(path == "/v1/logs" for path, _ in collector.requests[before:])
    assert asked <= MAX_BARREN + MAX_SEARCH + 8
    assert monitor.dropped == 256 * 8
    collector.rule = lambda path, number: OK
    assert monitor.close()
    assert collector.predictions == 256 * 8


def test_what_is_no_request_cannot_be_halved() -> None:
    junk = Batch(1, "s", "logs", 0, 0, 2, 1, 2, 0, b"no gzip")
    assert halves(junk) == []
    assert halves(replace(junk, body=gzip.compress(b"\x0a\xff"))) == []


def test_halves_together_hold_what_the_whole_held() -> None:
    with MemoryMonitor() as monitor:
        for i in range(9):
            monitor.record({"ink": float(i), "paper": "new"}, label=str(i), score=0.5)
        monitor.flush()
        batches = [batch for batch in monitor._bodies if batch.records > 1]
    assert {batch.signal for batch in batches} == {"logs", "metrics"}
    for batch in batches:
        first, second = halves(batch)
        assert first.records + second.records == batch.records
        if batch.signal == "logs":
            assert (first.first, first.last + 1, second.last) == (batch.first, second.first, batch.last)
        joined = [gzip.decompress(part.body) for part in (first, second)]
        again = halves(replace(batch, body=gzip.compress(b"".join(joined))))
        assert [part.records for part in again] == [first.records, second.records]


def test_a_search_is_forgotten_when_none_of_its_parts_waits(tmp_path: Path) -> None:
    stream = Stream("s1", 1, 0, 1)
    spool = Spool(tmp_path / "spool.db", 2**20)
    spool.streams.begin(stream)
    for _ in range(2):
        spool.put([Batch(0, "s1", "logs", 2, 7, 4, 1, 4, 0, b"xxxx")], stream)
        whole = spool.next()
        assert whole is not None
        assert spool.split(whole, [replace(whole, body=b"xx"), replace(whole, body=b"yy")], 2)
        assert spool.bytes == 4
        part = spool.next()
        assert part is not None
        assert not spool.split(part, [part, part], 2)
        while (part := spool.next()) is not None:
            spool.delete(part)
    assert spool._one("SELECT count(*) FROM searches") == 2
    spool.close()
