"""Which fine bins are judged together: at most ten unions of them, chosen from the reference alone.

A binning has up to 64 fine bins so that later questions can be asked of the same counts. A test wants few
bins with enough in each. If the choice looked at current data, one outlier could hide a shift, and the
distribution of the test under no change would not be known.
"""

import heapq
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

MAX_TEST_BINS = 10
#: Outer bins (below, above, missing, other) with a smaller share of the reference are judged as one.
RARE_SHARE = 0.005

Index = npt.NDArray[np.int64]


def merge_ordered(
    counts: npt.ArrayLike, *, bins: int = MAX_TEST_BINS, rare_share: float = RARE_SHARE
) -> Index:
    """Unions of neighbouring bins with about equal counts.

    `counts`, shape (k,), is in the layout of a numeric feature: below the range, the bins of the range, above
    it, missing. Outer bins with less than `rare_share` become one. Returns for each the index of its test
    bin, shape (k,), numbered without gaps.
    """
    reference = np.asarray(counts, dtype=np.float64)
    inner = reference[1:-2]
    mass = inner.sum()
    middle = (np.cumsum(inner) - inner / 2) / mass if mass else np.zeros(len(inner))
    groups = np.minimum((middle * bins).astype(np.int64), bins - 1)
    outer = [0, len(reference) - 2, len(reference) - 1]
    return _numbered(reference, outer, list(range(1, len(reference) - 2)), groups.tolist(), rare_share)


def merge_unordered(
    counts: npt.ArrayLike, *, bins: int = MAX_TEST_BINS, rare_share: float = RARE_SHARE
) -> Index:
    """Unions of categories with about equal counts; frequent ones stay by themselves.

    `counts`, shape (k,), is the layout of a categorical feature: the categories, other, missing. Categories
    that the reference lists but never saw are judged as `other` is. Returns as `merge_ordered` does.
    """
    reference = np.asarray(counts, dtype=np.float64)
    named = np.arange(len(reference) - 2)
    seen = named[reference[named] > 0]
    outer = [*named[reference[named] == 0].tolist(), len(reference) - 2, len(reference) - 1]
    if len(seen) <= bins:
        return _numbered(reference, outer, seen.tolist(), list(range(len(seen))), rare_share)
    # Longest-processing-time rule: the next largest category joins the lightest group.
    lightest = [(0.0, group) for group in range(bins)]
    order = seen[np.argsort(-reference[seen], kind="stable")].tolist()
    groups = []
    for category in order:
        load, group = lightest[0]
        heapq.heapreplace(lightest, (load + float(reference[category]), group))
        groups.append(group)
    return _numbered(reference, outer, order, groups, rare_share)


def _numbered(
    reference: npt.NDArray[np.float64],
    outer: Sequence[int],
    inner: Sequence[int],
    groups: Sequence[int],
    rare_share: float,
) -> Index:
    """Test-bin numbers without gaps: those of `inner` by group, then the outer bins, the rare ones last."""
    result = np.empty(len(reference), dtype=np.int64)
    place = {group: i for i, group in enumerate(sorted(set(groups)))}
    for fine, group in zip(inner, groups, strict=True):
        result[fine] = place[group]
    used = len(place)
    rare = reference[list(outer)] < rare_share * max(reference.sum(), 1.0)
    for fine in np.asarray(outer)[~rare].tolist():
        result[fine] = used
        used += 1
    result[np.asarray(outer)[rare]] = used
    return result
