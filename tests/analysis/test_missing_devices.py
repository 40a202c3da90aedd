"""What past windows of a cell tell of φ, and what they cannot: from counts of a simulated fleet."""

import numpy as np
import pytest
from driftline_collector.analysis.cell_sums import CellSums
from driftline_collector.analysis.comparison import Comparison, compare
from driftline_collector.analysis.mixtures import Mixture
from driftline_collector.analysis.references import families
from driftline_collector.analysis.segments import Lattice

from benchmarks._simulated_fleet import KNOWN_WEEKS, WEEK, Fleet
from benchmarks._simulated_past import PastWeeks

HOUR = KNOWN_WEEKS * WEEK + 24
#: Pairs of devices that differ: two rows of one correlate by .1.
FLEET = Fleet(types=10, regions=20, features=4, rows=200, correlation=0.1, cycle=0.4, seed=3)


@pytest.fixture(scope="module")
def compared() -> dict[str, Comparison]:
    """An hour of cells held against nine weeks of them: of all with both devices, of half with one."""
    (family,) = families(FLEET.references()).values()
    devices = FLEET.devices_of()
    lattice = Lattice.of(device.cell for device in devices)
    cell = np.array([lattice.cells.index(device.cell) for device in devices])
    past = PastWeeks(FLEET, family, lattice, HOUR).at(HOUR)[1]
    shares = FLEET.merged_shares(HOUR, family)
    rng = np.random.default_rng(4)
    registered = Mixture.of_versions(family, np.zeros(len(lattice.cells), np.int64))
    answers = {}
    every = np.eye(len(lattice.cells), dtype=np.bool_)
    here = {"both": np.ones(len(devices), np.bool_), "one": np.arange(len(devices)) % 4 > 0}
    for name, at in here.items():
        counts = rng.multinomial(FLEET.rows, shares[at]).astype(float)
        sums = CellSums.of(counts, cell[at], registered, family, past)
        found = compare(sums, every, family, effect=0.0, minimum_rows=50)
        answers[name] = found.only(np.bincount(cell[at]) == (2 if name == "both" else 1))
    return answers


def test_devices_that_were_there_are_known_however_much_they_differ(compared: dict[str, Comparison]) -> None:
    assert (compared["both"].phi_windows == KNOWN_WEEKS).all()
    assert np.median(compared["both"].phi) < 1.2  # two rows of one device of 200 by themselves: 20
    assert (compared["both"].p < 0.05).mean() <= 0.06


def test_a_cell_that_lacks_a_device_is_not_said_to_have_drifted_from_when_it_had_it(
    compared: dict[str, Comparison],
) -> None:
    assert len(compared["one"].p) == FLEET.cells / 2
    assert (compared["one"].p < 0.05).mean() <= 0.08  # of 400; with φ of past windows alone a third
    assert (compared["one"].p < 0.001).mean() <= 0.004
