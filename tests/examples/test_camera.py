"""Healthy shots of one digit differ a little; a degraded camera blurs, fogs and is seen in the features."""

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import ncx2

from examples.digits_fleet import camera, features, models


@pytest.fixture(scope="module")
def pool(trained: Path) -> models.Pool:
    return models.Pool.load(trained / "pool.npz")


def summaries(
    pool: models.Pool, seed: int, shots: int, version: str = "2.0.0", *, degraded: bool = False
) -> np.ndarray:
    rng = np.random.default_rng(seed)
    images, _ = pool.draw(shots, rng)
    frames, _ = camera.take_frames(images, rng, degraded=degraded)
    return features.summarise(models.PREPROCESSING[version](frames))


def smallest_p(now: np.ndarray, reference: np.ndarray, bins: int = 10, tau: float = 0.02) -> float:
    """The smallest minimum-effect p-value over the features (the formula is STATISTICS' own, written out)."""
    found = []
    for column in range(now.shape[1]):
        edges = np.unique(np.quantile(reference[:, column], np.arange(1, bins) / bins))
        p, q = (
            np.bincount(np.searchsorted(edges, part[:, column]), minlength=len(edges) + 1) + 0.5
            for part in (now, reference)
        )
        p, q = p / p.sum(), q / q.sum()
        psi, c = float(((p - q) * np.log(p / q)).sum()), 1 / len(now) + 1 / len(reference)
        found.append(float(ncx2.sf(psi / c, len(edges), tau / c)))
    return min(found)


def test_two_shots_of_one_digit_are_alike_but_not_the_same(pool: models.Pool) -> None:
    images = np.repeat(pool.images[:1], 2, axis=0)
    frames, _ = camera.take_frames(images, np.random.default_rng(3))
    difference = np.abs(frames[0].astype(int) - frames[1].astype(int)) / camera.WHITE
    assert 0 < difference.mean() < 0.15


def test_one_seed_gives_the_same_frames_twice(pool: models.Pool) -> None:
    first, second = (camera.take_frames(pool.images[:9], np.random.default_rng(4)) for _ in range(2))
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1], second[1])


def test_a_degraded_camera_loses_contrast_and_sharpness(pool: models.Pool) -> None:
    healthy, degraded = summaries(pool, 1, 500).mean(0), summaries(pool, 1, 500, degraded=True).mean(0)
    for name in ("contrast", "sharpness"):
        column = features.NAMES.index(name)
        assert degraded[column] < 0.6 * healthy[column]


def test_exposures_are_mostly_normal(pool: models.Pool) -> None:
    _, exposure = camera.take_frames(pool.images, np.random.default_rng(6))
    names, counts = np.unique(exposure, return_counts=True)
    assert set(names) == {"short", "normal", "long"}
    assert counts[list(names).index("normal")] > len(exposure) / 2


def test_each_prediction_has_the_named_summaries_and_the_exposure() -> None:
    row = features.summarise(np.full((1, 64), 0.5, np.float32))[0]
    values = features.named(row, "normal")
    assert list(values) == [*features.NAMES, "exposure"]
    assert values["brightness"] == pytest.approx(0.5)
    assert values["contrast"] == pytest.approx(0, abs=1e-3)
    assert values["sharpness"] == pytest.approx(0, abs=1e-6)
    assert values["norm"] == pytest.approx(4)


def test_healthy_windows_are_far_from_a_verdict_and_both_mistakes_are_far_beyond_it(
    pool: models.Pool,
) -> None:
    reference = summaries(pool, 99, 10_000)
    assert min(smallest_p(summaries(pool, seed, 300), reference) for seed in range(20)) > 1e-3
    assert smallest_p(summaries(pool, 7, 300, degraded=True), reference) < 1e-30
    assert smallest_p(summaries(pool, 7, 300, models.MISTAKEN_VERSION), reference) < 1e-30
