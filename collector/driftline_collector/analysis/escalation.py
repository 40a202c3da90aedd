"""How much of the traffic the edge hands on to the cloud."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from driftline_collector.analysis.counts import Profiles
from driftline_collector.analysis.detectors.proportion import clustered_share
from driftline_collector.analysis.evaluation import Evaluation
from driftline_collector.analysis.segments import Lattice

Whole = npt.NDArray[np.int64]


def escalation_rate(profiles: Profiles, lattice: Lattice, keys: Sequence[str]) -> list[Evaluation]:
    """Escalated predictions among all that were made, by node that made any; devices are clusters."""
    place = {cell: i for i, cell in enumerate(lattice.cells)}
    cell = np.array([place[device.cell] for device in profiles.devices], dtype=np.int64)
    made, escalated = profiles.totals("predictions"), profiles.totals("escalations")
    return share_of_escalated(made, escalated, cell, lattice, keys)


def share_of_escalated(
    made: Whole, escalated: Whole, cell: Whole, lattice: Lattice, keys: Sequence[str]
) -> list[Evaluation]:
    """The same from counts by device; `cell` is the place of each device's cell, all are (devices,)."""
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
