"""What devices counted in the windows before one, so that a few windows can be judged as one.

Read once for each window and kept as small whole numbers: 24 windows of 10,000 devices and 20 features are
some 60 MB where a bin has less than 256 rows a window. Whatever is not in memory, such as after a restart, is
read from the store again.
"""

import logging
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from driftline_collector.analysis.counts import Cell, Device, Profiles, by_place
from driftline_collector.analysis.references import Family
from driftline_collector.analysis.windows import Window
from driftline_collector.errors import CollectorError
from driftline_collector.store.base import Store

logger = logging.getLogger(__name__)

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]
Small = npt.NDArray[np.unsignedinteger]

#: So many windows are judged as one, at most. .25σ in a hundred rows an hour shows in a day, not sooner.
WIDEST = 24
#: Beyond it a floating-point number is no exact count.
_EXACT = 2.0**53


@dataclass(frozen=True)
class Counted:
    """What devices counted in one window on a family's test bins; `counts` are (devices, features, bins)."""

    devices: tuple[Device, ...]
    counts: Small | Floats
    _parts: dict[frozenset[str], "Counted"] = field(default_factory=dict, compare=False, repr=False)
    _cells: dict[tuple[Cell, ...], Floats] = field(default_factory=dict, compare=False, repr=False)
    _rows: dict[tuple[Cell, ...], Floats] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(cls, profiles: Profiles, family: Family, like: "Counted | None" = None) -> "Counted":
        """Those of the devices whose version has a reference there; `like` is of the window before."""
        bound = np.flatnonzero(profiles.bound_to(family))
        devices = tuple(profiles.devices[i] for i in bound)
        if like is not None and like.devices == devices:
            devices = like.devices  # so that they need not be compared again each time they are summed
        counts = profiles.counts(family)[bound]
        most = counts.max(initial=0.0)
        return cls(devices, counts.astype(np.min_scalar_type(int(most))) if most < _EXACT else counts)

    @classmethod
    def summed(cls, windows: Sequence["Counted"]) -> "Counted":
        """The sums by device of one window or more."""
        devices = windows[0].devices
        if not all(w.devices is devices or w.devices == devices for w in windows):
            devices = tuple(sorted({device for w in windows for device in w.devices}))
        place = {device: i for i, device in enumerate(devices)}
        counts = np.zeros((len(devices), *windows[0].counts.shape[1:]))
        for window in windows:
            if window.devices is devices or window.devices == devices:
                counts += window.counts
            else:
                counts[[place[device] for device in window.devices]] += window.counts
        return cls(devices, counts)

    def of_tiers(self, tiers: frozenset[str]) -> "Counted":
        """Only devices of these tiers."""
        if tiers not in self._parts:
            kept = [i for i, device in enumerate(self.devices) if device.tier in tiers]
            whole = len(kept) == len(self.devices)
            part = Counted(tuple(self.devices[i] for i in kept), self.counts[kept])
            self._parts[tiers] = self if whole else part
        return self._parts[tiers]

    def placed(self, cells: tuple[Cell, ...]) -> tuple[Whole, Floats]:
        """Of devices in one of these cells: which one that is, (devices,), and their counts."""
        place = {cell: i for i, cell in enumerate(cells)}
        at = np.array([place.get(device.cell, -1) for device in self.devices], dtype=np.int64)
        return at[at >= 0], self.counts[at >= 0].astype(np.float64)

    def by_cell(self, cells: tuple[Cell, ...]) -> Floats:
        """The sums by cell, (cells, features, bins)."""
        if cells not in self._cells:
            self._cells.clear()
            self._cells[cells] = by_place(*self.placed(cells), len(cells))
        return self._cells[cells]

    def rows_by_cell(self, cells: tuple[Cell, ...]) -> Floats:
        """How many there are of each cell by feature, (cells, features)."""
        if cells not in self._rows:
            self._rows.clear()
            place = {cell: i for i, cell in enumerate(cells)}
            at = np.array([place.get(device.cell, -1) for device in self.devices], dtype=np.int64)
            n = self.counts.sum(-1, dtype=np.float64)
            self._rows[cells] = by_place(at[at >= 0], n[at >= 0], len(cells))
        return self._rows[cells]


#: Binning, versions, and the user's own dimensions that devices are told apart by.
_Key = tuple[str, tuple[str, ...], tuple[str, ...]]
#: The merged bins of a binning's features, and what was counted on them.
_Kept = dict[_Key, tuple[Sequence[Whole], Counted]]


class Recent:
    """The latest windows of each model, as they were counted. It belongs to one thread."""

    def __init__(self, store: Store, tolerance_ns: int) -> None:
        """Clocks of devices may be ahead by the tolerance, as in `Store.device_counts`."""
        self._store = store
        self._tolerance_ns = tolerance_ns
        self._kept: dict[str, OrderedDict[Window, _Kept]] = {}

    def keep(self, model: str, window: Window, profiles: Profiles, families: Mapping[str, Family]) -> None:
        """What was counted in a window, whatever was known of it before."""
        windows = self._kept.setdefault(model, OrderedDict())
        previous = windows.get(Window(window.start_ns - window.width_ns, window.start_ns), {})
        kept: _Kept = {}
        for family in families.values():
            key = _key(family, profiles.own)
            like = previous.get(key)
            kept[key] = family.merged, Counted.of(profiles, family, like and like[1])
        windows[window] = kept
        windows.move_to_end(window)
        while len(windows) > WIDEST:
            windows.popitem(last=False)

    def before(
        self,
        model: str,
        window: Window,
        families: Mapping[str, Family],
        since_ns: int,
        own: tuple[str, ...] = (),
    ) -> Mapping[str, Sequence[Counted]]:
        """Binning → what was counted in the windows before this one, the latest first.

        `since_ns` is when the first of those that may matter began; none are read that end before. `own` are
        the user's own dimensions that cells are told apart by.
        """
        earlier = [*_earlier(window, since_ns)]
        windows = self._kept.setdefault(model, OrderedDict())
        for each in [w for w in reversed(earlier) if w in windows]:
            windows.move_to_end(each)
        for each in reversed(earlier):
            if each not in windows or not all(_holds(windows[each], f, own) for f in families.values()):
                told = "[%d, %d) of %s is merged with none"
                profiles = read_before(self._store, model, each, self._tolerance_ns, own, otherwise=told)
                self.keep(model, each, profiles, families)
            windows.move_to_end(each)
        return {
            binning: [windows[each][_key(family, own)][1] for each in earlier]
            for binning, family in families.items()
        }


def read_before(
    store: Store, model: str, window: Window, ahead_ns: int, own: Sequence[str], *, otherwise: str
) -> Profiles:
    """The profiles of a window before the one that is judged; none where they cannot be read.

    The log then says `otherwise`, which has places for the window's start, its end and the model.
    """
    try:
        return Profiles.of(store.device_counts(model, window.start_ns, window.end_ns, ahead_ns, own))
    except CollectorError:
        raise
    except Exception:
        # What stands in one window shall not keep those after it from being judged.
        logger.exception(otherwise, window.start_ns, window.end_ns, model)
        return Profiles.of(store.device_counts(model, 0, 0, own=own))


def _earlier(window: Window, since_ns: int) -> Iterator[Window]:
    for i in range(1, WIDEST):
        start = window.start_ns - i * window.width_ns
        if start + window.width_ns <= since_ns:
            return
        yield Window(start, start + window.width_ns)


def _key(family: Family, own: tuple[str, ...]) -> _Key:
    return family.binning.id, family.versions, own


def _holds(kept: _Kept, family: Family, own: tuple[str, ...]) -> bool:
    if (found := kept.get(_key(family, own))) is None:
        return False
    merged, _ = found
    return all(np.array_equal(a, b) for a, b in zip(merged, family.merged, strict=True))
