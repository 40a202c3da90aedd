"""What a prediction costs: driftline's SDK beside OpenTelemetry's and whylogs', alternated in one run.

    python -m benchmarks.sdk_overhead --json

Each measurement is a process of its own, in the order A B B A, repeated; figures are medians. A prediction is
ten numbers, a label and a score; driftline profiles all of them and sends 1% whole. Both sides send to the
same HTTP server, which answers and stores nothing.

- `caller_ratio_otel_span`: CPU time on the caller's thread, an OpenTelemetry span with the same twelve
  attributes (batch processor, OTLP/HTTP) ÷ `Monitor.record`.
- `cpu_ratio_otel_histogram`: CPU time of the whole process, its background included, ten OpenTelemetry
  histogram records ÷ `Monitor.record`, per prediction.
- `cpu_ratio_whylogs`: the same, whylogs' `track` of the row ÷ `Monitor.record`. whylogs wants older packages
  than we do: name the Python of an environment that has it (`--whylogs`), else this is null.
- `loop_p999_ratio`: the 99.9th percentile of an inference that releases the GIL for half a millisecond, with
  a Monitor that is told of each ÷ without. Where it may, it runs before all other processes (SCHED_FIFO).
- `batch_us_per_row`: microseconds of the process's CPU for each row of `record_batch`, of 1,000 rows.
- `import_ratio`, `rss_ratio`: seconds to import, start and record once, and resident memory a second later,
  driftline ÷ numpy and OpenTelemetry's SDK with its OTLP exporters.
- `mb_up_per_day`, `mb_flash_per_day`: one prediction a second, windows of five minutes, else by default, run
  for 45 minutes at twenty times the speed, all intervals with it: HTTP requests with their headers, without
  TLS and TCP; what this process had written to the disk of the working directory, without the file system's
  journal. `mb_up_per_day_on_bins`, `mb_flash_per_day_on_bins`: with a reference of 64 bins a feature.
- `wire_bytes_per_prediction`: of the profile, at a thousand a second in windows of five minutes.
- `cpu_seconds_per_million`: of the whole process, for `Monitor.record`.
"""

import argparse
import json
import statistics
import subprocess
import sys
import threading
from collections.abc import Callable
from http.server import ThreadingHTTPServer
from typing import Any

from benchmarks import _sdk_day, _sdk_runs
from benchmarks._sink import Sink

#: Each run by its name.
RUNS = {
    "record": _sdk_runs.run_record,
    "batch": _sdk_runs.run_batch,
    "span": _sdk_runs.run_span,
    "histogram": _sdk_runs.run_histogram,
    "whylogs": _sdk_runs.run_whylogs,
    "loop": _sdk_runs.run_loop,
    "loop_off": _sdk_runs.run_loop_off,
    "start": _sdk_day.run_start,
    "start_otel": _sdk_day.run_start_otel,
    "day": _sdk_day.run_day,
    "day_on_bins": _sdk_day.run_day_on_bins,
    "busy": _sdk_day.run_busy,
}


def measure(name: str, endpoint: str, python: str = sys.executable) -> dict[str, Any]:
    """One run in a process of its own."""
    command = [python, "-m", "benchmarks.sdk_overhead", "--run", name, "--endpoint", endpoint]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    if done.returncode:
        raise SystemExit(f"run {name} failed:\n{done.stderr}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def compare(
    rounds: int, endpoint: str, whylogs: str | None, say: Callable[[str], None]
) -> dict[str, float | None]:
    """Alternate the runs and take medians."""
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in RUNS}
    # Bytes are as many on a busy machine, and a day of them takes minutes.
    for name in ("day", "day_on_bins", "busy"):
        found[name].append(measure(name, endpoint))
        say(f"{name} {found[name][-1]}")
    for round_ in range(rounds):
        # A B B A: whatever else the machine does meets both sides alike.
        forth = ["record", "span", "histogram", "loop", "loop_off", "start", "start_otel"]
        once = ["batch", *(["whylogs"] if whylogs else [])]
        for name in [*forth, *reversed(forth), *once]:
            python = whylogs if whylogs and name == "whylogs" else sys.executable
            found[name].append(measure(name, endpoint, python))
            shown = {key: value for key, value in found[name][-1].items() if not isinstance(value, list)}
            say(f"round {round_ + 1}: {name} {shown}")

    def median(name: str, key: str) -> float:
        return float(statistics.median(result[key] for result in found[name]))

    def p999(name: str) -> float:
        """Of all inferences of all runs, of which each gives its slowest hundredth."""
        slowest = sorted((us for result in found[name] for us in result["slowest_us"]), reverse=True)
        return float(slowest[len(slowest) // 10])

    record_caller, record_process = median("record", "caller_us"), median("record", "process_us")
    return {
        "caller_ratio_otel_span": round(median("span", "caller_us") / record_caller, 2),
        "cpu_ratio_otel_histogram": round(median("histogram", "process_us") / record_process, 2),
        "cpu_ratio_whylogs": round(median("whylogs", "process_us") / record_process, 2) if whylogs else None,
        "loop_p999_ratio": round(p999("loop") / p999("loop_off"), 2),
        "batch_us_per_row": round(median("batch", "batch_us_per_row"), 3),
        "import_ratio": round(median("start", "import_s") / median("start_otel", "import_s"), 2),
        "rss_ratio": round(median("start", "rss_mb") / median("start_otel", "rss_mb"), 2),
        "mb_up_per_day": round(median("day", "mb_up"), 2),
        "mb_flash_per_day": round(median("day", "mb_flash"), 1),
        "mb_up_per_day_on_bins": round(median("day_on_bins", "mb_up"), 2),
        "mb_flash_per_day_on_bins": round(median("day_on_bins", "mb_flash"), 1),
        "wire_bytes_per_prediction": round(median("busy", "wire_bytes"), 4),
        "cpu_seconds_per_million": round(record_process, 3),
        "record_caller_us": round(record_caller, 3),
        "record_process_us": round(record_process, 3),
        "otel_span_caller_us": round(median("span", "caller_us"), 3),
        "otel_histogram_process_us": round(median("histogram", "process_us"), 3),
        "loop_p999_us": round(p999("loop"), 1),
        "loop_p999_us_without": round(p999("loop_off"), 1),
    }


def main() -> None:
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=formatter)
    parser.add_argument("--json", action="store_true", help="print nothing but one JSON object")
    parser.add_argument("--rounds", type=int, default=3, help="of A B B A (default: %(default)s)")
    parser.add_argument("--whylogs", metavar="PYTHON", help="of an environment that has whylogs")
    parser.add_argument("--run", choices=RUNS, help=argparse.SUPPRESS)
    parser.add_argument("--endpoint", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        print(json.dumps(RUNS[options.run](options.endpoint)))
        return
    with ThreadingHTTPServer(("127.0.0.1", 0), Sink) as sink:
        threading.Thread(target=sink.serve_forever, daemon=True).start()
        say = (lambda _: None) if options.json else print
        result = compare(options.rounds, f"http://127.0.0.1:{sink.server_port}", options.whylogs, say)
        sink.shutdown()
    print(json.dumps(result))


if __name__ == "__main__":
    main()
