"""References by binning, ready to be compared with: fine bins merged into test bins, shares by version."""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from driftline_schemas.binning import DURATION, Binning, FeatureBinning
from driftline_schemas.hours import WEEK
from driftline_schemas.reference import Reference

from driftline_collector.analysis.detectors import merging

logger = logging.getLogger(__name__)

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Family:
    """The versions of a model that share a binning. F features, B test bins (padded), V versions.

    R references: first each version's of all hours, then those of single hours, where any is known.

    `merged[f]` gives the test bin of each fine bin of feature f, `names[f]` what each test bin is called.
    `ordered`, (F,), says which features have an order, and `order`, (F, B), how their test bins stand in it.
    `fine[f]`, (V, fine bins), are counts of all hours, `fine_by_hour[f]`, (R-V, fine bins), of single ones,
    `shares`, (R, F, B), shares of test bins, `rows`, (R, F), the counts behind them; `ids`, (V,), name the
    references. `at_hour`, (V, 168), tells which
    of the R a version is compared with at an hour of the week.
    """

    binning: Binning
    features: tuple[FeatureBinning, ...]
    merged: tuple[npt.NDArray[np.int64], ...]
    names: tuple[tuple[str, ...], ...]
    versions: tuple[str, ...]
    ids: tuple[str, ...]
    fine: tuple[Floats, ...]
    fine_by_hour: tuple[Floats, ...]
    shares: Floats
    rows: Floats
    ordered: Flags
    order: npt.NDArray[np.int64]
    at_hour: npt.NDArray[np.int64]

    @classmethod
    def of(cls, references: dict[str, Reference], ids: dict[str, str]) -> "Family":
        """A family from references on one binning, by version. Latency is not judged for drift."""
        versions = tuple(sorted(references))
        binning = references[versions[0]].binning
        features = tuple(f for f in binning.features if f.name != DURATION)
        fine = [np.stack([_counts_of(references[v], f) for v in versions]) for f in features]
        merged = tuple(
            (merging.merge_ordered if f.kind == "numeric" else merging.merge_unordered)(counts.sum(0))
            for f, counts in zip(features, fine, strict=True)
        )
        width = max((int(m.max()) + 1 for m in merged), default=1)
        groups = [(v, group) for v, name in enumerate(versions) for group in references[name].hours]
        at_hour = np.repeat(np.arange(len(versions))[:, None], WEEK, axis=1)
        for r, (v, group) in enumerate(groups, start=len(versions)):
            at_hour[v, list(group.hours)] = r
        by_hour = [
            np.array([group.counts[f.name] for _, group in groups], dtype=np.float64).reshape(-1, f.size)
            for f in features
        ]
        counts = np.zeros((len(versions) + len(groups), len(features), width))
        for i, (of_all, of_hours, index) in enumerate(zip(fine, by_hour, merged, strict=True)):
            counts[:, i] = project(np.concatenate([of_all, of_hours]), index, width)
        rows = counts.sum(-1)
        shares = counts / np.where(rows > 0, rows, 1.0)[..., None]
        names = tuple(_bin_names(f, m) for f, m in zip(features, merged, strict=True))
        return cls(
            binning,
            features,
            merged,
            names,
            versions,
            tuple(ids[v] for v in versions),
            tuple(fine),
            tuple(by_hour),
            shares,
            rows,
            ordered=np.array([f.kind == "numeric" for f in features], dtype=np.bool_),
            order=np.array([_order(m, width) for m in merged], dtype=np.int64).reshape(-1, width),
            at_hour=at_hour,
        )

    @property
    def knows_hours(self) -> bool:
        """Whether any reference has counts of single hours."""
        return len(self.rows) > len(self.versions)

    @property
    def width(self) -> int:
        """B, the number of test bins of the feature that has most."""
        return int(self.shares.shape[-1])


def _order(merged: npt.NDArray[np.int64], width: int) -> npt.NDArray[np.int64]:
    """Test bins by the last of their fine bins, so that what is missing, or merged with it, stands last."""
    last = np.full(width, len(merged))
    last[merged] = np.arange(len(merged))  # the last one written is the highest
    return np.argsort(last, kind="stable")


def _counts_of(reference: Reference, feature: FeatureBinning) -> Floats:
    """Counts of one feature on its fine bins, with at least one below and one above the range.

    The range is that of the reference's own rows, so that it has none beyond; but of m rows and one more the
    last is the smallest, or the largest, with probability 1/(m+1). Taken for impossible, it looks like drift.
    """
    counts = np.array(reference.counts[feature.name], dtype=np.float64)
    if feature.kind == "numeric":
        counts[[0, -2]] = np.maximum(counts[[0, -2]], 1.0)
    return counts


def project(fine: npt.NDArray[np.floating], merged: npt.NDArray[np.int64], width: int) -> Floats:
    """Counts on fine bins, shape (..., fine), summed into test bins, shape (..., width)."""
    to_test = np.zeros((len(merged), width))
    to_test[np.arange(len(merged)), merged] = 1.0
    return np.asarray(fine @ to_test, dtype=np.float64)


def _bin_names(binning: FeatureBinning, merged: npt.NDArray[np.int64]) -> tuple[str, ...]:
    """A name for each test bin of a feature, as shown to people."""
    fine = binning.bin_names
    return tuple(_joined(binning, fine, np.flatnonzero(merged == b)) for b in range(int(merged.max()) + 1))


def _joined(binning: FeatureBinning, every: Sequence[str], fine: npt.NDArray[np.int64]) -> str:
    names = [every[i] for i in fine]
    adjacent = len(fine) > 1 and int(fine[-1]) - int(fine[0]) == len(fine) - 1
    if binning.kind == "numeric" and adjacent and fine[0] > 0 and fine[-1] < len(binning.edges):
        return f"{names[0].split(',')[0]},{names[-1].split(',')[1]}"
    shown = " or ".join(names[:4])
    return shown if len(names) <= 4 else f"{shown} or {len(names) - 4} more"


def families(table: pa.Table) -> dict[str, Family]:
    """Binning id → family, from rows of `Store.references` (the latest one of each version).

    A document that cannot be read is as good as none; it is logged.
    """
    rows = table.select(["version", "id", "document"]).to_pylist()
    return _families(tuple(sorted((row["version"], row["id"], row["document"]) for row in rows)))


@lru_cache(maxsize=64)  # parsing takes longer than judging, and references seldom change
def _families(rows: tuple[tuple[str, str, str], ...]) -> dict[str, Family]:
    by_binning: dict[str, dict[str, Reference]] = {}
    for version, reference_id, document in rows:
        try:
            reference = Reference.from_json(json.loads(document), where=f"reference {reference_id}")
        except ValueError:
            logger.exception("version %s has no usable reference", version)
        else:
            by_binning.setdefault(reference.binning.id, {})[version] = reference
    ids = {version: reference_id for version, reference_id, _ in rows}
    return {binning: Family.of(references, ids) for binning, references in by_binning.items()}
