"""A small fleet whose profiles go into a real store: what verdicts and the scheduler are tried on."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from driftline_collector.analysis.evaluate import Policy, evaluate
from driftline_collector.analysis.evaluation import Evaluation, WindowResult
from driftline_collector.analysis.windows import Window
from driftline_collector.store.base import Store
from driftline_schemas.binning import LABEL, SCORE, Binning
from driftline_schemas.reference import Reference

SECOND = 10**9
#: Windows of these tests; a moment that they align to.
WIDTH = 5 * SECOND
START = 1_767_225_600 * SECOND
MODEL = "digits"
REFERENCE_ROWS = 20_000
LABELS = tuple("0123456789")
#: The segment of all.
FLEET = f"model={MODEL},version=*,device_type=*,region=*"

Values = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Camera:
    """A device. Its stream is its own, unless another one is named."""

    name: str
    version: str = "2.0.0"
    device_type: str = "camera-a"
    region: str = "eu"
    tier: str = "device_edge"
    stream: str = ""
    segment: tuple[tuple[str, str], ...] = ()

    def dimensions(self) -> dict[str, str]:
        return {
            "stream": self.stream or f"{self.name}-{self.version}",
            "model": MODEL,
            "version": self.version,
            "device": self.name,
            "device_type": self.device_type,
            "region": self.region,
            "tier": self.tier,
        }


CAMERAS = tuple(Camera(f"cam-{i}") for i in range(4))


def fleet(each: int = 2) -> list[Camera]:
    """Three types in three regions on two versions, `each` devices of a kind: 36 by default."""
    kinds = product(("eu", "us", "ap"), ("camera-a", "camera-b", "camera-c"), ("1.9.0", "2.0.0"), range(each))
    return [
        Camera(f"cam-{i:02d}", version, kind, region) for i, (region, kind, version, _) in enumerate(kinds)
    ]


def window(number: int) -> tuple[int, int]:
    """[start, end) in ns."""
    return START + number * WIDTH, START + (number + 1) * WIDTH


def healthy(rows: int, rng: np.random.Generator, features: int = 12) -> dict[str, npt.NDArray[Any]]:
    """What a model sees and answers: correlated numbers, one category, a label and a score."""
    common = rng.normal(size=rows)
    values: dict[str, npt.NDArray[Any]] = {
        f"x{i:02d}": 0.5 * common + 0.9 * rng.normal(size=rows) for i in range(features - 1)
    }
    values["light"] = rng.choice(["day", "dusk", "night"], size=rows, p=[0.6, 0.3, 0.1])
    values[LABEL] = rng.choice(LABELS, size=rows)
    values[SCORE] = rng.beta(8, 2, size=rows)
    return values


def shifted(
    values: Values, by: float, features: Sequence[str] = ("x00", "x01", "x02")
) -> dict[str, npt.NDArray[Any]]:
    """Some features moved by so many standard deviations."""
    return {name: column + by if name in features else column for name, column in values.items()}


def reference(rng: np.random.Generator, version: str = "2.0.0", binning: Binning | None = None) -> Reference:
    values = healthy(REFERENCE_ROWS, rng)
    features = {name: column for name, column in values.items() if name not in (LABEL, SCORE)}
    return Reference.from_data(
        features,
        labels=values[LABEL],
        scores=values[SCORE],
        model=MODEL,
        version=version,
        binning=binning,
    )


@dataclass
class Feed:
    """Writes profiles of one binning into a store, as the receiver does."""

    store: Store
    binning: Binning | None
    now_ns: int = START
    rows: list[dict[str, Any]] = field(default_factory=list)

    def window(
        self, camera: Camera, number: int, values: Values, *, escalated: int = 0, until: float = 1.0
    ) -> None:
        """One window of one device; `until` cuts it early."""
        start, end = window(number)
        self.add(camera, start, start + int((end - start) * until), values, escalated=escalated)

    def add(self, camera: Camera, start_ns: int, end_ns: int, values: Values, *, escalated: int = 0) -> None:
        common: dict[str, Any] = {**camera.dimensions(), "start_ns": start_ns, "end_ns": end_ns}
        common["segment"] = list(camera.segment) or None
        binning = self.binning
        made = len(next(iter(values.values()), ()))
        if binning is None or not made:
            self.point(common, LABEL, "predictions", [made])
        else:
            common["binning"] = binning.id
            for feature in binning.features:
                counts = feature.count(values[feature.name])
                if feature.kind == "numeric":
                    self.point(common, feature.name, "numeric", counts[:-1].tolist())
                kind = "predictions" if feature.name == LABEL else "category"
                names = (*feature.categories, "__other__") if feature.kind == "categorical" else ()
                for name, count in zip(names, counts.tolist(), strict=False):
                    if count:
                        self.point(common, feature.name, kind, [count], name)
                if counts[-1]:
                    self.point(common, feature.name, "missing", [int(counts[-1])])
        if escalated:
            self.point(common, LABEL, "escalations", [escalated], "unsure")

    def point(
        self,
        common: Mapping[str, Any],
        feature: str,
        kind: str,
        counts: list[int],
        category: str | None = None,
    ) -> None:
        self.rows.append({**common, "feature": feature, "kind": kind, "category": category, "counts": counts})

    def commit(self) -> None:
        """Make what was fed durable, as received at `now_ns`."""
        self.now_ns += 1
        table = pa.Table.from_pylist(
            [{**row, "received_ns": self.now_ns} for row in self.rows], schema=PROFILES
        )
        self.rows = []
        self.store.submit({"profiles": table}).result(30)


PROFILES = pa.schema(
    [
        ("received_ns", pa.int64()),
        ("start_ns", pa.int64()),
        ("end_ns", pa.int64()),
        *(
            (name, pa.string())
            for name in ("stream", "model", "version", "device", "device_type", "region", "tier")
        ),
        ("segment", pa.map_(pa.string(), pa.string())),
        ("binning", pa.string()),
        ("feature", pa.string()),
        ("kind", pa.string()),
        ("category", pa.string()),
        ("counts", pa.list_(pa.int64())),
    ]
)


def register(store: Store, *references: Reference) -> None:
    """Make references known, as `driftline reference register` does."""
    rows = [
        {
            "id": f"reference-{r.version}",
            "registered_ns": START,
            "model": r.model,
            "version": r.version,
            "binning": r.binning.id,
            "rows": r.rows,
            "document": json.dumps(r.to_json()),
        }
        for r in references
    ]
    store.submit({"model_references": pa.Table.from_pylist(rows)}).result(30)


def say_goodbye(store: Store, camera: Camera, at_ns: int) -> None:
    """The device's stream ends."""
    row = {**camera.dimensions(), "time_ns": at_ns, "phase": "end"}
    store.submit({"stream_events": pa.Table.from_pylist([row])}).result(30)


def on(camera: Camera, version: str) -> Camera:
    """The device after a roll-out."""
    return replace(camera, version=version)


def feed_all(
    feed: Feed,
    rows: int,
    change: Callable[[dict[str, Any]], Values] = dict,
    cameras: Sequence[Camera] = CAMERAS,
) -> None:
    """So many rows of each camera in the first window, `change`d from healthy ones."""
    rng = np.random.default_rng(5)
    for camera in cameras:
        feed.window(camera, 0, change(healthy(rows, rng)))
    feed.commit()


def judge(store: Store, number: int = 0, **policy: Any) -> WindowResult:
    """What the collector says of a window when it closes."""
    judged = Window(*window(number))
    return evaluate(store, MODEL, judged, Policy(**policy), now_ns=judged.end_ns)


def drift_of(result: WindowResult, segment: str = FLEET, feature: str | None = None) -> Evaluation:
    """What is said of a segment's drift, as a whole or in one feature."""
    (found,) = (
        e for e in result.evaluations if (e.segment, e.feature, e.measure) == (segment, feature, "drift")
    )
    return found


def verdict(result: WindowResult, segment: str = FLEET, feature: str | None = None) -> str | None:
    return drift_of(result, segment, feature).verdict


def reason(result: WindowResult, segment: str = FLEET) -> str:
    return drift_of(result, segment).reason or ""
