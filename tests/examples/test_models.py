"""The edge models are small and good, the cloud model is better, and 2.1.0 errs only in its preprocessing."""

from pathlib import Path

import numpy as np
import pytest

from examples.digits_fleet import models
from examples.digits_fleet.camera import take_frames

SHOTS = 3000


def accuracy(trained: Path, version: str, *, degraded: bool = False) -> float:
    rng = np.random.default_rng(5)
    images, truth = models.Pool.load(trained / "pool.npz").draw(SHOTS, rng)
    frames, _ = take_frames(images, rng, degraded=degraded)
    if version == "cloud":
        labels, _ = models.CloudModel.load(trained / "cloud.npz").predict(models.rescale(frames))
    else:
        edge = models.EdgeModel.load(trained / f"edge-{version}.npz")
        labels, _ = edge.predict(models.PREPROCESSING[version](frames))
    return float(np.mean(labels == truth))


@pytest.mark.parametrize("version", models.HEALTHY_VERSIONS)
def test_a_healthy_version_reads_nine_digits_in_ten(trained: Path, version: str) -> None:
    assert 0.92 < accuracy(trained, version) < 0.97


def test_the_cloud_model_is_far_better_than_any_on_a_device(trained: Path) -> None:
    assert accuracy(trained, "cloud") > 0.98


def test_a_degraded_camera_costs_the_edge_more_than_the_cloud(trained: Path) -> None:
    edge, cloud = accuracy(trained, "2.0.0", degraded=True), accuracy(trained, "cloud", degraded=True)
    assert edge < 0.87
    assert cloud > edge + 0.05


def test_the_mistaken_version_has_the_weights_of_its_forerunner_and_half_its_accuracy(trained: Path) -> None:
    before = models.EdgeModel.load(trained / "edge-2.0.0.npz")
    after = models.EdgeModel.load(trained / f"edge-{models.MISTAKEN_VERSION}.npz")
    np.testing.assert_array_equal(before.weights, after.weights)
    assert before.scale == after.scale
    assert accuracy(trained, models.MISTAKEN_VERSION) < 0.6


def test_edge_weights_are_bytes_that_use_their_range(trained: Path) -> None:
    weights = models.EdgeModel.load(trained / "edge-2.0.0.npz").weights
    assert weights.dtype == np.int8
    assert weights.shape == (64, 10)
    assert np.abs(weights.astype(int)).max() == 127


def test_training_twice_with_one_seed_gives_the_same_models(trained: Path, tmp_path: Path) -> None:
    models.train_all(tmp_path)
    for name in ("edge-1.9.0.npz", "edge-2.0.0.npz"):
        np.testing.assert_array_equal(
            models.EdgeModel.load(tmp_path / name).weights, models.EdgeModel.load(trained / name).weights
        )


def test_no_picture_that_the_fleet_sees_was_trained_on() -> None:
    training, rest = models.split()
    assert len(training.images) + len(rest.images) == 1797
    seen = {image.tobytes() for image in training.images}
    repeated = sum(image.tobytes() in seen for image in rest.images)
    assert repeated == 0


def test_scores_are_the_softmax_probability_of_the_answer(trained: Path) -> None:
    edge = models.EdgeModel.load(trained / "edge-2.0.0.npz")
    images, _ = models.Pool.load(trained / "pool.npz").draw(50, np.random.default_rng(1))
    inputs = models.rescale(take_frames(images, np.random.default_rng(2))[0])
    labels, scores = edge.predict(inputs)
    logits = np.rint(inputs * 127) @ edge.weights.astype(float) * edge.scale + edge.bias
    expected = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    np.testing.assert_allclose(scores, expected.max(1), rtol=1e-4)
    np.testing.assert_array_equal(labels, expected.argmax(1))
