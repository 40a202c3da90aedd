"""Bins to show to people: as few as test bins are, but each where it lies, those beyond the range apart.

A verdict judges what the reference seldom has as one bin, wherever on the axis that is; told to people,
"below the range", "above it" and "missing" are three things.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from driftline_schemas.binning import FeatureBinning

from driftline_collector.analysis.detectors.merging import merge_ordered

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Readable:
    """`place`, (fine bins,), is where each fine bin goes; of numbers in order of the axis, then missing."""

    names: tuple[str, ...]
    place: npt.NDArray[np.int64]
    ordered: bool

    def sums(self, fine: Floats) -> Floats:
        """Counts on fine bins summed into these."""
        return np.bincount(self.place, fine, len(self.names)).astype(np.float64)


def readable(feature: FeatureBinning, reference: Floats) -> Readable:
    """The bins of a feature, from what its reference counted on its fine bins, (fine bins,)."""
    fine = feature.bin_names
    if feature.kind == "categorical":
        return Readable(fine, np.arange(len(fine)), ordered=False)
    merged = merge_ordered(reference, rare_share=0.0)
    # Unions of neighbours: a new one begins wherever the number changes.
    place = np.concatenate([[0], np.cumsum(merged[1:] != merged[:-1])])
    names = []
    for union in range(int(place[-1]) + 1):
        at = np.flatnonzero(place == union)
        first, last = fine[at[0]], fine[at[-1]]
        names.append(first if len(at) == 1 else f"{first.split(',')[0]},{last.split(',')[1]}")
    return Readable(tuple(names), place, ordered=True)
