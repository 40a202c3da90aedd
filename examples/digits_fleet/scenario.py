"""What happens to the fleet, when, and which segments ought to be found because of it.

The ledger of causes is kept by whoever runs the scenario and by nobody else: no device, and no part of
driftline, is told of it. What was found is never read here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from driftline_schemas.segments import CORE_DIMENSIONS, Segment

from examples.digits_fleet.models import MISTAKEN_VERSION
from examples.digits_fleet.plan import MODEL, DeviceSpec

DEGRADED_TYPE = "camera-b"
ROLLOUT_REGION = "ap-south"

# In windows. Only the healthy phase is longer or shorter, by the time there is.
_CAMERA_ALONE = 4
_BOTH = 3
_AFTER_MENDING = 4
_SHORTEST_HEALTHY = 8


@dataclass(frozen=True)
class Timeline:
    """When each thing happens, in seconds after the first full window began."""

    window: float
    healthy_windows: int

    @classmethod
    def fitting(cls, seconds: float, window: float) -> Timeline:
        """The longest timeline that ends in ``seconds``, or the shortest there is."""
        room = int(seconds // window) - _CAMERA_ALONE - _BOTH - _AFTER_MENDING
        return cls(window, max(_SHORTEST_HEALTHY, room))

    @property
    def uplink_lost(self) -> float:
        return 2.5 * self.window

    @property
    def uplink_back(self) -> float:
        return self.uplink_lost + 12.0

    @property
    def killed(self) -> float:
        return 3.3 * self.window

    @property
    def restarted(self) -> float:
        return self.killed + 1.0

    @property
    def camera_degrades(self) -> float:
        return self.healthy_windows * self.window

    @property
    def rollout(self) -> float:
        return self.camera_degrades + _CAMERA_ALONE * self.window

    @property
    def camera_mended(self) -> float:
        return self.rollout + _BOTH * self.window

    @property
    def end(self) -> float:
        return self.camera_mended + _AFTER_MENDING * self.window


@dataclass
class Cause:
    """Something that makes devices see or answer differently.

    ``scope`` is where it acts (dimension → value), ``segment`` the most general segment that names just
    the devices concerned, times in seconds since the epoch; ``ended`` is None while it lasts.
    """

    name: str
    scope: dict[str, str]
    segment: Segment
    began: float
    ended: float | None = None

    def touches(self, segment: Segment, start: float, end: float) -> bool:
        """Whether devices of ``segment`` were under this cause at some time in [start, end)."""
        if end <= self.began or (self.ended is not None and start >= self.ended):
            return False
        return all(segment[dimension] in (None, value) for dimension, value in self.scope.items())


@dataclass(frozen=True)
class ExpectedAlert:
    """A webhook that a cause ought to bring, and when the cause (or its end) was."""

    state: str
    segment: str
    caused_at: float


@dataclass
class Ledger:
    """The true causes of drift in this run."""

    causes: list[Cause] = field(default_factory=list)

    def begin(self, name: str, scope: dict[str, str], fleet: Sequence[DeviceSpec], at: float) -> Cause:
        """Note a cause that acts on the devices of ``fleet`` (as they are then) in ``scope``."""
        cause = Cause(name, scope, name_of(scope, fleet), at)
        self.causes.append(cause)
        return cause

    def expected_segments(self) -> list[str]:
        return sorted(str(cause.segment) for cause in self.causes)

    def expected_alerts(self) -> list[ExpectedAlert]:
        firing = [ExpectedAlert("firing", str(cause.segment), cause.began) for cause in self.causes]
        resolved = [
            ExpectedAlert("resolved", str(cause.segment), cause.ended)
            for cause in self.causes
            if cause.ended is not None
        ]
        return firing + resolved

    def is_wrong(self, segment: Segment, start: float, end: float) -> bool:
        """Whether a verdict ``drifted`` on ``segment`` in [start, end) has no cause."""
        return not any(cause.touches(segment, start, end) for cause in self.causes)


def name_of(scope: dict[str, str], fleet: Sequence[DeviceSpec]) -> Segment:
    """The segment with the fewest dimensions that holds just the devices in ``scope``.

    Of two equally small ones that with the earlier dimensions: so the later are tried first for leaving out.
    """

    def devices_in(dimensions: dict[str, str]) -> set[str]:
        return {
            device.id
            for device in fleet
            if all(device.dimensions[name] == value for name, value in dimensions.items())
        }

    concerned, kept = devices_in(scope), dict(scope)
    for dimension in reversed(CORE_DIMENSIONS):
        without = {name: value for name, value in kept.items() if name != dimension}
        if dimension in kept and devices_in(without) == concerned:
            kept = without
    return Segment.of({"model": MODEL, **kept})


def rolled_out(fleet: Sequence[DeviceSpec]) -> list[DeviceSpec]:
    """The fleet after the roll-out of the mistaken version to one region."""
    return [
        DeviceSpec(d.row, d.id, d.type, d.region, MISTAKEN_VERSION, d.endpoint)
        if d.region == ROLLOUT_REGION
        else d
        for d in fleet
    ]
