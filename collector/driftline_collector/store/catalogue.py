"""What ever reported, brought up to date by what came since the last look."""

import threading
from collections.abc import Callable

import pyarrow as pa

#: A read of `Queries`.
Read = Callable[..., pa.Table]

_PLACE = ["model", "version", "tier", "device_type", "region"]
# Commits are stamped in strictly ascending order, also across restarts and when the clock is set back.
_SINCE = """
    SELECT model, version, tier, device_type, region, min(start_ns) AS first_ns, max(end_ns) AS last_ns,
           CAST(sum(predictions) AS BIGINT) AS predictions, max(received_ns) AS received_ns
    FROM stream_windows WHERE model IS NOT NULL AND received_ns > ?
    GROUP BY model, version, tier, device_type, region
"""


class Catalogue:
    """Sums over all windows there ever were. Reading those again for each page would take ever longer."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: pa.Table | None = None

    def table(self, read: Read) -> pa.Table:
        """See `Shown.catalogue`."""
        with self._lock:
            if self._known is None:
                self._known = read(_SINCE, 0)
            elif (news := read(_SINCE, self._seen_ns)).num_rows:
                self._known = _summed(pa.concat_tables([self._known, news]))
            return self._known.drop_columns(["received_ns"]).sort_by([(name, "ascending") for name in _PLACE])

    def forget(self) -> None:
        """Begin anew with the next read."""
        with self._lock:
            self._known = None

    def models(self, read: Read) -> pa.Table:
        """See `Store.models`."""
        own = ["model", "version"]
        found = self.table(read).group_by(own, use_threads=False)
        found = found.aggregate([("first_ns", "min"), ("last_ns", "max")])
        found = found.rename_columns({"first_ns_min": "first_ns", "last_ns_max": "last_ns"})
        return found.sort_by([(name, "ascending") for name in own])

    @property
    def _seen_ns(self) -> int:
        known = [] if self._known is None else self._known["received_ns"].to_pylist()
        return max(known, default=0)


def _summed(rows: pa.Table) -> pa.Table:
    sums = (("first_ns", "min"), ("last_ns", "max"), ("predictions", "sum"), ("received_ns", "max"))
    found = rows.group_by(_PLACE, use_threads=False).aggregate(list(sums))
    return found.rename_columns({f"{name}_{how}": name for name, how in sums})
