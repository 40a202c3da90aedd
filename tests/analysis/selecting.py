"""Cameras that count nothing and send chosen predictions: rows of `predictions` in a real store."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from driftline_collector.receiver.predictions import feature_sets
from driftline_collector.store.base import Store
from driftline_schemas.binning import LABEL, RESERVED, SCORE

from tests.analysis.fleet import Camera, Values, window

Floats = npt.NDArray[np.float64]


def send(
    store: Store,
    camera: Camera,
    number: int,
    values: Values,
    probability: Floats | None,
    *,
    reasons: Sequence[str] | None = ("random",),
    **columns: Any,
) -> None:
    """Send all of these predictions, as of a window, with the probability of each; `None`: it is not told."""
    names = [name for name in values if name not in RESERVED]
    types = ["text" if values[name].dtype.kind in "UO" else "number" for name in names]
    (told,) = feature_sets([(names, types)]).to_pylist()
    size = len(next(iter(values.values())))
    start, end = window(number)
    rows = [
        {
            **{key: value for key, value in camera.dimensions().items() if key != "stream"},
            "id": f"{camera.name}-{number}-{camera.version}-{i}",
            "time_ns": start + i * (end - start) // size,
            "probability": None if probability is None else float(probability[i]),
            "reasons": None if reasons is None else list(reasons),
            "feature_set": told["id"],
            "numbers": [float(values[n][i]) for n, t in zip(names, types, strict=True) if t == "number"],
            "texts": [str(values[n][i]) for n, t in zip(names, types, strict=True) if t == "text"],
            "label": str(values[LABEL][i]) if LABEL in values else None,
            "score": float(values[SCORE][i]) if SCORE in values else None,
            **columns,
        }
        for i in range(size)
    ]
    schema = _ROWS.append(pa.field("received_ns", pa.int64())) if "received_ns" in columns else _ROWS
    store.submit({"predictions": pa.Table.from_pylist(rows, schema=schema)}).result(30)
    store.submit({"feature_sets": pa.Table.from_pylist([told])}).result(30)


def unsure_first(values: Values, rng: np.random.Generator, audit: float = 0.1) -> tuple[Values, Floats]:
    """All that has a low score, and an even share of the rest: what is sent, with its probability."""
    pi = np.where(values[SCORE] < 0.75, 1.0, audit)
    sent = rng.random(len(pi)) < pi
    return {name: column[sent] for name, column in values.items()}, pi[sent]


_ROWS = pa.schema(
    [
        *(
            (name, pa.string())
            for name in ("id", "parent_id", "stream", "model", "version", "device", "device_type")
        ),
        *((name, pa.string()) for name in ("region", "tier", "label")),
        ("time_ns", pa.int64()),
        *((name, pa.float64()) for name in ("score", "probability")),
        ("reasons", pa.list_(pa.string())),
        ("feature_set", pa.int64()),
        ("numbers", pa.list_(pa.float64())),
        ("texts", pa.list_(pa.string())),
    ]
)
