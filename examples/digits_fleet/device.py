"""A device: takes a picture, reads the digit, asks the cloud when unsure, and tells its monitor."""

from __future__ import annotations

import threading
import time
from collections import deque
from pathlib import Path

import driftline
import numpy as np

from examples.digits_fleet.camera import Frames, take_frames
from examples.digits_fleet.cloud_client import CloudClient
from examples.digits_fleet.counters import Counters
from examples.digits_fleet.features import named, summarise
from examples.digits_fleet.models import ESCALATION_THRESHOLD, PREPROCESSING, EdgeModel, Pool
from examples.digits_fleet.plan import CLOSE_TIMEOUT, MODEL, DeviceSpec, ProcessPlan

LABELLED_SHARE = 0.1
_LABEL_DELAY = (3.0, 8.0)  # seconds until somebody has looked at a picture
_SHOTS_AHEAD = 32


class Device:
    """Runs in a thread of its own until ``stop`` is set.

    ``degraded`` and ``wanted_version`` are the world's doing.
    """

    def __init__(self, spec: DeviceSpec, plan: ProcessPlan) -> None:
        folder = Path(plan.folder)
        self.spec = spec
        self.degraded = False
        self.wanted_version = spec.version
        self.stop = threading.Event()
        self._plan = plan
        self._rng = np.random.default_rng([plan.seed, spec.row])
        self._pool = Pool.load(folder / "pool.npz")
        self._counters = Counters(folder / "counters.bin")
        self._cloud = CloudClient(plan.cloud)
        self._shots: deque[tuple[Frames, str, str]] = deque()  # frame (1, 8, 8), true label, exposure
        self._shot_degraded = False
        self._labels_due: deque[tuple[float, str, str]] = deque()  # when, prediction id, true label
        self._deploy(spec.version)

    def _deploy(self, version: str) -> None:
        """Load a model version and open its monitor."""
        folder = Path(self._plan.folder)
        self._version = version
        self._model = EdgeModel.load(folder / f"edge-{version}.npz")
        self._preprocess = PREPROCESSING[version]
        self._monitor = driftline.Monitor(
            model=MODEL,
            version=version,
            device=driftline.Device(id=self.spec.id, type=self.spec.type, region=self.spec.region),
            tier="device_edge",
            reference=folder / f"digits-{version}.reference.json",
            endpoint=self.spec.endpoint,
            window=self._plan.window,
            flush_interval=2.5,
            sample_rate=0.02,
            escalate_below=ESCALATION_THRESHOLD,
            spool_dir=folder / "spool",
        )

    def run(self) -> None:
        """Predict at the plan's rate, a little out of step with the other devices."""
        period = 1 / self._plan.rate
        due = time.monotonic() + self._rng.uniform(0, period)
        while not self.stop.wait(max(0.0, due - time.monotonic())):
            if self._version != self.wanted_version:
                before = self._version
                self._monitor.close()
                self._deploy(self.wanted_version)
                self._monitor.deployed("model", before, self._version)
            self._predict()
            self._send_labels(until=time.monotonic())
            due = max(due + period, time.monotonic() - 1)  # after a stall it catches up on a second at most
        self._send_labels(until=float("inf"))
        self._monitor.close(timeout=CLOSE_TIMEOUT)
        self._cloud.close()

    def _predict(self) -> None:
        frame, truth, exposure = self._next_shot()
        self._counters.begin(self.spec.row)
        inputs = self._preprocess(frame)
        with self._monitor.inference(named(summarise(inputs)[0], exposure)) as inference:
            labels, scores = self._model.predict(inputs)
            inference.predict(str(labels[0]), score=float(scores[0]))
            if inference.should_escalate():
                answer = self._cloud.ask(frame, inference.headers())
                if answer is not None:  # without the cloud the device stands by its own answer
                    inference.escalated(label=answer.label, score=answer.score)
        self._counters.done(self.spec.row)
        if self._rng.random() < LABELLED_SHARE:
            when = time.monotonic() + self._rng.uniform(*_LABEL_DELAY)
            self._labels_due.append((when, inference.id, truth))

    def _next_shot(self) -> tuple[Frames, str, str]:
        if not self._shots or self._shot_degraded != self.degraded:
            self._shot_degraded = self.degraded
            images, labels = self._pool.draw(_SHOTS_AHEAD, self._rng)
            frames, exposures = take_frames(images, self._rng, degraded=self._shot_degraded)
            self._shots = deque(
                (frames[i : i + 1], str(labels[i]), str(exposures[i])) for i in range(_SHOTS_AHEAD)
            )
        return self._shots.popleft()

    def _send_labels(self, until: float) -> None:
        """Tell what people found, for the predictions whose turn has come (at the head, nearly in order)."""
        while self._labels_due and self._labels_due[0][0] <= until:
            _, prediction_id, truth = self._labels_due.popleft()
            self._monitor.ground_truth(prediction_id, label=truth, source="human", probability=LABELLED_SHARE)
