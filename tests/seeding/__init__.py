"""Stores filled as a fleet would fill them, by the store's own writer: for the API, the browser, benchmarks.

`fill(store, Fleet(...))` is deterministic. `SMALL` are 4 devices, `LARGE` 2,000 with 40 features in 20 cells.
"""

from tests.seeding.filling import fill
from tests.seeding.fleet import HOSTILE, LARGE, NOW_NS, SMALL, Fleet, Member

__all__ = ["HOSTILE", "LARGE", "NOW_NS", "SMALL", "Fleet", "Member", "fill"]
