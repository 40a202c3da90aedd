"""Sums over samples by cell: what segments that count nothing are judged by; and what is told of it."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from driftline_collector.analysis.cell_sums import NONE_CHOSEN_EVENLY, UNKNOWN_PROBABILITY, Selected
from driftline_collector.analysis.comparison import Comparison
from driftline_collector.analysis.counts import Cell
from driftline_collector.analysis.mixtures import Mixture
from driftline_collector.analysis.references import Family
from driftline_collector.analysis.samples import Samples

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]

_REFUSALS = {
    UNKNOWN_PROBABILITY: (
        "samples without the probability they were chosen with: no unbiased shares can be computed;"
        " set driftline.sample.probability"
    ),
    NONE_CHOSEN_EVENLY: (
        "all samples were chosen for a reason, none at random: what nobody chose is not seen;"
        " sample an even share of all predictions, too"
    ),
}


def selected(samples: Samples, family: Family, cells: Sequence[Cell], registered: Mixture) -> Selected | None:
    """The samples of a family's versions, with what is `registered` for cells; `None` without any."""
    place = {cell: i for i, cell in enumerate(cells)}
    mine = [i for i, device in enumerate(samples.devices) if device.cell.version in family.versions]
    cell = np.array([place[samples.devices[i].cell] for i in mine], dtype=np.int64)
    row_device = np.full(len(samples.devices), -1, dtype=np.int64)
    row_device[mine] = np.arange(len(mine))
    device = row_device[samples.device]
    if not mine or not (device >= 0).any():
        return None
    of_row = np.where(device >= 0, cell[device], -1)
    w = samples.weights

    def by_cell(which: npt.NDArray[np.bool_]) -> Floats:
        return np.bincount(of_row[which & (device >= 0)], minlength=len(cells)).astype(np.float64)

    shape = len(mine), len(family.features), family.width
    weights, squares = np.zeros(shape), np.zeros(shape)
    rows = np.zeros((len(cells), len(family.features)))
    for i, (feature, merged) in enumerate(zip(family.features, family.merged, strict=True)):
        fine = samples.bins(feature)
        told = (fine >= 0) & (device >= 0)
        rows[:, i] = by_cell(told)
        at = told & np.isfinite(w)
        flat = device[at] * family.width + merged[fine[at]]
        for into, values in ((weights, w[at]), (squares, w[at] ** 2)):
            into[:, i] = np.bincount(flat, values, shape[0] * family.width).reshape(shape[0], family.width)
    return Selected.of(
        tuple(samples.devices[i] for i in mine),
        weights,
        squares,
        cell=cell,
        registered=registered,
        family=family,
        rows=rows,
        unknown=by_cell(np.isnan(w)),
        evenly=by_cell(samples.evenly),
    )


def fine_shares(samples: Samples, family: Family, feature: int, cells: Collection[Cell]) -> Floats:
    """Shares of a feature's fine bins in the samples of some cells, (fine bins,); zeros without any."""
    fine = samples.bins(family.features[feature])
    inside = np.array([device.cell in cells for device in samples.devices], dtype=np.bool_)[samples.device]
    at = (fine >= 0) & inside & np.isfinite(samples.weights)
    weights = np.bincount(fine[at], samples.weights[at], family.features[feature].size)
    return weights / max(float(weights.sum()), 1.0)


def refusal(comparison: Comparison, node: int, feature: int) -> str:
    """Why a segment's samples give no number; empty where they do, or where rows are counted."""
    return _REFUSALS.get(int(comparison.refused[node, feature]), "")


def details(comparison: Comparison, node: int, feature: int) -> Mapping[str, Any]:
    """That a number is of samples, and how many of them are worth one row that is counted."""
    if not comparison.sampled[node, feature]:
        return {}
    rows, worth = float(comparison.rows[node, feature]), float(comparison.n[node, feature])
    return {"source": "samples", "design_effect": rows / worth if worth else None}


def remark(comparison: Comparison, node: int) -> str:
    """Which of a segment's features are judged by samples."""
    by_samples = comparison.sampled[node] & np.isfinite(comparison.p[node])
    if not by_samples.any():
        return ""
    worth = float(comparison.n_eff[node, by_samples].max())
    rows = float(comparison.rows[node, by_samples].max())
    which = "judged" if by_samples.sum() == np.isfinite(comparison.p[node]).sum() else "in part judged"
    return f"{which} by {rows:.0f} samples, worth {worth:.0f} rows"
