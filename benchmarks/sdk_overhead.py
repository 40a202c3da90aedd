"""What a prediction costs: driftline's SDK beside OpenTelemetry's, alternated in one run.

    python -m benchmarks.sdk_overhead --json

Each measurement is a process of its own, in the order A B B A, repeated; figures are medians. A prediction is
ten numbers, a label and a score; driftline profiles all of them and sends 1% whole. Both sides send to the
same HTTP server, which answers and stores nothing.

- `caller_ratio_otel_span`: CPU time on the caller's thread, an OpenTelemetry span with the same twelve
  attributes (batch processor, OTLP/HTTP) ÷ `Monitor.record`.
- `cpu_ratio_otel_histogram`: CPU time of the whole process, its background included, ten OpenTelemetry
  histogram records ÷ `Monitor.record`, per prediction.
- `import_ratio`, `rss_ratio`: seconds to import, start and record once, and resident memory a second later,
  driftline ÷ numpy and OpenTelemetry's SDK with its OTLP exporters.
"""

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

from benchmarks._sink import Sink

PREDICTIONS = 60_000
#: Predictions between two breaths, in which the background may catch up, as it does beside a model.
CHUNK = 500
BREATH = 0.002
BATCH_ROWS = 1_000
NAMES = [f"feature_{i}" for i in range(10)]
LABELS = [str(digit) for digit in range(10)]

Predict = Callable[[dict[str, float], str, float], Any]


def rows(count: int, seed: int = 7) -> list[tuple[dict[str, float], str, float]]:
    """Made-up predictions: features, label, score."""
    rng = random.Random(seed)
    return [
        ({name: rng.gauss(0, 1) for name in NAMES}, rng.choice(LABELS), rng.random()) for _ in range(count)
    ]


def timed(predict: Predict, finish: Callable[[], Any]) -> dict[str, float]:
    """Microseconds of CPU per prediction: of the caller's thread, and of the process."""
    work = rows(4096)
    for features, label, score in work[:1000]:
        predict(features, label, score)
    time.sleep(0.5)  # what is made at the first use is not a prediction's cost
    parts = [
        [work[i % len(work)] for i in range(start, start + CHUNK)] for start in range(0, PREDICTIONS, CHUNK)
    ]
    caller = 0
    process = time.process_time_ns()
    for part in parts:
        begin = time.thread_time_ns()
        for features, label, score in part:
            predict(features, label, score)
        caller += time.thread_time_ns() - begin
        time.sleep(BREATH)
    finish()
    process = time.process_time_ns() - process
    return {"caller_us": caller / PREDICTIONS / 1e3, "process_us": process / PREDICTIONS / 1e3}


@contextmanager
def monitor(endpoint: str) -> Iterator[Any]:
    """A Monitor with a reference of 64 bins a feature."""
    import driftline

    sample = rows(5000, seed=1)
    reference = driftline.Reference.from_data(
        {name: [features[name] for features, _, _ in sample] for name in NAMES},
        labels=[label for _, label, _ in sample],
        scores=[score for _, _, score in sample],
    )
    with tempfile.TemporaryDirectory() as folder:
        made = driftline.Monitor(
            model="benchmark",
            version="1",
            device=driftline.Device(id="bench"),
            reference=reference,
            endpoint=endpoint,
            spool_dir=folder,
            window=5.0,
            max_buffer=2**20,  # a batch every two milliseconds is a burst
        )
        yield made
        if not made.close() or made.dropped:
            raise SystemExit(f"driftline lost something: {made.dropped} dropped")


def run_record(endpoint: str) -> dict[str, float]:
    """`Monitor.record`."""
    with monitor(endpoint) as made:

        def predict(features: dict[str, float], label: str, score: float) -> None:
            made.record(features, label=label, score=score)

        return timed(predict, made.flush)


def run_batch(endpoint: str) -> dict[str, float]:
    """`Monitor.record_batch` of 1,000 rows; CPU of the process per row."""
    import numpy as np

    rng = np.random.default_rng(7)
    table = rng.normal(size=(BATCH_ROWS, len(NAMES)))
    labels = rng.integers(0, 10, BATCH_ROWS).astype(str)
    scores = rng.random(BATCH_ROWS)
    with monitor(endpoint) as made:
        made.record_batch(table, labels, scores)
        made.flush()
        batches = 300
        begin = time.process_time_ns()
        for _ in range(batches):
            made.record_batch(table, labels, scores)
            time.sleep(BREATH)
        made.flush()
        spent = time.process_time_ns() - begin
    return {"batch_us_per_row": spent / batches / BATCH_ROWS / 1e3}


def run_span(endpoint: str) -> dict[str, float]:
    """An OpenTelemetry span with the same attributes."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{endpoint}/v1/traces")))
    tracer = provider.get_tracer("benchmark")

    def predict(features: dict[str, float], label: str, score: float) -> None:
        with tracer.start_as_current_span("prediction") as span:
            for name, value in features.items():
                span.set_attribute(name, value)
            span.set_attribute("label", label)
            span.set_attribute("score", score)

    result = timed(predict, provider.force_flush)
    provider.shutdown()
    return result


def run_histogram(endpoint: str) -> dict[str, float]:
    """Ten OpenTelemetry histogram records, with default bounds and no attributes."""
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

    reader = PeriodicExportingMetricReader(
        OTLPMetricExporter(f"{endpoint}/v1/metrics"), export_interval_millis=5000
    )
    provider = MeterProvider(metric_readers=[reader])
    meter = provider.get_meter("benchmark")
    histograms = {name: meter.create_histogram(name) for name in NAMES}

    def predict(features: dict[str, float], _label: str, _score: float) -> None:
        for name, value in features.items():
            histograms[name].record(value)

    result = timed(predict, provider.force_flush)
    provider.shutdown()
    return result


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


RUNS = {
    "record": run_record,
    "batch": run_batch,
    "span": run_span,
    "histogram": run_histogram,
    "start": run_start,
    "start_otel": run_start_otel,
}


def measure(name: str, endpoint: str) -> dict[str, float]:
    """One run in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.sdk_overhead", "--run", name, "--endpoint", endpoint]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode:
        raise SystemExit(f"run {name} failed:\n{done.stderr}")
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def compare(rounds: int, endpoint: str, say: Callable[[str], None]) -> dict[str, float]:
    """Alternate the runs and take medians."""
    found: dict[str, list[dict[str, float]]] = {name: [] for name in RUNS}
    for round_ in range(rounds):
        # A B B A: whatever else the machine does meets both sides alike.
        forth = ["record", "span", "histogram", "start", "start_otel"]
        for name in [*forth, *reversed(forth), "batch"]:
            found[name].append(measure(name, endpoint))
            say(f"round {round_ + 1}: {name} {found[name][-1]}")

    def median(name: str, key: str) -> float:
        return statistics.median(result[key] for result in found[name])

    record_caller, record_process = median("record", "caller_us"), median("record", "process_us")
    return {
        "caller_ratio_otel_span": round(median("span", "caller_us") / record_caller, 2),
        "cpu_ratio_otel_histogram": round(median("histogram", "process_us") / record_process, 2),
        "batch_us_per_row": round(median("batch", "batch_us_per_row"), 3),
        "import_ratio": round(median("start", "import_s") / median("start_otel", "import_s"), 2),
        "rss_ratio": round(median("start", "rss_mb") / median("start_otel", "rss_mb"), 2),
        "cpu_seconds_per_million": round(record_process, 3),
        "record_caller_us": round(record_caller, 3),
        "record_process_us": round(record_process, 3),
        "otel_span_caller_us": round(median("span", "caller_us"), 3),
        "otel_histogram_process_us": round(median("histogram", "process_us"), 3),
    }


def main() -> None:
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=formatter)
    parser.add_argument("--json", action="store_true", help="print nothing but one JSON object")
    parser.add_argument("--rounds", type=int, default=3, help="of A B B A (default: %(default)s)")
    parser.add_argument("--run", choices=RUNS, help=argparse.SUPPRESS)
    parser.add_argument("--endpoint", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        print(json.dumps(RUNS[options.run](options.endpoint)))
        return
    with ThreadingHTTPServer(("127.0.0.1", 0), Sink) as sink:
        threading.Thread(target=sink.serve_forever, daemon=True).start()
        say = (lambda _: None) if options.json else print
        result = compare(options.rounds, f"http://127.0.0.1:{sink.server_port}", say)
        sink.shutdown()
    print(json.dumps(result))


if __name__ == "__main__":
    main()
