"""The lattice of segments: each combination of version, device type, region and the user's own dimensions."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from driftline_schemas.segments import Segment
from scipy import sparse

from driftline_collector.analysis.counts import CELL, Cell, dimensions_of, distinct, held

Flags = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]
#: The value of each dimension that a node names; `None` means all.
Node = tuple[str | None, ...]


@dataclass(frozen=True)
class Lattice:
    """N nodes over L cells. `members`, shape (N, L), says which cells a node holds.

    Nodes stand in order of preference as an explanation: fewest named dimensions first, then those that name
    the earlier dimension (version, device type, region, then the user's `own`), then by name. Of the user's
    own dimensions nodes name those in `named`.
    """

    cells: tuple[Cell, ...]
    nodes: tuple[Node, ...]
    members: Flags
    own: tuple[str, ...] = ()
    named: tuple[str, ...] = ()

    @classmethod
    def of(cls, cells: Iterable[Cell], own: Sequence[str] = (), always: Collection[str] = ()) -> "Lattice":
        """The nodes that hold at least one of these cells, which have a value of each `own` dimension.

        Where all cells have the same value of one it tells nothing apart, and no node names it, unless it is
        among those that are `always` named.
        """
        leaves = tuple(sorted(set(cells)))
        told = [name in always or len({cell.own[i] for cell in leaves}) > 1 for i, name in enumerate(own)]
        nodes: list[Node] = []
        rows = []
        for names in _preferred(told):
            of_cells: list[Node] = [
                tuple(value if is_named else None for value, is_named in zip(cell.values, names, strict=True))
                for cell in leaves
            ]
            alike = sorted(set(of_cells), key=_names)
            place = {node: i for i, node in enumerate(alike, start=len(nodes))}
            nodes += alike
            rows.append([place[node] for node in of_cells])
        members = np.zeros((len(nodes), len(leaves)), dtype=np.bool_)
        members[rows, np.arange(len(leaves))] = True
        named = tuple(name for name, is_told in zip(own, told, strict=True) if is_told)
        return cls(leaves, tuple(nodes), members, tuple(own), named)

    @classmethod
    def of_rows(cls, table: pa.Table, always: Collection[str] = ()) -> tuple["Lattice", Whole]:
        """That of the cells that rows of the store are of, and the place of each row's cell, (rows,)."""
        dimensions = dimensions_of(table)
        found, which = distinct(table, dimensions)
        cells = [Cell.of(values) for values in found]
        lattice = cls.of(cells, dimensions[len(CELL) :], always)
        place = {cell: i for i, cell in enumerate(lattice.cells)}
        return lattice, np.array([place[cell] for cell in cells], dtype=np.int64)[which]

    @property
    def dimensions(self) -> tuple[str, ...]:
        """What cells have values of, in order."""
        return (*CELL, *self.own)

    @property
    def leaves(self) -> Whole:
        """Which node is each cell by itself, shape (L,): the last ones name all that tells cells apart."""
        return np.arange(len(self.nodes) - len(self.cells), len(self.nodes))

    def keys(self, model: str, tier: str | None = None) -> tuple[str, ...]:
        """The segment key of each node."""
        return tuple(
            str(Segment.of({"model": model, **dict(zip(self.dimensions, node, strict=True)), "tier": tier}))
            for node in self.nodes
        )

    def over_cells(self, values: npt.NDArray[np.floating] | npt.NDArray[np.integer]) -> Floats:
        """Sum cell values, shape (L, ...), into nodes, shape (N, ...)."""
        flat = np.asarray(values, dtype=np.float64).reshape(len(self.cells), -1)
        return np.asarray(self._held @ flat, dtype=np.float64).reshape(len(self.nodes), *values.shape[1:])

    @cached_property
    def _held(self) -> sparse.csr_array:
        return held(self.members)


def _preferred(own: Sequence[bool]) -> list[tuple[bool, ...]]:
    """Which dimensions nodes name, in order of preference; `own`: which of the user's own any names."""
    choices = [(True, False)] * len(CELL) + [(True, False) if told else (False,) for told in own]
    return sorted(product(*choices), key=lambda named: (sum(named), [not n for n in named]))


def _names(node: Node) -> tuple[str, ...]:
    return tuple(value or "" for value in node)
