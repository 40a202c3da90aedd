"""Segments simulated at the level of counts, many at once: what the statistics are held against."""

import numpy as np
import numpy.typing as npt
from driftline_collector.analysis.baselines import Past
from driftline_collector.analysis.cell_sums import CellSums
from driftline_collector.analysis.comparison import Comparison, compare
from driftline_collector.analysis.mixtures import Mixture
from driftline_collector.analysis.references import Family
from driftline_schemas.reference import Reference

Floats = npt.NDArray[np.float64]


def normal_family(rows: int, rng: np.random.Generator) -> Family:
    """One numeric feature, standard normal, with a reference of so many rows."""
    reference = Reference.from_data({"x": rng.normal(size=rows)}, model="m", version="1")
    return Family.of({"1": reference}, {"1": "reference-1"})


def normal_counts(
    family: Family,
    rng: np.random.Generator,
    *,
    segments: int,
    devices: int,
    rows: int,
    correlation: float = 0.0,
    shift: float = 0.0,
) -> Floats:
    """Counts of standard normal rows, shape (segments, devices, test bins), `rows` of each device.

    `correlation` is that of two rows of one device: each device is a bit brighter or darker than the next.
    """
    device = rng.normal(size=(segments, devices, 1)) * np.sqrt(correlation)
    values = shift + device + rng.normal(size=(segments, devices, rows)) * np.sqrt(1 - correlation)
    fine = np.searchsorted(family.features[0].edges, values.ravel(), side="left")
    owner = np.repeat(np.arange(segments * devices), rows)
    counts = np.zeros((segments * devices, family.width))
    np.add.at(counts, (owner, family.merged[0][fine]), 1)
    return counts.reshape(segments, devices, family.width)


def past_of(windows: Floats) -> Past:
    """The past of segments with counts in some windows, (segments, windows, test bins)."""
    segments, count, _ = windows.shape
    counts = windows.swapaxes(0, 1)[:, :, None].astype(np.float32)
    return Past("hour_of_week", counts, True, np.full(segments, count), ["the same hour"] * segments)


def compared(
    family: Family, counts: Floats, *, effect: float = 0.02, past: Past | None = None, fleet: bool = False
) -> Comparison:
    """Each segment by itself against the reference, or its past, through the product's own code.

    As one of a `fleet` all of them together come last.
    """
    segments, devices, bins = counts.shape
    sums = CellSums.of(
        counts.reshape(segments * devices, 1, bins),
        np.repeat(np.arange(segments), devices),
        Mixture.of_versions(family, np.zeros(segments, dtype=np.int64)),
        family,
        past,
    )
    members = np.concatenate([np.eye(segments), np.ones((int(fleet), segments))]).astype(np.bool_)
    return compare(sums, members, family, effect=effect, minimum_rows=50)
