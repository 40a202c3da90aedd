"""The edge and cloud models, trained at start-up from the 1,797 digits that scikit-learn ships.

Training needs scikit-learn; everything a device or the cloud service does afterwards is numpy, from one
``.npz`` file per model. Half of the images train the models, the other half is what the fleet will see.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from examples.digits_fleet.camera import SIDE, WHITE, Frames, Images, take_frames
from examples.digits_fleet.features import Inputs

SEED = 20_240
CLASSES = 10
ESCALATION_THRESHOLD = 0.55
HEALTHY_VERSIONS = ("1.9.0", "2.0.0")
MISTAKEN_VERSION = "2.1.0"

_TRAINING_IMAGES = 897
_SHOTS_PER_IMAGE = 2
_KERNEL_WIDTH = 0.2
_RIDGE = 0.05
_CLOUD_SPREAD = np.float32(0.37)  # the usual standard deviation of a picture's ink
_CLOUD_SHARPNESS = 7.0  # turns the kernel model's one-hot estimates into probabilities


def rescale(frames: Frames) -> Inputs:
    """The preprocessing that all models were trained with: frames (n, 8, 8) to inputs (n, 64) in [0, 1]."""
    inputs: Inputs = frames.reshape(len(frames), SIDE * SIDE).astype(np.float32) / np.float32(WHITE)
    return inputs


def rescale_with_crop_mistake(frames: Frames) -> Inputs:
    """Version 2.1.0's own preprocessing: its crop begins one column late, so each digit sits off centre."""
    late = np.zeros_like(frames)
    late[:, :, :-1] = frames[:, :, 1:]
    return rescale(late)


def stretch_contrast(inputs: Inputs) -> Inputs:
    """The cloud's own preprocessing: brings each picture to one mean and spread, whatever the lens did."""
    centred = inputs - inputs.mean(1, keepdims=True)
    stretched: Inputs = _CLOUD_SPREAD * centred / (centred.std(1, keepdims=True) + np.float32(1e-6))
    return stretched


PREPROCESSING: dict[str, Callable[[Frames], Inputs]] = {
    "1.9.0": rescale,
    "2.0.0": rescale,
    "2.1.0": rescale_with_crop_mistake,
}


@dataclass(frozen=True)
class EdgeModel:
    """Multinomial logistic regression with int8 weights: one small integer product per picture.

    ``weights`` (64, 10) int8, ``scale`` their unit times that of the int8 inputs, ``bias`` (10,) float32.
    """

    weights: NDArray[np.int8]
    scale: float
    bias: NDArray[np.float32]

    @classmethod
    def load(cls, path: Path) -> EdgeModel:
        with np.load(path) as saved:
            return cls(saved["weights"], float(saved["scale"]), saved["bias"])

    def save(self, path: Path) -> None:
        np.savez(path, weights=self.weights, scale=self.scale, bias=self.bias)

    def predict(self, inputs: Inputs) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """Inputs (n, 64) to labels (n,) and the probability given to each (n,)."""
        pixels = np.rint(inputs * 127).astype(np.int32)
        logits = (pixels @ self.weights.astype(np.int32)) * self.scale + self.bias
        return _most_likely(logits)


@dataclass(frozen=True)
class CloudModel:
    """A radial-basis kernel machine over all training shots: too big for a device, and far better.

    ``support`` (k, 64) float32, ``coefficients`` (k, 10) float32.
    """

    support: NDArray[np.float32]
    coefficients: NDArray[np.float32]

    @classmethod
    def load(cls, path: Path) -> CloudModel:
        with np.load(path) as saved:
            return cls(saved["support"], saved["coefficients"])

    def save(self, path: Path) -> None:
        np.savez(path, support=self.support, coefficients=self.coefficients)

    def predict(self, inputs: Inputs) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """Inputs (n, 64) to labels (n,) and the probability given to each (n,)."""
        likeness = _kernel(stretch_contrast(inputs), self.support) @ self.coefficients
        return _most_likely(_CLOUD_SHARPNESS * likeness)


@dataclass(frozen=True)
class Pool:
    """The pictures that the fleet can meet: ``images`` (n, 8, 8) with ink in [0, 1], true ``labels`` (n,)."""

    images: Images
    labels: NDArray[np.intp]

    @classmethod
    def load(cls, path: Path) -> Pool:
        with np.load(path) as saved:
            return cls(saved["images"], saved["labels"])

    def save(self, path: Path) -> None:
        np.savez(path, images=self.images, labels=self.labels)

    def draw(self, count: int, rng: np.random.Generator) -> tuple[Images, NDArray[np.intp]]:
        """``count`` images and labels, with replacement."""
        chosen = rng.integers(0, len(self.images), count)
        return self.images[chosen], self.labels[chosen]


def split(seed: int = SEED) -> tuple[Pool, Pool]:
    """The shipped digits as two disjoint pools: for training, and for the fleet to see."""
    from sklearn.datasets import load_digits  # devices start without it

    images, labels = load_digits(return_X_y=True)
    images = images.reshape(-1, SIDE, SIDE) / 16
    order = np.random.default_rng(seed).permutation(len(images))
    train, rest = order[:_TRAINING_IMAGES], order[_TRAINING_IMAGES:]
    return Pool(images[train], labels[train]), Pool(images[rest], labels[rest])


def train_edge(shots: Inputs, labels: NDArray[np.intp], strength: float) -> EdgeModel:
    """Fit on inputs (n, 64) and quantise; ``strength`` is scikit-learn's ``C``."""
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(C=strength, max_iter=500).fit(shots, labels)
    unit = float(np.abs(fitted.coef_).max()) / 127
    weights = np.rint(fitted.coef_.T / unit).astype(np.int8)
    return EdgeModel(weights, unit / 127, fitted.intercept_.astype(np.float32))


def train_cloud(shots: Inputs, labels: NDArray[np.intp]) -> CloudModel:
    """Kernel ridge regression on one-hot labels; inputs (n, 64)."""
    support = stretch_contrast(shots)
    gram = _kernel(support, support) + _RIDGE * np.eye(len(support))
    coefficients = np.linalg.solve(gram, np.eye(CLASSES)[labels])
    return CloudModel(support.astype(np.float32), coefficients.astype(np.float32))


def train_all(folder: Path, seed: int = SEED) -> None:
    """Train every model and save it to ``folder``, with the pool of pictures that the fleet will see.

    Writes ``edge-<version>.npz`` for each version, ``cloud.npz`` and ``pool.npz``.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # comes with scikit-learn

    # One thread: several would spin for a busy core longer than one computes.
    with threadpool_limits(limits=1):
        _train_all(folder, seed)


def _train_all(folder: Path, seed: int) -> None:
    training, rest = split(seed)
    rng = np.random.default_rng(seed + 1)
    images = np.tile(training.images, (_SHOTS_PER_IMAGE, 1, 1))
    labels = np.tile(training.labels, _SHOTS_PER_IMAGE)
    shots = rescale(take_frames(images, rng)[0])
    fewer = len(training.images) // 2  # the older version had seen fewer digits
    train_edge(shots[:fewer], labels[:fewer], strength=1.0).save(folder / "edge-1.9.0.npz")
    better = train_edge(shots, labels, strength=1.0)
    better.save(folder / "edge-2.0.0.npz")
    better.save(folder / "edge-2.1.0.npz")  # the same weights: only its preprocessing is new
    train_cloud(shots, labels).save(folder / "cloud.npz")
    rest.save(folder / "pool.npz")


def _kernel(left: Inputs, right: Inputs) -> Inputs:
    distance: Inputs = (left * left).sum(1)[:, None] + (right * right).sum(1) - 2 * left @ right.T
    likeness: Inputs = np.exp(np.float32(-_KERNEL_WIDTH) * np.maximum(distance, 0))
    return likeness


def _most_likely(logits: NDArray[np.floating]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Labels and softmax probabilities of the largest entries of ``logits`` (n, 10)."""
    labels = logits.argmax(1)
    largest = logits.max(1)
    return labels, 1.0 / np.exp(logits - largest[:, None], dtype=np.float64).sum(1)
