"""What `benchmarks.drift` runs, each in a process of its own. Evidently's needs nothing of driftline."""

import os
import resource
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

TYPES, REGIONS = 10, 10
SEGMENTS = TYPES * REGIONS
ROWS_EACH = 10_000
FEATURES = [f"x{i:02d}" for i in range(10)]
#: Segments of which all features are shifted, by so many standard deviations.
MOVED, SHIFT = (3, 47, 81), 0.5
#: Segments that Evidently judges, after one that does not count.
PEER_SEGMENTS = 3
#: Runs of which the quickest counts.
REPEATS = 5
_BATCH = 65_536
_MODEL = "rows"

Floats = npt.NDArray[np.float64]


def write_rows(folder: Path, seed: int) -> None:
    """`reference.parquet`, `rows.parquet` and `fourfold.parquet`, which has four times as many rows."""
    rng = np.random.default_rng(seed)
    pq.write_table(
        pa.table({name: rng.normal(size=ROWS_EACH) for name in FEATURES}), folder / "reference.parquet"
    )
    for name, times in (("rows", 1), ("fourfold", 4)):
        schema = _batch(rng, 1).schema
        with pq.ParquetWriter(
            folder / f"{name}.parquet", schema, compression="none", use_dictionary=["device_type", "region"]
        ) as writer:
            for _ in range(times * SEGMENTS * ROWS_EACH // 100_000):
                writer.write_table(_batch(rng, 100_000 // SEGMENTS))


def _batch(rng: np.random.Generator, each: int) -> pa.Table:
    """As many rows of every segment, in no order, as they come in from a fleet."""
    segment = rng.permutation(np.repeat(np.arange(SEGMENTS), each))
    shift = np.where(np.isin(segment, MOVED), SHIFT, 0.0)
    names = {
        "device_type": pa.array([f"type-{i:02d}" for i in range(TYPES)]).take(pa.array(segment % TYPES)),
        "region": pa.array([f"region-{i:02d}" for i in range(REGIONS)]).take(pa.array(segment // TYPES)),
    }
    return pa.table({**names, **{name: rng.normal(shift) for name in FEATURES}})


def run_cold(folder: Path, rows: str = "rows") -> dict[str, float]:
    """driftline: rows of a reference and of a file to verdicts; then from the counts in a store."""
    from benchmarks import _drift_counts as ours

    began, cpu = time.perf_counter(), time.process_time()
    family = ours.family_of(pq.ParquetFile(folder / "reference.parquet").read(), _MODEL)
    cells, counts = ours.counted(folder / f"{rows}.parquet", family, _BATCH)
    profiles = ours.profiles_of(cells, counts, family)
    found = ours.judged(profiles, family)
    cold, cpu = time.perf_counter() - began, time.process_time() - cpu
    peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with ours.stored(profiles) as read:
        from_counts = _least_s(lambda: ours.judged(read(), family, above=False))
        with_those_above = _least_s(lambda: ours.judged(read(), family))
    moved = {(f"type-{s % TYPES:02d}", f"region-{s // TYPES:02d}") for s in MOVED}
    drifted = np.array([cell in moved for cell in found.cells])
    return {
        "cold_s": cold,
        "cold_cpu_s": cpu,
        "from_counts_s": from_counts,
        "from_counts_above_s": with_those_above,
        "peak_mb": peak_kb / 1024,
        "missed": int((~found.kept[drifted]).sum()),
        "false": int(found.kept[~drifted].sum()),
    }


def _least_s(work: Callable[[], object]) -> float:
    taken = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return min(taken)


def run_cold_fourfold(folder: Path) -> dict[str, float]:
    """The same with four times as many rows."""
    return run_cold(folder, "fourfold")


def run_evidently(folder: Path) -> dict[str, float]:
    """Evidently's preset on a few segments, all in memory: seconds of the quickest run, and of its CPU."""
    os.environ["DO_NOT_TRACK"] = "1"
    from evidently import Report  # type: ignore[import-not-found]  # lives in an environment of its own
    from evidently.presets import DataDriftPreset  # type: ignore[import-not-found]

    reference = pq.read_table(folder / "reference.parquet").to_pandas()
    rows = pq.read_table(folder / "rows.parquet").to_pandas()
    seconds, cpu_seconds = [], []
    for segment in range(PEER_SEGMENTS + 1):
        chosen = (rows.device_type == f"type-{segment % TYPES:02d}") & (rows.region == "region-00")
        current = rows.loc[chosen, FEATURES].reset_index(drop=True)
        began, cpu = time.perf_counter(), time.process_time()
        Report([DataDriftPreset()]).run(current, reference).dict()
        seconds.append(time.perf_counter() - began)
        cpu_seconds.append(time.process_time() - cpu)
    return {"segment_s": min(seconds[1:]), "segment_cpu_s": min(cpu_seconds[1:])}


RUNS = {"cold": run_cold, "cold_fourfold": run_cold_fourfold, "evidently": run_evidently}
