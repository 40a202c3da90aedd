"""Images and embeddings as ordinary features: a dozen numbers that drift where the pictures do.

from driftline.summaries import ImageSummaries

summaries = ImageSummaries((28, 28))
monitor.record(summaries.of(image), label="7")                         # one image
monitor.record_batch(summaries.table(images), labels, names=summaries.names)

Take them of the model's own input, after its preprocessing: that is where both a bad lens and a bad line of
code can be seen. An input of another shape gives missing values, and an inference loop goes on.

A projection is the input's dot product with a direction of ±1/√d: such random directions keep distances
between inputs (Achlioptas 2003, doi:10.1016/S0022-0000(03)00025-4), so that a change which the other numbers
do not see moves some of them. The directions are fixed by the feature's name and d, the length of the input,
and so are kept wherever the name is: in the binning. Component i is + where bit i of SHAKE-256 of
"<name>/<d>" in UTF-8 is 1, the first bit being the most significant of the first byte.
"""

import hashlib
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from driftline._errors import ConfigurationError

__all__ = ["EmbeddingSummaries", "ImageSummaries"]

Floats = npt.NDArray[np.float64]

_IMAGE = ("brightness", "contrast", "sharpness", "norm")
#: The Laplacian of fewer rows or columns has no inside.
_LEAST_SIDE = 3
_MOST_VALUES = 2**24


class EmbeddingSummaries:
    """The norm of vectors of one length, and their projections on fixed directions.

    `names` are the features, in the order of `table`'s columns: `norm` and `projection_0` and so on, after
    `prefix`. Another prefix gives other directions. Raises ConfigurationError for arguments that cannot be.
    """

    def __init__(self, length: int, *, projections: int = 8, prefix: str = "") -> None:
        _check("length", length, 1, _MOST_VALUES)
        _check("projections", projections, 0, 64)
        projected = [f"{prefix}projection_{i}" for i in range(projections)]
        self.names: tuple[str, ...] = (f"{prefix}norm", *projected)
        self._shape: tuple[int, ...] = (length,)
        self._directions = np.empty((length, projections))
        for i, name in enumerate(projected):
            self._directions[:, i] = _direction(name, length)

    def of(self, embedding: Any) -> dict[str, float]:
        """The features of one input, for `Monitor.record`; NaN (missing) where its shape is another."""
        return dict(zip(self.names, self.table([embedding])[0].tolist(), strict=True))

    def table(self, embeddings: Any) -> Floats:
        """The features of n inputs, (n, features), for `Monitor.record_batch`.

        Integers are taken as shares of the greatest of their type, so that bytes are 0 to 1.
        """
        try:
            batch = np.asarray(embeddings)
            inputs = batch.astype(np.float64, copy=False)
        except (TypeError, ValueError):  # a ragged list, a text
            return np.full((_count(embeddings), len(self.names)), np.nan)
        if batch.ndim == 0 or batch.shape[1:] != self._shape:
            return np.full((_count(batch), len(self.names)), np.nan)
        if batch.dtype.kind in "iu":
            inputs = inputs / np.iinfo(batch.dtype).max
        with np.errstate(over="ignore", invalid="ignore"):
            return self._summarised(inputs)

    def _summarised(self, inputs: Floats) -> Floats:
        result = np.empty((len(inputs), len(self.names)))
        result[:, 0] = np.sqrt(np.vecdot(inputs, inputs))
        np.matmul(inputs, self._directions, out=result[:, 1:])
        return result


class ImageSummaries(EmbeddingSummaries):
    """Brightness, contrast, sharpness and norm of images of one shape, and projections on fixed directions.

    `shape` is (height, width) or (height, width, channels). `brightness` is the mean of all values,
    `contrast` their standard deviation, `sharpness` the variance of the Laplacian of the mean of the channels
    (Pech-Pacheco et al. 2000, doi:10.1109/ICPR.2000.903548), `norm` the Euclidean one. For the rest see
    `EmbeddingSummaries`.
    """

    def __init__(self, shape: Sequence[int], *, projections: int = 8, prefix: str = "") -> None:
        sides = tuple(shape)
        if len(sides) not in (2, 3):
            raise ConfigurationError(f"shape is {shape!r}; expected (height, width), or with channels")
        for name, side in zip(("height", "width", "channels"), sides, strict=False):
            _check(name, side, 1 if name == "channels" else _LEAST_SIDE, _MOST_VALUES)
        super().__init__(math.prod(sides), projections=projections, prefix=prefix)
        self.names = (*(f"{prefix}{name}" for name in _IMAGE), *self.names[1:])
        self._shape = sides

    def _summarised(self, inputs: Floats) -> Floats:
        flat = inputs.reshape(len(inputs), -1)
        mean = np.add.reduce(flat, axis=1) / flat.shape[1]
        laplacian = _laplacian(inputs if inputs.ndim == 3 else inputs.mean(3)).reshape(len(inputs), -1)
        edges = np.add.reduce(laplacian, axis=1) / laplacian.shape[1]
        result = np.empty((len(flat), len(self.names)))
        result[:, 0] = mean
        result[:, 1] = np.sqrt(_mean_square(flat - mean[:, None]))
        result[:, 2] = _mean_square(laplacian - edges[:, None])
        result[:, 3] = np.sqrt(np.vecdot(flat, flat))
        np.matmul(flat, self._directions, out=result[:, 4:])
        return result


def _mean_square(rows: Floats) -> Floats:
    return np.asarray(np.vecdot(rows, rows) / rows.shape[1], dtype=np.float64)


def _laplacian(images: Floats) -> Floats:
    """Each inner value's four neighbours less four times itself: (n, height, width) to two less of each."""
    inner = images[:, 1:-1]
    neighbours = images[:, :-2, 1:-1] + images[:, 2:, 1:-1] + inner[:, :, :-2] + inner[:, :, 2:]
    return np.asarray(neighbours - 4 * inner[:, :, 1:-1], dtype=np.float64)


def _direction(name: str, length: int) -> Floats:
    digest = hashlib.shake_256(f"{name}/{length}".encode()).digest(-(-length // 8))
    bits = np.unpackbits(np.frombuffer(digest, dtype=np.uint8), count=length)
    return np.asarray((2.0 * bits - 1.0) / math.sqrt(length), dtype=np.float64)


def _count(inputs: Any) -> int:
    try:
        return len(inputs)
    except TypeError:  # not even a list
        return 1


def _check(name: str, value: int, least: int, most: int) -> None:
    if type(value) is not int or not least <= value <= most:
        raise ConfigurationError(f"{name} is {value!r}; expected a whole number from {least} to {most}")
