"""What decoding gives: rows for the store, and for each request what of it was refused and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from driftline_collector.receiver.columns import Index, Mask, counts
from driftline_collector.receiver.signals import Signal
from driftline_collector.store.batch import Batch, Refusal


@dataclass(frozen=True, slots=True)
class Rejected:
    """The partial success of one request: `count` records refused for good. Empty where all were taken."""

    count: int = 0
    message: str = ""


ACCEPTED = Rejected()


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """The rows of some requests, and the answer to each once they are committed."""

    batch: Batch
    rejected: Sequence[Rejected]


class Rejections:
    """Gathers which records are refused; the first reason found for a record is the one counted."""

    def __init__(self, signal: Signal, requests: int) -> None:
        self._signal = signal
        self._requests = requests
        self._refusals: list[Refusal] = []
        self._by_request: list[tuple[str, npt.NDArray[np.int64]]] = []

    def add(self, at: Index, request: Index, refused: Mapping[str, Mask]) -> Mask:
        """Note the refusals among the records `at`, which came in `request`; which ones are good."""
        good = np.ones(len(at), np.bool_)
        for reason, mask in refused.items():
            bad = mask & good
            if bad.any():
                self._refusals.append(Refusal(reason, at[bad]))
                self._by_request.append((reason, counts(request[bad], self._requests)))
                good &= ~bad
        return good

    def refusals(self) -> tuple[Refusal, ...]:
        """What was refused."""
        return tuple(self._refusals)

    def by_request(self) -> list[Rejected]:
        """The partial success of each request."""
        if not self._refusals:
            return [ACCEPTED] * self._requests
        return [self._answer(request) for request in range(self._requests)]

    def _answer(self, request: int) -> Rejected:
        found = [(reason, int(number[request])) for reason, number in self._by_request if number[request]]
        total = sum(number for _, number in found)
        if not total:
            return ACCEPTED
        reasons = "; ".join(f"{number} with {reason}" for reason, number in found)
        return Rejected(total, f"{total} {self._signal.records} refused: {reasons}")
