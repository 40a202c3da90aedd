"""What all detectors have in common, found by itself for each file that has a `detect`."""

import doctest
import importlib
import pkgutil
from types import ModuleType
from typing import get_args

import numpy as np
import numpy.typing as npt
import pytest
from driftline_collector.analysis import detectors
from driftline_collector.analysis.detectors import choice
from driftline_collector.analysis.detectors.sample import Detection, Sample
from driftline_collector.settings_types import Detector, Judge
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats

Floats = npt.NDArray[np.float64]

MODULES = [
    importlib.import_module(f"{detectors.__name__}.{found.name}")
    for found in pkgutil.iter_modules(detectors.__path__)
]
DETECTORS = [module for module in MODULES if hasattr(module, "detect")]
#: Their null hypothesis has a law; the others are magnitudes.
TESTS = {"psi", "chi_square", "kolmogorov_smirnov", "neyman_smooth"}

REFERENCE = np.array([900.0, 1100, 1000, 1050, 950])
PLACES = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])


def name(module: ModuleType) -> str:
    return module.__name__.rpartition(".")[2]


each_detector = pytest.mark.parametrize("detector", DETECTORS, ids=name)
each_test = pytest.mark.parametrize("detector", [d for d in DETECTORS if name(d) in TESTS], ids=name)


def detect(
    detector: ModuleType, now: Floats, *, rows: float = 1.0, effect: float = 0.0, **dispersion: float
) -> Detection:
    sample = Sample(observed=now * rows, expected=REFERENCE * rows, places=PLACES, **dispersion)
    found = detector.detect(sample, effect=effect)
    assert isinstance(found, Detection)
    return found


def p_value(found: Detection) -> float:
    assert found.p_value is not None
    return float(found.p_value)


def test_there_are_seven_detectors_to_choose_from_and_settings_name_those_that_can_judge() -> None:
    assert {name(module) for module in DETECTORS} == TESTS | {"jensen_shannon", "hellinger", "wasserstein"}
    assert set(choice.DETECTORS) == {name(module) for module in DETECTORS}
    assert {name for part in get_args(Detector) for name in get_args(part)} == set(choice.DETECTORS)
    assert set(get_args(Judge)) == TESTS == {key for key, one in choice.DETECTORS.items() if one.matters}


@each_detector
def test_what_can_be_chosen_is_what_the_file_says(detector: ModuleType) -> None:
    chosen = choice.DETECTORS[name(detector)]
    assert chosen.detect is detector.detect
    assert chosen.ordered is detector.ORDERED
    found = detect(detector, np.array([90.0, 110, 100, 105, 95]))
    assert (found.p_value is not None) == (chosen.matters is not None)


@each_test
@pytest.mark.parametrize("effect", [0.005, 0.02, 0.1])
def test_what_matters_is_the_score_of_a_shift_with_that_psi(detector: ModuleType, effect: float) -> None:
    edges = stats.norm.ppf(np.linspace(0, 1, 1001))
    reference = np.diff(stats.norm.cdf(edges))
    now = np.diff(stats.norm.cdf(edges - np.sqrt(effect)))
    score = detector.detect(Sample(observed=now * 1e9, expected=reference * 1e12)).score
    matters = choice.DETECTORS[name(detector)].matters
    assert matters is not None
    assert matters(effect) == pytest.approx(float(score), rel=0.06)


@each_detector
def test_the_file_says_what_it_does_with_a_formula_a_source_and_an_example_that_is_true(
    detector: ModuleType,
) -> None:
    text = detector.__doc__ or ""
    assert any(line.startswith("    ") and "=" in line for line in text.splitlines())
    assert any(f"{year}" in text for year in range(1900, 2030))
    tried = doctest.testmod(detector)
    assert tried.attempted >= 2
    assert tried.failed == 0


@each_detector
def test_equal_shares_score_nothing_whatever_the_rows(detector: ModuleType) -> None:
    found = detect(detector, REFERENCE * 3)
    assert found.score == pytest.approx(0, abs=1e-6)
    if found.p_value is not None:
        assert found.p_value > 0.9


@each_detector
def test_the_score_grows_with_the_shift_and_not_with_the_rows(detector: ModuleType) -> None:
    shifts = [
        np.array([90.0, 110, 100, 105, 95]) + by * np.array([-20, -10, 0, 10, 20])
        for by in (0.0, 1.0, 2.0, 3.0)
    ]
    scores = [float(detect(detector, now, rows=10).score) for now in shifts]
    assert scores == sorted(scores)
    assert scores[0] < scores[1] < scores[3]
    assert float(detect(detector, shifts[2], rows=1e6).score) == pytest.approx(scores[2], rel=0.02)


@each_test
def test_a_p_value_falls_with_rows_and_rises_with_the_effect_that_does_not_matter(
    detector: ModuleType,
) -> None:
    now = REFERENCE + np.array([-100.0, -50, 0, 50, 100])
    few, many = (p_value(detect(detector, now, rows=rows)) for rows in (0.2, 2.0))
    assert 0 < many < few < 1
    score = float(detect(detector, now).score)
    ps = [p_value(detect(detector, now, effect=effect)) for effect in (0.0, score / 4, score / 2, score)]
    assert ps == sorted(set(ps))
    assert ps[-1] > 0.05


@each_test
def test_overdispersion_and_its_uncertainty_only_make_it_less_sure(detector: ModuleType) -> None:
    now = REFERENCE + np.array([-100.0, -50, 0, 50, 100])
    plain = p_value(detect(detector, now))
    dispersed = p_value(detect(detector, now, phi=2.0))
    estimated = p_value(detect(detector, now, phi=2.0, phi_df=5.0))
    assert plain < dispersed < estimated < 1


@each_detector
def test_without_rows_on_either_side_there_is_no_number(detector: ModuleType) -> None:
    nothing = np.zeros(5)
    now, reference = np.stack([nothing, REFERENCE, nothing]), np.stack([REFERENCE, nothing, nothing])
    found = detector.detect(Sample(observed=now, expected=reference, places=PLACES))
    assert np.isnan(found.score).all()
    assert found.p_value is None or np.isnan(found.p_value).all()


@each_detector
def test_one_bin_cannot_differ(detector: ModuleType) -> None:
    found = detector.detect(Sample(observed=[500.0], expected=[1000.0], places=[3.0]))
    assert np.isnan(found.score) or found.score == pytest.approx(0, abs=1e-12)
    assert found.p_value is None or found.p_value == 1


@each_detector
def test_a_bin_that_no_reference_row_is_in_has_a_finite_score(detector: ModuleType) -> None:
    found = detector.detect(Sample(observed=[0.0, 50, 100], expected=[100.0, 200, 0], places=[0.0, 1.0, 2.0]))
    assert 0 < found.score < 10
    assert found.p_value is None or 0 <= found.p_value < 1e-6


@each_detector
def test_bins_that_are_empty_on_both_sides_do_not_count(detector: ModuleType) -> None:
    now, reference = np.array([30.0, 40, 20]), np.array([100.0, 100, 100])
    plain = detector.detect(Sample(observed=now, expected=reference, places=[0.0, 1.0, 2.0]))
    padded = detector.detect(
        Sample(
            observed=np.insert(now, [1, 3], 0),
            expected=np.insert(reference, [1, 3], 0),
            places=[0.0, 0.5, 1.0, 2.0, np.nan],
        )
    )
    assert padded.score == pytest.approx(float(plain.score), abs=1e-12)
    if plain.p_value is not None:
        assert padded.p_value == pytest.approx(float(plain.p_value), abs=1e-12)


@each_detector
def test_many_segments_at_once_are_answered_as_each_is_by_itself(detector: ModuleType) -> None:
    rng = np.random.default_rng(3)
    now = rng.poisson(20, size=(4, 3, 5)).astype(float)
    reference = rng.poisson(50, size=(3, 5)).astype(float)
    phi = rng.uniform(1, 3, size=(4, 3))
    whole = detector.detect(
        Sample(observed=now, expected=reference, places=PLACES, phi=phi, phi_df=6.0), effect=0.001
    )
    one = detector.detect(
        Sample(observed=now[2, 1], expected=reference[1], places=PLACES, phi=phi[2, 1], phi_df=6.0),
        effect=0.001,
    )
    assert whole.score.shape == (4, 3)
    assert whole.score[2, 1] == pytest.approx(float(one.score), abs=1e-12)
    if whole.p_value is not None:
        assert whole.p_value[2, 1] == pytest.approx(float(one.p_value), abs=1e-12)


COUNTS = arrays.arrays(np.float64, st.integers(1, 12), elements=st.integers(0, 10**7).map(float))


@each_detector
@settings(max_examples=40)
@given(data=st.data())
def test_no_counts_make_it_fail_or_answer_with_what_is_no_number(
    detector: ModuleType, data: st.DataObject
) -> None:
    now = data.draw(COUNTS)
    reference = data.draw(arrays.arrays(np.float64, len(now), elements=st.integers(0, 10**9).map(float)))
    phi = data.draw(st.floats(1, 1e4))
    df = data.draw(st.sampled_from([0.0, 1.0, 8.0, 1e3]))
    found = detector.detect(
        Sample(observed=now, expected=reference, phi=phi, phi_df=df, places=np.arange(len(now)))
    )
    if not now.any() or not reference.any():
        assert np.isnan(found.score)
        return
    constant = name(detector) == "wasserstein" and np.count_nonzero(reference) == 1
    assert np.isnan(found.score) if constant else found.score >= 0
    assert not np.isinf(found.score)
    if found.p_value is not None:
        assert 0 <= found.p_value <= 1


def p_values(detector: ModuleType, shares: Floats, *, rows: int, tried: int, seed: int) -> Floats:
    """Of samples of `rows` with these shares, against samples of 20 times as many that are flat."""
    rng = np.random.default_rng(seed)
    now = rng.multinomial(rows, shares / shares.sum(), size=tried)
    reference = rng.multinomial(20 * rows, np.full(len(shares), 1 / len(shares)), size=tried)
    found: Detection = detector.detect(Sample(observed=now, expected=reference))
    assert found.p_value is not None
    return found.p_value


@each_test
@pytest.mark.parametrize("rows", [100, 3000])
def test_without_change_a_p_value_is_below_a_twentieth_in_a_twentieth_at_most(
    detector: ModuleType, rows: int
) -> None:
    p = p_values(detector, np.ones(10), rows=rows, tried=4000, seed=21)
    assert (p < 0.05).mean() <= 0.06
    if name(detector) != "kolmogorov_smirnov":  # which errs on the quiet side where bins are few
        assert (p < 0.05).mean() >= 0.03


def test_of_a_smooth_shift_the_smooth_test_finds_most_and_of_a_jagged_one_chi_square() -> None:
    middle = np.arange(10) - 4.5
    smooth: Floats = np.asarray(1 + 0.03 * middle, dtype=np.float64)
    jagged: Floats = np.array([1.12, 0.88] * 5)
    power = {
        name(d): [
            float((p_values(d, shares, rows=800, tried=1000, seed=22) < 0.05).mean())
            for shares in (smooth, jagged)
        ]
        for d in DETECTORS
        if name(d) in TESTS
    }
    of_smooth, of_jagged = ({key: both[i] for key, both in power.items()} for i in (0, 1))
    assert max(of_smooth, key=of_smooth.__getitem__) == "neyman_smooth"
    assert of_smooth["neyman_smooth"] > of_smooth["chi_square"] + 0.1
    assert of_jagged["chi_square"] > of_jagged["neyman_smooth"] + 0.3
