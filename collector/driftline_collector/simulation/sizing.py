"""What a larger or smaller fleet would need, reckoned from a run."""

from collections.abc import Sequence
from dataclasses import dataclass

from driftline_collector.simulation.run import Outcome

SIZES = (1_000, 10_000, 100_000)
_DAY_MINUTES = 1440


@dataclass(frozen=True, slots=True)
class Sizing:
    """For so many devices of the same kind, in real time: a second, cores of CPU, bytes."""

    devices: int
    predictions_per_s: float
    samples_per_s: float
    requests_per_s: float
    cores: float
    memory_bytes: int
    disk_bytes_per_day: int
    disk_bytes_kept: int


def sizings(outcome: Outcome, *, kept_days: int, sizes: Sequence[int] = SIZES) -> list[Sizing]:
    """In proportion to the run, but for what an idle collector has. Empty where it was not seen."""
    idle, used = outcome.idle, outcome.used
    if idle is None or used is None:
        return []
    plan, sent = outcome.plan, outcome.sent
    each_s = 1 / (plan.devices * plan.minutes * 60)
    growth = (used.peak_bytes - idle.peak_bytes) / plan.devices
    per_day = (used.disk_bytes - idle.disk_bytes) / plan.devices / plan.minutes * _DAY_MINUTES
    return [
        Sizing(
            devices=size,
            predictions_per_s=sent.predictions * each_s * size,
            samples_per_s=sent.records * each_s * size,
            requests_per_s=sent.acknowledged * each_s * size,
            cores=(used.cpu_s - idle.cpu_s) * each_s * size,
            memory_bytes=round(idle.peak_bytes + growth * size),
            disk_bytes_per_day=round(per_day * size),
            disk_bytes_kept=round(per_day * size * kept_days),
        )
        for size in sizes
    ]
