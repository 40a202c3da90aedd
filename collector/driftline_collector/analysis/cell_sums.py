"""Sums by cell that add up to any segment: of what devices count, and of what they chose to send."""

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from driftline_collector.analysis.baselines import Baseline, Past, Total
from driftline_collector.analysis.counts import Device, by_place
from driftline_collector.analysis.detectors.overdispersion import (
    Correlation,
    Spread,
    between_cells,
    dispersion,
    within_devices,
)
from driftline_collector.analysis.detectors.selection import worth
from driftline_collector.analysis.mixtures import Mixture
from driftline_collector.analysis.references import Family

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]

#: Why samples are not compared: one of them does not tell its probability; none was chosen evenly.
UNKNOWN_PROBABILITY, NONE_CHOSEN_EVENLY = 1, 2


@dataclass(frozen=True)
class CellSums:
    """All that a verdict is a function of, by cell (L), feature (F) and test bin (B); every field is a sum.

    `expected` is what the cell's own `baseline` makes of as many rows. `adjusted` are counts without the
    known difference between cells, so that a mixture of versions is not taken for noise of devices; `spread`
    is of those; `relative_squares` are Σ o²/n over devices, of the counts themselves. `common`, (F, B), are
    the mean shares of the family's versions, at these hours where they know them. `selected` are samples, for
    segments that count nothing. Devices elsewhere are worth no more than `elsewhere` degrees of freedom to φ.
    `place`, (L,), is which place each cell lies in, where the user's own dimensions divide places.
    """

    counts: Floats
    expected: Floats
    adjusted: Floats
    spread: Spread
    relative_squares: Floats
    baseline: Baseline
    common: Floats
    selected: "Selected | None" = None
    elsewhere: float = math.inf
    place: Whole | None = None

    @classmethod
    def of(
        cls, counts: Floats, cell: Whole, registered: Mixture, family: Family, past: Past | None = None
    ) -> "CellSums":
        """Sum counts of devices, shape (devices, F, B), that lie in cells.

        These are compared with what is `registered` for them, or with their own `past` where they have one.
        """
        cells = len(registered.shares)

        def by_cell(values: Floats) -> Floats:
            return by_place(cell, values, cells)

        n = counts.sum(-1)
        each = counts**2
        squares = by_cell(each)
        each /= np.where(n > 0, n, 1.0)[..., None]
        relative_squares = by_cell(each)
        products = by_cell(np.multiply(n[..., None], counts, out=each))
        summed, rows, totals = by_cell(counts), by_cell(n), by_cell(n**2)
        baseline = Baseline.of(family, registered, past)
        common = family.shares[: len(family.versions)].mean(0)
        if registered.by_hour:
            # What varies by chance does so as at these hours: in a bin with twice as many rows more.
            weight = rows / np.where(rows.sum(0) > 0, rows.sum(0), 1.0)
            here = (weight[..., None] * registered.shares).sum(0)
            common = np.where(here.any(-1, keepdims=True), here, common)
        # All devices of a cell differ alike from what versions have in common: it is taken off their sums.
        apart = baseline.shares - common
        spread = Spread(
            squares=squares - 2 * apart * products + apart**2 * totals[..., None],
            products=products - apart * totals[..., None],
            totals=totals,
            devices=by_cell((n > 0).astype(np.float64)),
        )
        return cls(
            counts=summed,
            expected=rows[..., None] * baseline.shares,
            adjusted=summed - rows[..., None] * apart,
            spread=spread,
            relative_squares=relative_squares,
            baseline=baseline,
            common=common,
        )

    @cached_property
    def rows(self) -> Floats:
        """How many rows each cell has by feature, shape (L, F)."""
        return np.asarray(self.counts.sum(-1), dtype=np.float64)

    @cached_property
    def telling(self) -> Floats:
        """Counts of each cell, (L, F, B), and where it has none what its samples are worth."""
        if self.selected is None:
            return self.counts
        return np.where(self.counts.any(-1, keepdims=True), self.counts, self.selected.worth.counts)

    @cached_property
    def of_devices(self) -> Correlation:
        """How alike two rows of one device are."""
        found = within_devices(self.counts, self.relative_squares, self.spread)
        return replace(found, worth=np.minimum(found.worth, self.elsewhere))

    @cached_property
    def of_cells(self) -> Correlation:
        """How alike two rows of one cell are, beyond that."""
        return self._between(self.counts, self.adjusted, self.spread)

    @cached_property
    def of_places(self) -> Correlation | None:
        """How alike two rows of one place are, where cells are parts of places."""
        if (place := self.place) is None:
            return None
        size = int(place.max(initial=-1)) + 1
        sums = (self.counts, self.adjusted, *self.spread.sums)
        counts, adjusted, *spread = (by_place(place, values, size) for values in sums)
        return self._between(counts, adjusted, Spread(*spread))

    def _between(self, counts: Floats, adjusted: Floats, spread: Spread) -> Correlation:
        """How alike two rows of one cluster of devices are, beyond what these explain."""
        rows = counts.sum(-1)
        centre = adjusted / np.where(rows > 0, rows, 1.0)[..., None]
        within = dispersion(counts, centre, spread, (counts > 0).sum(-1), self.of_devices)
        return between_cells(adjusted, self.common, within)


@dataclass(frozen=True, slots=True)
class Selected:
    """Sums over predictions that were chosen with probabilities π, by cell (L).

    `weights` are sums of w = 1/π where counts would stand, `worth` the same, scaled in each cell to as many
    rows as its samples are worth, and `squares` Σ w², (L, F, B). `rows`, (L, F), are how many samples there
    are; of those `unknown`, (L,), do not tell their π, and `evenly`, (L,), may come from an even choice.
    `of_devices`, (devices, F, B), are what `worth` sums; `cell` is where each of the `devices` lies.
    """

    weights: CellSums
    worth: CellSums
    squares: Floats
    rows: Floats
    unknown: Floats
    evenly: Floats
    devices: tuple[Device, ...]
    cell: Whole
    of_devices: Floats

    @classmethod
    def of(
        cls,
        devices: tuple[Device, ...],
        weights: Floats,
        squares: Floats,
        *,
        cell: Whole,
        registered: Mixture,
        family: Family,
        rows: Floats,
        unknown: Floats,
        evenly: Floats,
    ) -> "Selected":
        """From sums of w and w² by device, (devices, F, B), all else by cell; as `CellSums.of`."""
        summed = CellSums.of(weights, cell, registered, family)
        of_cell = by_place(cell, squares, len(registered.shares))
        reference = summed.baseline.shares * summed.baseline.rows[..., None]
        told = worth(summed.counts, of_cell, reference)
        scale = told.rows / np.where(summed.rows > 0, summed.rows, 1.0)
        scaled = weights * scale[cell][..., None]
        worth_of_cells = CellSums.of(scaled, cell, registered, family)
        return cls(summed, worth_of_cells, of_cell, rows, unknown, evenly, devices, cell, scaled)

    def refused(self, total: Total) -> Whole:
        """Why no number can be given for segments, (S, F); 0 where one can."""
        unknown, evenly = (total(of[:, None]) > 0 for of in (self.unknown, self.evenly))
        reason = np.where(unknown, UNKNOWN_PROBABILITY, np.where(evenly, 0, NONE_CHOSEN_EVENLY))
        return np.where(total(self.rows) > 0, reason, 0)
