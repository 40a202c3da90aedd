"""What verdicts cost: a fleet's profiles of each minute, judged by the product's own code as it closes.

    python -m benchmarks.evaluate --json

10,000 devices lie in 1,444 cells of 4 versions, 19 device types and 19 regions, which make 2,000 segments;
one device type has drifted. Each device sends its profile every minute: 20 numeric features in 66 bins,
label, score, latency, escalations; 330,000 rows of a real store, written by its own writer. Windows of one
minute are judged by the scheduler: drift of all segments and features, coverage, escalations, latency, every
device; rules are held against it, and 64,000 evaluations are committed.

- `core_share_each_minute`: CPU seconds of that for a minute of data ÷ 60, the median of the minutes.
- `evaluate_s`: the same on the clock; `segments` and `evaluations` are how many there were.
- `profiles_held`: 10,000 devices with 10 features as OTLP, one request per device and minute, decoded, kept
  and judged at the same time: seconds of data that are taken in a second.
- `evaluate_peak_mb`: the most memory of the process, which holds the load as well.
"""

import argparse
import json
import resource
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

from driftline_collector.alerts.messages import Links
from driftline_collector.alerts.pipeline import AlertPipeline
from driftline_collector.alerts.rules import Rule
from driftline_collector.analysis.evaluate import Policy
from driftline_collector.app import RegisteredEdges
from driftline_collector.receiver.decoded import Rejected
from driftline_collector.receiver.intake import Intake, OverloadedError
from driftline_collector.receiver.signals import METRICS
from driftline_collector.scheduler import Scheduler
from driftline_collector.store.base import Selection
from driftline_collector.store.duckdb import DuckDBStore

from benchmarks._profiled_fleet import MINUTE, MODEL, SECOND, ProfiledFleet
from benchmarks._profiled_otlp import Requests

RULES = (
    Rule(name="drift", measure="drift", severity="critical"),
    Rule(name="silent", measure="silent_devices", above=0, severity="warning"),
)


class Clock:
    """What the scheduler takes for now."""

    def __init__(self, now_ns: int) -> None:
        self.now_ns = now_ns

    def __call__(self) -> int:
        return self.now_ns


@contextmanager
def filled(folder: Path, fleet: ProfiledFleet) -> Iterator[DuckDBStore]:
    """A store with the fleet's references."""
    store = DuckDBStore(folder / "driftline.duckdb")
    try:
        store.submit({"model_references": fleet.references(1)}).result()
        yield store
    finally:
        store.close()


def scheduler(store: DuckDBStore, clock: Clock, policy: Policy | None = None) -> Scheduler:
    """The collector's, with windows of a minute."""
    alerts = AlertPipeline(store, RULES, (), now=clock, links=Links(dashboard="http://driftline.example"))
    return Scheduler(
        store,
        alerts.observe,
        policy or Policy(),
        width_ns=MINUTE,
        lateness_ns=10 * SECOND,
        history_ns=3600 * SECOND,
        now=clock,
    )


def evaluated(
    folder: Path, fleet: ProfiledFleet, minutes: int, policy: Policy | None = None
) -> dict[str, float]:
    """Minute after minute is written, then judged; only the latter is measured."""
    cpu, wall = [], []
    start = first_minute(minutes)
    clock = Clock(start)
    with filled(folder, fleet) as store:
        judging = scheduler(store, clock, policy)
        for minute in range(minutes):
            for answer in [store.inbox.submit(batch) for batch in fleet.minute(start + minute * MINUTE)]:
                answer.result()
            store.writer.settle(None)  # however long that takes on a busy machine
            clock.now_ns = start + (minute + 1) * MINUTE + SECOND
            began, cpu_before = time.monotonic(), time.process_time()
            if len(judging.tick()) != 1:
                raise SystemExit(f"minute {minute} was not judged")
            wall.append(time.monotonic() - began)
            cpu.append(time.process_time() - cpu_before)
        rows = store.evaluations(Selection(model=MODEL, start_ns=start, end_ns=start + 1, limit=10**6))
    return {
        "core_share_each_minute": round(statistics.median(cpu) / 60, 4),
        "evaluate_s": round(statistics.median(wall), 2),
        "segments": fleet.segments,
        "evaluations": rows.num_rows,
    }


def held(folder: Path, fleet: ProfiledFleet, minutes: int) -> float:
    """Seconds of data taken in a second, while what has come is judged."""
    requests = Requests(fleet)
    start = first_minute(minutes)
    clock = Clock(start)
    with filled(folder, fleet) as store:
        intake = Intake(store.inbox, RegisteredEdges(store))
        judging = scheduler(store, clock)
        judged, done = 0, threading.Event()

        def judge() -> None:
            nonlocal judged
            while judged < minutes and not done.wait(0.05):
                judged += len(judging.tick())

        judge_thread = threading.Thread(target=judge, daemon=True)
        began = time.monotonic()
        judge_thread.start()
        for minute in range(minutes):
            answers = [_sent(intake, body) for body in requests.minute(start + minute * MINUTE)]
            if refused := sum(answer.result().count for answer in answers):
                raise SystemExit(f"{refused} points were refused")
            clock.now_ns = start + (minute + 1) * MINUTE + SECOND
        judge_thread.join(600)
        took = time.monotonic() - began
        done.set()
        intake.close()
        if judged != minutes:
            raise SystemExit(f"{judged} of {minutes} minutes were judged")
    return round(minutes * 60 / took, 2)


def _sent(intake: Intake, body: bytes) -> "Future[Rejected]":
    while True:
        try:
            return intake.submit(METRICS, body)
        except OverloadedError:
            time.sleep(0.005)


def first_minute(minutes: int) -> int:
    """Such that the last one is over."""
    now = time.time_ns()
    return now - now % MINUTE - (minutes + 1) * MINUTE


def main() -> None:
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=formatter)
    parser.add_argument("--json", action="store_true", help="print nothing but one JSON object")
    parser.add_argument("--devices", type=int, default=10_000, help="(default: %(default)s)")
    parser.add_argument("--features", type=int, default=20, help="that are judged (default: %(default)s)")
    parser.add_argument("--minutes", type=int, default=5, help="of data (default: %(default)s)")
    options = parser.parse_args()
    fleet = ProfiledFleet(devices=options.devices, features=options.features)
    with tempfile.TemporaryDirectory() as folder:
        figures = evaluated(Path(folder), fleet, options.minutes)
    with tempfile.TemporaryDirectory() as folder:
        fewer = ProfiledFleet(devices=options.devices, features=10)
        figures["profiles_held"] = held(Path(folder), fewer, options.minutes)
    figures["evaluate_peak_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    if options.json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name:24} {value:g}")


if __name__ == "__main__":
    main()
