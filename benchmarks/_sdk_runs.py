"""What `benchmarks.sdk_overhead` runs, each in a process of its own: the SDK's hot path, and its peers'."""

import contextlib
import hashlib
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

PREDICTIONS = 60_000
#: Predictions between two breaths, in which the background may catch up, as it does beside a model.
CHUNK = 500
BREATH = 0.002
BATCH_ROWS = 1_000
NAMES = [f"feature_{i}" for i in range(10)]
LABELS = [str(digit) for digit in range(10)]

WHYLOGS_PREDICTIONS = 3_000
#: What the model of the loop hashes: half a millisecond, in which another thread may run.
INFERENCE_BYTES = 2**20
INFERENCES = 8_000
WARM_UP = 2_000

Predict = Callable[[dict[str, float], str, float], Any]


def rows(count: int, seed: int = 7) -> list[tuple[dict[str, float], str, float]]:
    """Made-up predictions: features, label, score."""
    rng = random.Random(seed)
    return [
        ({name: rng.gauss(0, 1) for name in NAMES}, rng.choice(LABELS), rng.random()) for _ in range(count)
    ]


def timed(predict: Predict, finish: Callable[[], Any], *, predictions: int = PREDICTIONS) -> dict[str, float]:
    """Microseconds of CPU per prediction: of the caller's thread, and of the process."""
    work = rows(4096)
    for features, label, score in work[:1000]:
        predict(features, label, score)
    time.sleep(0.5)  # what is made at the first use is not a prediction's cost
    parts = [
        [work[i % len(work)] for i in range(start, start + CHUNK)] for start in range(0, predictions, CHUNK)
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
    return {"caller_us": caller / predictions / 1e3, "process_us": process / predictions / 1e3}


def reference() -> Any:
    """One of 64 bins a feature."""
    import driftline

    sample = rows(5000, seed=1)
    return driftline.Reference.from_data(
        {name: [features[name] for features, _, _ in sample] for name in NAMES},
        labels=[label for _, label, _ in sample],
        scores=[score for _, _, score in sample],
    )


@contextmanager
def monitor(endpoint: str, window: float = 5.0) -> Iterator[Any]:
    """A Monitor with a reference."""
    import driftline

    with tempfile.TemporaryDirectory() as folder:
        made = driftline.Monitor(
            model="benchmark",
            version="1",
            device=driftline.Device(id="bench"),
            reference=reference(),
            endpoint=endpoint,
            spool_dir=folder,
            window=window,
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


def run_whylogs(_endpoint: str) -> dict[str, float]:
    """whylogs' profile of the same rows, one by one; it sends nothing."""
    from whylogs.core import DatasetProfile

    profile = DatasetProfile()

    def predict(features: dict[str, float], label: str, score: float) -> None:
        profile.track({**features, "label": label, "score": score})

    return timed(predict, profile.view, predictions=WHYLOGS_PREDICTIONS)


def run_loop(endpoint: str) -> dict[str, Any]:
    """A model that releases the GIL, and a Monitor that is told each answer."""
    _first_in_line()
    with monitor(endpoint, window=60.0) as made:

        def predict(features: dict[str, float], label: str, score: float) -> None:
            made.record(features, label=label, score=score)

        return {"slowest_us": _loop(predict)}


def run_loop_off(_endpoint: str) -> dict[str, Any]:
    """The same model without."""
    _first_in_line()
    return {"slowest_us": _loop(lambda _features, _label, _score: None)}


def _first_in_line() -> None:
    """Have this thread, and those that it starts, run before other processes, whose turns of tens of
    milliseconds would hide what the interpreter's lock costs. Not everybody may."""
    with contextlib.suppress(AttributeError, PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))


def _loop(predict: Predict) -> list[float]:
    """The slowest hundredth of all inferences, in microseconds, descending."""
    work = rows(4096)
    image = bytes(INFERENCE_BYTES)
    taken = []
    for i in range(INFERENCES):
        begin = time.perf_counter_ns()
        hashlib.sha256(image).digest()
        predict(*work[i % len(work)])
        taken.append(time.perf_counter_ns() - begin)
        if i % 10 == 0:
            time.sleep(0.001)  # who never sleeps is put to sleep, whatever its priority
    return [ns / 1e3 for ns in sorted(taken[WARM_UP:], reverse=True)[: (INFERENCES - WARM_UP) // 100]]
