"""Outages: times in which nobody could report, because the collector was away or nothing reached it.

The devices kept what they made then, and send it once they can, oldest first. Windows must not be judged on
the first of them: they are no fair sample of the fleet.
"""

from collections.abc import Mapping
from dataclasses import dataclass

#: Sending what was kept is given as long as it was kept for, but at most this many latenesses: a device that
#: never gets up to date shall not hold back for ever what is found on the others.
_CATCHING_UP = 6


@dataclass(frozen=True, slots=True)
class Outage:
    """Nobody could report in [start_ns, end_ns): what was made after its start was sent after its end."""

    start_ns: int
    end_ns: int

    def caught_up_ns(self, lateness_ns: int) -> int:
        """When devices that came back are expected to be up to date again."""
        return self.end_ns + min(self.end_ns - self.start_ns, _CATCHING_UP * lateness_ns)

    def within(self, start_ns: int, end_ns: int) -> int:
        """How much of [start_ns, end_ns) it covers if it begins in there, however long it goes on beyond."""
        return max(0, self.end_ns - max(self.start_ns, start_ns)) if self.start_ns < end_ns else 0


class Reach:
    """Remembers, for each model, the last outage. All times in ns; `note` is given those that pass."""

    def __init__(
        self, lateness_ns: int, *, alive_ns: int, started_ns: int, heard: Mapping[str, int] | None = None
    ) -> None:
        """`alive_ns` is the collector's last sign of life before its start, `heard` each model's."""
        self._lateness_ns = lateness_ns
        self._away = Outage(min(alive_ns, started_ns), started_ns)
        self._alive_ns = started_ns
        self._heard = dict(heard or {})
        self._silence: dict[str, Outage] = {}

    def note(self, now_ns: int, arrivals: Mapping[str, tuple[int, int]]) -> None:
        """What came since the last call, by model: when the first and the last of it was received."""
        for model, (first_ns, last_ns) in arrivals.items():
            before_ns = self._heard.get(model, first_ns)
            if first_ns - before_ns > self._lateness_ns:
                self._silence[model] = Outage(before_ns, first_ns)
            self._heard[model] = max(before_ns, last_ns)
            self._alive_ns = max(self._alive_ns, last_ns)
        # A machine that was suspended comes back without being started.
        if now_ns - self._alive_ns > self._lateness_ns:
            self._away = Outage(self._alive_ns, now_ns)
        self._alive_ns = max(self._alive_ns, now_ns)

    def outage(self, model: str) -> Outage:
        """The last one that kept devices of a model from reporting."""
        return max(self._away, self._silence.get(model, self._away), key=lambda outage: outage.end_ns)
