"""Where a peer computes the same number on the same bins, it is the same number."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from driftline_collector.analysis.detectors import (
    chi_square,
    hellinger,
    jensen_shannon,
    kolmogorov_smirnov,
    neyman_smooth,
    psi,
    wasserstein,
)
from driftline_collector.analysis.detectors.sample import Sample
from scipy import stats
from scipy.spatial import distance

from benchmarks._peer_sizes import called_drifted
from tests.analysis import peer_scores
from tests.analysis.peer_scores import CASES, FILE

PEERS: dict[str, dict[str, dict[str, float]]] = json.loads(FILE.read_text())["scores"]
each_case = pytest.mark.parametrize("case", CASES)
#: Without the reference's empty bins, of which peers make 0.0001 or nothing, and we half a row.
FULL = ("a small shift", "a wide spread", "ten bins")


def sample(case: str) -> Sample:
    places, now, reference = CASES[case]
    return Sample(observed=now, expected=reference, places=places)


def same(number: Any) -> Any:
    return pytest.approx(float(number), abs=1e-9)


def deviation(case: str) -> float:
    places, _, reference = CASES[case]
    return float(np.std(np.repeat(places, reference)))


@each_case
def test_jensen_shannon_is_nannymls_and_evidentlys_to_another_base(case: str) -> None:
    score = jensen_shannon.detect(sample(case)).score
    assert PEERS[case]["nannyml"]["jensen_shannon"] == same(score)
    assert PEERS[case]["evidently"]["jensen_shannon"] == same(score * np.sqrt(np.log(2)))
    _, now, reference = CASES[case]
    assert distance.jensenshannon(now, reference, base=2) == same(score)


@each_case
def test_hellinger_is_nannymls_and_evidentlys(case: str) -> None:
    score = hellinger.detect(sample(case)).score
    assert PEERS[case]["nannyml"]["hellinger"] == same(score)
    assert PEERS[case]["evidently"]["hellinger"] == same(score)


@each_case
def test_wasserstein_is_evidentlys_and_nannymls_in_units_of_the_feature(case: str) -> None:
    score = wasserstein.detect(sample(case)).score
    assert PEERS[case]["evidently"]["wasserstein"] == same(score)
    assert PEERS[case]["nannyml"]["wasserstein"] == same(score * deviation(case))


@each_case
def test_kolmogorov_smirnov_is_nannymls(case: str) -> None:
    assert PEERS[case]["nannyml"]["kolmogorov_smirnov"] == same(kolmogorov_smirnov.detect(sample(case)).score)


@each_case
def test_chi_square_over_its_variance_by_chance_is_nannymls_statistic(case: str) -> None:
    found = chi_square.detect(sample(case))
    assert PEERS[case]["nannyml"]["chi2"] == same(found.score / sample(case).c)
    _, now, reference = CASES[case]
    known = stats.chi2_contingency([now, reference], correction=False)
    assert known.pvalue == same(found.p_value)


@pytest.mark.parametrize("case", FULL)
def test_psi_without_smoothing_is_evidentlys(case: str) -> None:
    score, _ = psi.population_stability(*sample(case).counts, smoothing=0.0)
    assert PEERS[case]["evidently"]["psi"] == same(score)


@each_case
def test_the_first_component_of_the_smooth_test_is_the_rank_sum_test(case: str) -> None:
    """Wilcoxon's z² with the variance of tied ranks, but for its n + m - 1, which is n + m here."""
    places, now, reference = CASES[case]
    n, m = sum(now), sum(reference)
    tested = stats.mannwhitneyu(
        np.repeat(places, now), np.repeat(places, reference), method="asymptotic", use_continuity=False
    )
    z2 = stats.norm.isf(tested.pvalue / 2) ** 2 * (n + m) / (n + m - 1)
    u = sample(case)
    (first, _), _ = neyman_smooth.polynomials(u.pooled)
    p, r = u.shares
    assert z2 == pytest.approx(float(((p - r) * first).sum() ** 2 / u.c), rel=1e-6)


@pytest.fixture(scope="module")
def pythons() -> list[str]:
    """Pythons that have Evidently or NannyML, as the variable PEERS names them."""
    named = os.environ.get("PEERS", "").split()
    if not named:
        pytest.skip("PEERS names no Python that has evidently or nannyml: see tests/analysis/peer_scores.py")
    return named


@pytest.mark.peers
def test_peers_say_today_what_is_kept_of_them(pythons: list[str], tmp_path: Path) -> None:
    file = tmp_path / "scores.json"
    for python in pythons:
        subprocess.run([python, peer_scores.__file__, file], check=True, capture_output=True, timeout=300)
    answers = json.loads(file.read_text())["scores"]
    assert answers.keys() == CASES.keys()
    for case, of_peers in answers.items():
        assert of_peers
        for peer, scores in of_peers.items():
            assert scores == pytest.approx(PEERS[case][peer], abs=1e-9)


@pytest.mark.peers
def test_peers_call_drifted_by_default_what_does_not_drift(pythons: list[str]) -> None:
    """As docs/results/false_alarms.md tells: more than one column in ten, of devices that merely differ."""
    setting = {"two devices": {"devices": 2, "rows": 150, "correlation": 0.1}}
    told = called_drifted(pythons, setting, [1])
    assert len(told) == len(pythons)
    assert min(shares["two devices"] for shares in told.values()) > 0.1
