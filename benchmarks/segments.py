"""What segments of one's own cost: minutes of a fleet, judged by its lines and shifts and without.

    python -m benchmarks.segments --json

10,000 devices as in `evaluate`, but in 50 places of a device type and a region, each with three lines and two
shifts: 300 cells, 1,584 segments. Three ways take turns, each in a process of its own:

- `own_ratio`: CPU seconds to judge a minute by lines and shifts ÷ those without, when there are 132 segments;
- `own_ratio_alike`: the same ÷ those of `evaluate`'s fleet, whose 2,000 segments are of versions, device
  types and regions alone; `own_ratio_alike_each` is that for each evaluation that is written;
- `own_peak_mb`, `without_peak_mb`, `alike_peak_mb`: the most memory of each process, the load's included;
- `own_core_share` and the like: CPU seconds of a minute ÷ 60; `own_evaluations`: how many there were.
"""

import argparse
import json
import multiprocessing
import resource
import statistics
import tempfile
from pathlib import Path

from driftline_collector.analysis.evaluate import Policy

from benchmarks._profiled_fleet import ProfiledFleet
from benchmarks.evaluate import evaluated

_OWN = {"line": 3, "shift": 2}


def judged(way: str, devices: int, features: int, minutes: int) -> dict[str, float]:
    """The figures of `evaluate` of one of the three ways, in a process of its own."""
    fleet = ProfiledFleet(devices=devices, features=features)
    policy = Policy()
    if way != "alike":
        fleet = ProfiledFleet(devices=devices, features=features, versions=1, types=5, regions=10, own=_OWN)
        policy = Policy(segments=None if way == "own" else ())
    with tempfile.TemporaryDirectory() as folder:
        figures = evaluated(Path(folder), fleet, minutes, policy)
    return {**figures, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def compared(devices: int, features: int, minutes: int, rounds: int) -> dict[str, float]:
    """The ways by turns; medians of the rounds."""
    told: dict[str, list[dict[str, float]]] = {"without": [], "own": [], "alike": []}
    spawn = multiprocessing.get_context("spawn")
    for _ in range(rounds):
        for way, rows in told.items():
            with spawn.Pool(1) as pool:
                rows.append(pool.apply(judged, (way, devices, features, minutes)))
    figures = {
        way: {name: statistics.median(row[name] for row in rows) for name in rows[0]}
        for way, rows in told.items()
    }
    cpu = {way: of_way["core_share_each_minute"] for way, of_way in figures.items()}
    each = {way: cpu[way] / figures[way]["evaluations"] for way in cpu}
    return {
        "own_ratio": round(cpu["own"] / cpu["without"], 2),
        "own_ratio_alike": round(cpu["own"] / cpu["alike"], 2),
        "own_ratio_alike_each": round(each["own"] / each["alike"], 2),
        **{f"{way}_core_share": share for way, share in cpu.items()},
        **{f"{way}_peak_mb": round(of_way["peak_mb"]) for way, of_way in figures.items()},
        **{f"{way}_evaluations": of_way["evaluations"] for way, of_way in figures.items()},
    }


def main() -> None:
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=formatter)
    parser.add_argument("--json", action="store_true", help="print nothing but one JSON object")
    parser.add_argument("--devices", type=int, default=10_000, help="(default: %(default)s)")
    parser.add_argument("--features", type=int, default=20, help="that are judged (default: %(default)s)")
    parser.add_argument("--minutes", type=int, default=3, help="of data (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=2, help="(default: %(default)s)")
    options = parser.parse_args()
    figures = compared(options.devices, options.features, options.minutes, options.rounds)
    if options.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:24} {value:g}")


if __name__ == "__main__":
    main()
