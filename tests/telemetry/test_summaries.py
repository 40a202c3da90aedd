"""Images and embeddings as features: what each number is, and that nothing breaks an inference loop."""

from typing import Any

import driftline
import numpy as np
import pytest
from driftline.summaries import EmbeddingSummaries, ImageSummaries
from driftline.testing import MemoryMonitor
from scipy import ndimage, stats

RNG = np.random.default_rng(17)
IMAGES = RNG.random((6, 9, 7))
#: The signs of `projection_0` and `projection_1` of inputs of length 10.
GOLDEN = [[1, -1, 1, -1, 1, -1, 1, -1, 1, -1], [1, 1, 1, -1, -1, -1, -1, 1, 1, 1]]


def column(summaries: EmbeddingSummaries, inputs: Any, name: str) -> Any:
    return summaries.table(inputs)[:, summaries.names.index(name)]


def test_brightness_contrast_norm_and_sharpness_are_scipys_numbers() -> None:
    summaries = ImageSummaries((9, 7))
    assert summaries.names[:4] == ("brightness", "contrast", "sharpness", "norm")
    laplacian = np.array([ndimage.laplace(image)[1:-1, 1:-1] for image in IMAGES])
    expected = {
        "brightness": IMAGES.mean((1, 2)),
        "contrast": IMAGES.std((1, 2)),
        "sharpness": laplacian.var((1, 2)),
        "norm": np.linalg.norm(IMAGES.reshape(6, -1), axis=1),
    }
    for name, values in expected.items():
        assert column(summaries, IMAGES, name) == pytest.approx(values, rel=1e-12)


def test_one_image_has_the_numbers_that_it_has_in_a_batch() -> None:
    summaries = ImageSummaries((9, 7))
    one = summaries.of(IMAGES[2])
    assert list(one) == list(summaries.names)
    assert list(one.values()) == pytest.approx(summaries.table(IMAGES)[2].tolist(), rel=1e-12)


def test_colours_are_averaged_for_sharpness_and_count_for_all_else() -> None:
    grey = np.repeat(IMAGES[..., None], 3, axis=3)
    colour, plain = ImageSummaries((9, 7, 3)), ImageSummaries((9, 7))
    for name in ("brightness", "contrast", "sharpness"):
        assert column(colour, grey, name) == pytest.approx(column(plain, IMAGES, name))
    red = grey * [1.0, 0.0, 0.0]
    assert column(colour, red, "brightness") == pytest.approx(IMAGES.mean((1, 2)) / 3)


def test_bytes_are_shares_of_255() -> None:
    pixels = RNG.integers(0, 256, (5, 9, 7), dtype=np.uint8)
    summaries = ImageSummaries((9, 7))
    assert summaries.table(pixels) == pytest.approx(summaries.table(pixels / 255))


def test_directions_are_the_same_everywhere_and_another_prefix_has_others() -> None:
    """For other languages: fixed numbers, from the name and the length alone."""
    summaries = EmbeddingSummaries(10, projections=2)
    assert summaries.names == ("norm", "projection_0", "projection_1")
    signs = summaries.table(np.eye(10))[:, 1:].T * np.sqrt(10)
    assert np.round(signs).astype(int).tolist() == GOLDEN
    other = EmbeddingSummaries(10, projections=2, prefix="face_")
    assert other.names[1] == "face_projection_0"
    assert (other.table(np.eye(10)) != summaries.table(np.eye(10))).any()


def test_projections_keep_the_distances_between_inputs() -> None:
    summaries = EmbeddingSummaries(400, projections=64)
    inputs = RNG.normal(size=(30, 400))
    projected = summaries.table(inputs)[:, 1:] * np.sqrt(400 / 64)
    for i in range(29):
        far = np.linalg.norm(inputs[i] - inputs[i + 1])
        assert np.linalg.norm(projected[i] - projected[i + 1]) == pytest.approx(far, rel=0.5)


def test_a_move_within_the_picture_shows_in_projections_alone() -> None:
    images = ndimage.gaussian_filter(RNG.random((400, 12, 12)) + np.linspace(0, 3, 12), (0, 1, 1))
    moved = np.roll(images, 3, axis=2)
    summaries = ImageSummaries((12, 12))
    unlike = {
        name: stats.ks_2samp(
            column(summaries, images, name), column(summaries, moved, name), method="asymp"
        ).pvalue
        for name in summaries.names
    }
    assert min(unlike["brightness"], unlike["contrast"], unlike["norm"]) > 0.01
    assert sum(p < 1e-6 for name, p in unlike.items() if "projection" in name) >= 6


@pytest.mark.parametrize(
    "wrong",
    [IMAGES[0, :4], IMAGES[:2], "no image", None, [[1, 2], [3]], np.zeros((7, 9)), 3.0, object()],
    ids=lambda wrong: type(wrong).__name__,
)
def test_what_is_no_such_image_is_missing_and_never_an_error(wrong: Any) -> None:
    summaries = ImageSummaries((9, 7))
    with MemoryMonitor() as monitor:
        monitor.record(summaries.of(wrong), label="7")
        assert monitor.missing["sharpness"] == 1


@pytest.mark.parametrize("odd", [np.nan, np.inf, 1e308])
def test_a_value_that_is_none_makes_no_warning(odd: float) -> None:
    image = IMAGES[0].copy()
    image[4, 4] = odd
    assert not np.isfinite(ImageSummaries((9, 7)).of(image)["norm"])


def test_a_batch_of_another_shape_has_a_row_for_each() -> None:
    assert ImageSummaries((9, 7)).table(np.zeros((4, 5, 5))).shape == (4, 12)


def test_a_reference_and_a_monitor_take_the_table() -> None:
    summaries = ImageSummaries((9, 7), projections=2)
    reference = driftline.Reference.from_data(summaries.table(IMAGES), names=summaries.names)
    with MemoryMonitor(reference=reference) as monitor:
        monitor.record_batch(summaries.table(IMAGES), ["7"] * 6)
        assert monitor.predictions[0].features.keys() == set(summaries.names)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"shape": (2, 9)}, "height is 2; expected a whole number from 3"),
        ({"shape": (9,)}, r"expected \(height, width\)"),
        ({"shape": (9, 9.0)}, "width is 9.0; expected a whole number"),
        ({"shape": (9, 9), "projections": 65}, "projections is 65; expected a whole number from 0 to 64"),
    ],
)
def test_a_shape_that_cannot_be_is_refused_at_once(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(driftline.ConfigurationError, match=said):
        ImageSummaries(**arguments)


def test_no_projections_are_none() -> None:
    assert EmbeddingSummaries(5, projections=0).names == ("norm",)
    assert EmbeddingSummaries(5, projections=0).of([3, 4, 0, 0, 0.0]) == {"norm": 5.0}
