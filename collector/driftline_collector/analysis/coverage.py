"""Coverage: how much of the device time expected in a window has been reported. Silence is not drift.

A device is expected from its first window on until it says goodbye or goes on under another version. Idle is
not silent: a window without traffic is reported too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from driftline_collector.analysis.counts import Cell, Device, dimensions_of
from driftline_collector.analysis.evaluation import Evaluation
from driftline_collector.analysis.segments import Lattice
from driftline_collector.analysis.windows import Window

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Presence:
    """Devices known to a window, one row for each device and version. All arrays are (devices,), in ns.

    `first` is the start of the earliest window known of it.
    """

    devices: tuple[Device, ...]
    expected: Whole
    reported: Whole
    first: Whole

    @classmethod
    def of(cls, known: pa.Table, inside: pa.Table, window: Window) -> "Presence":
        """From two reads of `Store.progress`: from long before the window to its end, and of it alone."""
        rows = known.to_pylist()
        dimensions = dimensions_of(known)
        devices = tuple(_device(row, dimensions) for row in rows)
        spans = {
            _device(row, dimensions): (row["first_start_ns"], row["last_end_ns"])
            for row in inside.to_pylist()
        }
        first = np.array([row["first_start_ns"] for row in rows], dtype=np.int64)
        last = np.array([row["last_end_ns"] for row in rows], dtype=np.int64)
        latest: dict[tuple[str, str], int] = {}
        for device, end in zip(devices, last.tolist(), strict=True):
            who = (device.tier, device.name)
            latest[who] = max(latest.get(who, end), end)
        over = np.array(
            [
                row["ended"] or row["last_end_ns"] < latest[device.tier, device.name]
                for row, device in zip(rows, devices, strict=True)
            ],
            dtype=np.bool_,
        )
        start, end = window.start_ns, window.end_ns
        until = np.where(over, np.minimum(last, end), end)
        expected = np.clip(until - np.maximum(first, start), 0, None)
        span = np.array([spans.get(device, (start, start)) for device in devices], dtype=np.int64).reshape(
            -1, 2
        )
        reported = np.clip(np.minimum(span[:, 1], end) - np.maximum(span[:, 0], start), 0, None)
        return cls(devices, expected, np.minimum(reported, expected), first)

    def restricted(self, keep: Sequence[bool]) -> "Presence":
        """Only some of the devices."""
        at = np.asarray(keep, dtype=np.bool_)
        kept = tuple(d for d, k in zip(self.devices, at.tolist(), strict=True) if k)
        return Presence(kept, self.expected[at], self.reported[at], self.first[at])

    def by_cell(self, values: npt.NDArray[np.generic], cells: Sequence[Cell]) -> Floats:
        """Sums of device values over cells, shape (cells,)."""
        place = {cell: i for i, cell in enumerate(cells)}
        result = np.zeros(len(cells))
        np.add.at(result, [place[d.cell] for d in self.devices], values)
        return result


@dataclass(frozen=True, slots=True)
class NodeCoverage:
    """Coverage of the N nodes of a lattice; arrays are (N,). `share` is NaN where nothing was expected."""

    share: Floats
    expected: Whole
    silent: Whole

    @classmethod
    def of(cls, presence: Presence, lattice: Lattice) -> "NodeCoverage":
        """Sum devices into nodes."""

        def nodes(values: npt.NDArray[np.generic]) -> Floats:
            return lattice.over_cells(presence.by_cell(values, lattice.cells))

        expected_ns, reported_ns = nodes(presence.expected), nodes(presence.reported)
        share = np.full(len(lattice.nodes), np.nan)
        np.divide(reported_ns, expected_ns, out=share, where=expected_ns > 0)
        expected = presence.expected > 0
        silent = expected & (presence.reported == 0)
        return cls(share, nodes(expected).astype(np.int64), nodes(silent).astype(np.int64))

    def evaluations(self, keys: Sequence[str], remarks: Mapping[str, object]) -> list[Evaluation]:
        """The measures `coverage` and `silent_devices` of every node in which a device was expected.

        `remarks` are of all devices: those that say something stand beside the coverage of the whole.
        """
        said = {name: remark for name, remark in remarks.items() if remark}
        rows: list[Evaluation] = []
        for i in np.flatnonzero(self.expected > 0).tolist():
            share, expected, silent = float(self.share[i]), int(self.expected[i]), int(self.silent[i])
            shared: dict[str, Any] = {"segment": keys[i], "coverage": share, "devices": expected}
            details = said if said and i == 0 else None
            rows.append(
                Evaluation(**shared, measure="coverage", value=share, n=float(expected), details=details)
            )
            rows.append(
                Evaluation(**shared, measure="silent_devices", value=float(silent), n=float(expected))
            )
        return rows


def _device(row: Mapping[str, str], dimensions: Sequence[str]) -> Device:
    return Device(Cell.of([row[name] for name in dimensions]), row["device"])
