"""The detectors by name: which of them can give a verdict, and from which score on a shift matters to each.

That is said once for all, as a PSI of τ. A normal feature has it when it is shifted by √τ standard
deviations, and to each detector that matters which this shift scores: the χ² distance the same to first
order, the two smooth components 3τ/π (the efficiency of ranks, Pitman 1948), and Kolmogorov and Smirnov's
distance 2Φ(√τ/2) - 1.

>>> round(DETECTORS["kolmogorov_smirnov"].matters(0.02), 4)
0.0564
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from driftline_collector.analysis.detectors import (
    chi_square,
    hellinger,
    jensen_shannon,
    kolmogorov_smirnov,
    neyman_smooth,
    psi,
    wasserstein,
)
from driftline_collector.analysis.detectors.sample import Detector


@dataclass(frozen=True, slots=True)
class Choice:
    """A detector. `matters` gives its score of a shift with a PSI; None: it has no law and gives no verdict.

    One that is `ordered` needs bins in an order, which categories have not.
    """

    detect: Detector
    ordered: bool
    matters: Callable[[float], float] | None = None


DEFAULT: Final = "psi"
DETECTORS: Final[Mapping[str, Choice]] = {
    "psi": Choice(psi.detect, psi.ORDERED, lambda effect: effect),
    "chi_square": Choice(chi_square.detect, chi_square.ORDERED, lambda effect: effect),
    "kolmogorov_smirnov": Choice(
        kolmogorov_smirnov.detect,
        kolmogorov_smirnov.ORDERED,
        lambda effect: math.erf(math.sqrt(effect / 8)),
    ),
    "neyman_smooth": Choice(neyman_smooth.detect, neyman_smooth.ORDERED, lambda effect: 3 * effect / math.pi),
    "jensen_shannon": Choice(jensen_shannon.detect, jensen_shannon.ORDERED),
    "hellinger": Choice(hellinger.detect, hellinger.ORDERED),
    "wasserstein": Choice(wasserstein.detect, wasserstein.ORDERED),
}
