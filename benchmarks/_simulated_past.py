"""What a simulated fleet counted at the same hours of past weeks: for `_simulated_week`, held in memory.

`analysis/history` sums the same of profiles in a store. An hour of all cells is drawn once and stays for as
long as a span reaches back. A device makes as many predictions an hour as chance has it (Poisson), so that
the counts of a cell are Poisson, too.
"""

from collections import deque

import numpy as np
import numpy.typing as npt
from driftline_collector.analysis.baselines import Past
from driftline_collector.analysis.recent import WIDEST
from driftline_collector.analysis.references import Family
from driftline_collector.analysis.segments import Lattice
from driftline_collector.analysis.spans import WIDTHS

from benchmarks._simulated_fleet import KNOWN_WEEKS, WEEK, Fleet


class PastWeeks:
    """What the cells of a lattice counted before each of an ascending row of hours, which begins `since`."""

    def __init__(self, fleet: Fleet, family: Family, lattice: Lattice, since: int) -> None:
        self._fleet, self._family = fleet, family
        place = {cell: i for i, cell in enumerate(lattice.cells)}
        of_fleet = [place[device.cell] for device in fleet.devices_of()[:: fleet.devices]]
        self._order = np.argsort(of_fleet)
        shape = KNOWN_WEEKS, fleet.cells, len(family.features), family.width
        self._hours: deque[npt.NDArray[np.uint16]] = deque(maxlen=WIDEST)
        self._sums = {width: np.zeros(shape, dtype=np.float32) for width in WIDTHS}
        self._drawn = since - WIDEST

    def at(self, hour: int) -> dict[int, Past]:
        """Width of a span that ends with this hour → what all cells counted in it in each past week."""
        while self._drawn < hour:
            self._drawn += 1
            self._slide(self._draw(self._drawn))
        told = [f"the same hour of the week, {KNOWN_WEEKS} of them"] * self._fleet.cells
        windows = np.full(self._fleet.cells, KNOWN_WEEKS)
        return {
            width: Past("hour_of_week", counts.copy(), like=True, windows=windows, told=told)
            for width, counts in self._sums.items()
        }

    def _slide(self, now: npt.NDArray[np.uint16]) -> None:
        for width in WIDTHS:
            if len(self._hours) >= width:
                self._sums[width] -= self._hours[width - 1]
            self._sums[width] += now
        self._hours.appendleft(now)

    def _draw(self, hour: int) -> npt.NDArray[np.uint16]:
        """Counts of the hour by week and cell, (weeks, cells, features, bins)."""
        fleet = self._fleet
        weeks = []
        for week in range(KNOWN_WEEKS, 0, -1):
            then = hour - week * WEEK
            shares = fleet.merged_shares(then, self._family)
            of_cells = shares.reshape(fleet.cells, fleet.devices, *shares.shape[1:]).sum(1)
            rng = np.random.default_rng((fleet.seed, 8, then))
            weeks.append(rng.poisson(fleet.rows * of_cells[self._order]).astype(np.uint16))
        return np.stack(weeks)
