"""What a device's camera makes of a digit: jitter, light, noise and, once degraded, blur and haze.

Every frame of the fleet comes from here, the pilot recording that the references are built from
and the live traffic alike; only the random generators differ.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.float64]
Frames = NDArray[np.uint8]

SIDE = 8
WHITE = 255

_BLUR = np.array([0.25, 0.5, 0.25])
_CONTRAST_KEPT = 0.6
_HAZE = 0.12


@dataclass(frozen=True)
class Optics:
    """How far one healthy shot differs from the next of the same digit.

    Args:
        shift: largest displacement in pixels, uniform in either direction on both axes.
        gain: standard deviation of the brightness factor around 1.
        noise: standard deviation of the sensor noise, as a share of white.
    """

    shift: float = 0.3
    gain: float = 0.05
    noise: float = 0.02


HEALTHY = Optics()


def take_frames(
    images: Images, rng: np.random.Generator, *, degraded: bool = False
) -> tuple[Frames, NDArray[np.str_]]:
    """Photograph each image once.

    Args:
        images: shape (n, 8, 8), ink in [0, 1].
        rng: the device's own generator.
        degraded: a camera with a smeared, fogged lens (blur and lost contrast).

    Returns:
        Frames of shape (n, 8, 8) in 0..255, and for each the exposure that the camera reports
        (``short``, ``normal`` or ``long``), shape (n,).
    """
    count = len(images)
    shown = _shift(images, rng.uniform(-HEALTHY.shift, HEALTHY.shift, (count, 2)))
    if degraded:
        shown = _smear(shown)
    gain = rng.normal(1.0, HEALTHY.gain, count)
    shown = shown * gain[:, None, None] + rng.normal(0.0, HEALTHY.noise, shown.shape)
    frames = np.clip(np.rint(shown * WHITE), 0, WHITE).astype(np.uint8)
    exposure = np.array(["short", "normal", "long"])[np.digitize(-gain, [-1.04, -0.96])]
    return frames, exposure


def _shift(images: Images, by: NDArray[np.float64]) -> Images:
    """Displace each image by a part of a pixel down and to the right, with linear interpolation."""
    moved = images
    for axis in (1, 2):
        offset = by[:, axis - 1][:, None, None]
        padding = [(0, 0), (0, 0), (0, 0)]
        padding[axis] = (1, 1)
        padded = np.pad(moved, padding)
        before = padded[:, :-2] if axis == 1 else padded[:, :, :-2]
        after = padded[:, 2:] if axis == 1 else padded[:, :, 2:]
        moved = (1 - np.abs(offset)) * moved + np.abs(offset) * np.where(offset > 0, before, after)
    return moved


def _smear(images: Images) -> Images:
    """Blur with a small binomial kernel on both axes, then lose contrast to a grey haze."""
    blurred = np.pad(images, ((0, 0), (1, 1), (1, 1)), mode="edge")
    blurred = _BLUR[0] * blurred[:, :-2] + _BLUR[1] * blurred[:, 1:-1] + _BLUR[2] * blurred[:, 2:]
    blurred = _BLUR[0] * blurred[:, :, :-2] + _BLUR[1] * blurred[:, :, 1:-1] + _BLUR[2] * blurred[:, :, 2:]
    hazy: Images = _HAZE + _CONTRAST_KEPT * blurred
    return hazy
