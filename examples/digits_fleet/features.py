"""What a device records of each picture: a dozen summaries instead of sixty-four pixels.

All are computed from the model's own input, after its preprocessing, because that is where both a bad
lens and a bad line of code can be seen: a smeared lens takes contrast and sharpness, a crop that begins one
column late moves nothing but the projections.
"""

from __future__ import annotations

import numpy as np
from driftline.summaries import ImageSummaries
from numpy.typing import NDArray

from examples.digits_fleet.camera import SIDE

Inputs = NDArray[np.float32]

_SUMMARIES = ImageSummaries((SIDE, SIDE))

NAMES = _SUMMARIES.names


def summarise(inputs: Inputs) -> NDArray[np.float64]:
    """Summaries of model inputs, shape (n, 64), in [0, 1]: (n, 12), columns in the order of ``NAMES``."""
    return _SUMMARIES.table(inputs.reshape(-1, SIDE, SIDE))


def named(row: NDArray[np.float64], exposure: str) -> dict[str, float | str]:
    """One prediction's features as the monitor takes them; ``exposure`` is the camera's own setting."""
    values: dict[str, float | str] = dict(zip(NAMES, row.tolist(), strict=True))
    values["exposure"] = exposure
    return values
