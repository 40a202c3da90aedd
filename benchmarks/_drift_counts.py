"""Raw rows as counts by segment, judged by the product's own code: for `benchmarks.drift`."""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from driftline_collector.analysis.counts import Profiles, distinct
from driftline_collector.analysis.drift import Limits, judge
from driftline_collector.analysis.references import Family
from driftline_collector.analysis.search import Before
from driftline_collector.analysis.segments import Lattice
from driftline_collector.store.duckdb import DuckDBStore
from driftline_schemas.binning import LABEL
from driftline_schemas.reference import Reference

VERSION = "1"
DIMENSIONS = ("device_type", "region")
START = 1_767_225_600 * 10**9
END = START + 3600 * 10**9
_TOLERANCE_NS = 300 * 10**9

Whole = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Found:
    """Which features of which cells have drifted: `kept` is (cells, features)."""

    cells: tuple[tuple[str, ...], ...]
    kept: npt.NDArray[np.bool_]


def family_of(rows: pa.Table, model: str) -> Family:
    """The reference's rows as bins and shares."""
    columns = {name: rows.column(name).to_numpy() for name in rows.column_names}
    reference = Reference.from_data(columns, model=model, version=VERSION)
    return Family.of({VERSION: reference}, {VERSION: "reference"})


def counted(path: Path, family: Family, batch_rows: int) -> tuple[list[tuple[str, ...]], list[Whole]]:
    """The cells of a file's rows, and of each feature the counts by cell, (cells, fine bins).

    No more than two batches of rows are in memory: one is read while that before it is counted.
    """
    cells: dict[tuple[str, ...], int] = {}
    names = [*DIMENSIONS, *(feature.name for feature in family.features)]
    counts = [np.zeros((0, feature.size), np.int64) for feature in family.features]

    def count(batch: pa.RecordBatch, place: Whole, known: int, i: int) -> None:
        feature = family.features[i]
        bins = feature.indices(batch.column(feature.name).to_numpy(zero_copy_only=False))
        bins += place * feature.size
        added = np.bincount(bins, minlength=known * feature.size).reshape(-1, feature.size)
        added[: len(counts[i])] += counts[i]
        counts[i] = added

    # Buffered ahead, the whole file would be kept. numpy looks edges up without the interpreter's lock.
    with (
        pq.ParquetFile(path, read_dictionary=DIMENSIONS, pre_buffer=False) as file,
        ThreadPoolExecutor() as pool,
    ):
        counting: Iterable[None] = ()
        for batch in file.iter_batches(batch_size=batch_rows, columns=names):
            found, own = distinct(pa.table(batch), DIMENSIONS)
            place = np.array([cells.setdefault(cell, len(cells)) for cell in found])[own]
            list(counting)
            counting = pool.map(partial(count, batch, place, len(cells)), range(len(counts)))
        list(counting)
    return list(cells), counts


def profiles_of(cells: Sequence[tuple[str, ...]], counts: Sequence[Whole], family: Family) -> pa.Table:
    """Counts as the store takes them, one device in each cell: rows of `profiles`."""
    rows = []
    for i, (device_type, region) in enumerate(cells):
        common = {
            "stream": f"stream-{i}",
            "start_ns": START,
            "end_ns": END,
            "model": family.binning.model,
            "version": VERSION,
            "device": f"device-{i}",
            "device_type": device_type,
            "region": region,
            "tier": "device_edge",
            "binning": family.binning.id,
        }
        rows.append({**common, "feature": LABEL, "kind": "predictions", "counts": [int(counts[0][i].sum())]})
        for feature, of_feature in zip(family.features, counts, strict=True):
            one = {**common, "feature": feature.name}
            rows.append({**one, "kind": "numeric", "counts": of_feature[i, :-1].tolist()})
            if missing := int(of_feature[i, -1]):
                rows.append({**one, "kind": "missing", "counts": [missing]})
    return pa.Table.from_pylist(rows)


def judged(profiles: pa.Table, family: Family, *, above: bool = True) -> Found:
    """Verdicts with bounds on the cells and on the segments `above` them; told of the cells."""
    read = Profiles.of(profiles)
    lattice = Lattice.of(device.cell for device in read.devices)
    if not above:
        nodes = tuple(cell.values for cell in lattice.cells)
        lattice = Lattice(lattice.cells, nodes, np.eye(len(nodes), dtype=np.bool_))
    none = np.zeros(len(lattice.nodes), np.bool_)
    verdicts = judge(read, family, lattice, Limits(), before=Before(none, none))
    if verdicts is None:
        raise SystemExit("nothing could be compared")
    cells = tuple((cell.device_type, cell.region) for cell in lattice.cells)
    return Found(cells, verdicts.kept.features[lattice.leaves])


@contextmanager
def stored(profiles: pa.Table) -> Iterator[Callable[[], pa.Table]]:
    """A store that holds them, and how the counts of their window are read."""
    model = profiles.column("model")[0].as_py()
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(DuckDBStore(Path(folder, "driftline.duckdb"))) as store,
    ):
        store.submit({"profiles": profiles}).result()
        yield lambda: store.device_counts(model, START, END, _TOLERANCE_NS)
