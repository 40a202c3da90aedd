"""Runs of `benchmarks.sdk_overhead`: what a Monitor weighs at its start, and sends and writes in a day."""

import random
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

from benchmarks._sdk_runs import BATCH_ROWS, NAMES, reference, rows
from benchmarks._sink import Sink

#: A day is run this much faster, all intervals with it.
FASTER = 20
#: Seconds of that day that are run: nine windows of five minutes, in which samples go up once or twice.
RUN = 2700
BUSY_ROWS = 300_000


class _Scale(Sink):
    """Weighs requests, headers included, by path."""

    taken: Counter[str]

    def do_POST(self) -> None:  # noqa: N802 - the base class's name
        size = len(self.requestline) + 2 + len(bytes(self.headers)) + int(self.headers["Content-Length"])
        type(self).taken[self.path] += size
        super().do_POST()


def _scale() -> tuple[ThreadingHTTPServer, Counter[str]]:
    taken: Counter[str] = Counter()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Scale", (_Scale,), {"taken": taken}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, taken


def _written() -> int:
    """Bytes that this process had written to a block device."""
    return int(Path("/proc/self/io").read_text().partition("\nwrite_bytes:")[2].split()[0])


def run_day(_endpoint: str) -> dict[str, float]:
    """One prediction a second, windows of five minutes, otherwise as by default; no reference."""
    return _day({})


def run_day_on_bins(_endpoint: str) -> dict[str, float]:
    """The same with a reference of 64 bins a feature."""
    return _day({"reference": reference()})


def _day(arguments: dict[str, Any]) -> dict[str, float]:
    import driftline

    server, taken = _scale()
    work = rows(RUN, seed=random.randrange(1000))
    # Where the checkout is: /tmp may be memory.
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=".") as folder:
        made = driftline.Monitor(
            model="benchmark",
            version="1",
            device=driftline.Device(id="bench", type="jetson-orin-nano", region="eu-west"),
            endpoint=f"http://127.0.0.1:{server.server_port}",
            spool_dir=folder,
            window=300 / FASTER,
            flush_interval=1 / FASTER,
            sync_interval=1 / FASTER,
            **arguments,
        )
        time.sleep(1)
        taken.clear()
        written, cpu, began = _written(), time.process_time(), time.monotonic()
        for second, (features, label, score) in enumerate(work):
            time.sleep(max(0.0, began + second / FASTER - time.monotonic()))
            made.record(features, label=label, score=score)
        written, cpu = _written() - written, time.process_time() - cpu
        # What waits for its window is not yet sent, as at the start what came before was. Samples that wait
        # for others are: they are of these windows.
        sent = taken.total() - taken["/v1/logs"]
        made.flush()
        sent += taken["/v1/logs"]
        made.close()
    server.shutdown()
    days = RUN / 86_400
    return {"mb_up": sent / days / 1e6, "mb_flash": written / days / 1e6, "cpu_s": cpu / days}


def run_busy(_endpoint: str) -> dict[str, float]:
    """Bytes of profile for each prediction at a thousand a second in windows of five minutes, on 64 bins."""
    import driftline
    import numpy as np

    server, taken = _scale()
    rng = np.random.default_rng(7)
    with tempfile.TemporaryDirectory() as folder:
        made = driftline.Monitor(
            model="benchmark",
            version="1",
            device=driftline.Device(id="bench", type="jetson-orin-nano", region="eu-west"),
            reference=reference(),
            endpoint=f"http://127.0.0.1:{server.server_port}",
            spool_dir=folder,
            window=300,
            max_buffer=BUSY_ROWS,  # it comes in a burst
        )
        for _ in range(0, BUSY_ROWS, BATCH_ROWS):
            labels = rng.integers(0, 10, BATCH_ROWS).astype(str)
            made.record_batch(rng.normal(size=(BATCH_ROWS, len(NAMES))), labels, rng.random(BATCH_ROWS))
            time.sleep(0.002)
        if not made.flush() or made.dropped:
            raise SystemExit(f"driftline lost something: {made.dropped} dropped")
        size = taken["/v1/metrics"]
        made.close()
    server.shutdown()
    return {"wire_bytes": size / BUSY_ROWS}


def _weigh(start: Callable[[], object], began: float) -> dict[str, float]:
    """Seconds since `began` and resident megabytes, after a start."""
    started = start()
    seconds = time.perf_counter() - began
    time.sleep(1.0)  # its threads have come to rest
    status = Path("/proc/self/status").read_text()
    resident = int(status.partition("VmRSS:")[2].split()[0]) / 1024
    del started
    return {"import_s": seconds, "rss_mb": resident}


def run_start(endpoint: str) -> dict[str, float]:
    """Import driftline, make a Monitor, record once."""
    began = time.perf_counter()

    def start() -> object:
        import driftline

        folder = tempfile.mkdtemp()
        device = driftline.Device(id="bench")
        made = driftline.Monitor(
            model="benchmark", version="1", device=device, endpoint=endpoint, spool_dir=folder
        )
        made.record(dict.fromkeys(NAMES, 1.0), label="1", score=0.5)
        return made

    return _weigh(start, began)


def run_start_otel(endpoint: str) -> dict[str, float]:
    """Import numpy and OpenTelemetry's SDK with its OTLP exporters, make the providers, record once."""
    began = time.perf_counter()

    def start() -> object:
        import numpy as np
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        reader = PeriodicExportingMetricReader(OTLPMetricExporter(f"{endpoint}/v1/metrics"))
        meters = MeterProvider(metric_readers=[reader])
        tracers = TracerProvider()
        tracers.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{endpoint}/v1/traces")))
        meters.get_meter("benchmark").create_histogram("x").record(1.0)
        tracers.get_tracer("benchmark").start_span("x").end()
        return np, meters, tracers

    return _weigh(start, began)
