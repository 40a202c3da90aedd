"""Which of many p-values to believe."""

import numpy as np
import pytest
from driftline_collector.analysis.detectors.step_up import adjusted, simes, step_up
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats


def test_simes_is_the_smallest_scaled_p_and_skips_what_was_not_tested() -> None:
    assert simes(np.array([[0.01, 0.5, 0.9]])) == pytest.approx([0.03])
    assert simes(np.array([[0.04, 0.04, 0.04]])) == pytest.approx([0.04])
    assert simes(np.array([[np.nan, 0.02, np.nan]])) == pytest.approx([0.02])
    assert np.isnan(simes(np.array([[np.nan, np.nan]]))).all()


@given(arrays(np.float64, 9, elements=st.floats(0, 1)), st.sets(st.integers(0, 8), max_size=8))
def test_adjusted_p_values_are_scipys_of_what_was_tested(p: np.ndarray, gaps: set[int]) -> None:
    tested = np.array([i not in gaps for i in range(9)])
    result = adjusted(np.where(tested, p, np.nan))
    assert result[tested] == pytest.approx(stats.false_discovery_control(p[tested]), abs=1e-15)
    assert np.isnan(result[~tested]).all()


def test_benjamini_hochberg_keeps_what_is_below_its_line() -> None:
    kept = step_up(np.array([[0.01], [0.02], [0.03], [0.5]]), 0.05)
    assert kept.segments.tolist() == [True, True, True, False]
    assert kept.q == pytest.approx([0.04, 0.04, 0.04, 0.5])


@given(
    arrays(np.float64, (7, 4), elements=st.floats(0, 1)),
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 3))),
)
def test_a_segment_is_kept_exactly_where_one_of_its_features_is(
    p: np.ndarray, gaps: list[tuple[int, int]]
) -> None:
    for gap in gaps:
        p[gap] = np.nan
    kept = step_up(p, 0.05)
    assert (kept.segments == kept.features.any(axis=1)).all()
    assert not kept.features[np.isnan(p)].any()


def test_the_share_of_false_findings_stays_below_q() -> None:
    rng = np.random.default_rng(31)
    shares = []
    for _ in range(200):
        p = rng.uniform(size=(200, 10))
        p[:20, :3] = rng.beta(0.05, 20, size=(20, 3))
        kept = step_up(p, 0.05)
        shares.append(kept.segments[20:].sum() / max(kept.segments.sum(), 1))
    assert np.mean(shares) <= 0.05
