"""The past of a simulated fleet: profiles of the same hour of the week, for as many weeks as are told."""

from driftline_collector.store.base import Store

from benchmarks._simulated_fleet import Fleet

#: Hours of a week.
WEEK = 168


def remember(store: Store, fleet: Fleet, hour: int, weeks: int) -> None:
    """Put what the fleet sent at this hour of the `weeks` before into a store."""
    for week in range(weeks, 0, -1):
        store.submit({"profiles": fleet.hour(hour - week * WEEK)}).result()
