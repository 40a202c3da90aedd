"""Jensen and Shannon's distance: how much does a row tell about which of the two samples it comes from?

    JS = √( ½ Σ_b p_b log₂(p_b/m_b) + ½ Σ_b r_b log₂(r_b/m_b) ),    m = (p + r) / 2

in [0, 1], 1 where the samples share no bin. The square is in bits (Lin 1991); the root is a metric (Endres
and Schindelin 2003). Empty bins need no filling. Chance alone makes it about √((B-1)c / (8 ln 2)), so few
rows look far apart: a magnitude to show, and no test.

>>> found = detect(Sample(observed=[50, 50, 0], expected=[0, 50, 50]))
>>> round(float(found.score), 4), found.p_value
(0.7071, None)
"""

import numpy as np
import numpy.typing as npt
from scipy import special

from driftline_collector.analysis.detectors.sample import Detection, Sample

ORDERED = False


def detect(sample: Sample, *, effect: npt.ArrayLike = 0.0) -> Detection:  # noqa: ARG001  # no law, no test
    """The distance to base 2."""
    now, reference = sample.shares
    middle = (now + reference) / 2
    bits = (special.rel_entr(now, middle) + special.rel_entr(reference, middle)).sum(-1) / (2 * np.log(2))
    return Detection(np.where(sample.comparable, np.sqrt(np.maximum(bits, 0.0)), np.nan))
