"""When a shift began: the moment and its interval, from counts of windows."""

import numpy as np
import numpy.typing as npt
import pytest
from driftline_collector.analysis.onset import Onset, onset
from scipy import stats

EDGES = stats.norm.ppf(np.linspace(0, 1, 11)[1:-1])
REFERENCE = np.full(10, 5000.0)
Floats = npt.NDArray[np.float64]


def windows(
    rng: np.random.Generator,
    count: int,
    rows: int,
    *,
    begins: float,
    shift: float = 0.5,
    jitter: float = 0.0,
    devices: float = 0.0,
    aside: float = 0.0,
) -> Floats:
    """Counts of some windows of a normal feature that is shifted from a moment on, shape (windows, 10)."""
    found = []
    for number in range(count):
        moved = rng.random(rows) < np.clip(number + 1 - begins, 0, 1)
        own = rng.normal(0, np.sqrt(devices), 20)[rng.integers(0, 20, rows)]
        values = rng.normal(aside, np.sqrt(1 - devices), rows) + own + jitter * rng.normal() + shift * moved
        found.append(np.bincount(np.searchsorted(EDGES, values), minlength=10))
    return np.array(found, dtype=np.float64)


def known(counts: npt.ArrayLike, reference: npt.ArrayLike = REFERENCE, phi: float = 1.0) -> Onset:
    found = onset(counts, reference, phi=phi)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("rows", "shift", "jitter", "devices", "least"),
    [
        (300, 0.25, 0.0, 0.0, 0.93),
        (300, 0.5, 0.0, 0.0, 0.93),
        (5000, 0.5, 0.0, 0.0, 0.93),
        (50, 1.0, 0.0, 0.0, 0.93),
        (3000, 0.5, 0.1, 0.0, 0.88),
        (3000, 0.5, 0.1, 0.05, 0.88),
    ],
)
def test_the_interval_holds_the_moment(
    rows: int, shift: float, jitter: float, devices: float, least: float
) -> None:
    rng = np.random.default_rng(11)
    held = 0
    for _ in range(150):
        begins = rng.uniform(1, 23)
        counts = windows(rng, 24, rows, begins=begins, shift=shift, jitter=jitter, devices=devices)
        found = known(counts)
        held += found.earliest <= begins <= found.latest
    assert held / 150 >= least


def test_the_moment_is_known_more_finely_than_windows_are_long() -> None:
    rng = np.random.default_rng(3)
    found = known(windows(rng, 12, 5000, begins=8.3))
    assert found.at == pytest.approx(8.3, abs=0.15)
    assert found.latest - found.earliest < 0.5


def test_few_rows_make_the_interval_wide() -> None:
    rng = np.random.default_rng(4)
    few, many = (known(windows(rng, 12, rows, begins=6.5)) for rows in (60, 6000))
    assert few.latest - few.earliest > 3 * (many.latest - many.earliest)


def test_a_drift_that_was_there_from_the_first_window_is_told_as_open() -> None:
    rng = np.random.default_rng(5)
    found = known(windows(rng, 8, 500, begins=-1.0))
    assert found.open
    assert found.at is None
    assert found.earliest == 0.0


def test_one_window_alone_cannot_tell_when_it_began() -> None:
    rng = np.random.default_rng(6)
    assert known(windows(rng, 1, 500, begins=-1.0)).open


def test_a_gap_in_which_it_began_is_within_the_interval() -> None:
    rng = np.random.default_rng(7)
    counts = windows(rng, 12, 2000, begins=6.0)
    counts[4:8] = 0
    found = known(counts)
    assert found.earliest == pytest.approx(4.0, abs=0.3)
    assert found.latest == pytest.approx(8.0, abs=0.3)


def test_windows_that_differ_by_their_own_reference_have_not_changed() -> None:
    rng = np.random.default_rng(8)
    daily = np.sin(np.arange(24) / 24 * 2 * np.pi)
    expected = np.array([windows(rng, 1, 50_000, begins=9, shift=0)[0] for _ in daily])
    counts = np.zeros((24, 10))
    for hour, light in enumerate(daily):
        edges = EDGES - 0.6 * light
        expected[hour] = 50_000 * np.diff(stats.norm.cdf([-np.inf, *edges, np.inf]))
        values = rng.normal(size=2000) + (0.5 if hour >= 15 else 0.0)
        counts[hour] = np.bincount(np.searchsorted(edges, values), minlength=10)
    found = known(counts, expected)
    assert found.at == pytest.approx(15.0, abs=0.3)


def test_the_standing_difference_of_a_fleet_is_not_taken_for_the_shift() -> None:
    rng = np.random.default_rng(9)
    found = known(windows(rng, 24, 20_000, begins=16.5, shift=0.4, aside=0.1))
    assert found.at == pytest.approx(16.5, abs=0.2)
    assert not found.open


@pytest.mark.parametrize(
    ("counts", "reference"),
    [
        (np.zeros((3, 4)), np.ones(4)),
        (np.ones((3, 4)), np.zeros(4)),
        (np.array([[5.0, 0.0], [7.0, 0.0]]), np.array([9.0, 0.0])),
    ],
    ids=["no rows", "no reference", "one bin"],
)
def test_what_cannot_tell_gives_no_moment(counts: Floats, reference: Floats) -> None:
    assert onset(counts, reference) is None
