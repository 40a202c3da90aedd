"""Profiles as a fleet's SDKs would send them, a minute at a time, in Arrow: for `evaluate` and `growth`.

Devices lie in cells of version, device type and region, evenly; every device makes as many predictions a
minute, drawn from the reference, each a bit otherwise than the next. Minutes are drawn from a few that were
made beforehand, so that the making costs a fraction of the writing.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from driftline_collector.store.batch import Batch, Rows
from driftline_schemas.binning import DURATION, LABEL
from driftline_schemas.reference import Reference

SECOND = 10**9
MINUTE = 60 * SECOND
MODEL = "digits"
LABELS = tuple("0123456789")
_REFERENCE_ROWS = 50_000
_DRAWN = 4
#: All devices of one type have drifted, so that there is something to find.
_MOVED_TYPE, _MOVED_FEATURES = 1, ("x00", "x01")

Whole = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class ProfiledFleet:
    """So many devices in `versions` x `types` x `regions` cells, with so many numeric features."""

    devices: int
    features: int
    versions: int = 4
    types: int = 19
    regions: int = 19
    #: Dimensions of the user's own, and how many values each has, which divide those cells.
    own: Mapping[str, int] = field(default_factory=dict)
    rate: int = 60
    #: Devices that come in one request, as a forwarder in between would bundle them.
    together: int = 100
    seed: int = 7

    @property
    def segments(self) -> int:
        """Nodes of the lattice: each dimension named or all."""
        sizes = (self.versions, self.types, self.regions, *self.own.values())
        return math.prod(size + 1 for size in sizes)

    @cached_property
    def reference(self) -> Reference:
        """The reference that all versions share."""
        rng = np.random.default_rng(self.seed)
        columns = {f"x{i:02d}": rng.normal(size=_REFERENCE_ROWS) for i in range(self.features)}
        return Reference.from_data(
            columns,
            labels=rng.choice(LABELS, size=_REFERENCE_ROWS),
            scores=rng.beta(8, 2, size=_REFERENCE_ROWS),
            model=MODEL,
        )

    def references(self, registered_ns: int) -> pa.Table:
        """Rows of `model_references`."""
        document = json.dumps(self.reference.to_json())
        return pa.Table.from_pylist(
            [
                {
                    "id": f"{MODEL}-{version}",
                    "registered_ns": registered_ns,
                    "model": MODEL,
                    "version": version,
                    "binning": self.reference.binning.id,
                    "rows": self.reference.rows,
                    "document": document,
                }
                for version in (f"1.{v}" for v in range(self.versions))
            ]
        )

    def minute(self, start_ns: int) -> list[Batch]:
        """What all devices send of the minute from `start_ns`, a batch for each request."""
        batches = []
        for drawn in self._drawn[start_ns // MINUTE % _DRAWN]:
            start = pa.repeat(pa.scalar(start_ns, pa.int64()), drawn.num_rows)
            end = pa.repeat(pa.scalar(start_ns + MINUTE, pa.int64()), drawn.num_rows)
            table = drawn.append_column("start_ns", start).append_column("end_ns", end)
            batches.append(Batch({"profiles": Rows(table)}, nbytes=table.nbytes))
        return batches

    def drawn_minute(self) -> list[pa.Table]:
        """The points of a minute, without its times, a table for each request."""
        return self._drawn[0]

    @cached_property
    def _drawn(self) -> list[list[pa.Table]]:
        rng = np.random.default_rng(self.seed + 1)
        return [
            [
                self._request(np.arange(first, min(first + self.together, self.devices)), rng)
                for first in range(0, self.devices, self.together)
            ]
            for _ in range(_DRAWN)
        ]

    def _request(self, devices: Whole, rng: np.random.Generator) -> pa.Table:
        """The points of some devices' minute: device after device, feature after feature."""
        of_device: list[tuple[str, str, list[str | None], list[npt.NDArray[np.int64]]]] = []
        for feature in self.reference.binning.features:
            counts = np.array(self.reference.counts[feature.name], dtype=np.float64)
            if feature.kind == "numeric":
                counts = counts[:-1]
            elif feature.name == LABEL:
                counts = counts[: len(LABELS)]
            shares = counts / counts.sum()
            own = rng.dirichlet(shares * 2_000 + 1e-9, size=len(devices))  # devices differ a little
            if feature.name in _MOVED_FEATURES:
                moved = devices // self.versions % self.types == _MOVED_TYPE
                own[moved] = np.roll(own[moved], len(shares) // 8, axis=1)
            drawn = rng.multinomial(self.rate, own)
            if feature.kind == "numeric":
                of_device.append((feature.name, "numeric", [None], [drawn]))
            else:
                parts = [drawn[:, [i]] for i in range(len(LABELS))]
                of_device.append((feature.name, "predictions", list(LABELS), parts))
        took = rng.multinomial(self.rate, np.full(66, 1 / 66), size=len(devices))
        of_device.append((DURATION, "numeric", [None], [took]))
        of_device.append((LABEL, "escalations", ["score"], [rng.integers(0, 4, (len(devices), 1))]))
        names: list[str] = []
        kinds: list[str] = []
        categories: list[str | None] = []
        blocks = []
        for name, kind, told, parts in of_device:
            names += [name] * len(parts)
            kinds += [kind] * len(parts)
            categories += told
            blocks += parts
        widths = np.array([block.shape[1] for block in blocks])
        counted = np.concatenate(blocks, axis=1).ravel()
        offsets = np.concatenate(([0], np.cumsum(np.tile(widths, len(devices)))))
        each = len(names)

        def per_device(values: list[Any], kind: pa.DataType | None = None) -> pa.Array:
            return pa.array(values, kind).take(pa.array(np.repeat(np.arange(len(devices)), each)))

        def per_point(texts: list[str | None]) -> pa.Array:
            return pa.array(texts, pa.string()).take(pa.array(np.tile(np.arange(each), len(devices))))

        rest, place = np.divmod(devices, self.versions * self.types * self.regions)
        segments: list[list[tuple[str, str]]] = [[] for _ in devices]
        for name, different in self.own.items():
            rest, values = np.divmod(rest, different)
            for pairs, value in zip(segments, values, strict=True):
                pairs.append((name, f"{name}-{value:02d}"))
        return pa.table(
            {
                "stream": per_device([f"stream-{i:06d}" for i in devices]),
                "model": pa.repeat(MODEL, each * len(devices)),
                "version": per_device([f"1.{p % self.versions}" for p in place]),
                "device": per_device([f"cam-{i:06d}" for i in devices]),
                "device_type": per_device([f"type-{p // self.versions % self.types:02d}" for p in place]),
                "region": per_device([f"region-{p // self.versions // self.types:02d}" for p in place]),
                "segment": per_device(
                    [pairs or None for pairs in segments], pa.map_(pa.string(), pa.string())
                ),
                "tier": pa.repeat("device_edge", each * len(devices)),
                "firmware": pa.repeat("1.8", each * len(devices)),
                "binning": pa.repeat(self.reference.binning.id, each * len(devices)),
                "feature": per_point([*names]),
                "kind": per_point([*kinds]),
                "category": per_point(categories),
                "counts": pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(counted)),
            }
        )
