"""What it costs to sum a day's profiles to hours, and those to a day, as retention does with old ones.

    python -m benchmarks.summing --json

A fleet's windows of a minute, ten features a device beside labels, score and duration (23 rows a minute for
each device), lie in the archive as the collector's own code writes them, every count drawn by itself. The
collector's own code sums them, in this process. Figures are CPU seconds of all threads for 1,000 devices and
one day, in proportion to fewer.

- `hours_cpu_s`: minutes to hours. `days_cpu_s`: these hours to a day.
- `rows_per_s`: rows of minutes that are summed in a second of CPU. `peak_mb`: resident memory at most.
"""

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pyarrow as pa
from driftline_collector.store.archive import Archive, day_start
from driftline_collector.store.archive_files import ArchiveFile
from driftline_collector.store.duckdb import DuckDBStore
from driftline_collector.store.kinds import DAY_NS, HOUR_NS
from driftline_collector.store.merging import merged

from benchmarks._profiled_fleet import MINUTE, MODEL, SECOND, ProfiledFleet

_DAY = "2026-03-01"
_AHEAD_NS = 300 * SECOND


def minutes(fleet: ProfiledFleet, seed: int) -> Iterator[pa.RecordBatch]:
    """A day of what the fleet sends."""
    rng = np.random.default_rng(seed)
    start_ns = day_start(_DAY)
    for minute in range(DAY_NS // MINUTE):
        for batch in fleet.minute(start_ns + minute * MINUTE):
            table = batch.rows["profiles"].table.combine_chunks()
            counts = table.column("counts").chunk(0)
            values = np.asarray(counts.values)
            own = np.where(values > 0, values + rng.integers(-1, 2, len(values)), 0)
            lists = pa.ListArray.from_arrays(counts.offsets, pa.array(own))
            yield from table.set_column(table.column_names.index("counts"), "counts", lists).to_batches()


def archived(store: DuckDBStore, batches: Iterator[pa.RecordBatch]) -> ArchiveFile:
    """A file of these profiles."""
    first = next(batches)
    cursor = store.archive.cursor

    def whole() -> Iterator[pa.RecordBatch]:
        yield first
        yield from batches

    cursor.register("sent", pa.RecordBatchReader.from_batches(first.schema, whole()))
    query = f"""
        SELECT * FROM main.profiles WHERE false
        UNION ALL BY NAME SELECT *, end_ns + {SECOND} AS received_ns FROM sent
    """
    file = store.archive.write("profiles", _DAY, MODEL, query)
    cursor.unregister("sent")
    store.archive.swap([file], [])
    return file


def timed(archive: Archive, file: ArchiveFile, width_ns: int) -> tuple[ArchiveFile, float]:
    """The file with its profiles summed, in its place, and the CPU seconds that this took."""
    began = time.process_time()
    with archive.lock:
        new = merged(archive, [file], width_ns, _AHEAD_NS)
        archive.swap([new], [file])
    return new, time.process_time() - began


def main() -> None:
    """Make a day, sum it, and print what it took."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--devices", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    fleet = ProfiledFleet(devices=args.devices, features=10, seed=args.seed)
    with tempfile.TemporaryDirectory() as folder, closing(DuckDBStore(Path(folder, "d.duckdb"))) as store:
        sent = archived(store, minutes(fleet, args.seed))
        hours, hours_s = timed(store.archive, sent, HOUR_NS)
        _, days_s = timed(store.archive, hours, DAY_NS)
    share = 1000 / args.devices
    found = {
        "hours_cpu_s": round(hours_s * share, 1),
        "days_cpu_s": round(days_s * share, 1),
        "rows_per_s": round(sent.rows / hours_s),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }
    if args.json:
        print(json.dumps({"benchmark": "summing", "devices": args.devices, "rows": sent.rows} | found))
    else:
        print(f"{sent.rows:,} rows of a day to {hours.rows:,} hours; for 1,000 devices:")
        print("\n".join(f"{name}: {value:,}" for name, value in found.items()))


if __name__ == "__main__":
    main()
