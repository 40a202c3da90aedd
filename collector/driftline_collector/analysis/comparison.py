"""Segments against their reference: sums by cell, which add up to any segment, and a test of each feature."""

from dataclasses import dataclass, fields, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy import sparse

from driftline_collector.analysis.baselines import Baseline, Past
from driftline_collector.analysis.counts import by_place
from driftline_collector.analysis.detectors.choice import DEFAULT, DETECTORS
from driftline_collector.analysis.detectors.overdispersion import (
    Correlation,
    Spread,
    between_cells,
    dispersion,
    within_devices,
)
from driftline_collector.analysis.detectors.psi import confidence_bounds, minimum_effect, population_stability
from driftline_collector.analysis.detectors.sample import Sample
from driftline_collector.analysis.references import Family

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class CellSums:
    """All that a verdict is a function of, by cell (L), feature (F) and test bin (B); every field is a sum.

    `expected` is what the cell's own `baseline` makes of as many rows. `adjusted` are counts without the
    known difference between cells, so that a mixture of versions is not taken for noise of devices; `spread`
    is of those; `relative_squares` are Σ o²/n over devices, of the counts themselves. `common`, (F, B), are
    the mean shares of the family's versions.
    """

    counts: Floats
    expected: Floats
    adjusted: Floats
    spread: Spread
    relative_squares: Floats
    baseline: Baseline
    common: Floats

    @classmethod
    def of(
        cls, counts: Floats, cell: Whole, version: Whole, family: Family, past: Past | None = None
    ) -> "CellSums":
        """Sum counts of devices, shape (devices, F, B), that lie in cells; `version`, (L,), is by cell.

        They are compared with their version's reference, or with their own `past` where they have one.
        """
        n = counts.sum(-1)
        baseline = Baseline.of(family, version, past)
        shares = baseline.shares[cell]
        common = family.shares.mean(0)
        adjusted = counts - n[..., None] * (shares - common)

        def by_cell(values: Floats) -> Floats:
            return by_place(cell, values, len(version))

        spread = Spread(
            squares=by_cell(adjusted**2),
            products=by_cell(n[..., None] * adjusted),
            totals=by_cell(n**2),
            devices=by_cell((n > 0).astype(np.float64)),
        )
        return cls(
            counts=by_cell(counts),
            expected=by_cell(n[..., None] * shares),
            adjusted=by_cell(adjusted),
            spread=spread,
            relative_squares=by_cell(counts**2 / np.where(n > 0, n, 1.0)[..., None]),
            baseline=baseline,
            common=common,
        )

    @cached_property
    def rows(self) -> Floats:
        """How many rows each cell has by feature, shape (L, F)."""
        return np.asarray(self.counts.sum(-1), dtype=np.float64)

    @cached_property
    def of_devices(self) -> Correlation:
        """How alike two rows of one device are."""
        return within_devices(self.counts, self.relative_squares, self.spread)

    @cached_property
    def of_cells(self) -> Correlation:
        """How alike two rows of one cell are, beyond that."""
        centre = self.adjusted / np.where(self.rows > 0, self.rows, 1.0)[..., None]
        bins = (self.counts > 0).sum(-1)
        within = dispersion(self.counts, centre, self.spread, bins, self.of_devices)
        return between_cells(self.adjusted, self.common, within)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Segments (S) against their reference by feature (F). `p` is NaN where there are too few rows.

    `counts` and `expected`, (S, F, B), are what was compared; `n` rows, `c` = 1/n + 1/m, `score` is that
    of the detector that `p` is of, `phi_windows` of how many past windows φ is, all others (S, F).
    """

    counts: Floats
    expected: Floats
    n: Floats
    psi: Floats
    bins: Floats
    c: Floats
    phi: Floats
    phi_df: Floats
    phi_own: Flags
    phi_windows: Floats
    p: Floats
    score: Floats

    @property
    def effect(self) -> Floats:
        """PSI without what chance alone gives it: PSI - (B-1)cφ; NaN where there are no rows."""
        some = np.isfinite(self.c)
        by_chance = np.maximum(self.bins - 1, 0) * np.where(some, self.c, 0.0) * self.phi
        return np.where(some, self.psi - by_chance, np.nan)

    def bounds(self) -> tuple[Floats, Floats]:
        """One-sided 95% bounds of the true PSI; NaN where there are too few rows."""
        lower, upper = np.full(self.p.shape, np.nan), np.full(self.p.shape, np.nan)
        at = np.isfinite(self.p)
        lower[at], upper[at] = confidence_bounds(
            self.psi[at], self.bins[at], self.c[at], phi=self.phi[at], phi_df=self.phi_df[at]
        )
        return lower, upper

    def with_rows(self, rows: Flags, other: "Comparison") -> "Comparison":
        """This comparison with the numbers of some segments, (S,), taken from another one."""
        if not rows.any():
            return self
        numbers = {}
        for field in fields(self):
            values = getattr(self, field.name).copy()
            values[rows] = getattr(other, field.name)[rows]
            numbers[field.name] = values
        return replace(self, **numbers)


def compare(
    sums: CellSums,
    members: Flags,
    family: Family,
    *,
    effect: float,
    minimum_rows: float,
    detector: str = DEFAULT,
) -> Comparison:
    """Test "the PSI is at most `effect`" for segments, given by the cells of each (`members`, (S, L)).

    Another `detector` tests the like of its own score, where the feature has the order that it needs.
    What a segment of several references is compared with is the mixture of them with the present weights w_r,
    as good as 1 / Σ w_r²/m_r rows.
    """
    # Each cell is in eight segments of thousands: what is not there need not be multiplied.
    holds = sparse.csr_array(members.astype(np.float64))

    def total(values: Floats) -> Floats:
        flat = values.reshape(len(values), -1)
        return np.asarray(holds @ flat, dtype=np.float64).reshape(len(members), *values.shape[1:])

    counts, expected, adjusted = total(sums.counts), total(sums.expected), total(sums.adjusted)
    spread = Spread(
        total(sums.spread.squares),
        total(sums.spread.products),
        total(sums.spread.totals),
        total(sums.spread.devices),
    )
    n = counts.sum(-1)
    some = np.where(n > 0, n, 1.0)
    per_reference_row = sums.baseline.per_row(sums.rows, n, total)
    reference_rows = 1 / np.where(n > 0, per_reference_row, np.nan)
    scaled = np.nan_to_num(expected / some[..., None] * reference_rows[..., None])
    scaled = sums.baseline.at_least_one(scaled)
    psi, bins = population_stability(counts, scaled)
    c = np.where(n > 0, 1 / some + np.nan_to_num(per_reference_row), np.inf)
    dispersed = dispersion(counts, adjusted / some[..., None], spread, bins, sums.of_devices)
    dispersed = dispersed.with_cells(counts, total(sums.rows**2), sums.of_cells)
    phi, phi_df, phi_windows = sums.baseline.replicates(sums.rows, c, total).over(dispersed.phi, dispersed.df)
    testable = (n >= minimum_rows) & (np.nan_to_num(reference_rows) >= minimum_rows)
    p, score = np.full(n.shape, np.nan), np.where(testable, psi, np.nan)
    other = testable & judges(detector, family)
    plain = testable & ~other
    p[plain] = minimum_effect(
        psi[plain], bins[plain], c[plain], effect=effect, phi=phi[plain], phi_df=phi_df[plain]
    )
    if other.any():
        order = family.order[np.nonzero(other)[1]]
        sample = Sample(
            observed=np.take_along_axis(counts[other], order, axis=-1),
            expected=np.take_along_axis(scaled[other], order, axis=-1),
            phi=phi[other],
            phi_df=phi_df[other],
        )
        p[other], score[other] = _detected(detector, sample, effect)
    return Comparison(counts, scaled, n, psi, bins, c, phi, phi_df, dispersed.own, phi_windows, p, score)


def judges(detector: str, family: Family) -> Flags:
    """Which features a detector gives the verdict of, (F,); the others have the default one's."""
    if detector == DEFAULT:
        return np.zeros(len(family.features), dtype=np.bool_)
    return family.ordered | (not DETECTORS[detector].ordered)


def _detected(detector: str, sample: Sample, effect: float) -> tuple[Floats, Floats]:
    """The p-values of "the shift is at most what has a PSI of `effect`", and the scores."""
    choice = DETECTORS[detector]
    if choice.matters is None:
        raise ValueError(f"{detector} has no p-value: it is a magnitude for rules, and gives no verdict")
    found = choice.detect(sample, effect=choice.matters(effect))
    assert found.p_value is not None  # noqa: S101  # what matters is known of those that have a law
    return found.p_value, found.score
