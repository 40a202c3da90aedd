"""One simulated device: what it makes each minute, and what befalls it."""

from dataclasses import dataclass, replace

import numpy as np
from driftline_schemas import attributes as names

from driftline_collector.simulation.messages import (
    Request,
    Source,
    Value,
    add_samples,
    announce,
    logs,
    window,
)
from driftline_collector.simulation.plan import MINUTE, Plan

TYPES = ("camera-a", "camera-b", "gateway")
REGIONS = ("eu-west", "us-east", "ap-south")
VERSIONS = ("1.0.0", "1.1.0")
#: Chances: that a device restarts in a minute, and of those that it does so without a word.
RESTARTS, CRASHES = 0.01, 0.5
#: Shares of devices: whose clock is off by a minute or so, by a quarter of an hour; that lose their uplink
#: once; that send every fifth minute only.
SKEWED, FAR_SKEWED, CUT_OFF, METERED = 0.10, 0.01, 0.10, 0.05
#: One region is cut off for this part of the time, and comes back all at once.
DARK_REGION, DARK = REGIONS[0], (0.4, 0.6)


@dataclass(slots=True)
class _Stream:
    """What a stream has numbered, and what it counted."""

    logged: int = 0
    made: int = 0
    profiled: int = 0
    last_end_ns: int = 0

    def known(self) -> dict[str, Value]:
        """What is told of it at its end."""
        return {
            names.STREAM_LAST_LOG: self.logged,
            names.STREAM_LAST_SPAN: 0,
            names.STREAM_LAST_WINDOW_END: self.last_end_ns,
            names.STREAM_PREDICTIONS_MADE: self.made,
            names.STREAM_PREDICTIONS_PROFILED: self.profiled,
        }


class Device:
    """Makes requests minute by minute. What cannot be sent is kept by whoever sends."""

    def __init__(self, plan: Plan, number: int) -> None:
        self._plan = plan
        self._random = random = np.random.default_rng((plan.seed, number))
        self._source = Source(
            device=f"simulated-{number:06}",
            device_type=TYPES[number % len(TYPES)],
            region=REGIONS[number // len(TYPES) % len(REGIONS)],
            version=VERSIONS[int(random.random() < 0.5)],
            stream="",
            segment=_segment(plan, number // (len(TYPES) * len(REGIONS))),
        )
        self._first_ns = (plan.start_ns + _clock_error(random)) // MINUTE * MINUTE
        self._silent = _silence(random, plan.minutes, dark=self._source.region == DARK_REGION)
        self._every = 5 if random.random() < METERED else 1
        #: When it sends after the end of a minute, as a share of one: devices do not send all at once.
        self.phase = float(random.random() / 2)
        self._identity = f"{plan.run}-{number >> 12 & 0xFFFF:04x}-7{number & 0xFFF:03x}-8000-"
        self._identified = 0
        self._stream = _Stream()
        self._events: list[dict[str, Value]] = []
        self._begin()

    def sends_at(self, minute: int) -> bool:
        """Whether it sends at the end of this minute what it has."""
        return minute not in self._silent and (minute + 1) % self._every == 0

    def minute(self, minute: int) -> list[Request]:
        """What it makes in this minute, to be sent in this order."""
        start_ns = self._first_ns + minute * MINUTE
        made = int(self._random.poisson(self._plan.rate * 60))
        chosen = int(self._random.binomial(made, self._plan.sampled))
        fate = self._random.random() if minute else 1.0
        if fate < RESTARTS * CRASHES:
            # Of what the window held nobody hears, but for how many there were.
            self._stream.made += made
            known, dead = self._stream.known(), self._source.stream
            self._begin()
            self._events.append({names.STREAM_PHASE: "closed", names.STREAM_CLOSED_ID: dead, **known})
            return [self._logs(start_ns, 0)]
        requests = []
        if fate < RESTARTS:
            requests.append(self.goodbye())
            self._begin()
        self._stream.made += made
        self._stream.profiled += made
        self._stream.last_end_ns = start_ns + MINUTE
        requests.append(window(self._source, start_ns, start_ns + MINUTE, made, self._random))
        if chosen or self._events:
            requests.append(self._logs(start_ns, chosen))
        return requests

    def goodbye(self) -> Request:
        """The end of its stream."""
        known = self._stream.known() | {names.STREAM_LAST_LOG: self._stream.logged + len(self._events) + 1}
        self._events.append({names.STREAM_PHASE: "end", **known})
        return self._logs(self._stream.last_end_ns, 0)

    def _begin(self) -> None:
        self._source = replace(self._source, stream=self._plan.run + self._random.bytes(12).hex())
        self._stream = _Stream(last_end_ns=self._stream.last_end_ns or self._first_ns)
        self._events = [{names.STREAM_PHASE: "start"}]

    def _logs(self, at_ns: int, chosen: int) -> Request:
        """Samples of the minute that begins at `at_ns`, after the events that wait."""
        request = logs(self._source)
        for number, event in enumerate(self._events, self._stream.logged + 1):
            announce(request, at_ns, number, event)
        self._stream.logged += len(self._events)
        ids = [f"{self._identity}{self._identified + number:012x}" for number in range(chosen)]
        times = np.sort(self._random.integers(at_ns, at_ns + MINUTE, chosen)).tolist()
        first = self._stream.logged + 1
        add_samples(request, times, ids, first, probability=self._plan.sampled, random=self._random)
        self._stream.logged += chosen
        self._identified += chosen
        count = chosen + len(self._events)
        self._events = []
        return Request("/v1/logs", request.SerializeToString(), count)


def _segment(plan: Plan, number: int) -> tuple[tuple[str, str], ...]:
    """The dimensions of the user's own, and their values: of devices in a row each combination."""
    told = []
    for name, different in plan.segments.items():
        number, value = divmod(number, different)
        told.append((name, f"{name}-{value + 1}"))
    return tuple(told)


def _clock_error(random: np.random.Generator) -> int:
    """How far its clock is ahead, in ns."""
    fate = random.random()
    if fate < FAR_SKEWED:
        return 15 * MINUTE * int(random.choice((-1, 1)))
    return round(random.normal(0, MINUTE)) if fate < FAR_SKEWED + SKEWED else 0


def _silence(random: np.random.Generator, minutes: int, *, dark: bool) -> frozenset[int]:
    """The minutes in which it has no uplink; never the last one."""
    silent: set[int] = set()
    if random.random() < CUT_OFF:
        first = int(random.integers(0, minutes))
        silent.update(range(first, first + int(random.integers(1, 4))))
    if dark:
        silent.update(range(round(DARK[0] * minutes), round(DARK[1] * minutes)))
    return frozenset(minute for minute in silent if minute < minutes - 1)
