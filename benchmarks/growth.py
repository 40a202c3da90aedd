"""Whether cost grows with what is kept: a store of a month with 10^8 predictions beside the same without it.

    python -m benchmarks.growth --json

A fleet of 200 devices sends for a day, through the store's own writer, and is judged (`tests.seeding`). That
is the one store. The other has 30 earlier days beside, with 10^8 predictions, a label for each hundredth,
windows, profiles and evaluations, made by SQL in the store's own schema (`benchmarks._history`): the last of
them in the database, the others as the Parquet files that the archive's own code writes. Both are asked the
same, of the day that both have; they alternate, and figures are medians.

- `ingest_ratio`: prediction events a second, from OTLP to what reads see, the full store's ÷ an empty one's.
- `evaluate_ratio`: verdicts of an hour, `query_ratio`: all answers that the dashboard's pages ask for, over
  HTTP: how fast the full store is ÷ how fast the other. `query_worst_ratio`: that of the worst single answer.
- `startup_s`: from the start of a collector's process with the full store until it takes requests.
- `bytes_per_prediction`: all files of the full store ÷ its predictions.
"""

import argparse
import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

from driftline_collector.analysis.evaluate import Policy, evaluate
from driftline_collector.analysis.windows import Window
from driftline_collector.client import Client
from driftline_collector.receiver.intake import Intake
from driftline_collector.receiver.signals import LOGS
from driftline_collector.store.duckdb import DuckDBStore

from benchmarks._history import HOUR_NS, add_history
from benchmarks._otlp_load import Requests
from tests.browser import serving
from tests.seeding import Fleet

_DATABASE = "seeded.duckdb"
_REQUESTS = 100
_AT_ONCE = 8

Say = Callable[[str], None]
#: What is timed, by name.
Asked = Mapping[str, Callable[[], object]]


def fleet_of(folder: Path) -> Fleet:
    """The fleet of a folder: as of the first time that it was asked for."""
    begun = folder / "now_ns"
    if not begun.exists():
        folder.mkdir(parents=True, exist_ok=True)
        begun.write_text(str(time.time_ns()))
    now_ns = int(begun.read_text())
    return Fleet(devices=200, types=5, regions=4, features=8, silent=2, idle=2, samples=20_000, now_ns=now_ns)


def filled(folder: Path, fleet: Fleet, predictions: int, say: Say) -> None:
    """Make the stores `day` and `month` in the folder, where they are not there."""
    if (folder / "month" / _DATABASE).exists():
        return
    for name in ("day", "making"):
        (folder / name).mkdir(exist_ok=True)
    serving.filled(folder / "day", fleet)
    shutil.copy(folder / "day" / _DATABASE, folder / "making" / _DATABASE)
    add_history(folder / "making" / _DATABASE, fleet, predictions, say)
    (folder / "making").rename(folder / "month")


def medians(day: Asked, month: Asked, rounds: int) -> dict[str, tuple[float, float]]:
    """Seconds that each takes in both stores, alternated: A B B A."""
    times: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in day}
    for number in range(rounds + 1):
        for name, kept in times.items():
            both = [(day, kept[0]), (month, kept[1])]
            for asked, into in both if number % 2 else both[::-1]:
                began = time.perf_counter()
                asked[name]()
                if number:  # the first warms up
                    into.append(time.perf_counter() - began)
    return {name: (statistics.median(a), statistics.median(b)) for name, (a, b) in times.items()}


def started(folder: Path, fleet: Fleet) -> float:
    """Seconds until a collector takes requests."""
    began = time.monotonic()
    with serving.collector(folder, fleet):
        return time.monotonic() - began


def pages(client: Client, model: str) -> Asked:
    """What the eight pages ask for."""
    whole = f"model={model},version=*,device_type=*,region=*"
    sample = next(iter(client.samples(model=model, start="24h", limit=20)))
    alert = next(iter(client.alerts()))
    day = {"start": "24h"}
    return {
        "overview": lambda: client.overview(model=model, **day),
        "models": client.models,
        "alerts": lambda: client.alerts(model=model),
        "alert": lambda: client.alert(alert.id),
        "heatmap": lambda: client.heatmap(model=model),
        "series": lambda: client.series(whole, "drift", **day),
        "distribution": lambda: client.distribution(whole, "contrast"),
        "performance": lambda: client.performance(whole, **day),
        "latency": lambda: client.latency(model=model, **day),
        "devices": lambda: client.devices(model=model, **day),
        "device": lambda: client.device(sample.device, model=model, **day),
        "device_series": lambda: client.device_series(sample.device, model=model, **day),
        "samples": lambda: client.samples(model=model, **day, limit=100),
        "prediction": lambda: client.prediction(sample.id),
        "system": client.system,
    }


def asked(folder: Path, fleet: Fleet, rounds: int, say: Say) -> dict[str, float]:
    """Ratios of the dashboard's answers, from a collector over each store."""
    with ExitStack() as stack:
        both = []
        for name in ("day", "month"):
            program = stack.enter_context(serving.collector(folder / name, fleet))
            client = stack.enter_context(Client(program.url, timeout_s=120))
            both.append(pages(client, fleet.model_name))
        found = medians(both[0], both[1], rounds)
    for name, (day, month) in found.items():
        say(f"{name:16} {day * 1e3:8.1f} ms {month * 1e3:8.1f} ms")
    return {
        "query_ratio": round(sum(a for a, _ in found.values()) / sum(b for _, b in found.values()), 3),
        "query_worst_ratio": round(min(a / b for a, b in found.values()), 3),
    }


def judged(folder: Path, fleet: Fleet, rounds: int) -> float:
    """How fast the last hour is judged: the full store's speed ÷ the other's."""
    window = Window(fleet.closed_ns - HOUR_NS, fleet.closed_ns)
    with ExitStack() as stack:
        both = []
        for name in ("day", "month"):
            store = DuckDBStore(folder / name / _DATABASE)
            stack.callback(store.close)
            both.append({"judge": lambda store=store: _judge(store, fleet, window)})
        day, month = medians(both[0], both[1], rounds)["judge"]
    return round(day / month, 3)


def _judge(store: DuckDBStore, fleet: Fleet, window: Window) -> None:
    """All that the scheduler reads and reckons for a window."""
    store.models()
    store.judged_until(fleet.model_name)
    store.touched(window.end_ns, window.width_ns)
    evaluate(store, fleet.model_name, window, Policy(), now_ns=fleet.now_ns)


def taken_in(folder: Path, rounds: int) -> float:
    """Events a second: the full store's ÷ an empty one's. Into a copy of what may change."""
    with ExitStack() as stack:
        both = []
        empty, full = (Path(stack.enter_context(tempfile.TemporaryDirectory(dir=folder))) for _ in range(2))
        month = folder / "month" / _DATABASE
        shutil.copy(month, full / _DATABASE)
        (full / f"{_DATABASE}.archive").symlink_to(f"{month.absolute()}.archive")
        for number, place in enumerate((empty, full)):
            store = DuckDBStore(place / _DATABASE)
            stack.callback(store.close)
            intake = Intake(store.inbox, lambda _binning, _feature: None)
            stack.callback(intake.close)
            requests = Requests(number + int(time.time()))
            both.append({"ingest": lambda s=store, i=intake, r=requests: _send(s, i, r)})
        bare, kept = medians(both[0], both[1], rounds)["ingest"]
    return round(bare / kept, 3)


def _send(store: DuckDBStore, intake: Intake, requests: Requests) -> None:
    for _ in range(_REQUESTS // _AT_ONCE):
        for answer in [intake.submit(LOGS, requests.make()) for _ in range(_AT_ONCE)]:
            answer.result()
    store.writer.settle(None)


def size_of(store: Path) -> int:
    """The bytes of a database and of all that stands beside it."""
    return sum(file.stat().st_size for file in store.parent.rglob("*") if file.is_file())


def measured(folder: Path, predictions: int, rounds: int, say: Say) -> dict[str, float]:
    """Every figure, of stores that are made in the folder where they are not there."""
    fleet = fleet_of(folder)
    filled(folder, fleet, predictions, say)
    kept = size_of(folder / "month" / _DATABASE) / predictions
    start = statistics.median(started(folder / "month", fleet) for _ in range(3))
    return {
        **asked(folder, fleet, rounds, say),
        "evaluate_ratio": judged(folder, fleet, rounds),
        "ingest_ratio": taken_in(folder, rounds),
        "startup_s": round(start, 2),
        "bytes_per_prediction": round(kept, 1),
        "predictions": predictions,
    }


def main() -> None:
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=formatter)
    parser.add_argument("--json", action="store_true", help="print nothing but one JSON object")
    parser.add_argument("--predictions", type=float, default=1e8, help="(default: %(default)g; 7 GB)")
    parser.add_argument("--rounds", type=int, default=7, help="of each measurement (default: %(default)s)")
    parser.add_argument("--folder", type=Path, help="keep the filled stores here, for the next time")
    options = parser.parse_args()
    say: Say = (lambda _: None) if options.json else print
    with tempfile.TemporaryDirectory(prefix="driftline-growth-") as temporary:
        folder = options.folder or Path(temporary)
        print(json.dumps(measured(folder, int(options.predictions), options.rounds, say)))


if __name__ == "__main__":
    main()
