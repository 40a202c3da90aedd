"""Segments against their reference: sums by cell, which add up to any segment, and a test of each feature."""

from dataclasses import dataclass, fields, replace
from functools import cached_property, partial

import numpy as np
import numpy.typing as npt
from scipy import sparse

from driftline_collector.analysis.baselines import Baseline, Past, Total
from driftline_collector.analysis.counts import Device, by_place
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
from driftline_collector.analysis.detectors.selection import worth
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
    the mean shares of the family's versions. `selected` are samples, for segments that count nothing.
    """

    counts: Floats
    expected: Floats
    adjusted: Floats
    spread: Spread
    relative_squares: Floats
    baseline: Baseline
    common: Floats
    selected: "Selected | None" = None

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
    def telling(self) -> Floats:
        """Counts of each cell, (L, F, B), and where it has none what its samples are worth."""
        if self.selected is None:
            return self.counts
        return np.where(self.counts.any(-1, keepdims=True), self.counts, self.selected.worth.counts)

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
        version: Whole,
        family: Family,
        rows: Floats,
        unknown: Floats,
        evenly: Floats,
    ) -> "Selected":
        """From sums of w and w² by device, (devices, F, B), all else by cell; as `CellSums.of`."""
        summed = CellSums.of(weights, cell, version, family)
        of_cell = by_place(cell, squares, len(version))
        reference = summed.baseline.shares * summed.baseline.rows[..., None]
        told = worth(summed.counts, of_cell, reference)
        scale = told.rows / np.where(summed.rows > 0, summed.rows, 1.0)
        scaled = weights * scale[cell][..., None]
        worth_of_cells = CellSums.of(scaled, cell, version, family)
        return cls(summed, worth_of_cells, of_cell, rows, unknown, evenly, devices, cell, scaled)

    def refused(self, total: Total) -> Whole:
        """Why no number can be given for segments, (S, F); 0 where one can."""
        unknown, evenly = (total(of[:, None]) > 0 for of in (self.unknown, self.evenly))
        reason = np.where(unknown, UNKNOWN_PROBABILITY, np.where(evenly, 0, NONE_CHOSEN_EVENLY))
        return np.where(total(self.rows) > 0, reason, 0)


#: Why samples are not compared: one of them does not tell its probability; none was chosen evenly.
UNKNOWN_PROBABILITY, NONE_CHOSEN_EVENLY = 1, 2


@dataclass(frozen=True, slots=True)
class Comparison:
    """Segments (S) against their reference by feature (F). `p` is NaN where there are too few rows.

    `counts` and `expected`, (S, F, B), are what was compared; `n` rows, `c` = 1/n + 1/m, `score` is that
    of the detector that `p` is of, `phi_windows` of how many past windows φ is, all others (S, F).
    Where it was `sampled`, `n` is how many rows the `rows` samples are worth, `n_eff` the like by Kish, and
    `refused` not 0 where no number can be given. Elsewhere all three are n.
    """

    counts: Floats
    expected: Floats
    n: Floats
    rows: Floats
    n_eff: Floats
    sampled: Flags
    refused: Whole
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

    def where(self, at: Flags, other: "Comparison") -> "Comparison":
        """This comparison where `at`, (S, F), is true, and another one elsewhere."""
        mine = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(
            self,
            **{
                name: np.where(at[..., None] if values.ndim > at.ndim else at, values, getattr(other, name))
                for name, values in mine.items()
            },
        )

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

    compared = partial(_compared, total=total, family=family, effect=effect, minimum_rows=minimum_rows)
    found = compared(sums, detector=detector)
    if (selected := sums.selected) is None:
        return found
    samples = compared(selected.weights, detector=DEFAULT, selected=selected)
    return found.where(found.n > 0, samples)


def _compared(
    sums: CellSums,
    *,
    total: Total,
    family: Family,
    effect: float,
    minimum_rows: float,
    detector: str,
    selected: Selected | None = None,
) -> Comparison:
    """Compare what is counted, or what is `selected`; then `sums` are its weights."""
    counts, expected, adjusted = total(sums.counts), total(sums.expected), total(sums.adjusted)
    spread = Spread(
        total(sums.spread.squares),
        total(sums.spread.products),
        total(sums.spread.totals),
        total(sums.spread.devices),
    )
    n = rows = n_eff = counts.sum(-1)
    refused = np.zeros(n.shape, dtype=np.int64)
    some = np.where(n > 0, n, 1.0)
    per_reference_row = sums.baseline.per_row(sums.rows, n, total)
    reference_rows = 1 / np.where(n > 0, per_reference_row, np.nan)
    scaled = np.nan_to_num(expected / some[..., None] * reference_rows[..., None])
    scaled = sums.baseline.at_least_one(scaled)
    of_cells = total(sums.rows**2)
    c = np.where(n > 0, 1 / some + np.nan_to_num(per_reference_row), np.inf)
    directions = None
    correlations = sums.of_devices, sums.of_cells
    if selected is not None:
        told = worth(counts, total(selected.squares), scaled)
        scale = told.rows / some
        counts, adjusted = counts * scale[..., None], adjusted * scale[..., None]
        spread, of_cells = spread.scaled(scale), of_cells * scale**2
        n, n_eff, c, directions = told.rows, told.n_eff, told.c, told.directions
        some = np.where(n > 0, n, 1.0)
        rows, refused = total(selected.rows), selected.refused(total)
        correlations = selected.worth.of_devices, selected.worth.of_cells
    psi, bins = population_stability(counts, scaled)
    dispersed = dispersion(counts, adjusted / some[..., None], spread, bins, correlations[0])
    dispersed = dispersed.with_cells(counts, of_cells, correlations[1])
    phi, phi_df, phi_windows = sums.baseline.replicates(sums.rows, c, total).over(dispersed.phi, dispersed.df)
    if directions is not None:
        # The law of fewer bins, with the same mean.
        c, bins = c * np.maximum(bins - 1, 1.0) / directions, np.where(bins > 1, directions + 1, bins)
    testable = (n_eff >= minimum_rows) & (np.nan_to_num(reference_rows) >= minimum_rows) & (refused == 0)
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
    return Comparison(
        counts=counts,
        expected=scaled,
        n=n,
        rows=rows,
        n_eff=n_eff,
        sampled=np.full(n.shape, selected is not None),
        refused=refused,
        psi=psi,
        bins=bins,
        c=c,
        phi=phi,
        phi_df=phi_df,
        phi_own=dispersed.own,
        phi_windows=phi_windows,
        p=p,
        score=score,
    )


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
