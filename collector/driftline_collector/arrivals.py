"""Windows for which data came late: these are judged again, and those that are judged merged with them.

A device that was away sends what it kept in many pieces. So a window waits until no more come, for itself and
for those before it that it is merged with; all are then judged once, in order. Later windows, of which
nothing came late, wait for longer: while hours come one by one of a device that is always late, each would be
judged 23 times. Where so many devices are late that something always comes, none waits for ever.
"""

from collections.abc import Callable
from dataclasses import dataclass

from driftline_collector.analysis.recent import WIDEST
from driftline_collector.store.base import Store

#: Longer than any commit takes.
_COMMIT_NS = 60 * 10**9
#: A window for which something keeps coming is judged after so many of them all the same.
_LONGEST = 4


@dataclass(frozen=True, slots=True)
class Late:
    """A window of a model that is to be judged again.

    `received_ns` is when something came last for it, or for one that it is merged with where nothing of it
    is its `own`; `purged` whether something was taken away.
    """

    model: str
    start_ns: int
    received_ns: int
    purged: bool = False
    own: bool = True


class Arrivals:
    """What came late, until it is judged. It belongs to one thread."""

    def __init__(self, store: Store, *, width_ns: int, lateness_ns: int) -> None:
        self._store = store
        self._width_ns = width_ns
        self._settled_ns = min(width_ns, lateness_ns) // 2
        self._quiet_ns = 2 * width_ns
        self._waits_ns = width_ns + lateness_ns
        self._longest_ns = _LONGEST * max(width_ns, lateness_ns)
        self._longest_merged_ns = max(WIDEST * width_ns, self._longest_ns)
        self._seen_ns: int | None = None
        self._waiting: dict[tuple[str, int], Late] = {}
        #: Since when each of them was seen to wait.
        self._since_ns: dict[tuple[str, int], int] = {}
        #: Models for which something came; of those that send samples alone nothing else tells.
        self.heard_of: set[str] = set()

    def look(self, since_ns: int) -> None:
        """Note what came since the last time; at first also for what had been judged before it came.

        `since_ns` is where the windows begin that may be judged again.
        """
        if self._seen_ns is None:
            last = self._store.judged_until()
            # What was being committed then may have been stamped a little earlier.
            self._seen_ns = int(last.column("evaluated_ns")[0].as_py()) - _COMMIT_NS if last.num_rows else 0
            # What waits to be judged may have come before that.
            waiting_ns = max(self._seen_ns - self._waits_ns, 0)
            waiting = self._store.touched(waiting_ns, self._width_ns)
            self.heard_of.update(waiting.column("model").to_pylist())
            for row in self._store.overtaken(since_ns, self._width_ns, WIDEST).to_pylist():
                self._wait(Late(row["model"], row["window_start_ns"], row["received_ns"], own=False))
        for row in self._store.touched(self._seen_ns, self._width_ns).to_pylist():
            self.heard_of.add(row["model"])
            self._wait(Late(row["model"], row["window_start_ns"], row["received_ns"], row["purged"]))
            self._seen_ns = max(self._seen_ns, row["received_ns"])

    def changed(self, late: Late, until_ns: int) -> None:
        """Have the windows after one, up to a time, judged again that are merged with it."""
        last_ns = late.start_ns + WIDEST * self._width_ns
        for start_ns in range(late.start_ns + self._width_ns, min(last_ns, until_ns), self._width_ns):
            self._wait(Late(late.model, start_ns, late.received_ns, late.purged, own=False))

    def settled(self, now_ns: int, within: Callable[[str], tuple[int, int]]) -> list[Late]:
        """Those for which no more is coming, in order; `within` says which starts of a model's count.

        All others are forgotten: what is not judged yet needs no revision.
        """
        bounds = {model: within(model) for model in {model for model, _ in self._waiting}}
        self._waiting = {
            (model, start): late
            for (model, start), late in self._waiting.items()
            if bounds[model][0] <= start < bounds[model][1]
        }
        self._since_ns = {key: self._since_ns.get(key, now_ns) for key in self._waiting}
        return [late for _, late in sorted(self._waiting.items()) if self._is_settled(late, now_ns)]

    def judged(self, late: Late) -> None:
        """Forget one that was judged."""
        del self._waiting[late.model, late.start_ns], self._since_ns[late.model, late.start_ns]

    def _is_settled(self, late: Late, now_ns: int) -> bool:
        longest_ns = self._longest_ns if late.own else self._longest_merged_ns
        if now_ns - self._since_ns[late.model, late.start_ns] >= longest_ns:
            return True
        spans = range(late.start_ns, late.start_ns - WIDEST * self._width_ns, -self._width_ns)
        merged = [self._waiting.get((late.model, start_ns), late) for start_ns in spans]
        last_ns = max(one.received_ns for one in merged)
        return now_ns - last_ns >= (self._settled_ns if late.own else self._quiet_ns)

    def _wait(self, late: Late) -> None:
        key = late.model, late.start_ns
        if before := self._waiting.get(key):
            late = Late(
                *key,
                received_ns=max(late.received_ns, before.received_ns),
                purged=late.purged or before.purged,
                own=late.own or before.own,
            )
        self._waiting[key] = late
