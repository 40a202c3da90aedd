"""Which predictions are sent whole, and with what probability: decided by one draw for each, in numpy."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from driftline._frame import Frame, Mask, numbers

RANDOM = "random"
ESCALATED = "escalated"
GROUND_TRUTH = "ground_truth"


@dataclass(frozen=True, slots=True)
class Chosen:
    """Rows to send, shape (k,), each with its inclusion probability and whether a plain random draw and
    whether its escalation would have chosen it."""

    rows: npt.NDArray[np.int64]
    probability: npt.NDArray[np.float64]
    random: Mask
    escalated: Mask

    def reasons(self, i: int) -> tuple[str, ...]:
        """The reasons of the i-th chosen row, as they are sent."""
        names = (RANDOM, self.random[i]), (ESCALATED, self.escalated[i])
        return tuple(name for name, given in names if given)


class Sampler:
    """`rate` for each prediction, `escalated_rate` for those that escalate: score below the threshold, or
    the caller said so. With one uniform draw u a row is sent where u < its rate. This is Poisson sampling;
    the inclusion probability is the rate itself (Särndal, Swensson & Wretman, 1992, section 3.5)."""

    def __init__(self, rate: float, threshold: float | None, escalated_rate: float, seed: int | None = None):
        self._rate = rate
        self._threshold = threshold
        self._escalated_rate = escalated_rate
        self._rng = np.random.default_rng(seed)

    def escalated(self, frame: Frame) -> Mask | None:
        """Which rows escalated, shape (n,); `None` where none did."""
        if (self._threshold is None or frame.scores is None) and frame.contexts is None:
            return None
        mask: Mask = np.zeros(len(frame), dtype=np.bool_)
        if self._threshold is not None and frame.scores is not None:
            mask = numbers(frame.scores)[0] < self._threshold
        if frame.contexts is not None:
            said = (
                context is not None and context.escalation_reason is not None for context in frame.contexts
            )
            mask = mask | np.fromiter(said, np.bool_, len(frame))
        return mask if mask.any() else None

    def choose(self, size: int, escalated: Mask | None) -> Chosen:
        """Draw among `size` rows, of which some escalated, shape (size,)."""
        drawn = self._rng.random(size)
        random = drawn < self._rate
        if escalated is None:
            rows = np.flatnonzero(random)
            plain = np.ones(len(rows), dtype=np.bool_)
            return Chosen(rows, np.full(len(rows), self._rate), plain, ~plain)
        rate = np.where(escalated, self._escalated_rate, self._rate)
        rows = np.flatnonzero(drawn < rate)
        return Chosen(rows, rate[rows], random[rows], escalated[rows])
