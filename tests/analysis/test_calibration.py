"""Scores against how often the answers were right."""

import numpy as np
import pytest
from driftline_collector.analysis.calibration import BINS, calibration


def sample(seed: int, n: int, bias: float) -> tuple[list[float], list[bool], list[float]]:
    """Scores, and answers that are right `bias` less often than the scores say."""
    rng = np.random.default_rng(seed)
    scores = rng.uniform(0.3, 1.0, n)
    return scores.tolist(), (rng.uniform(size=n) < scores - bias).tolist(), [1.0] * n


def test_bins_hold_every_row_once_between_their_bounds() -> None:
    scores, hits, weights = sample(1, 500, 0.0)
    found = calibration([*scores, 0.0, 1.0], [*hits, False, True], [*weights, 1.0, 1.0])["bins"]
    assert sum(part["n"] for part in found) == 502
    for part in found:
        assert part["low"] <= part["mean_score"] <= part["high"]
        assert part["lower"] <= part["value"] <= part["upper"]
        assert part["high"] - part["low"] == pytest.approx(1 / BINS)
    assert found[0]["low"] == 0.0
    assert found[-1]["high"] == 1.0


def test_what_is_calibrated_has_no_error_on_average() -> None:
    # Without the correction it would be about 0.05 at 300 rows.
    errors = [calibration(*sample(seed, 300, 0.0))["ece"] for seed in range(40)]
    assert np.mean([error["value"] for error in errors]) < 0.03
    assert np.mean([error["lower"] == 0.0 for error in errors]) > 0.9


@pytest.mark.parametrize("rows", [800, 1200])  # drawn again one by one, and by the normal law of their sums
@pytest.mark.parametrize("bias", [0.1, 0.25])
def test_what_is_overconfident_has_an_error_within_its_interval(bias: float, rows: int) -> None:
    errors = [calibration(*sample(seed, rows, bias))["ece"] for seed in range(40)]
    assert np.mean([error["value"] for error in errors]) == pytest.approx(bias, abs=0.01)
    held = np.mean([error["lower"] <= bias <= error["upper"] for error in errors])
    assert held >= 0.88


def test_weights_undo_how_rows_were_chosen() -> None:
    rng = np.random.default_rng(6)
    scores, hits, _ = sample(5, 20_000, 0.0)
    hit = np.asarray(hits)
    # Right answers are kept one in five: unweighted, the model looks much worse than it is.
    probability = np.where(hit, 0.2, 1.0)
    kept = rng.uniform(size=len(hit)) < probability
    chosen = (np.asarray(scores)[kept].tolist(), hit[kept].tolist())
    assert calibration(*chosen, [1.0] * int(kept.sum()))["ece"]["value"] > 0.2
    assert calibration(*chosen, (1 / probability[kept]).tolist())["ece"]["value"] < 0.03


def test_single_rows_have_no_error_to_tell() -> None:
    found = calibration([0.95, 0.15], [True, False], [1.0, 50.0])
    assert found["ece"] is None
    assert [part["n"] for part in found["bins"]] == [1, 1]


def test_the_answer_is_the_same_each_time() -> None:
    assert calibration(*sample(9, 200, 0.1)) == calibration(*sample(9, 200, 0.1))
