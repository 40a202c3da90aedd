"""Segments against their reference: a test of each feature, from sums by cell."""

from dataclasses import dataclass, fields, replace
from functools import partial

import numpy as np
import numpy.typing as npt
from scipy import sparse

from driftline_collector.analysis.baselines import Total
from driftline_collector.analysis.cell_sums import CellSums, Selected
from driftline_collector.analysis.counts import by_place, held
from driftline_collector.analysis.detectors.choice import DEFAULT, DETECTORS
from driftline_collector.analysis.detectors.overdispersion import (
    Spread,
    dispersion,
)
from driftline_collector.analysis.detectors.psi import confidence_bounds, minimum_effect, population_stability
from driftline_collector.analysis.detectors.sample import Sample
from driftline_collector.analysis.detectors.selection import worth
from driftline_collector.analysis.references import Family

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


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

    @property
    def phi_source(self) -> npt.NDArray[np.object_]:
        """Where φ came from, in words, (S, F)."""
        of_devices = np.where(self.phi_own, "devices", "devices of all segments")
        source = np.where(self.phi_df == 0, "none (one device)", of_devices).astype(object)
        windows = np.round(self.phi_windows)
        for k in np.unique(windows[windows > 0]).tolist():
            source[windows == k] = f"matched windows (K={k:.0f})"
        return source

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

    def only(self, rows: Flags) -> "Comparison":
        """That of some segments, (S,)."""
        return replace(self, **{field.name: getattr(self, field.name)[rows] for field in fields(self)})

    def with_rows(self, rows: Flags, those: "Comparison") -> "Comparison":
        """This comparison with other numbers of some segments, (S,)."""
        numbers = {}
        for field in fields(self):
            values = getattr(self, field.name).copy()
            values[rows] = getattr(those, field.name)
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
    holds = held(members)

    def total(values: Floats) -> Floats:
        flat = values.reshape(len(values), -1)
        return np.asarray(holds @ flat, dtype=np.float64).reshape(len(members), *values.shape[1:])

    compared = partial(
        _compared, holds=holds, total=total, family=family, effect=effect, minimum_rows=minimum_rows
    )
    found = compared(sums, detector=detector)
    if (selected := sums.selected) is None:
        return found
    samples = compared(selected.weights, detector=DEFAULT, selected=selected)
    return found.where(found.n > 0, samples)


def _compared(
    sums: CellSums,
    *,
    holds: sparse.csr_array,
    total: Total,
    family: Family,
    effect: float,
    minimum_rows: float,
    detector: str,
    selected: Selected | None = None,
) -> Comparison:
    """Compare what is counted, or what is `selected`; then `sums` are its weights."""
    counts, expected, adjusted = total(sums.counts), total(sums.expected), total(sums.adjusted)
    spread = Spread(*map(total, sums.spread.sums))
    n = rows = n_eff = counts.sum(-1)
    refused = np.zeros(n.shape, dtype=np.int64)
    some = np.where(n > 0, n, 1.0)
    per_reference_row = sums.baseline.per_row(sums.rows, n, total)
    reference_rows = 1 / np.where(n > 0, per_reference_row, np.nan)
    scaled = np.nan_to_num(expected / some[..., None] * reference_rows[..., None])
    scaled = sums.baseline.at_least_one(scaled, counts)
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
    clusters = [(of_cells, correlations[1])]
    if sums.place is not None and sums.of_places is not None:
        clusters.append((_squares(sums.rows, sums.place, holds), sums.of_places))
    dispersed = dispersed.with_cells(counts, *clusters)
    of_windows = sums.baseline.replicates(sums.rows, sums.spread.totals, c, total)
    phi, phi_df, phi_windows = of_windows.over(dispersed)
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


def _squares(rows: Floats, place: Whole, holds: sparse.csr_array) -> Floats:
    """Σ over places of (what a segment has of its rows)², (S, F); `rows`, (L, F), are those of cells."""
    parts = holds.tocoo()
    size = int(place.max(initial=-1)) + 1
    pairs, pair = np.unique(parts.row * size + place[parts.col], return_inverse=True)
    of_pairs = by_place(pair, rows[parts.col], len(pairs))
    return by_place(pairs // size, of_pairs**2, holds.shape[0])


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
