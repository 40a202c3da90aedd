"""How long raw rows take to become verdicts: driftline beside Evidently, alternated in one run.

    python -m benchmarks.drift --json --evidently PYTHON

A Parquet file holds 1,000,000 rows of ten numbers, 10,000 in each of 100 segments (ten device types in ten
regions); three segments have drifted. The reference is a file of 10,000 rows. Every measurement is a process
of its own, and the quickest counts, as others share the machine. Imports are not counted on either side.

- `cold_s`: driftline, nothing known beforehand: the reference's rows become bins, the file is read, its rows
  are cut into these bins on all cores and counted by segment, and all segments are judged, with the 142 above
  them in the lattice: verdict, effect, bounds, p and q by feature.
- `ratio_evidently`: Evidently's `DataDriftPreset` run for each segment ÷ that. It is run for three of them in
  each round, whose rows and those of the reference are in memory, after a run that does not count; the
  quickest stands for all 100. Its Python is named with `--evidently`, else the ratio is null.
  `cpu_ratio_evidently` is the same of CPU seconds of all threads, which others take nothing of.
- `from_counts_ms`: counts read from the store, to the same verdicts on the 100 segments;
  `from_counts_above_ms`: with those on the 142 segments above them.
- `peak_mb`: the most memory of the process for 1,000,000 rows; `peak_mb_fourfold` for 4,000,000.
- `missed`, `false`: of 30 drifted pairs of segment and feature, and of the 970 others, what the verdicts
  say wrong.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import _drift_runs

PEER = "evidently"


def measure(name: str, folder: Path, python: str = sys.executable) -> dict[str, Any]:
    """One run in a process of its own."""
    command = [python, "-m", "benchmarks.drift", "--run", name, "--folder", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=1800)
    if done.returncode:
        raise SystemExit(f"run {name} failed:\n{done.stderr}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def compare(folder: Path, rounds: int, evidently: str | None) -> dict[str, float | int | None]:
    """Alternate the runs and take the quickest of each."""
    ours: list[dict[str, Any]] = []
    peers: list[dict[str, Any]] = []
    for _ in range(rounds):
        ours.append(measure("cold", folder))
        if evidently:
            peers.append(measure(PEER, folder, evidently))

    def least(runs: list[dict[str, Any]], key: str) -> float:
        return float(min(run[key] for run in runs))

    def ratio(key: str, of_peer: str) -> int | None:
        return round(_drift_runs.SEGMENTS * least(peers, of_peer) / least(ours, key)) if peers else None

    return {
        "ratio_evidently": ratio("cold_s", "segment_s"),
        "cpu_ratio_evidently": ratio("cold_cpu_s", "segment_cpu_s"),
        "cold_s": round(least(ours, "cold_s"), 3),
        "cold_cpu_s": round(least(ours, "cold_cpu_s"), 3),
        "from_counts_ms": round(1000 * least(ours, "from_counts_s"), 1),
        "from_counts_above_ms": round(1000 * least(ours, "from_counts_above_s"), 1),
        "peak_mb": round(max(run["peak_mb"] for run in ours)),
        "peak_mb_fourfold": round(measure("cold_fourfold", folder)["peak_mb"]),
        "evidently_s_per_segment": round(least(peers, "segment_s"), 2) if peers else None,
        "missed": max(run["missed"] for run in ours),
        "false": max(run["false"] for run in ours),
    }


def main() -> None:
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=formatter)
    parser.add_argument("--json", action="store_true", help="print nothing but one JSON object")
    parser.add_argument("--rounds", type=int, default=3, help="(default: %(default)s)")
    parser.add_argument("--evidently", metavar="PYTHON", help="of an environment that has evidently")
    parser.add_argument("--seed", type=int, default=1, help="of the rows (default: %(default)s)")
    parser.add_argument("--run", choices=_drift_runs.RUNS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        print(json.dumps(_drift_runs.RUNS[options.run](options.folder)))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _drift_runs.write_rows(folder, options.seed)
        figures = compare(folder, options.rounds, options.evidently)
    if options.json:
        print(json.dumps(figures))
    else:
        for key, value in figures.items():
            print(f"{key:24} {value}")


if __name__ == "__main__":
    main()
