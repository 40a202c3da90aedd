"""What a device records of each picture: a dozen summaries instead of sixty-four pixels.

All are computed from the model's own input, after its preprocessing, because that is where both a bad
lens and a bad line of code can be seen.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from examples.digits_fleet.camera import SIDE

Inputs = NDArray[np.float32]

_INK = np.float32(0.3)  # a pixel darker than this counts as ink
_STROKES = 4  # how many slanted-stroke responses to record

_ROWS, _COLUMNS = np.divmod(np.arange(SIDE * SIDE), SIDE)


def _linear_summaries() -> tuple[list[str], Inputs]:
    """Summaries that are one weighted sum of the pixels each: names, and weights of shape (64, k)."""
    centre = (SIDE - 1) / 2
    named: dict[str, NDArray[np.float64]] = {
        "brightness": np.full(SIDE * SIDE, 1 / SIDE**2),
        "moment_x": (_COLUMNS - centre) / SIDE**2,
        "moment_y": (_ROWS - centre) / SIDE**2,
        "upper_half": (_ROWS < SIDE // 2) / (SIDE**2 / 2),
    }
    for stroke in range(_STROKES):
        angle = np.pi * stroke / _STROKES
        along = np.cos(angle) * (_COLUMNS - centre) + np.sin(angle) * (_ROWS - centre)
        named[f"stroke_{round(np.degrees(angle))}"] = np.cos(along * np.pi / 3) / SIDE
    return list(named), np.stack(list(named.values()), axis=1).astype(np.float32)


_LINEAR_NAMES, _LINEAR_WEIGHTS = _linear_summaries()

NAMES = (*_LINEAR_NAMES, "contrast", "norm", "sharpness", "ink_area")


def summarise(inputs: Inputs) -> NDArray[np.float64]:
    """Summaries of model inputs.

    Args:
        inputs: shape (n, 64), in [0, 1], row by row from the upper left.

    Returns:
        Shape (n, 12), columns in the order of ``NAMES``. ``sharpness`` is the mean absolute difference of
        horizontal neighbours, ``contrast`` the standard deviation, ``ink_area`` the share of dark pixels.
    """
    linear = inputs @ _LINEAR_WEIGHTS
    square = np.einsum("ij,ij->i", inputs, inputs)
    mean = linear[:, 0]
    rows = inputs.reshape(-1, SIDE, SIDE)
    result = np.empty((len(inputs), len(NAMES)))
    result[:, : linear.shape[1]] = linear
    result[:, -4] = np.sqrt(np.maximum(square / SIDE**2 - mean * mean, 0))
    result[:, -3] = np.sqrt(square)
    result[:, -2] = np.abs(rows[:, :, 1:] - rows[:, :, :-1]).sum((1, 2)) / (SIDE * (SIDE - 1))
    result[:, -1] = (inputs > _INK).sum(1) / SIDE**2
    return result


def named(row: NDArray[np.float64], exposure: str) -> dict[str, float | str]:
    """One prediction's features as the monitor takes them; ``exposure`` is the camera's own setting."""
    values: dict[str, float | str] = dict(zip(NAMES, row.tolist(), strict=True))
    values["exposure"] = exposure
    return values
