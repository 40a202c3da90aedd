"""A flood, as a process of its own: `python -m tests.faults.flooding URL --connections 200 --seconds 10`.

Each connection is a device with a stream of its own. It sends a request of 512 predictions until that is
acknowledged, then the next, and heeds no Retry-After: it comes again after `--pause`. Prints one JSON object:
by stream how many records were acknowledged, and what all were answered.
"""

import argparse
import asyncio
import copy
import json
import re
import time
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import uvloop
from driftline_collector.simulation.connection import Connection
from driftline_schemas import attributes as names

from benchmarks._otlp_load import FIRST_SEQUENCE, RECORDS, Requests


@dataclass
class Flood:
    """`acknowledged` is in the order of the devices; numbers begin at `first`."""

    first: int = FIRST_SEQUENCE
    acknowledged: list[int] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    hints: Counter[int] = field(default_factory=Counter)
    broken_off: int = 0
    seconds: float = 0.0

    @property
    def offered(self) -> int:
        """Requests that were sent."""
        return sum(self.statuses.values()) + self.broken_off


def _requests(like: Requests, device: int) -> Requests:
    """Requests of a device: made anew they cost 30 ms, and a flood has hundreds."""
    made = copy.copy(like)
    raw = bytes(like._body)
    found = re.search(names.STREAM_ID.encode() + rb"\x12\x22\x0a\x20([0-9a-f]{32})", raw)
    assert found is not None
    raw = raw.replace(b"device-0000", b"device-%04d" % device).replace(found[1], stream(device).encode())
    made._body = np.frombuffer(raw, np.uint8).copy()
    return made


def stream(device: int) -> str:
    """The stream of a device."""
    return f"{device:032x}"


async def _send(
    url: str, requests: Requests, place: int, flood: Flood, *, until: float, pause: float
) -> None:
    connection = Connection(url)
    body = requests.make()
    await asyncio.sleep(pause * (place % 100) / 100)
    while time.monotonic() < until:
        try:
            answer = await connection.post("/v1/logs", body)
        except (OSError, EOFError):
            flood.broken_off += 1
            await asyncio.sleep(pause)
            continue
        flood.statuses[answer.status] += 1
        if answer.status == 200:
            flood.acknowledged[place] += RECORDS
            body = requests.make()
            continue
        if answer.retry_after is not None:
            flood.hints[answer.retry_after] += 1
        await asyncio.sleep(pause)
    connection.close()


async def run(url: str, devices: range, seconds: float, pause: float) -> Flood:
    like = Requests(0)
    made = [_requests(like, device) for device in devices]
    flood = Flood(acknowledged=[0] * len(devices))
    began = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for place, requests in enumerate(made):
            group.create_task(_send(url, requests, place, flood, until=began + seconds, pause=pause))
    flood.seconds = time.monotonic() - began
    return flood


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--connections", type=int, default=200)
    parser.add_argument("--first-device", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--pause", type=float, default=0.05)
    given = parser.parse_args()
    devices = range(given.first_device, given.first_device + given.connections)
    flood = uvloop.run(run(given.url, devices, given.seconds, given.pause))
    print(json.dumps(vars(flood) | {"offered": flood.offered}))


if __name__ == "__main__":
    main()
