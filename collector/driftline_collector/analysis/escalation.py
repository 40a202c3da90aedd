"""How much of the traffic the edge hands on to the cloud."""

from collections.abc import Sequence

import numpy as np

from driftline_collector.analysis.counts import Profiles
from driftline_collector.analysis.detectors.proportion import clustered_share
from driftline_collector.analysis.evaluation import Evaluation
from driftline_collector.analysis.segments import Lattice


def escalation_rate(profiles: Profiles, lattice: Lattice, keys: Sequence[str]) -> list[Evaluation]:
    """Escalated predictions among all that were made, by node that made any; devices are clusters."""
    made, escalated = profiles.totals("predictions"), profiles.totals("escalations")
    place = {cell: i for i, cell in enumerate(lattice.cells)}
    cell = np.array([place[device.cell] for device in profiles.devices], dtype=np.int64)
    result = []
    for key, members in zip(keys, lattice.members, strict=True):
        at = members[cell]
        if not made[at].any():
            continue
        share = clustered_share(np.minimum(escalated[at], made[at]), made[at])
        result.append(
            Evaluation(
                segment=key,
                measure="escalation_rate",
                value=share.value,
                lower=share.lower,
                upper=share.upper,
                n=float(share.n),
                n_eff=share.n_eff,
                devices=int((made[at] > 0).sum()),
            )
        )
    return result
