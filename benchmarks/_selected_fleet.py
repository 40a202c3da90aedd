"""A fleet that counts nothing and sends selected predictions, each with its probability: for `false_alarms`.

Each device sends an even share of what it predicts, `AUDIT`, and more of what is interesting: under the
policy `uncertain` all that has a low score, under `novel` half of what lies far out, under `mixed` both.
Which these are goes with the features: what is sent looks nothing like what was predicted.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from driftline_collector.receiver.predictions import feature_sets
from driftline_schemas.reference import Reference

from benchmarks._simulated_fleet import HOUR, MODEL, START

POLICIES = ("uncertain", "novel", "mixed")
#: The share of all predictions that is sent whatever they are.
AUDIT = 0.02
_UNSURE, _FAR, _OF_THE_FAR = 0.55, 2.6, 0.5
_REFERENCE_ROWS = 50_000
_VERSION = "1.0"

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class SelectedFleet:
    """`devices` in each cell of types x regions; each makes `rows` predictions an hour.

    `correlation` is that of two rows of one device, `shift` that of the first feature of the first cell,
    in standard deviations.
    """

    policy: str
    types: int = 5
    regions: int = 12
    devices: int = 2
    rows: int = 3000
    features: int = 4
    correlation: float = 0.0
    shift: float = 0.0
    seed: int

    @property
    def cells(self) -> int:
        """How many there are."""
        return self.types * self.regions

    @cached_property
    def reference(self) -> Reference:
        """What the model saw and answered, all of it."""
        values = np.random.default_rng((self.seed, 1)).normal(size=(_REFERENCE_ROWS, self.features))
        columns = {name: values[:, i] for i, name in enumerate(self._names)}
        labels, scores = _answers(values)
        return Reference.from_data(
            columns, labels=labels.tolist(), scores=scores, model=MODEL, version=_VERSION
        )

    @property
    def _names(self) -> Sequence[str]:
        return [f"x{i:02d}" for i in range(self.features)]

    def references(self) -> pa.Table:
        """A row of `model_references`."""
        row = {
            "id": MODEL,
            "registered_ns": START,
            "model": MODEL,
            "version": _VERSION,
            "binning": self.reference.binning.id,
            "rows": self.reference.rows,
            "document": json.dumps(self.reference.to_json()),
        }
        return pa.Table.from_pylist([row])

    def hour(self, hour: int) -> dict[str, pa.Table]:
        """What devices send of an hour: rows of `predictions` and `feature_sets`."""
        rng = np.random.default_rng((self.seed, 2, hour))
        devices = self.cells * self.devices
        bright = np.random.default_rng((self.seed, 3)).normal(size=(devices, self.features))
        owner, kept, probability = [], [], []
        for device in range(devices):  # one by one, or a million rows lie in memory
            rows = rng.normal(size=(self.rows, self.features)) * np.sqrt(1 - self.correlation)
            rows += bright[device] * np.sqrt(self.correlation)
            if device < self.devices:
                rows[:, 0] += self.shift
            pi = self._probability(rows)
            sent = rng.random(len(rows)) < pi
            owner.append(np.full(int(sent.sum()), device))
            kept.append(rows[sent])
            probability.append(pi[sent])
        values = np.concatenate(kept)
        return self._tables(np.concatenate(owner), values, np.concatenate(probability), hour)

    def _probability(self, values: Floats) -> Floats:
        """With which probability each prediction is sent, (rows,)."""
        pi = np.full(len(values), AUDIT)
        if self.policy in ("uncertain", "mixed"):
            pi = np.maximum(pi, _answers(values)[1] < _UNSURE)
        if self.policy in ("novel", "mixed"):
            pi = np.maximum(pi, np.where(_far(values), _OF_THE_FAR, 0.0))
        return pi

    def _tables(
        self, owner: npt.NDArray[np.int64], values: Floats, probability: Floats, hour: int
    ) -> dict[str, pa.Table]:
        size = len(owner)
        labels, scores = _answers(values)
        sets = feature_sets([(list(self._names), ["number"] * self.features)])
        kinds = [f"type-{i // self.devices % self.types:02d}" for i in range(self.cells * self.devices)]
        regions = [f"region-{i // self.devices // self.types:02d}" for i in range(self.cells * self.devices)]
        reasons = np.array(["random", "selected"], dtype=object)[(probability > AUDIT).astype(np.int64)]
        at = pa.array(owner)
        return {
            "feature_sets": sets,
            "predictions": pa.table(
                {
                    "time_ns": pa.array(START + hour * HOUR + np.arange(size)),
                    "id": pa.array([f"{self.seed}-{hour}-{i}" for i in range(size)]),
                    "model": pa.repeat(MODEL, size),
                    "version": pa.repeat(_VERSION, size),
                    "device": pa.array([f"device-{i:05d}" for i in range(len(kinds))]).take(at),
                    "device_type": pa.array(kinds).take(at),
                    "region": pa.array(regions).take(at),
                    "tier": pa.repeat("device_edge", size),
                    "label": pa.array(labels.tolist()),
                    "score": pa.array(scores),
                    "probability": pa.array(probability),
                    "reasons": pa.ListArray.from_arrays(
                        pa.array(np.arange(size + 1), pa.int32()), pa.array(reasons.tolist())
                    ),
                    "feature_set": pa.repeat(sets.column("id")[0].as_py(), size),
                    "numbers": pa.ListArray.from_arrays(
                        pa.array(np.arange(size + 1) * self.features, pa.int32()), pa.array(values.ravel())
                    ),
                }
            ),
        }


def _answers(values: Floats) -> tuple[npt.NDArray[np.str_], Floats]:
    """Labels and scores: what lies near the border of two classes is unsure."""
    distance = np.abs(values[:, 0] + 0.5 * values[:, 1] - 0.6)
    labels = np.where(values[:, 0] + 0.5 * values[:, 1] > 0.6, "defect", "fine")
    return labels, 0.5 + 0.5 * (1 - np.exp(-distance))


def _far(values: Floats) -> Flags:
    return np.asarray((values**2).sum(-1) > _FAR**2)
