"""Metrics requests → rows: profiles of models, the SDK about itself, and everybody else's metrics."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from driftline_schemas import attributes as names

from driftline_collector.receiver import other_metrics, profiles
from driftline_collector.receiver.columns import Mask, flatten
from driftline_collector.receiver.decoded import Decoded, Rejections
from driftline_collector.receiver.dimensions import Sources
from driftline_collector.receiver.points import KINDS, Points, points_of
from driftline_collector.receiver.profiles import Edges
from driftline_collector.receiver.ptars_adapter import decode
from driftline_collector.receiver.signals import METRICS
from driftline_collector.store.batch import Batch, Rows


def batch_of(bodies: Sequence[bytes], edges: Edges) -> Decoded:
    """The rows of metrics requests that have passed `check`. Bounds that equal `edges` are not kept again."""
    nested = flatten(METRICS, decode(METRICS, bodies))
    sources = Sources.of(nested)
    name = nested.records.field("name")
    profile = np.asarray(pc.starts_with(name, names.PROFILE_PREFIX))
    health = np.asarray(pc.starts_with(name, names.SDK_PREFIX))
    rejections = Rejections(METRICS, len(bodies))
    tables: dict[str, list[pa.Table]] = {}

    def keep(table: str, points: Points, made: tuple[pa.Table, dict[str, Mask]]) -> None:
        rows, refused = made
        refused["no time"] = points.time_ns == 0  # the data model asks for this
        good = rejections.add(np.arange(len(points)), points.request, refused)
        tables.setdefault(table, []).append(rows if good.all() else rows.filter(pa.array(good)))

    for kind in KINDS:
        if len(points := points_of(nested, kind, profile)):
            keep("profiles", points, profiles.rows(points, sources, edges))
        if len(points := points_of(nested, kind, health)):
            keep("sdk_health", points, other_metrics.health_rows(points, sources))
        if len(points := points_of(nested, kind, ~profile & ~health)):
            keep("metrics", points, other_metrics.rows(points, sources))
    counted: Counter[tuple[str, str]] = Counter()
    for refusal in rejections.refusals():
        counted[METRICS.name, refusal.reason] += len(refusal.record)
    rows = {table: Rows(pa.concat_tables(parts)) for table, parts in tables.items()}
    batch = Batch(rows, counted=dict(counted), nbytes=sum(map(len, bodies)))
    return Decoded(batch, rejections.by_request())
