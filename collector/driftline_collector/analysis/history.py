"""What cells counted in windows of the past: gathered once from profiles, kept, and read to compare with it.

One row of the table `window_counts` has all counts of a cell and tier in one window: a thousand cells with
twenty features take some megabytes an hour, however many devices they have. What is gathered is handed back,
to be committed with the verdict that it was gathered for.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from driftline_schemas.segments import Segment

from driftline_collector.analysis.baselines import Past
from driftline_collector.analysis.counts import Cell, Lists, Profiles, by_place, distinct
from driftline_collector.analysis.matching import Against, Match, matches, width_of
from driftline_collector.analysis.references import Family, project
from driftline_collector.analysis.windows import Window
from driftline_collector.store.base import Store

Whole = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_CELL = ("version", "device_type", "region")
_COUNTED = pa.schema(
    [*(pa.field(name, pa.string()) for name in (*_CELL, "tier")), pa.field("counts", pa.list_(pa.int64()))]
)
_ROWS = pa.schema(
    [
        pa.field("gathered_ns", pa.int64()),
        pa.field("model", pa.string()),
        pa.field("binning", pa.string()),
        pa.field("start_ns", pa.int64()),
        pa.field("end_ns", pa.int64()),
        *_COUNTED,
    ]
)


@dataclass(frozen=True, kw_only=True)
class History:
    """The past of one model, for one window of it.

    `zones` are the time zones of regions where they are known, `now_ns` when this is.
    """

    store: Store
    model: str
    window: Window
    against: Against
    families: Mapping[str, Family]
    zones: Mapping[str, str]
    ahead_ns: int
    now_ns: int
    _gathered: dict[tuple[str, int], pa.Table] = field(default_factory=dict)

    @property
    def width_ns(self) -> int:
        """How long the windows are that this one is compared with."""
        return width_of(self.against, self.window)

    def gathered(self) -> pa.Table:
        """Rows of `window_counts` that were gathered here."""
        return pa.concat_tables(
            [_ROWS.empty_table(), *(self._row(*key, table) for key, table in self._gathered.items())]
        )

    def keep(self, profiles: Profiles) -> None:
        """Have the counts of the window itself kept for those that come after it."""
        if self.width_ns == self.window.width_ns:
            self._keep(self.window.start_ns, profiles)

    def past(self, family: Family, cells: Sequence[Cell], tiers: frozenset[str]) -> Past:
        """What the cells of a lattice counted on a family's binning, in the windows to compare with.

        Of the ways in which windows are alike each cell has the first for which enough are there; windows in
        which a cell was part of a finding are left out.
        """
        zone = [self.zones.get(cell.region, "UTC") for cell in cells]
        ways = {name: self._within(matches(self.against, self.window, name)) for name in sorted(set(zone))}
        windows = np.zeros(len(cells), dtype=np.int64)
        told = [""] * len(cells)
        used: dict[tuple[int, int], list[int]] = {}
        for rank in range(max(len(way) for way in ways.values())):
            open_ = [i for i in range(len(cells)) if not windows[i] and rank < len(ways[zone[i]])]
            starts = {s for i in open_ for s in ways[zone[i]][rank].starts.values()}
            present = self._present(family, cells, tiers, starts) if open_ else {}
            for i in open_:
                way = ways[zone[i]][rank]
                own = [(days, s) for days, s in way.starts.items() if present[s][i]]
                if len(own) >= way.least:
                    windows[i], told[i] = len(own), way.name
                    for key in own:
                        used.setdefault(key, []).append(i)
                elif not told[i]:
                    told[i] = f"{len(own)} of {way.least} windows of {way.name} so far"
        return Past(
            reference=self.against,
            counts=self._counts(family, cells, tiers, used),
            like=self.width_ns == self.window.width_ns,
            windows=windows,
            told=told,
        )

    def _within(self, ways: Iterable[Match]) -> tuple[Match, ...]:
        """Only windows in which the model was there."""
        models = self.store.models()
        first = pc.min(models.filter(pc.equal(models.column("model"), self.model)).column("first_ns")).as_py()
        since = self.window.start_ns if first is None else first - self.width_ns
        return tuple(
            Match(way.name, way.least, {days: s for days, s in way.starts.items() if s > since})
            for way in ways
        )

    def _present(
        self, family: Family, cells: Sequence[Cell], tiers: frozenset[str], starts: set[int]
    ) -> dict[int, Flags]:
        """Start → which cells counted then, and were part of no finding, (L,)."""
        known = self.store.counted_cells(self.model, family.binning.id, sorted(starts), self.width_ns)
        missing = starts - set(known.column("start_ns").to_pylist())
        for start_ns in sorted(missing):
            self._gather(start_ns)
        result = {s: np.zeros(len(cells), dtype=np.bool_) for s in starts}
        place = {cell: i for i, cell in enumerate(cells)}
        at = np.asarray(known.column("start_ns"), dtype=np.int64)
        owner = self._owner(known, place, tiers)
        for s in starts - missing:
            result[s][owner[(at == s) & (owner >= 0)]] = True
        for s in missing:
            owner = self._owner(self._gathered[family.binning.id, s], place, tiers)
            result[s][owner[owner >= 0]] = True
        for s in starts:
            for key in self.store.incidents(self.model, s, s + self.width_ns, self.against):
                segment = Segment.parse(key)
                for i, cell in enumerate(cells):
                    if all(segment[name] in (None, value) for name, value in cell._asdict().items()):
                        result[s][i] = False
        return result

    @staticmethod
    def _owner(table: pa.Table, place: Mapping[Cell, int], tiers: frozenset[str]) -> Whole:
        """Which cell each row is of, -1 for none of these."""
        found, inverse = distinct(table, (*_CELL, "tier"))
        of_found = [place.get(Cell(*row[:3]), -1) if row[3] in tiers else -1 for row in found]
        return np.array(of_found, dtype=np.int64)[inverse]

    def _counts(
        self,
        family: Family,
        cells: Sequence[Cell],
        tiers: frozenset[str],
        used: Mapping[tuple[int, int], Sequence[int]],
    ) -> npt.NDArray[np.float32]:
        """Counts on test bins, (K, L, F, B), K the days ago at which any cell has a window."""
        slots = {days: k for k, days in enumerate(sorted({days for days, _ in used}))}
        shape = (len(slots), len(cells), len(family.features), family.width)
        result = np.zeros(shape, dtype=np.float32)
        place = {cell: i for i, cell in enumerate(cells)}
        ends = np.cumsum([f.size for f in family.features])
        for start_ns in sorted({s for _, s in used}):
            table = self._gathered.get((family.binning.id, start_ns))
            if table is None:
                end_ns = start_ns + self.width_ns
                table = self.store.cell_counts(self.model, family.binning.id, start_ns, end_ns)
            owner = self._owner(table, place, tiers)
            fine = (
                Lists.of(table.column("counts"))
                .matrix(np.flatnonzero(owner >= 0), int(ends[-1]))
                .astype(np.float64)
            )
            owner = owner[owner >= 0]
            parts = zip(np.split(fine.astype(np.float64), ends[:-1], axis=1), family.merged, strict=True)
            counts = np.stack([project(part, merged, family.width) for part, merged in parts], axis=1)
            by_cell = by_place(owner, counts, len(cells))
            for (days, s), of_cells in used.items():
                if s == start_ns:
                    result[slots[days], of_cells] = by_cell[of_cells]
        return result

    def _gather(self, start_ns: int) -> None:
        end_ns = start_ns + self.width_ns
        table = self.store.device_counts(self.model, start_ns, end_ns, self.ahead_ns)
        self._keep(start_ns, Profiles.of(table))

    def _keep(self, start_ns: int, profiles: Profiles) -> None:
        for binning, family in self.families.items():
            self._gathered[binning, start_ns] = _by_cell(profiles, family)

    def _row(self, binning: str, start_ns: int, table: pa.Table) -> pa.Table:
        common = {
            "gathered_ns": self.now_ns,
            "model": self.model,
            "binning": binning,
            "start_ns": start_ns,
            "end_ns": start_ns + self.width_ns,
        }
        columns = {name: pa.repeat(value, table.num_rows) for name, value in common.items()}
        return pa.table({**columns, **dict(zip(_COUNTED.names, table.columns, strict=True))}).cast(_ROWS)


def _by_cell(profiles: Profiles, family: Family) -> pa.Table:
    """Counts on a binning by cell and tier, those of all features in a list; one empty row where none are."""
    at = np.unique(profiles.device[profiles.places(binning=family.binning.id)])
    whose = [(*profiles.devices[i].cell, profiles.devices[i].tier) for i in at.tolist()]
    found = sorted(set(whose))
    if not found:
        nobody = dict.fromkeys((*_CELL, "tier"), "")
        return pa.Table.from_pylist([{**nobody, "counts": []}], schema=_COUNTED)
    place = {key: i for i, key in enumerate(found)}
    owner = np.array([place[key] for key in whose], dtype=np.int64)
    features = [profiles.fine(family, i)[at] for i in range(len(family.features))]
    counts = np.concatenate([by_place(owner, fine, len(found)) for fine in features], axis=1).astype(np.int64)
    offsets = np.arange(len(found) + 1, dtype=np.int32) * counts.shape[1]
    lists = pa.ListArray.from_arrays(pa.array(offsets), pa.array(counts.ravel()))
    columns = [pa.array(column) for column in zip(*found, strict=True)]
    return pa.table([*columns, lists], schema=_COUNTED)
