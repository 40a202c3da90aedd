"""What was sent and what became of it, counted by each process and added up."""

from dataclasses import dataclass, field, fields


@dataclass(slots=True)
class Tally:
    """Requests and what was in them. `predictions` are those counted in windows; `records` are log records.

    `records` and `points` are all that the collector tells apart. `resent`: of them sent again on purpose,
    after the acknowledgement; `unsure`: since no answer came, so that they may have been taken before.
    """

    requests: int = 0
    bytes: int = 0
    acknowledged: int = 0
    put_off: int = 0
    refused: int = 0
    broken_off: int = 0
    predictions: int = 0
    records: int = 0
    points: int = 0
    resent: int = 0
    unsure: int = 0
    seconds: list[float] = field(default_factory=list)
    hints: set[int] = field(default_factory=set)

    def add(self, other: "Tally") -> None:
        """Take in what another process counted."""
        for each in fields(Tally):
            mine, theirs = getattr(self, each.name), getattr(other, each.name)
            setattr(self, each.name, mine | theirs if isinstance(mine, set) else mine + theirs)

    def quantile(self, share: float) -> float:
        """Seconds to the answer."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0
