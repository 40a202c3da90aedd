"""How many different names there may be: of models, versions, regions, features, categories and so on.

Everything that is compared, drawn or kept in memory is so per name, and names come from outside: a device
that puts a timestamp into its region would make a segment a minute. What comes when there are too many is
all `__other__`. A name that has not been heard for a while gives its place to a new one, as versions do.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Literal

import pyarrow as pa

Kind = Literal["model", "version", "device_type", "region", "tier", "device", "feature", "category"]
#: A model, a feature of it, or nothing: within what a name is one of so many.
Within = tuple[str, ...]

LIMITS: Mapping[Kind, int] = {
    "model": 200,
    "version": 200,
    "device_type": 500,
    "region": 500,
    "tier": 20,
    "device": 100_000,
    "feature": 2_000,
    "category": 1_100,  # a binning's thousand, and what devices name beside them
}
#: Of all kinds together; and the longest that gets a place, in characters.
MOST = 1_000_000
LONGEST = 512
KEPT_NS = 7 * 86400 * 10**9
#: Who is short of places looks for abandoned ones this often.
_LOOK_NS = 60 * 10**9


class Names:
    """The names in use. For one thread."""

    def __init__(self, limits: Mapping[Kind, int] = LIMITS, *, now: Callable[[], int] = time.time_ns) -> None:
        self._limits = limits
        self._now = now
        self._heard: dict[tuple[Kind, Within], dict[str, int]] = {}
        self._looked: dict[tuple[Kind, Within], int] = {}
        self._places = 0

    def restore(self, names: pa.Table) -> None:
        """Take in what the store holds: columns `kind`, `model`, `feature` and `name`."""
        for row in names.to_pylist():
            within = tuple(part for part in (row["model"], row["feature"]) if part is not None)
            self.excess(row["kind"], [(within, row["name"])])

    def excess(self, kind: Kind, named: Iterable[tuple[Within, str]]) -> list[bool]:
        """For each name whether it is one too many. Those that are not are in use from now on."""
        now = self._now()
        return [not self._has_place(kind, within, name, now) for within, name in named]

    def _has_place(self, kind: Kind, within: Within, name: str, now: int) -> bool:
        heard = self._heard.get((kind, within), {})
        if name not in heard:
            if len(name) > LONGEST:
                return False
            if self._full(kind, heard):
                self._clear(kind, within, heard, now)
                if self._full(kind, heard):
                    return False
            self._heard[kind, within] = heard
            self._places += 1
        heard[name] = now
        return True

    def _full(self, kind: Kind, heard: Mapping[str, int]) -> bool:
        return len(heard) >= self._limits[kind] or self._places >= MOST

    def _clear(self, kind: Kind, within: Within, heard: dict[str, int], now: int) -> None:
        """Let go of names that have not been heard for a while; at most once a minute."""
        if now - self._looked.get((kind, within), -_LOOK_NS) < _LOOK_NS:
            return
        self._looked[kind, within] = now
        gone = [name for name, at in heard.items() if now - at > KEPT_NS]
        for name in gone:
            del heard[name]
        self._places -= len(gone)
        if kind == "model" and gone:
            for key in [key for key in self._heard if key[1][:1] in {(name,) for name in gone}]:
                self._places -= len(self._heard.pop(key))
                self._looked.pop(key, None)
