"""How fast, and in which order, what gathered during an outage goes up."""

import random
from dataclasses import dataclass
from typing import Final, Literal, get_args

from driftline._errors import ConfigurationError

Order = Literal["oldest", "newest", "importance"]

#: Bytes that may go at once before the rate is felt.
BURST: Final = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain:
    """What gathered while the collector was away goes up at `bytes_per_second` on average, jittered, so
    that a fleet does not come back as one. What is new in the meantime goes first and is not held back.

    `order`: oldest or newest first, or by importance: ground truth and deployments, profiles, samples,
    spans.
    """

    bytes_per_second: float = 262_144
    order: Order = "oldest"

    def __post_init__(self) -> None:
        rate: object = self.bytes_per_second
        if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 1 <= rate <= 2**50:
            raise ConfigurationError(f"drain.bytes_per_second is {rate!r}; expected a number from 1 to 2^50")
        if self.order not in get_args(Order):
            raise ConfigurationError(
                f"drain.order is {self.order!r}; expected one of {', '.join(get_args(Order))}"
            )


class Throttle:
    """A bucket that fills with the rate, up to `BURST` bytes. A batch may go while there is anything in it;
    its size is taken out afterwards, a little more or less by chance. Times are monotonic, in seconds."""

    def __init__(self, rate: float, rng: random.Random, now: float) -> None:
        self._rate = rate
        self._rng = rng
        # Devices that were switched on together are apart from the first second on.
        self._left = rng.uniform(0, BURST)
        self._at = now

    def wait(self, now: float) -> float:
        """Seconds until the next batch may go."""
        self._left = min(BURST, self._left + (now - self._at) * self._rate)
        self._at = now
        return max(0.0, -self._left / self._rate)

    def spend(self, size: int) -> None:
        """A batch of so many bytes went."""
        self._left -= size * self._rng.uniform(0.75, 1.25)
