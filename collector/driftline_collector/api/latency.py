"""Quantiles of latency by tier, from histograms of all traffic and from traces."""

import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
from driftline_schemas.binning import DURATION, DURATION_EDGES

from driftline_collector.answers.pictures import TierLatency
from driftline_collector.api.parts import Parts, Quantile
from driftline_collector.store.shown import Where


def latencies(parts: Parts, where: Where) -> list[TierLatency]:
    """By tier and source; histograms only where the composition root has brought the mathematics along."""
    found = _profiled(parts.store.latencies(where), _edges(parts), parts.quantile) if parts.quantile else []
    for row in parts.store.span_latencies(where).to_pylist():
        found.append(TierLatency(**row, source="traces"))
    return sorted(found, key=lambda row: (row.tier, row.source))


def _profiled(table: pa.Table, edges: dict[str, Sequence[float]], quantile: Quantile) -> list[TierLatency]:
    """Where histograms of a tier differ in their bins, those that hold most rows are told of."""
    by_tier: defaultdict[str, list[tuple[int, Sequence[float], Sequence[int]]]] = defaultdict(list)
    for row in table.to_pylist():
        bounds = row["bounds"] or edges.get(row["binning"], DURATION_EDGES)
        if len(row["counts"]) == len(bounds) + 1 and sum(row["counts"]):
            by_tier[row["tier"]].append((sum(row["counts"]), bounds, row["counts"]))
    found = []
    for tier, histograms in by_tier.items():
        n, bounds, counts = max(histograms, key=lambda item: item[0])
        p50, p95, p99 = (quantile(counts, bounds, q)[0] for q in (0.5, 0.95, 0.99))
        found.append(TierLatency(tier=tier, p50=p50, p95=p95, p99=p99, n=n, source="profile"))
    return found


def _edges(parts: Parts) -> dict[str, Sequence[float]]:
    """The latency edges of registered binnings."""
    found: dict[str, Sequence[float]] = {}
    for row in parts.store.references(None).to_pylist():
        features: list[dict[str, Any]] = json.loads(row["document"])["binning"]["features"]
        for feature in features:
            if feature["name"] == DURATION:
                found[row["binning"]] = feature["edges"]
    return found
