"""A week of a simulated fleet, judged from counts: for `false_alarms`, so that twenty weeks fit an hour.

What the scheduler does between reading profiles and writing evaluations, through the product's own search:
each hour by itself and merged with those before it, the findings, what goes on from one hour to the next. A
twentieth of the devices is always late: an hour is judged without them, and later ones know what they sent.
Either it is the fleet's first week, held against what the model was trained on, or one that is compared with
the same hours of nine past weeks (`_simulated_past`).
"""

from collections import deque
from collections.abc import Iterator
from functools import partial

import numpy as np
import numpy.typing as npt
from driftline_collector.analysis.comparison import compare
from driftline_collector.analysis.drift import Limits
from driftline_collector.analysis.mixtures import Hours
from driftline_collector.analysis.recent import WIDEST, Counted
from driftline_collector.analysis.references import families
from driftline_collector.analysis.search import Before, Search, Searched
from driftline_collector.analysis.segments import Lattice
from driftline_collector.analysis.spans import spans
from driftline_collector.analysis.windows import Window

from benchmarks._simulated_fleet import HOUR, KNOWN_WEEKS, START, WEEK, Fleet
from benchmarks._simulated_past import PastWeeks

_LATE = 0.05


def incidents(fleet: Fleet, hours: int, *, matched: bool = False) -> int:
    """How many findings begin in so many hours, `matched` with those of past weeks."""
    begun = 0
    for search, searched in searches(fleet, hours, Limits(), matched=matched):
        begun += int((_findings(searched) & ~search.before.findings).sum())
    return begun


def sizes(fleet: Fleet, hours: int) -> dict[int, float]:
    """Width of a span → the share of its p-values of "no effect" below .05, in the last of so many hours."""
    *_, (search, _) = searches(fleet, hours, Limits(minimum_effect=0.0))
    tested = {span.width: search.tested(span.sums, search.lattice.members).p for span in search.spans}
    return {width: float(np.mean(p[np.isfinite(p)] < 0.05)) for width, p in tested.items()}


def searches(
    fleet: Fleet, hours: int, limits: Limits, *, matched: bool = False
) -> Iterator[tuple[Search, Searched]]:
    """The search of each hour, and what it found."""
    (family,) = families(fleet.references()).values()
    devices = fleet.devices_of()
    lattice = Lattice.of([device.cell for device in devices], fleet.dimensions)
    version = np.array([family.versions.index(cell.version) for cell in lattice.cells], dtype=np.int64)
    rng = np.random.default_rng((fleet.seed, 6))
    on_time = np.flatnonzero(rng.uniform(size=len(devices)) >= _LATE)
    tested = partial(compare, family=family, effect=limits.minimum_effect, minimum_rows=limits.minimum_rows)
    earlier: deque[Counted] = deque(maxlen=WIDEST - 1)
    nobody = np.zeros(len(lattice.nodes), dtype=np.bool_)
    before = Before(nobody, nobody)
    since = KNOWN_WEEKS * WEEK + WIDEST if matched else 0
    weeks = PastWeeks(fleet, family, lattice, since) if matched else None
    shares = fleet.merged_shares(0, family)
    # Who has been there for weeks has been there for the last day.
    for hour in range(max(since - WIDEST + 1, 0), since + hours):
        if hour % 24 == 0 or fleet.cycle or fleet.moves:
            shares = fleet.merged_shares(hour, family)
        counts = rng.multinomial(fleet.rows, shares).astype(np.uint16)
        if hour >= since:
            now = Counted(tuple(devices[i] for i in on_time), counts[on_time])
            past = weeks.at(hour) if weeks else {}
            window = Window(START + hour * HOUR, START + (hour + 1) * HOUR)
            when = Hours(window, ("UTC",) * len(lattice.cells)) if family.knows_hours else None
            search = Search(
                spans=[*spans(now, earlier, version, family, lattice, past=past, hours=when)],
                tested=tested,
                lattice=lattice,
                before=before,
                false_discovery=limits.false_discovery,
                minimum_rows=limits.minimum_rows,
            )
            searched = search.run()
            yield search, searched
            goes_on = before.drifted & searched.lingering.any(-1)
            before = Before(
                searched.kept.segments | goes_on, _findings(searched) | (before.findings & goes_on)
            )
        earlier.appendleft(Counted(devices, counts))


def _findings(searched: Searched) -> npt.NDArray[np.bool_]:
    flags = np.zeros(len(searched.windows), dtype=np.bool_)
    flags[[f.node for f in searched.findings if f.left_of is None]] = True
    return flags
