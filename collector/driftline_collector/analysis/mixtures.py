"""Which registered references cells are compared with, and how much of each.

Without hours it is that of a cell's version. Where references know hours, a window within one is compared
with what its version has of that hour, as clocks in the cell's region tell it. Windows that are judged as one
are compared with a mixture of their hours' references, in proportion to the rows of each; a window that lies
in several hours with all rows that the reference has of these. As each reference's m_r rows are drawn by
themselves, a mixture with weights w_r is as good as 1 / Σ w_r²/m_r rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from driftline_collector.analysis.matching import hours_of_week
from driftline_collector.analysis.references import Family
from driftline_collector.analysis.windows import Window

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

#: Of a cell that has no rows in any window, the window that is judged counts.
_TRIFLE = 1e-6


@dataclass(frozen=True, slots=True)
class Part:
    """The share, (k, F), of the rows of some `cells`, (k,), that is compared with one of the references.

    `of_hour` says whether that one is of single hours.
    """

    reference: int
    cells: Whole
    share: Floats
    of_hour: bool = False


@dataclass(frozen=True, slots=True)
class Mixture:
    """What L cells are compared with: `shares`, (L, F, B), put together of `parts`."""

    shares: Floats
    parts: tuple[Part, ...]

    @property
    def by_hour(self) -> bool:
        """Whether any of it is of single hours."""
        return any(part.of_hour for part in self.parts)

    def compared_with(self, cells: Flags) -> dict[str, str]:
        """Which hours of the reference these cells, (L,), are compared with, for details; empty for all."""
        of_hour = {part.of_hour for part in self.parts if cells[part.cells].any()}
        if True not in of_hour:
            return {}
        where = ", where it knows them" if False in of_hour else ""
        return {"compared_with": f"the same hours of the reference{where}"}

    @classmethod
    def of_versions(cls, family: Family, version: Whole) -> "Mixture":
        """All hours of each cell's version, (L,)."""
        width = family.rows.shape[1]
        parts = []
        for v in np.unique(version).tolist():
            cells = np.flatnonzero(version == v)
            parts.append(Part(v, cells, np.ones((len(cells), width))))
        return cls(family.shares[version], tuple(parts))


@dataclass(frozen=True, slots=True)
class Hours:
    """When `window` and those before it are, where each cell lies: `zones`, (L,), in their names."""

    window: Window
    zones: tuple[str, ...]

    def mixture(self, family: Family, version: Whole, rows: Sequence[Floats], ago: int = 0) -> Mixture:
        """What cells of these versions, (L,), are compared with in some windows as one.

        `rows`, (L, F) each, are what the windows counted, the latest first, which was so many windows `ago`.
        """
        counted: dict[int, Floats] = {}
        for i, of_window in enumerate(rows):
            own = of_window if i else np.maximum(of_window, _TRIFLE)
            for references, cells in self._alike(family, version, ago + i):
                weights = family.rows[references]
                weights = weights / np.where(weights.sum(0) > 0, weights.sum(0), 1.0)
                for r, weight in zip(references, weights, strict=True):
                    counted.setdefault(r, np.zeros_like(of_window))[cells] += own[cells] * weight
        total = sum(counted.values(), np.zeros_like(rows[0]))
        shares = np.zeros((len(version), *family.shares.shape[1:]))
        parts = []
        for r, of_reference in counted.items():
            cells = np.flatnonzero(of_reference.any(-1))
            share = of_reference[cells] / np.where(total[cells] > 0, total[cells], 1.0)
            shares[cells] += share[..., None] * family.shares[r]
            parts.append(Part(r, cells, share, of_hour=r >= len(family.versions)))
        return Mixture(shares, tuple(parts))

    def _alike(self, family: Family, version: Whole, ago: int) -> list[tuple[list[int], Whole]]:
        """Which references cells are compared with in the window so many windows ago, and which cells."""
        back = ago * self.window.width_ns
        window = Window(self.window.start_ns - back, self.window.end_ns - back)
        zones = np.array(self.zones)
        found = []
        for zone in sorted(set(self.zones)):
            hours = list(hours_of_week(window, zone))
            for v in np.unique(version[zones == zone]).tolist():
                references = sorted(set(family.at_hour[v, hours].tolist())) or [v]
                # Of an hour that is as all hours the rows are among those of all.
                references = [v] if v in references else references
                found.append((references, np.flatnonzero((zones == zone) & (version == v))))
        return found


def now_registered(family: Family, version: Whole, hours: Hours | None) -> Mixture:
    """What cells of these versions, (L,), are compared with in the window that is judged."""
    if hours is None:
        return Mixture.of_versions(family, version)
    return hours.mixture(family, version, [np.zeros((len(version), len(family.features)))])
