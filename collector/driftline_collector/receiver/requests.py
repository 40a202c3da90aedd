"""How many requests came, and what became of them."""

from typing import Literal

Outcome = Literal["taken", "refused", "unavailable", "broken_off"]


class Requests:
    """Counts of one protocol since the start. One thread counts, any may read.

    taken: what could be taken of it was. refused: it can never be taken. unavailable: it may come again.
    broken_off: the client went away before its request was whole.
    """

    def __init__(self, protocol: str) -> None:
        self.protocol = protocol
        # All keys at once: a dictionary that never grows can be read while it is counted in.
        self._counts: dict[Outcome, int] = {"taken": 0, "refused": 0, "unavailable": 0, "broken_off": 0}

    def count(self, outcome: Outcome) -> None:
        """One more."""
        self._counts[outcome] += 1

    def rows(self) -> list[dict[str, str | int]]:
        """protocol, outcome and count of each outcome."""
        return [
            {"protocol": self.protocol, "outcome": outcome, "count": count}
            for outcome, count in self._counts.items()
        ]
