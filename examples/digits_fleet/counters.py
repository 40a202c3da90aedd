"""How many predictions each device has made, counted outside the monitor that is to be checked.

The counts live in a memory-mapped file, so they survive ``kill -9``. Each device writes a row of its own,
once before and once after a prediction: a device that dies in between leaves the two one apart, and only
then is one prediction in doubt.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_BEGUN, _DONE = 0, 1


class Counters:
    """Rows of (begun, done), shared by the fleet's processes through one file."""

    def __init__(self, path: Path) -> None:
        self._counts: NDArray[np.int64] = np.memmap(path, np.int64, "r+").reshape(-1, 2)

    @classmethod
    def create(cls, path: Path, rows: int) -> Counters:
        path.write_bytes(bytes(rows * 2 * 8))
        return cls(path)

    def begin(self, row: int) -> None:
        self._counts[row, _BEGUN] += 1

    def done(self, row: int) -> None:
        self._counts[row, _DONE] += 1

    @property
    def made(self) -> int:
        """Predictions that were finished."""
        return int(self._counts[:, _DONE].sum())

    @property
    def in_doubt(self) -> int:
        """Predictions begun and not known to be finished: in flight now, or cut short by a kill."""
        return int((self._counts[:, _BEGUN] - self._counts[:, _DONE]).sum())
