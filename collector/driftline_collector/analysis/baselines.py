"""What each cell is compared with: its version's reference, or its own counts in windows of the past.

Windows of the past also tell by how much counts vary between windows though nothing drifts. Each is held
against all others of them (leave one out): the mean of PSI / ((B-1) c) is φ where windows are alike. What
differs from one day to the next (weather, a shift of workers) is a variance σ² beside c, whatever n is:

    E[PSI] = (B-1) (c + σ²),    φ = (c + σ²) / c

so that σ² is estimated from the past windows, and φ follows from the c of the window that is judged. Windows
are weighted by 1/c; K of them have (Σ w)² / Σ w² - 1 degrees of freedom. That is few: so what cells commonly
have is mixed in, as φ of devices is, and counts for as much as cells agree on it.

Past windows know how much windows of the same devices differ. Where a device is late, its cell is held
against a past of others, too: of D devices d are left, whose mean is off by ρ (1/d - 1/D) more. If each has
as many rows, that is |1 - n/m| times what devices add to φ, with n rows now and m in a past window; with new
devices likewise. Rows between the fewest and the most of any past window count as of the same devices.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from driftline_collector.analysis.detectors.overdispersion import ELSEWHERE, agreed
from driftline_collector.analysis.detectors.psi import population_stability
from driftline_collector.analysis.mixtures import Mixture
from driftline_collector.analysis.references import Family
from driftline_collector.analysis.replicates import Between, Replicates

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
#: A segment with this share of its rows squared in one cell is that cell.
_ONE_CELL = 1 - 1e-9
#: Cell values, (L, ...), summed into segments, (S, ...).
Total = Callable[[Floats], Floats]


@dataclass(frozen=True, slots=True)
class Past:
    """Counts of K past windows by cell, (K, L, F, B); zeros where a window is none of a cell's.

    `reference` names the way in which they were chosen. `like` says whether they are as long as the window
    that is judged: else how much such windows differ is not known from them alone. `windows`, (L,), is how
    many each cell has, 0 where too few; `told`, by cell, which these are, or how many it takes. `fine`,
    (L, fine bins of all features), are the sums of these windows, where they are wanted.
    """

    reference: str
    counts: npt.NDArray[np.float32]
    like: bool
    windows: Whole
    told: Sequence[str]
    fine: Floats | None = None

    def compared_with(self, cells: Flags) -> dict[str, str]:
        """Which past windows these cells, (L,), are compared with, for details; empty where some are not."""
        windows = self.windows[cells]
        if not windows.size or not windows.all():
            return {}
        fewest, most = int(windows.min()), int(windows.max())
        count = f"{most}" if fewest == most else f"{fewest} to {most}"
        return {"compared_with": f"{count} past windows: {' or '.join(self._of(cells))}"}

    def remark(self, cells: Flags) -> str:
        """Why some of these cells are compared with the registered reference instead."""
        without = cells & (self.windows == 0)
        if not without.any():
            return ""
        where = "" if without.sum() == cells.sum() else f" in {without.sum()} of {cells.sum()} cells"
        return f"compared with the registered reference{where}: {' or '.join(self._of(without)[:2])}"

    def _of(self, cells: Flags) -> list[str]:
        return sorted({self.told[i] for i in np.flatnonzero(cells).tolist()})


@dataclass(frozen=True)
class Baseline:
    """Shares that cells are compared with, (L, F, B), of so many `rows`, (L, F).

    `own`, (L, F), says where shares are of the cell's own past; elsewhere cells share what is `registered`,
    references of `registered_rows`, (R, F). `possible`, (F, B), are bins in which there may be rows.
    """

    shares: Floats
    rows: Floats
    own: Flags
    registered: Mixture
    registered_rows: Floats
    possible: Flags
    past: Past | None = None

    @classmethod
    def of(cls, family: Family, registered: Mixture, past: Past | None = None) -> "Baseline":
        """Of each cell what is registered, or its past where it has one."""
        shares, own = registered.shares, np.zeros(registered.shares.shape[:2], dtype=np.bool_)
        rows = np.zeros(own.shape)
        for part in registered.parts:
            m = family.rows[part.reference]
            rows[part.cells] += part.share**2 / np.where(m > 0, m, np.inf)
        rows = np.divide(1.0, rows, out=np.zeros_like(rows), where=rows > 0)
        if past is not None:
            counts = past.counts.sum(0, dtype=np.float64)
            own = counts.sum(-1) > 0
            rows = np.where(own, counts.sum(-1), rows)
            shares = np.where(own[..., None], counts / np.where(rows > 0, rows, 1.0)[..., None], shares)
        possible = np.asarray((family.shares > 0).any(0), dtype=np.bool_)
        return cls(shares, rows, own, registered, family.rows, possible, past)

    def compared_with(self, cells: Flags) -> dict[str, str]:
        """Which past windows or hours of the reference these cells, (L,), are compared with, for details."""
        if self.past is not None and self.past.windows[cells].any():
            return self.past.compared_with(cells)
        return self.registered.compared_with(cells)

    def per_row(self, rows: Floats, n: Floats, total: Total) -> Floats:
        """1/m of segments, (S, F): Σ (share of its rows compared with a reference)² / that one's rows.

        `rows`, (L, F), are those of cells, `n`, (S, F), those of segments.
        """
        some = np.where(n > 0, n, 1.0)
        result = np.zeros_like(n)
        for part in self.registered.parts:
            m = self.registered_rows[part.reference]
            of_part = np.zeros_like(rows)
            of_part[part.cells] = rows[part.cells] * part.share * ~self.own[part.cells]
            result += (total(of_part) / some) ** 2 / np.where(m > 0, m, np.nan)
        if self.own.any():
            of_own = np.where(self.own, rows**2 / np.where(self.own, self.rows, 1.0), 0.0)
            result += total(of_own) / some**2
        return result

    def at_least_one(self, expected: Floats, observed: Floats) -> Floats:
        """A reference of so many rows, (S, F, B), with one row at least in each bin that may have any.

        Of m rows and one more the last is the first of its bin with probability 1/(m+1), not never. Of an
        hour it is so in bins in which anything was `observed`: at night it never has what only days have.
        """
        if self.own.any():
            there = self.possible & expected.any(-1, keepdims=True)
        elif self.registered.by_hour:
            there = self.possible & expected.any(-1, keepdims=True) & (observed > 0)
        else:
            return expected
        return np.where(there, np.maximum(expected, 1.0), expected)

    def replicates(self, rows: Floats, squares: Floats, c: Floats, total: Total) -> "Replicates":
        """φ of segments, whose windows have c = 1/n + 1/m, (S, F), as their past windows tell.

        `rows` and `squares`, (L, F), are Σ n and Σ n² over devices.
        """
        if self.past is None or not self.own.any():
            none = np.zeros_like(c)
            return Replicates(np.ones_like(c), none, none, none, none > 0, none > 0)
        own = self._between_windows(total)
        n, of_own = total(rows), total(np.where(self.own, rows, 0.0))
        # Of several cells, that they agree on how much they vary does not say whether they vary together.
        in_one = total((rows * self.own) ** 2) / np.where(n > 0, n, 1.0) ** 2
        common, worth = self._of_cells
        variance, df = own.beside(in_one * common, np.where(in_one >= _ONE_CELL, worth, ELSEWHERE))
        return Replicates(
            phi=1 + variance / np.where(np.isfinite(c), c, 1.0),
            df=df,
            windows=np.round(own.windows),
            others=self._others(rows, squares, total),
            known=(own.windows > 1) & (of_own > 0),
            alone=(of_own >= n) & self.past.like,
        )

    def _others(self, rows: Floats, squares: Floats, total: Total) -> Floats:
        """How much of what devices add to φ past windows do not know, (S, F): these had others as well."""
        least, mean, most = self._usual_rows
        unusual = self.own & (rows > 0) & ((rows < least) | (rows > most))
        changed = np.where(unusual, np.abs(rows / np.where(unusual, mean, 1.0) - 1), 0.0)
        of_all = total(squares)
        return total(squares * changed) / np.where(of_all > 0, of_all, 1.0)

    @cached_property
    def _usual_rows(self) -> tuple[Floats, Floats, Floats]:
        """The fewest, mean and most rows that cells had in a past window, each (L, F)."""
        assert self.past is not None  # noqa: S101  # only `replicates` asks
        n = self.past.counts.sum(-1, dtype=np.float64)
        windows = np.maximum((n > 0).sum(0), 1)
        return np.where(n > 0, n, np.inf).min(0), n.sum(0) / windows, n.max(0)

    def _between_windows(self, total: Total) -> "Between":
        """How much segments vary between past windows."""
        sums = None
        for counts, expected, per_row in self._left_out:
            observed = total(counts)
            n = observed.sum(-1)
            some = np.where(n > 0, n, 1.0)
            one_by_m = total(per_row) / some**2
            known = (n > 0) & (one_by_m > 0)
            m = np.divide(1.0, one_by_m, out=np.zeros_like(n), where=known)
            reference = self.at_least_one(total(expected) / some[..., None] * m[..., None], observed)
            psi, bins = population_stability(observed, reference)
            c = 1 / some + one_by_m
            weight = np.where(known & (bins > 1), 1 / c, 0.0)
            excess = weight * (psi / (np.maximum(bins - 1, 1.0) * c) - 1)
            told = np.stack([weight, weight**2, excess, weight / c, weight * bins])
            sums = told if sums is None else sums + told
        assert sums is not None  # noqa: S101  # who has a past has windows in it
        weights, squares, excesses, precisions, bins = sums
        return Between(
            excess=excesses / np.where(precisions > 0, precisions, 1.0),
            windows=weights**2 / np.where(squares > 0, squares, 1.0),
            c=weights / np.where(precisions > 0, precisions, 1.0),
            bins=bins / np.where(weights > 0, weights, 1.0),
        )

    @cached_property
    def _of_cells(self) -> tuple[Floats, Floats]:
        """The mean σ² of single cells, and what they are worth to each other; both (F,)."""
        own = self._between_windows(lambda cells: cells)
        several = own.windows > 1
        df = np.where(several, own.windows - 1, 0.0)
        common = np.maximum((own.excess * several).sum(0) / np.maximum(several.sum(0), 1), 0.0)
        c = np.where(own.c > 0, own.c, 1.0)
        expected = 1 + common / c
        ratio = np.where(several, (1 + own.excess / c) / expected, np.nan)
        return common, agreed(ratio, df, expected, own.bins)

    @cached_property
    def _left_out(self) -> list[tuple[Floats, Floats, Floats]]:
        """Of each past window: its counts by cell, what all others expect, and the (n/m)·n of that."""
        assert self.past is not None  # noqa: S101  # only `replicates` asks
        sums = self.past.counts.sum(0, dtype=np.float64)
        m = sums.sum(-1)
        result = []
        for window in self.past.counts:
            counts = window.astype(np.float64)
            n = counts.sum(-1)
            others = m - n
            # A cell with no other window has nothing to be compared with.
            counts = np.where((others > 0)[..., None], counts, 0.0)
            n = counts.sum(-1)
            some = np.where(others > 0, others, 1.0)
            expected = n[..., None] * (sums - window) / some[..., None]
            result.append((counts, expected, n**2 / some))
        return result
