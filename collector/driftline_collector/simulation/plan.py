"""What is simulated: how many devices, for how long, and by which clock."""

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

MODEL = "simulated"
MINUTE = 60 * 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """`rate` is predictions a second of each device, `sampled` the share of them that is sent whole.

    Simulated time runs `speed` times as fast as the clock on the wall, and meets it at the end: nothing is
    sent from the future but by devices whose clocks are wrong. `segments` are dimensions of the user's own
    that devices tell, and how many values each has. `run` tells streams of this run from others.
    """

    devices: int
    minutes: int
    rate: float = 5.0
    sampled: float = 0.01
    speed: float = 1.0
    seed: int = 1
    segments: Mapping[str, int] = field(default_factory=dict)
    run: str = field(default_factory=lambda: secrets.token_hex(4))
    began_ns: int = field(default_factory=time.time_ns)

    @property
    def start_ns(self) -> int:
        """When the first window begins, in simulated time."""
        return self.began_ns - round(self.minutes * MINUTE * (1 - 1 / self.speed))

    def wall_ns(self, simulated_ns: int) -> int:
        """When the clock on the wall shows this moment of simulated time."""
        return self.began_ns + round((simulated_ns - self.start_ns) / self.speed)
