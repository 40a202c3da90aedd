"""What cells counted in windows of the past: gathered once from profiles, kept, and read to compare with it.

One row of the table `window_counts` has all counts of a cell in one window: a thousand cells with
twenty features take some megabytes an hour, however many devices they have. What is gathered is handed back,
to be committed with the verdict that it was gathered for.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from driftline_schemas.segments import USER_PREFIX, Segment

from driftline_collector.analysis.baselines import Past
from driftline_collector.analysis.counts import CELL, Cell, Lists, Profiles, by_place, distinct
from driftline_collector.analysis.matching import Against, Match, matches, unit_of
from driftline_collector.analysis.recent import read_before
from driftline_collector.analysis.references import Family, project
from driftline_collector.analysis.windows import Window
from driftline_collector.store.base import Store
from driftline_collector.store.summing import summed

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_SEGMENT = pa.map_(pa.string(), pa.string())
_ROWS = pa.schema(
    [
        pa.field("gathered_ns", pa.int64()),
        pa.field("model", pa.string()),
        pa.field("binning", pa.string()),
        pa.field("start_ns", pa.int64()),
        pa.field("end_ns", pa.int64()),
        *(pa.field(name, pa.string()) for name in CELL),
        pa.field("segment", _SEGMENT),
        pa.field("counts", pa.list_(pa.int64())),
    ]
)


@dataclass(frozen=True, kw_only=True)
class History:
    """The past of one model, for `window` of it and spans that end with it.

    `own` are the user's own dimensions that cells have values of, `zones` the time zones of regions where
    they are known, `now_ns` when this is. With `fine` sums on fine bins are told of the window's own past.
    """

    store: Store
    model: str
    window: Window
    against: Against
    families: Mapping[str, Family]
    own: Sequence[str]
    zones: Mapping[str, str]
    fine: bool
    ahead_ns: int
    now_ns: int
    _gathered: dict[tuple[str, Window], pa.Table] = field(default_factory=dict)

    def gathered(self) -> pa.Table:
        """Rows of `window_counts` that were gathered here."""
        return pa.concat_tables(
            [_ROWS.empty_table(), *(self._row(*key, table) for key, table in self._gathered.items())]
        )

    def keep(self, profiles: Profiles) -> None:
        """Have the counts of the window itself kept for those that come after it."""
        if unit_of("hour_of_week", self.window) == self.window:
            self._keep(self.window, profiles)

    def past(self, family: Family, cells: Sequence[Cell], span: Window) -> Past:
        """What the cells of a lattice counted on a family's binning, in the windows to compare a span with.

        Of the ways in which windows are alike each cell has the first for which enough are there; windows in
        which a cell was part of a finding are left out.
        """
        unit = unit_of(self.against, span)
        zone = [self.zones.get(cell.region, "UTC") for cell in cells]
        ways = {name: self._within(matches(self.against, span, name), unit) for name in sorted(set(zone))}
        windows = np.zeros(len(cells), dtype=np.int64)
        told = [""] * len(cells)
        used: dict[tuple[int, int], list[int]] = {}
        for rank in range(max((len(way) for way in ways.values()), default=0)):
            open_ = [i for i in range(len(cells)) if not windows[i] and rank < len(ways[zone[i]])]
            starts = {s for i in open_ for s in ways[zone[i]][rank].starts.values()}
            present = self._present(family, cells, {s: _from(s, unit) for s in starts})
            for i in open_:
                way = ways[zone[i]][rank]
                own = [(days, s) for days, s in way.starts.items() if present[s][i]]
                if len(own) >= way.least:
                    windows[i], told[i] = len(own), way.name
                    for key in own:
                        used.setdefault(key, []).append(i)
                elif not told[i]:
                    told[i] = f"{len(own)} of {way.least} windows of {way.name} so far"
        counts, sums = self._counts(family, cells, used, unit, fine=self.fine and span == self.window)
        return Past(
            reference=self.against,
            counts=counts,
            like=unit.width_ns == span.width_ns,
            windows=windows,
            told=told,
            fine=sums,
        )

    def _within(self, ways: Iterable[Match], unit: Window) -> tuple[Match, ...]:
        """Only windows in which the model was there."""
        since = unit.start_ns if self._first_ns is None else self._first_ns - unit.width_ns
        return tuple(
            Match(way.name, way.least, {days: s for days, s in way.starts.items() if s > since})
            for way in ways
        )

    @cached_property
    def _first_ns(self) -> int | None:
        """When the model was there first."""
        models = self.store.models()
        of_model = models.filter(pc.equal(models.column("model"), self.model))
        first: int | None = pc.min(of_model.column("first_ns")).as_py()
        return first

    def _present(
        self, family: Family, cells: Sequence[Cell], units: Mapping[int, Window]
    ) -> dict[int, Flags]:
        """Start → which cells counted in that window, and were part of no finding, (L,)."""
        place = {cell: i for i, cell in enumerate(cells)}
        result = {s: np.zeros(len(cells), dtype=np.bool_) for s in units}
        if not units:
            return result
        width_ns = next(iter(units.values())).width_ns
        known = self.store.counted_cells(self.model, family.binning.id, sorted(units), width_ns, self.own)
        at = np.asarray(known.column("start_ns"), dtype=np.int64)
        owner = self._owner(known, place)
        for s in sorted(set(at.tolist())):
            result[s][owner[(at == s) & (owner >= 0)]] = True
        for s in sorted(set(units) - set(at.tolist())):
            owner = self._owner(self._gather(family, units[s]), place)
            result[s][owner[owner >= 0]] = True
        for s, unit in units.items():
            for key in self.store.incidents(self.model, unit.start_ns, unit.end_ns, self.against):
                result[s] &= ~_inside(key, cells, self._dimensions)
        return result

    @property
    def _dimensions(self) -> tuple[str, ...]:
        return (*CELL, *self.own)

    def _owner(self, table: pa.Table, place: Mapping[Cell, int]) -> Whole:
        """Which cell each row is of, -1 for none of these."""
        found, inverse = distinct(table, self._dimensions)
        of_found = [place.get(Cell.of(row), -1) for row in found]
        return np.array(of_found, dtype=np.int64)[inverse]

    def _counts(
        self,
        family: Family,
        cells: Sequence[Cell],
        used: Mapping[tuple[int, int], Sequence[int]],
        unit: Window,
        *,
        fine: bool,
    ) -> tuple[npt.NDArray[np.float32], Floats | None]:
        """Counts on test bins, (K, L, F, B), K the days ago at which any cell has a window; `fine` sums."""
        slots = {days: k for k, days in enumerate(sorted({days for days, _ in used}))}
        shape = (len(slots), len(cells), len(family.features), family.width)
        result = np.zeros(shape, dtype=np.float32)
        place = {cell: i for i, cell in enumerate(cells)}
        ends = np.cumsum([f.size for f in family.features])
        sums = np.zeros((len(cells), int(ends[-1]))) if fine else None
        for start_ns in sorted({s for _, s in used}):
            table = self._gather(family, _from(start_ns, unit))
            owner = self._owner(table, place)
            rows = Lists.of(table.column("counts")).matrix(np.flatnonzero(owner >= 0), int(ends[-1]))
            lists, owner = rows.astype(np.float64), owner[owner >= 0]
            parts = zip(np.split(lists, ends[:-1], axis=1), family.merged, strict=True)
            counts = np.stack([project(part, merged, family.width) for part, merged in parts], axis=1)
            by_cell = by_place(owner, counts, len(cells))
            for (days, s), of_cells in used.items():
                if s == start_ns:
                    result[slots[days], of_cells] = by_cell[of_cells]
                    if sums is not None:
                        sums[of_cells] += by_place(owner, lists, len(cells))[of_cells]
        return result, sums

    def _gather(self, family: Family, unit: Window) -> pa.Table:
        """Rows of one window: as they are kept, else summed of narrower ones, else read from profiles."""
        key = family.binning.id, unit
        if key in self._gathered:
            return self._gathered[key]
        kept = self._kept(family, unit)
        if kept.num_rows:
            return kept
        narrow = self._narrow(unit)
        parts = [self._kept(family, window) for window in narrow]
        if parts and all(part.num_rows for part in parts):
            somebody = [part.filter(pc.not_equal(part.column("version"), "")) for part in parts]
            total = summed(somebody, _counted(self.own))
            self._gathered[key] = total if total.num_rows else parts[0]
        else:
            told = "nothing is compared with [%d, %d) of %s"
            profiles = read_before(self.store, self.model, unit, self.ahead_ns, self.own, otherwise=told)
            self._keep(unit, profiles)
        return self._gathered[key]

    def _narrow(self, unit: Window) -> list[Window]:
        """The windows in it that are kept as they are judged; none where it is one, or does not hold them."""
        width_ns = unit_of("hour_of_week", self.window).width_ns
        if unit.width_ns == width_ns or unit.width_ns % width_ns or unit.start_ns % width_ns:
            return []
        return [Window(s, s + width_ns) for s in range(unit.start_ns, unit.end_ns, width_ns)]

    def _kept(self, family: Family, unit: Window) -> pa.Table:
        binning = family.binning.id
        if (table := self._gathered.get((binning, unit))) is not None:
            return table
        found = self.store.cell_counts(self.model, binning, unit.start_ns, unit.end_ns, self.own)
        return found.cast(_counted(self.own))

    def _keep(self, unit: Window, profiles: Profiles) -> None:
        for binning, family in self.families.items():
            self._gathered[binning, unit] = _by_cell(profiles, family)

    def _row(self, binning: str, unit: Window, table: pa.Table) -> pa.Table:
        common = {
            "gathered_ns": self.now_ns,
            "model": self.model,
            "binning": binning,
            "start_ns": unit.start_ns,
            "end_ns": unit.end_ns,
        }
        columns = {name: pa.repeat(value, table.num_rows) for name, value in common.items()}
        columns |= {name: table.column(name) for name in (*CELL, "counts")}
        if self.own:
            names = [name.removeprefix(USER_PREFIX) for name in self.own]
            rows = zip(*(table.column(name).to_pylist() for name in self.own), strict=True)
            columns["segment"] = pa.array([list(zip(names, row, strict=True)) for row in rows], _SEGMENT)
        else:
            columns["segment"] = pa.nulls(table.num_rows, _SEGMENT)
        return pa.table(columns).select(_ROWS.names).cast(_ROWS)


def _from(start_ns: int, unit: Window) -> Window:
    """The window as long as `unit` that starts then."""
    return Window(start_ns, start_ns + unit.width_ns)


def _counted(own: Sequence[str]) -> pa.Schema:
    """The columns of what was gathered of a window."""
    texts = {name: pa.string() for name in (*CELL, *own)}
    return pa.schema(texts | {"counts": pa.list_(pa.int64())})


def _inside(key: str, cells: Sequence[Cell], dimensions: Sequence[str]) -> Flags:
    """Which cells are in a segment, (L,), or may be in part, where it names what they have no value of."""
    segment = Segment.parse(key)
    wanted = [segment[name] for name in dimensions]
    return np.array(
        [all(one in (None, value) for one, value in zip(wanted, cell.values, strict=True)) for cell in cells],
        dtype=np.bool_,
    )


def _by_cell(profiles: Profiles, family: Family) -> pa.Table:
    """Counts on a binning by cell, those of all features in a list; one empty row where none are."""
    at = np.unique(profiles.device[profiles.places(binning=family.binning.id)])
    whose = [profiles.devices[i].cell.values for i in at.tolist()]
    schema = _counted(profiles.own)
    found = sorted(set(whose))
    if not found:
        nobody = dict.fromkeys(schema.names, "")
        return pa.Table.from_pylist([{**nobody, "counts": []}], schema=schema)
    place = {key: i for i, key in enumerate(found)}
    owner = np.array([place[key] for key in whose], dtype=np.int64)
    features = [profiles.fine(family, i)[at] for i in range(len(family.features))]
    counts = np.concatenate([by_place(owner, fine, len(found)) for fine in features], axis=1).astype(np.int64)
    offsets = np.arange(len(found) + 1, dtype=np.int32) * counts.shape[1]
    lists = pa.ListArray.from_arrays(pa.array(offsets), pa.array(counts.ravel()))
    columns = [pa.array(column) for column in zip(*found, strict=True)]
    return pa.table([*columns, lists], schema=schema)
