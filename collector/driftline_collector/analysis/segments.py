"""The lattice of segments: every combination of version, device type and region, each named or all."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
import numpy.typing as npt
from driftline_schemas.segments import CORE_DIMENSIONS, Segment
from scipy import sparse

from driftline_collector.analysis.counts import Cell, held

Flags = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
#: Which of `Cell`'s dimensions a node names; `None` means all.
Node = tuple[str | None, str | None, str | None]
#: Which dimensions nodes name, in order of preference.
_PREFERRED = sorted(product((True, False), repeat=3), key=lambda named: (sum(named), [not n for n in named]))


@dataclass(frozen=True)
class Lattice:
    """N nodes over L cells. `members`, shape (N, L), says which cells a node holds.

    Nodes stand in order of preference as an explanation: fewest named dimensions first, then those that name
    the earlier dimension (version, device type, region), then by name.
    """

    cells: tuple[Cell, ...]
    nodes: tuple[Node, ...]
    members: Flags

    @classmethod
    def of(cls, cells: Iterable[Cell]) -> "Lattice":
        """The nodes that hold at least one of these cells."""
        leaves = tuple(sorted(set(cells)))
        nodes: list[Node] = []
        rows = []
        for version, device_type, region in _PREFERRED:
            of_cells: list[Node] = [
                (cell[0] if version else None, cell[1] if device_type else None, cell[2] if region else None)
                for cell in leaves
            ]
            alike = sorted(set(of_cells), key=_names)
            place = {node: i for i, node in enumerate(alike, start=len(nodes))}
            nodes += alike
            rows.append([place[node] for node in of_cells])
        members = np.zeros((len(nodes), len(leaves)), dtype=np.bool_)
        members[rows, np.arange(len(leaves))] = True
        return cls(leaves, tuple(nodes), members)

    @property
    def leaves(self) -> npt.NDArray[np.int64]:
        """Which node is each cell by itself, shape (L,)."""
        place: dict[Node, int] = {node: i for i, node in enumerate(self.nodes)}
        return np.array([place[cell] for cell in self.cells], dtype=np.int64)

    def keys(self, model: str, tier: str | None = None) -> tuple[str, ...]:
        """The segment key of each node."""
        names = CORE_DIMENSIONS[1:]
        return tuple(
            str(Segment.of({"model": model, **dict(zip(names, node, strict=True)), "tier": tier}))
            for node in self.nodes
        )

    def over_cells(self, values: npt.NDArray[np.floating] | npt.NDArray[np.integer]) -> Floats:
        """Sum cell values, shape (L, ...), into nodes, shape (N, ...)."""
        flat = np.asarray(values, dtype=np.float64).reshape(len(self.cells), -1)
        return np.asarray(self._held @ flat, dtype=np.float64).reshape(len(self.nodes), *values.shape[1:])

    @cached_property
    def _held(self) -> sparse.csr_array:
        return held(self.members)


def _names(node: Node) -> tuple[str, ...]:
    return tuple(value or "" for value in node)
