"""The lattice of segments: each combination of version, device type, region, tier and own dimensions."""

from collections.abc import Iterable, Sequence
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
#: Whether nodes name each dimension.
Naming = tuple[bool, ...]

_TIER = CELL.index("tier")


@dataclass(frozen=True)
class Lattice:
    """N nodes over L cells. `members`, shape (N, L), says which cells a node holds.

    Nodes stand in order of preference as an explanation: fewest named dimensions first, then those that name
    the earlier dimension (version, device type, region, tier, then the user's `own`), then by name. `namings`
    say which dimensions are named together.
    """

    cells: tuple[Cell, ...]
    nodes: tuple[Node, ...]
    members: Flags
    own: tuple[str, ...] = ()
    namings: tuple[Naming, ...] = ()

    @classmethod
    def of(
        cls, cells: Iterable[Cell], own: Sequence[str] = (), namings: Sequence[Naming] | None = None
    ) -> "Lattice":
        """The nodes that hold at least one of these cells, which have a value of each `own` dimension.

        Where all cells have the same tier, or value of an own dimension, that tells nothing apart, and no
        node names it; unless `namings` of another lattice are given.
        """
        leaves = tuple(sorted(set(cells)))
        namings = _namings(leaves, len(own)) if namings is None else namings
        nodes: list[Node] = []
        rows = []
        for naming in namings:
            of_cells = _nodes(leaves, naming)
            alike = sorted(set(of_cells), key=_names)
            place = {node: i for i, node in enumerate(alike, start=len(nodes))}
            nodes += alike
            rows.append([place[node] for node in of_cells])
        members = np.zeros((len(nodes), len(leaves)), dtype=np.bool_)
        members[rows, np.arange(len(leaves))] = True
        return cls(leaves, tuple(nodes), members, tuple(own), tuple(namings))

    @classmethod
    def of_rows(cls, table: pa.Table, namings: Sequence[Naming] | None = None) -> tuple["Lattice", Whole]:
        """That of the cells that rows of the store are of, and the place of each row's cell, (rows,)."""
        dimensions = dimensions_of(table)
        found, which = distinct(table, dimensions)
        cells = [Cell.of(values) for values in found]
        lattice = cls.of(cells, dimensions[len(CELL) :], namings)
        place = {cell: i for i, cell in enumerate(lattice.cells)}
        return lattice, np.array([place[cell] for cell in cells], dtype=np.int64)[which]

    @property
    def dimensions(self) -> tuple[str, ...]:
        """What cells have values of, in order."""
        return (*CELL, *self.own)

    @cached_property
    def leaves(self) -> Whole:
        """Which node is each cell by itself, shape (L,): of several the one that names most."""
        alone = np.flatnonzero(self.members.sum(-1) == 1)
        result = np.zeros(len(self.cells), dtype=np.int64)
        result[self.members[alone].argmax(-1)] = alone
        return result

    @property
    def places(self) -> Whole | None:
        """Which place each cell lies in, (L,), where the user's own dimensions divide them.

        A place is a version on one device type in one region.
        """
        if not self.own:
            return None
        known: dict[Cell, int] = {}
        places = [known.setdefault(cell._replace(own=()), len(known)) for cell in self.cells]
        return np.array(places, dtype=np.int64)

    def keys(self, model: str, tier: str | None = None) -> tuple[str, ...]:
        """The segment key of each node."""
        of_all = {"model": model, **({"tier": tier} if tier else {})}
        return tuple(
            str(Segment.of(dict(zip(self.dimensions, node, strict=True)) | of_all)) for node in self.nodes
        )

    def over_cells(self, values: npt.NDArray[np.floating] | npt.NDArray[np.integer]) -> Floats:
        """Sum cell values, shape (L, ...), into nodes, shape (N, ...)."""
        flat = np.asarray(values, dtype=np.float64).reshape(len(self.cells), -1)
        return np.asarray(self._held @ flat, dtype=np.float64).reshape(len(self.nodes), *values.shape[1:])

    @cached_property
    def _held(self) -> sparse.csr_array:
        return held(self.members)


def _namings(cells: Sequence[Cell], own: int) -> tuple[Naming, ...]:
    """Which dimensions nodes name, in order of preference."""
    told = [i < _TIER or len({cell.values[i] for cell in cells}) > 1 for i in range(len(CELL) + own)]
    namings = product(*((True, False) if is_told else (False,) for is_told in told))
    in_order = sorted(namings, key=lambda naming: (sum(naming), [not named for named in naming]))
    return tuple(naming for naming in in_order if not naming[_TIER] or _tells_tiers_apart(cells, naming))


def _tells_tiers_apart(cells: Sequence[Cell], naming: Naming) -> bool:
    """A device type is mostly of one tier: nodes of both would be those of the type once more."""
    without = (*naming[:_TIER], False, *naming[_TIER + 1 :])
    return len(set(_nodes(cells, naming))) > len(set(_nodes(cells, without)))


def _nodes(cells: Sequence[Cell], naming: Naming) -> list[Node]:
    """The node of each cell that names these dimensions."""
    return [
        tuple(value if named else None for value, named in zip(cell.values, naming, strict=True))
        for cell in cells
    ]


def _names(node: Node) -> tuple[str, ...]:
    return tuple(value or "" for value in node)
