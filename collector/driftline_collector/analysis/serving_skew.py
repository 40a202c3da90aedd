"""Training-serving skew: whether the deployed preprocessing makes of training rows what training made.

A difference is a mistake in code, and is there before any drift: a unit, a default for what is missing, the
order of channels, a crop that begins one column late. The same rows go through both, so what differs is not
chance: a row that falls into another bin is told as such, be there only a few of them. Rounding is no
mistake: as bins end at values that training saw, the ends give way by as much.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from driftline_schemas.binning import ZERO_FLOOR, FeatureBinning
from driftline_schemas.errors import SchemaError
from driftline_schemas.reference import Reference

from driftline_collector.analysis.detectors import merging
from driftline_collector.analysis.detectors.psi import confidence_bounds, population_stability

Column = Sequence[Any] | npt.NDArray[Any]
Counts = npt.NDArray[np.int64]

#: Where there is chance, because the rows are not those of the reference: the least PSI that matters.
MINIMUM_EFFECT = 0.02
#: What rounding may do to a value: some steps of float32 relative to it, and to the range, where sums cancel.
_ROUNDING = 1e-6
_CANCELLED = 1e-9
#: What the order of a sum may do to it in float64, relative to the largest.
_TIED = 1e-13


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureSkew:
    """One feature as it was in training and as it is made now.

    `differ` is the share of rows that fall into another bin: exact where the training's own values of these
    rows are known (`by_row`), else the least share that explains the counts, `None` where the rows are not as
    many as the reference's. `moved` tells of the bin whose share differs most, `problem` why it is no match.
    """

    feature: str
    kind: str
    differ: float | None = None
    by_row: bool = False
    psi: float | None = None
    lower: float | None = None
    moved: str | None = None
    problem: str | None = None


def skew(
    reference: Reference,
    made: Mapping[str, Column],
    *,
    expected: Mapping[str, Column] | None = None,
    allowed: float = 0.0,
) -> tuple[FeatureSkew, ...]:
    """Compare what was `made` of rows with the reference, or with what training made of them (`expected`).

    Columns are by feature, one value for each row, and None for what a row did not give. A feature does not
    match where more than the `allowed` share of rows differs; where the rows are others than the reference's,
    where the lower bound of the PSI is above the minimum effect.
    """
    return tuple(
        _one(feature, made.get(feature.name), (expected or {}).get(feature.name), reference, allowed)
        for feature in reference.binning.inputs
    )


def _one(
    feature: FeatureBinning,
    made: Column | None,
    expected: Column | None,
    reference: Reference,
    allowed: float,
) -> FeatureSkew:
    name, kind = feature.name, feature.kind
    if made is None:
        return FeatureSkew(feature=name, kind=kind, problem="is not made")
    bins, alike = _beyond_rounding(feature), _alike(feature)
    try:
        now = bins.indices(made)
        before = None if expected is None else bins.indices(expected)
    except SchemaError as error:
        return FeatureSkew(feature=name, kind=kind, problem=str(error))
    counts = np.bincount(now, minlength=feature.size)
    was = np.array(reference.counts[name], dtype=np.int64)
    if before is not None:
        was = np.bincount(before, minlength=feature.size)
        differ: float | None = float((alike[now] != alike[before]).mean())
    elif len(now) == reference.rows:
        differ = float(np.abs(np.bincount(alike, counts - was)).sum() / (2 * len(now)))
    else:
        differ = None
    psi, lower = _effect(feature, counts, was)
    if differ is None:
        problem = f"PSI is at least {lower:.3g}" if lower > MINIMUM_EFFECT else None
    else:
        least = "" if before is not None else "at least "
        problem = f"{least}{differ:.2%} of the rows differ" if differ > allowed else None
    return FeatureSkew(
        feature=name,
        kind=kind,
        differ=differ,
        by_row=before is not None,
        psi=psi,
        lower=lower,
        moved=_moved(feature, counts, was) if problem else None,
        problem=problem,
    )


def _beyond_rounding(feature: FeatureBinning) -> FeatureBinning:
    """Bins that end a little further on, and begin a little earlier."""
    if feature.kind != "numeric":
        return feature
    edges = np.array(feature.edges)
    begins = (np.arange(len(edges)) == 0) | (edges == ZERO_FLOOR)  # of the range, and of exact zeros
    extent = edges[-1] - edges[0]
    give = np.minimum(np.abs(edges), extent) * _ROUNDING + extent * _CANCELLED
    # Where values differ by less than that, they are told apart all the same.
    between = np.diff(edges, prepend=-np.inf, append=np.inf) / 4
    edges += np.where(begins, -np.minimum(give, between[:-1]), np.minimum(give, between[1:]))
    try:
        return replace(feature, edges=tuple(edges.tolist()))
    except SchemaError:  # edges as near to each other as rounding, or at the end of float64
        return feature


def _alike(feature: FeatureBinning) -> Counts:
    """A number for each bin, the same for those that only the order of a sum tells apart."""
    apart = np.ones(feature.size, dtype=np.int64)
    if feature.kind == "numeric":
        edges = np.array(feature.edges)
        least = np.abs(edges).max() * _TIED
        # What training saw begins above the first edge, and exact zeros above theirs, however narrow.
        tied = (np.diff(edges) < least) & (edges[:-1] != edges[0]) & (edges[:-1] != ZERO_FLOOR)
        apart[1 : len(edges)] = ~tied
    return np.cumsum(apart) - 1


def _effect(feature: FeatureBinning, now: Counts, was: Counts) -> tuple[float, float]:
    """PSI less what chance gives it, and its lower bound, on the bins that a verdict is made on."""
    merge = merging.merge_ordered if feature.kind == "numeric" else merging.merge_unordered
    merged = merge(was)
    bins = int(merged.max()) + 1
    current, reference = (np.bincount(merged, counts, bins) for counts in (now, was))
    psi, used = population_stability(current, reference)
    c = 1 / current.sum() + 1 / reference.sum()
    lower, _ = confidence_bounds(psi, used, c)
    return float(psi - np.maximum(used - 1, 0) * c), float(lower)


def _moved(feature: FeatureBinning, now: Counts, was: Counts) -> str:
    shares = now / now.sum(), was / was.sum()
    at = int(np.abs(shares[0] - shares[1]).argmax())
    return f"{feature.bin_names[at]}: {shares[1][at]:.1%} → {shares[0][at]:.1%}"
