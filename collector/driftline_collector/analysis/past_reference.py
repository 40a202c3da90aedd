"""A reference made of what a model version itself counted, from one time to another."""

import json

import numpy as np
import pyarrow.compute as pc
from driftline_schemas.errors import SchemaError
from driftline_schemas.reference import Reference

from driftline_collector.analysis.counts import CLOUD, Profiles
from driftline_collector.analysis.references import Family
from driftline_collector.store.base import Store


def of_past(
    store: Store, model: str, version: str, start_ns: int, end_ns: int, *, ahead_ns: int | None = None
) -> Reference:
    """Counts of the windows that start in [start, end), on the bins of the version's registered reference.

    Of devices at the edge; those of a cloud count where there are no others. A feature that counted fewer
    rows than another was missing in these. Raises SchemaError where there are no bins, or no counts on them.
    """
    where = f"{model} {version}"
    rows = store.references(model)
    rows = rows.filter(pc.equal(rows.column("version"), version)).to_pylist()
    if not rows:
        raise SchemaError("it has no reference whose bins could be used; register one first", where=where)
    registered = Reference.from_json(json.loads(rows[0]["document"]), where=f"reference {rows[0]['id']}")
    family = Family.of({version: registered}, {version: rows[0]["id"]})
    profiles = Profiles.of(store.device_counts(model, start_ns, end_ns, ahead_ns))
    bound = profiles.bound_to(family)
    edge = bound & np.array([device.tier != CLOUD for device in profiles.devices], dtype=np.bool_)
    bound = edge if edge.any() else bound
    sums = {
        feature.name: profiles.fine(family, i)[bound].sum(0).astype(np.int64)
        for i, feature in enumerate(family.features)
    }
    most = max((int(counts.sum()) for counts in sums.values()), default=0)
    if not most:
        raise SchemaError(f"nothing was counted on the bins of reference {rows[0]['id']} then", where=where)
    for feature in registered.binning.features:
        counts = sums.setdefault(feature.name, np.zeros(feature.size, dtype=np.int64))
        counts[-1] += most - counts.sum()
    return Reference(
        binning=registered.binning,
        counts={name: tuple(counts.tolist()) for name, counts in sums.items()},
        rows=most,
        version=version,
    )
