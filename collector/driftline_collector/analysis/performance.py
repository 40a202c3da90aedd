"""How right and how fast: accuracy from late labels, agreement of edge and cloud, latency, with intervals.

Labels arrive late, so what is told when a window closes is about the predictions of a longer time up to its
end (docs/decisions/0011-accuracy-over-a-trailing-horizon.md); `details` say which.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from driftline_schemas.binning import DURATION

from driftline_collector.analysis import ground_truth
from driftline_collector.analysis.counts import Profiles, by_place
from driftline_collector.analysis.detectors.proportion import binned_quantile, weighted_share
from driftline_collector.analysis.evaluation import Evaluation, Measure
from driftline_collector.analysis.ground_truth import Chosen
from driftline_collector.analysis.segments import Lattice, Naming
from driftline_collector.store.summing import groups

Flags = npt.NDArray[np.bool_]
Whole = npt.NDArray[np.int64]

#: Rows below which a share is refused: its interval would span nearly everything.
LEAST_PAIRS = 5


def accuracy(
    labelled: pa.Table,
    *,
    model: str,
    tier: str | None,
    start_ns: int,
    end_ns: int,
    only: Collection[str] | None = None,
    namings: Sequence[Naming] | None = None,
) -> list[Evaluation]:
    """Share of right labels by segment, from rows of `Store.labelled` for predictions in [start, end).

    `only` are the keys of the segments that are wanted, where it is not all of them; `namings` are those of a
    lattice whose segments these are.
    """
    known = pc.and_(pc.is_valid(labelled.column("label")), pc.is_valid(labelled.column("true_label")))
    rows = labelled.filter(known)
    keys = _by_segment(rows, model, tier, only, namings)
    return _shares(
        "accuracy", keys, ground_truth.labelled_pairs(rows), {"from_ns": start_ns, "to_ns": end_ns}
    )


def agreement(
    escalated: pa.Table,
    *,
    model: str,
    tier: str | None,
    start_ns: int,
    end_ns: int,
    only: Collection[str] | None = None,
    namings: Sequence[Naming] | None = None,
) -> list[Evaluation]:
    """Share of escalated predictions on which the cloud agreed, from rows of `Store.escalated`.

    It is about what was escalated, which is the harder part of the traffic, and says nothing about the rest.
    `only` are the keys of the segments that are wanted, where it is not all of them; `namings` are those of a
    lattice whose segments these are.
    """
    known = pc.and_(pc.is_valid(escalated.column("label")), pc.is_valid(escalated.column("cloud_label")))
    rows = escalated.filter(known)
    keys = _by_segment(rows, model, tier, only, namings)
    return _shares(
        "agreement", keys, ground_truth.answered_pairs(rows), {"from_ns": start_ns, "to_ns": end_ns}
    )


def _shares(
    measure: Measure, segments: Iterable[tuple[str, Flags]], picked: Chosen, details: Mapping[str, Any]
) -> list[Evaluation]:
    result = []
    for key, at in segments:
        n = int(at.sum())
        shared: dict[str, Any] = {"segment": key, "measure": measure, "n": float(n), "details": details}
        reason = ground_truth.refusal(picked.weights[at], picked.label_told[at])
        if reason or n < LEAST_PAIRS:
            few = reason or f"{n} pairs are too few"
            result.append(Evaluation(**shared, verdict="insufficient_data", reason=few))
            continue
        share = weighted_share(picked.hits[at], picked.weights[at])
        result.append(
            Evaluation(
                **shared,
                value=share.value,
                lower=share.lower,
                upper=share.upper,
                n_eff=share.n_eff,
                reason=None if picked.label_told[at].all() else ground_truth.ASSUMED_RANDOM,
            )
        )
    return result


def _by_segment(
    rows: pa.Table,
    model: str,
    tier: str | None,
    only: Collection[str] | None,
    namings: Sequence[Naming] | None,
) -> Iterator[tuple[str, Flags]]:
    """Every segment that holds a row (`only` of these), with the rows that it holds."""
    lattice, cell = Lattice.of_rows(rows, namings)
    for key, members in zip(lattice.keys(model, tier), lattice.members, strict=True):
        if only is None or key in only:
            yield key, members[cell]


def latency(
    profiles: Profiles, edges_of: Callable[[str], Sequence[float]], lattice: Lattice, keys: Sequence[str]
) -> list[Evaluation]:
    """The 95th percentile of the time that an inference took, in s, by node, from all traffic.

    `edges_of` gives the latency edges of a binning by id, for rows that do not bring their own. Where edges
    differ, those with the most rows are told of.
    """
    at = profiles.places(feature=DURATION, kind="numeric")
    place = {cell: i for i, cell in enumerate(lattice.cells)}
    of_device = np.array([place[device.cell] for device in profiles.devices], dtype=np.int64)
    owner = of_device[profiles.device[at]]
    best_edges: tuple[float, ...] = (0.0,)
    most, best = 0.0, np.zeros((len(lattice.cells), 2))
    for edges, of_edges in histograms(profiles, at, edges_of):
        lists = profiles.lists.matrix(at[of_edges], len(edges) + 1)
        counts = by_place(owner[of_edges], lists, len(lattice.cells))
        if counts.sum() > most:
            most, best_edges, best = float(counts.sum()), edges, counts
    result = []
    for key, of_node in zip(keys, lattice.over_cells(best), strict=True):
        if n := float(of_node.sum()):
            value, lower, upper = binned_quantile(of_node, best_edges, 0.95)
            result.append(
                Evaluation(
                    segment=key, measure="latency_p95", value=value, lower=lower, upper=upper, n=n, n_eff=n
                )
            )
    return result


def histograms(
    profiles: Profiles, at: Whole, edges_of: Callable[[str], Sequence[float]]
) -> Iterator[tuple[tuple[float, ...], Whole]]:
    """The distinct edges among the histograms in the rows `at`, and which of these are on each."""
    rows = profiles.rows.select(["bounds", "binning"]).take(pa.array(at))
    first, group = groups(rows, rows.column_names)
    found: dict[tuple[float, ...], list[int]] = {}
    for i, row in enumerate(rows.take(pa.array(first)).to_pylist()):
        if edges := tuple(row["bounds"] or edges_of(row["binning"] or "")):
            found.setdefault(edges, []).append(i)
    for edges, own in found.items():
        yield edges, np.flatnonzero(np.isin(group, own))
