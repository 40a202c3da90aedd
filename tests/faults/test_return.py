"""A fleet that comes back at once after an outage is taken in, whole and once."""

import asyncio
import random
import resource
import sys
from collections import deque
from dataclasses import replace
from pathlib import Path

import pytest
import uvloop
from driftline_collector.client import Client
from driftline_collector.simulation.device import Device
from driftline_collector.simulation.messages import Request
from driftline_collector.simulation.plan import Plan
from driftline_collector.simulation.run import Stored, read_back
from driftline_collector.simulation.tally import Tally
from driftline_collector.simulation.worker import Sender

from tests.end_to_end.running import collector
from tests.faults.test_overload import LIMIT, held, small_stacks

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc tells what a process holds")

#: What each has gathered: windows of three minutes, and the samples of those.
MINUTES = 3


def test_devices_that_come_back_at_once_are_taken_in_once(tmp_path: Path) -> None:
    come_back(tmp_path, 400)


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_five_thousand_devices_that_come_back_at_once_are_taken_in_once(tmp_path: Path) -> None:
    come_back(tmp_path, 5_000)


def come_back(folder: Path, devices: int) -> None:
    allow_open_files(devices + 500)
    plan = Plan(devices=devices, minutes=MINUTES, seed=5)
    plan = replace(plan, began_ns=plan.began_ns - MINUTES * 60 * 10**9)
    backlogs = [backlog(Device(plan, number)) for number in range(devices)]
    with small_stacks(), collector(folder) as running:
        sent = uvloop.run(all_at_once(running.url, backlogs))
        with Client(running.url, timeout_s=120) as client:
            stored = read_back(client, plan.run)
        peak = held(running, "VmHWM")
        assert running.stop() == 0
    print(
        f"{devices} devices: {sent.acknowledged} requests acknowledged, {sent.put_off} put off,"
        f" {sent.broken_off} broken off; slowest {sent.quantile(1.0):.1f} s; {stored};"
        f" peak {peak / 2**20:.0f} MB"
    )
    assert sent.refused == 0
    assert sent.hints <= {1, 2}
    assert peak < LIMIT
    assert stored.predictions == sent.predictions == sum(r.predictions for each in backlogs for r in each)
    assert stored.missing == 0
    # Who had no answer in time sent again, and that was told apart.
    assert stored.repeated <= sent.unsure
    assert stored == Stored(
        streams=stored.streams,
        predictions=sent.predictions,
        announced_lost=stored.announced_lost,
        missing=0,
        repeated=stored.repeated,
        hole_s=0.0,
    )
    assert stored.streams >= devices


def backlog(device: Device) -> list[Request]:
    """What a device has to say after an outage of minutes."""
    requests = [request for minute in range(MINUTES) for request in device.minute(minute)]
    return [*requests, device.goodbye()]


async def all_at_once(url: str, backlogs: list[list[Request]]) -> Tally:
    """Connect all, and when all are connected send; until everything is acknowledged."""
    tally = Tally()
    chance = random.Random(5)
    senders = [Sender(url, tally, chance, resent=0.0) for _ in backlogs]
    async with asyncio.TaskGroup() as group:
        for sender in senders:
            group.create_task(sender.connect())
    async with asyncio.TaskGroup() as group:
        for sender, requests in zip(senders, backlogs, strict=True):
            group.create_task(sender.deliver(deque(requests)))
    for sender in senders:
        sender.close()
    return tally


def allow_open_files(wanted: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"the system allows {hard} open files; raise that (ulimit -Hn)")
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
