"""A whole simulation: a few processes send, then what was stored is read back and compared."""

import multiprocessing
import signal
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from driftline_collector.client import Client
from driftline_collector.simulation.device import VERSIONS
from driftline_collector.simulation.fresh import Fresh, Used
from driftline_collector.simulation.messages import reference
from driftline_collector.simulation.plan import MODEL, Plan
from driftline_collector.simulation.tally import Tally
from driftline_collector.simulation.worker import work


@dataclass(frozen=True, slots=True)
class Stored:
    """What the collector says of the streams of a run, when asked.

    `missing`: log records that were numbered and did not come. `announced_lost`: predictions that went down
    with a device that crashed. `repeated`: records and points that came again and were dropped.
    """

    streams: int
    predictions: int
    announced_lost: int
    missing: int
    repeated: int
    hole_s: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """`lost` is what was acknowledged and is not there: predictions in windows and log records."""

    plan: Plan
    seconds: float
    sent: Tally
    stored: Stored
    idle: Used | None
    used: Used | None

    @property
    def lost(self) -> int:
        """What was acknowledged and is not there: predictions in windows, and log records."""
        return max(0, self.sent.predictions - self.stored.predictions) + self.stored.missing

    @property
    def in_order(self) -> bool:
        """Nothing lost or counted twice, and what came again was told apart."""
        expected = range(self.sent.resent, self.sent.resent + self.sent.unsure + 1)
        once = self.stored.predictions == self.sent.predictions
        return once and not self.lost and not self.sent.refused and self.stored.repeated in expected


def simulate(plan: Plan, url: str, *, processes: int, fresh: Fresh | None = None) -> Outcome:
    """Run it against the collector at `url`, which is ended where it is `fresh`. Raises ClientError."""
    began = time.monotonic()
    with Client(url) as client:
        for version in VERSIONS:
            client.register(reference(version).to_json(), model=MODEL, version=version)
        idle = fresh.used() if fresh else None
        sent = Tally()
        # Not forked: whoever calls may have threads.
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(processes, mp_context=context) as pool, _ended_with_us():
            shares = [pool.submit(work, plan, url, share, processes) for share in range(processes)]
            for share in shares:
                sent.add(share.result())
        seconds = time.monotonic() - began
        stored = read_back(client, plan.run)
    used = fresh.end() if fresh else None
    return Outcome(plan, seconds, sent, stored, idle, used)


@contextmanager
def _ended_with_us() -> Iterator[None]:
    """Where the block is left early, by SIGTERM too, the processes that send end as well."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        yield
    except BaseException:
        for process in multiprocessing.active_children():
            process.terminate()
        raise
    finally:
        signal.signal(signal.SIGTERM, before)


def read_back(client: Client, run: str) -> Stored:
    """What is stored of the streams of a run."""
    rows = [row for row in client.coverage(model=MODEL)["streams"] if row["stream"].startswith(run)]

    def total(name: str) -> int:
        return sum(row[name] or 0 for row in rows)

    return Stored(
        streams=len(rows),
        predictions=total("predictions"),
        announced_lost=total("announced_lost"),
        missing=total("missing_logs"),
        repeated=total("repeated"),
        hole_s=total("window_holes_ns") / 1e9,
    )
