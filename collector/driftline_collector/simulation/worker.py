"""A share of the devices, in a process of its own, each with its own connection and its own backlog."""

import asyncio
import random
import resource
import time
from collections import deque

import uvloop

from driftline_collector.simulation.connection import Connection
from driftline_collector.simulation.device import Device
from driftline_collector.simulation.messages import Request
from driftline_collector.simulation.plan import MINUTE, Plan
from driftline_collector.simulation.tally import Tally

#: Share of requests that are sent once more though they were acknowledged, as where the answer was lost.
RESENT = 0.01
#: Before another attempt where there was no answer at all.
PAUSE_S = 1.0
_COME_AGAIN = (429, 502, 503, 504)


def work(plan: Plan, url: str, share: int, processes: int) -> Tally:
    """Simulate every `processes`-th device from `share` on, to the end; what they sent."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    devices = [Device(plan, number) for number in range(share, plan.devices, processes)]
    return uvloop.run(_run(plan, url, share, devices))


async def _run(plan: Plan, url: str, share: int, devices: list[Device]) -> Tally:
    tally = Tally()
    chance = random.Random(f"{plan.seed}:{share}")  # noqa: S311  # a simulation, to be repeated
    async with asyncio.TaskGroup() as group:
        for device in devices:
            group.create_task(_live(plan, device, Sender(url, tally, chance)))
    return tally


async def _live(plan: Plan, device: Device, sender: "Sender") -> None:
    backlog: deque[Request] = deque()
    try:
        for minute in range(plan.minutes):
            due_ns = plan.wall_ns(plan.start_ns + round((minute + 1 + device.phase) * MINUTE))
            await asyncio.sleep((due_ns - time.time_ns()) / 1e9)
            backlog.extend(device.minute(minute))
            if minute == plan.minutes - 1:
                backlog.append(device.goodbye())
            if device.sends_at(minute) or minute == plan.minutes - 1:
                await sender.deliver(backlog)
    finally:
        sender.close()


class Sender:
    """Sends in order, each request until it is acknowledged or refused for good, and counts."""

    def __init__(self, url: str, tally: Tally, chance: random.Random, *, resent: float = RESENT) -> None:
        self._resent = resent
        self._connection = Connection(url)
        self._tally = tally
        self._chance = chance

    async def connect(self) -> None:
        """Open the connection before there is anything to send."""
        await self._connection.open()

    async def deliver(self, backlog: "deque[Request]") -> None:
        """Empty the backlog."""
        while backlog:
            if await self._acknowledged(backlog[0]):
                self._taken(backlog[0])
                if self._chance.random() < self._resent and await self._acknowledged(backlog[0]):
                    self._tally.resent += backlog[0].numbered
            backlog.popleft()

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()

    async def _acknowledged(self, request: Request) -> bool:
        """Send until there is a last word on it; whether it was taken."""
        tally = self._tally
        while True:
            began = time.monotonic()
            tally.requests += 1
            tally.bytes += len(request.body)
            try:
                answer = await self._connection.post(request.path, request.body)
            except (OSError, EOFError):  # also when it takes too long: a TimeoutError is an OSError
                tally.broken_off += 1
                tally.unsure += request.numbered
                await asyncio.sleep(PAUSE_S * (1 + self._chance.random()))
                continue
            if answer.status == 200:
                tally.seconds.append(time.monotonic() - began)
                tally.acknowledged += 1
                return True
            if answer.status not in _COME_AGAIN:
                tally.refused += 1
                return False
            tally.put_off += 1
            if answer.retry_after is not None:
                tally.hints.add(answer.retry_after)
            await asyncio.sleep((answer.retry_after or PAUSE_S) + self._chance.random())

    def _taken(self, request: Request) -> None:
        self._tally.predictions += request.predictions
        if request.path.endswith("logs"):
            self._tally.records += request.numbered
        else:
            self._tally.points += request.numbered
