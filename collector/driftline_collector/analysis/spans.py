"""Windows judged as one: what a hundred rows an hour do not show, those of a day do.

Each closed window is judged by itself and merged with those before it, six and 24 in all. Counts are summed
by device first, as those of one long window would be, so that φ knows that a device is the same device all
day. Each width has a part of the accepted share of false findings, the widest half of it.

What is merged still holds a drift that is over. So a wide span tells of a segment only while its latest
windows agree: going back from now, no stretch of windows may say "as the reference" rather than "as all that
is merged" by more than the log-odds that a finding must overcome. The same sums say where the drift began:
the likeliest window to have been the first (Page 1954's cumulative sums).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt

from driftline_collector.analysis.baselines import Past
from driftline_collector.analysis.cell_sums import CellSums
from driftline_collector.analysis.comparison import Comparison
from driftline_collector.analysis.counts import held
from driftline_collector.analysis.detectors.psi import log_ratio
from driftline_collector.analysis.mixtures import Hours, Mixture
from driftline_collector.analysis.recent import WIDEST, Counted
from driftline_collector.analysis.references import Family
from driftline_collector.analysis.segments import Lattice

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Whole = npt.NDArray[np.int64]

#: So many windows are judged as one, the window itself among them.
WIDTHS = (1, 6, WIDEST)
#: What devices elsewhere are worth in all but the widest span, in degrees of freedom: fewer rows do not tell
#: well what cells differ by from day to day, and with more of them 6.6% of p-values were below .05.
_WORTH = 8.0


@dataclass(frozen=True, slots=True)
class Span:
    """`width` windows up to the one that is judged, summed; `windows` are what each counted, latest first.

    `registered` is what each of these would be compared with by itself, where that differs.
    """

    width: int
    sums: CellSums
    windows: Sequence[Counted]
    lattice: Lattice
    registered: Callable[[int], Mixture] | None = None

    def course(self, nodes: Flags, members: Flags, moved: Flags, merged: Comparison, phi: Floats) -> Floats:
        """What each window, latest first, says for the shift of some nodes, in nats; (windows, nodes).

        Nodes, (N,), are held against `merged`, what all windows make of them, in the features that `moved`,
        (N, F), with the overdispersion `phi`, (N, F), of a window by itself.
        """
        tilt = log_ratio(merged.counts[nodes], merged.expected[nodes])
        weight = (tilt * (moved[nodes] / phi[nodes])[..., None]).reshape(int(nodes.sum()), -1)
        holds = held(members[nodes])
        cells = self.lattice.cells

        def said(ago: int, window: Counted) -> Floats:
            of_cells = self._alike(ago, window.by_cell(cells))
            counts = np.asarray(holds @ of_cells.reshape(len(cells), -1), dtype=np.float64)
            return np.asarray((counts * weight).sum(-1), dtype=np.float64)

        return np.stack([said(ago, window) for ago, window in enumerate(self.windows)])

    def _alike(self, ago: int, counts: Floats) -> Floats:
        """What cells counted in one of the windows, (L, F, B), without what its hours differ by from all."""
        if self.registered is None:
            return counts
        apart = self.registered(ago).shares - self.sums.baseline.registered.shares
        apart[self.sums.baseline.own] = 0.0
        return np.asarray(counts - counts.sum(-1, keepdims=True) * apart, dtype=np.float64)


def spans(
    now: Counted,
    earlier: Sequence[Counted],
    version: Whole,
    family: Family,
    lattice: Lattice,
    *,
    past: Mapping[int, Past],
    hours: Hours | None = None,
) -> Iterator[Span]:
    """The window by itself, then the wider spans in which there is anything more; `version` is by cell.

    `past`, by width, is what cells are compared with in the place of their version's reference. Where wider
    spans have no such past as narrow ones have, they do not tell of these cells. `hours` tell when the
    windows are, where references know hours.
    """
    windows = (now, *earlier)
    place = lattice.places
    before = 0.0
    for width in WIDTHS:
        merged = windows[:width]
        rows = sum(float(window.counts.sum()) for window in merged)
        if width == 1 or rows > before:
            cell, counts = Counted.summed(merged).placed(lattice.cells)
            if width > 1 and past:
                alike = ((past[1].windows == 0) | (past[width].windows > 0))[cell]
                cell, counts = cell[alike], counts[alike]
            of_each = None
            registered = Mixture.of_versions(family, version)
            if hours is not None:
                by_window = [window.rows_by_cell(lattice.cells) for window in merged]
                registered = hours.mixture(family, version, by_window)
                of_each = partial(_of_one, hours, family, version, by_window)
            sums = CellSums.of(counts, cell, registered, family, past.get(width))
            sums = replace(sums, place=place, elsewhere=_WORTH if width < WIDEST else sums.elsewhere)
            yield Span(width, sums, merged, lattice, of_each)
        before = rows


def _of_one(hours: Hours, family: Family, version: Whole, rows: Sequence[Floats], ago: int) -> Mixture:
    """What the window so many windows ago would be compared with by itself."""
    return hours.mixture(family, version, rows[ago : ago + 1], ago)
