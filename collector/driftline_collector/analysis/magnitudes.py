"""How far segments lie from their reference by detectors that rules compare with limits of their own.

A verdict wants few bins, and rare ones as one; a distance wants more, each where it lies. So these have bins
of their own, chosen from the reference as well. What a cell is compared with is what its verdict is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from driftline_schemas.binning import FeatureBinning

from driftline_collector.analysis.baselines import Baseline
from driftline_collector.analysis.counts import Profiles, by_place
from driftline_collector.analysis.detectors.choice import DETECTORS
from driftline_collector.analysis.detectors.merging import merge_ordered, merge_unordered
from driftline_collector.analysis.detectors.sample import Sample
from driftline_collector.analysis.references import Family, project
from driftline_collector.analysis.segments import Lattice

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]

_BINS = 20


@dataclass(frozen=True, slots=True)
class Members:
    """Devices with counts on a family's binning, the cell of each, and the version of each cell; indices."""

    devices: Whole
    cell: Whole
    version: Whole


def magnitudes(
    names: Sequence[str],
    profiles: Profiles,
    members: Members,
    family: Family,
    lattice: Lattice,
    *,
    baseline: Baseline,
) -> Mapping[str, Floats]:
    """Detector → the largest score over features of each of the lattice's N nodes, (N,); NaN without rows.

    They are compared with the `baseline` of cells.
    """
    if not names:
        return {}
    merged = tuple(
        (merge_ordered if f.kind == "numeric" else merge_unordered)(c.sum(0), bins=_BINS, rare_share=0.0)
        for f, c in zip(family.features, family.fine, strict=True)
    )
    width = max(int(m.max()) + 1 for m in merged)
    counts = profiles.counts_on(family, merged, width)[members.devices]
    by_cell = by_place(members.cell, counts, len(lattice.cells))
    expected = by_cell.sum(-1, keepdims=True) * _expected(family, baseline, merged, width)
    # As many rows as what a node's cells are compared with has, in their proportions.
    rows = by_cell.sum(-1) * baseline.rows
    n = lattice.over_cells(by_cell).sum(-1)
    scale = lattice.over_cells(rows) / np.where(n > 0, n, 1.0) ** 2
    places = np.full((len(merged), width), np.nan)
    for i in np.flatnonzero(family.ordered).tolist():
        own = _places(family.features[i], family.fine[i].sum(0), merged[i])
        places[i, : len(own)] = own
    sample = Sample(
        observed=lattice.over_cells(by_cell),
        expected=lattice.over_cells(expected) * scale[..., None],
        places=places,
    )
    return {name: _largest(name, sample, family) for name in names}


def _largest(name: str, sample: Sample, family: Family) -> Floats:
    """The largest score over the features that a detector can judge."""
    choice = DETECTORS[name]
    order = np.argsort(np.asarray(sample.places), axis=-1)  # what lies nowhere stands last
    now, reference = (np.take_along_axis(c, order[None], axis=-1) for c in sample.counts)
    ordered = Sample(
        observed=now, expected=reference, places=np.take_along_axis(np.asarray(sample.places), order, axis=-1)
    )
    score = np.where(family.ordered | (not choice.ordered), choice.detect(ordered).score, np.nan)
    return np.asarray(np.fmax.reduce(score, axis=-1, initial=np.nan), dtype=np.float64)


def _expected(family: Family, baseline: Baseline, merged: Sequence[Whole], width: int) -> Floats:
    """The shares of bins that cells are compared with, (L, F, width)."""
    fine = [np.concatenate(both) for both in zip(family.fine, family.fine_by_hour, strict=True)]
    references = _shares(np.stack([project(c, m, width) for c, m in zip(fine, merged, strict=True)], axis=1))
    shares = np.zeros((*baseline.rows.shape, width))
    for part in baseline.registered.parts:
        shares[part.cells] += part.share[..., None] * references[part.reference]
    if baseline.past is None or baseline.past.fine is None:
        return shares
    of_features = np.split(baseline.past.fine, np.cumsum([len(m) for m in merged])[:-1], axis=1)
    own = np.stack([project(c, m, width) for c, m in zip(of_features, merged, strict=True)], axis=1)
    return np.where(baseline.own[..., None], _shares(own), shares)


def _shares(counts: Floats) -> Floats:
    total = counts.sum(-1, keepdims=True)
    return np.asarray(counts / np.where(total > 0, total, 1.0), dtype=np.float64)


def _places(feature: FeatureBinning, fine: Floats, merged: Whole) -> Floats:
    """Where a numeric feature's merged bins lie: the mean of their fine bins' middles; NaN for missing."""
    edges = np.asarray(feature.edges, dtype=np.float64)
    middle = np.concatenate([edges[:1], (edges[:-1] + edges[1:]) / 2, edges[-1:], [np.nan]])
    weight = np.maximum(fine, 1e-9)
    return np.bincount(merged, middle * weight) / np.bincount(merged, weight)
