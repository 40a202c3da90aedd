"""Monitor: the user's object, the hot path, and the boundary that no error crosses."""

import atexit
import logging
import os
import sqlite3
import threading
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from driftline_schemas.reference import Reference

from driftline import _settings as checked
from driftline._clock import Clock
from driftline._errors import ConfigurationError
from driftline._handle import Batch, Context, Handle
from driftline._inference import Inference
from driftline._intake import Deployment, Failure, Intake, Truth
from driftline._layout import Layout
from driftline._privacy import Privacy
from driftline._settings import Device, Settings

if TYPE_CHECKING:
    from driftline._engine import Engine

log = logging.getLogger("driftline")

#: What is left to the uplink when the interpreter ends; the rest is the next process's.
EXIT_TIMEOUT = 2.0


class Monitor:
    """Tells a collector what a model saw, what it answered, how sure it was and how long it took.

    Made once, beside the model; safe to use from any thread. After construction it raises nothing (under
    pytest it does, so that mistakes show in your tests; `strict` says otherwise): what cannot be kept is
    counted by reason and reported as `driftline.sdk.dropped`.
    """

    def __init__(
        self,
        *,
        model: str,
        version: str,
        device: Device,
        tier: str = "device_edge",
        reference: Reference | str | Path | None = None,
        segment: Mapping[str, str] | None = None,
        endpoint: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 10.0,
        window: float = 60.0,
        flush_interval: float = 1.0,
        sample_rate: float = 0.01,
        trace_sample_rate: float | None = None,
        escalate_below: float | None = None,
        escalated_sample_rate: float = 1.0,
        privacy: Privacy | None = None,
        spool_dir: str | Path | None = None,
        max_spool_bytes: int = 64 * 1024 * 1024,
        max_buffer: int = 65_536,
        recent: int = 10_000,
        strict: bool | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Check the arguments, take a spool and start. Raises ConfigurationError, and only here.

        model, version: of the model that predicts.
        device: who and where; see `Device`.
        tier: client_edge, device_edge, network_edge, regional_cloud or cloud.
        reference: what was normal, for binning: a `Reference` or its file.
        segment: dimensions of your own, few and bounded.
        endpoint: the collector; else OTEL_EXPORTER_OTLP_ENDPOINT, else http://localhost:4318.
        headers: sent with each request, over OTEL_EXPORTER_OTLP_HEADERS.
        timeout: seconds that one request may take.
        window: seconds between profiles; windows are aligned to UTC.
        flush_interval: seconds from `record` to the spool, at most.
        sample_rate: how likely a prediction is sent whole.
        trace_sample_rate: how likely an inference is traced; as `sample_rate` unless given.
        escalate_below: the score below which `Inference.should_escalate` says yes.
        escalated_sample_rate: how likely a prediction that escalates is sent whole.
        privacy: which features may leave the device.
        spool_dir: else DRIFTLINE_SPOOL_DIR, else ~/.local/state/driftline.
        max_spool_bytes: what may wait on the disk; beyond it the least important and oldest goes.
        max_buffer: rows that may wait in memory for the worker.
        recent: predictions kept for a late `ground_truth`, of those whose id was asked for.
        strict: raise mistakes; `None` is: under pytest.
        clock: time, for tests.
        """
        if not isinstance(device, Device):
            raise ConfigurationError(
                f"device is {device!r}; expected driftline.Device(id=…, type=…, region=…)"
            )
        model, version = checked.text("model", model), checked.text("version", version)
        rate = checked.number("sample_rate", sample_rate, low=0, high=1)
        self._clock = clock or Clock()
        self._settings = Settings(
            model=model,
            version=version,
            device=device,
            tier=checked.tier(tier),
            segment=checked.segment(segment),
            reference=checked.load_reference(reference, model, version),
            privacy=privacy or Privacy(),
            endpoint=checked.endpoint(endpoint),
            headers=checked.headers(headers),
            certificate=checked.certificate(),
            timeout=checked.number("timeout", timeout, low=0.001, high=600, unit=" seconds"),
            window_ns=round(checked.number("window", window, low=0.1, high=86_400, unit=" seconds") * 1e9),
            flush_interval=checked.number(
                "flush_interval", flush_interval, low=0.01, high=3600, unit=" seconds"
            ),
            sample_rate=rate,
            trace_sample_rate=rate
            if trace_sample_rate is None
            else checked.number("trace_sample_rate", trace_sample_rate, low=0, high=1),
            escalate_below=None
            if escalate_below is None
            else checked.number("escalate_below", escalate_below, low=-1e308, high=1e308),
            escalated_sample_rate=checked.number(
                "escalated_sample_rate", escalated_sample_rate, low=0, high=1
            ),
            spool_dir=checked.spool_dir(spool_dir, model, device.id),
            spool_dir_given=spool_dir is not None,
            max_spool_bytes=int(checked.number("max_spool_bytes", max_spool_bytes, low=65_536, high=2**50)),
            max_buffer=int(checked.number("max_buffer", max_buffer, low=1, high=2**30, unit=" rows")),
            recent=int(checked.number("recent", recent, low=0, high=2**30)),
            resource=checked.resource(model, version),
            strict=checked.strict(strict),
        )
        self._intake = Intake(self._settings.max_buffer, self._settings.recent)
        binning = self._settings.reference.binning if self._settings.reference else None
        names = [feature.name for feature in binning.inputs] if binning else []
        self._layout = Layout(names, self._settings.privacy, self._intake.drops)
        self._lock = threading.Lock()
        self._closed = False
        self._engine: Engine | None = self._start()
        self._attach()
        _monitors.add(self)

    # -- the hot path -----------------------------------------------------------------------------

    def record(
        self,
        features: Mapping[str, Any],
        label: Any = None,
        score: float | None = None,
        *,
        value: float | None = None,
        duration: float | None = None,
        parent_id: str | None = None,
    ) -> Handle:
        """Count a prediction: what the model saw (name → number, text, bool or None) and answered.

        The values are read before this returns. `label` for a classification, `value` for a regression;
        `duration` in seconds; `parent_id` is the prediction at a lower tier that this one answers.
        """
        try:
            read, width = self._layout.fast
            values = read(features)
            if len(features) != width:
                values = self._layout.reread(features)
        except Exception:
            values = self._reread(features)
        context = None if parent_id is None else Context(parent_id)
        handle = Handle(self._time_ns(), values, label, score, value, duration, context, self._recent)
        rows = self._rows
        if len(rows) < self._intake.attention or self._admit():
            self._cells[0] = next(self._steps)
            self._rows.append(handle)
        return handle

    def _reread(self, features: Any) -> tuple[Any, ...]:
        try:
            return self._layout.reread(features)
        except Exception as error:
            self._failed(error, "metrics")
            return ()

    def _admit(self) -> bool:
        """The buffer is filling up, or this is a forked child's first row, or the monitor is closed."""
        if self._engine is None and not self._revive():
            return False
        if self._intake.admit():
            return True
        self._cells[0] = next(self._steps)  # made, though not kept: so that the loss is announced
        return False

    # -- all else ---------------------------------------------------------------------------------

    def record_batch(
        self,
        features: Any,
        labels: Sequence[Any] | np.ndarray | None = None,
        scores: Sequence[Any] | np.ndarray | None = None,
        *,
        values: Sequence[Any] | np.ndarray | None = None,
        durations: Sequence[Any] | np.ndarray | None = None,
        names: Sequence[str] | None = None,
    ) -> Batch | None:
        """Count many predictions at once.

        `features`: an array of shape (rows, features) in the reference's order or that of `names`, or a mapping
        of name → column. It is copied. `batch[i]` of what this returns is the handle of row i; `None` where
        the arguments did not fit.
        """
        try:
            columns, rows = self._layout.columns(features, names)
            answers = [_answers(column, rows) for column in (labels, scores, values, durations)]
            times = np.full(rows, self._time_ns(), dtype=np.int64)
            batch = Batch(times, columns, *answers, rows, self._recent)
            if rows and self._open():
                with self._lock:
                    self._cells[1] += rows
                self._intake.put(batch)
            return batch
        except Exception as error:
            self._failed(error, "metrics")
            return None

    def inference(
        self, features: Mapping[str, Any] | None = None, *, headers: Mapping[str, str] | None = None
    ) -> Inference:
        """A span, its latency and its prediction: `with monitor.inference(features) as inference: …`.

        `headers` are those of the request that asked, where one did: its trace goes on (W3C `traceparent`),
        and the prediction that it escalates is named as parent.
        """
        try:
            values = self._layout.reread(features) if features else ()
        except Exception as error:
            self._failed(error, "metrics")
            values = ()
        return Inference(self, values, headers)

    def _finish(self, inference: Inference) -> Handle | None:
        try:
            return self._told(inference)
        except Exception as error:
            self._failed(error, "metrics")
            return None

    def _told(self, inference: Inference) -> Handle | None:
        context = inference._context
        if not inference._predicted:
            if context.traced and self._open():
                self._intake.put(Failure(context))
            return None
        handle = Handle(
            self._time_ns(),
            inference._values,
            inference._label,
            inference._score,
            inference._value,
            inference._duration,
            context,
            self._recent,
        )
        if inference._id is not None:
            self._recent.remember(inference._id, handle)
        if len(self._rows) < self._intake.attention or self._admit():
            self._cells[0] = next(self._steps)
            self._rows.append(handle)
        return handle

    def ground_truth(
        self,
        prediction_id: str,
        label: Any = None,
        *,
        value: float | None = None,
        source: str | None = None,
        probability: float | None = None,
    ) -> None:
        """Tell what the right answer was: at once, or months later.

        `source`: who says so. `probability`: how likely it was that this prediction would be labelled, given
        that it was sent, in (0, 1]; leave it out where that is not known.
        """
        try:
            if not isinstance(prediction_id, str) or not prediction_id:
                raise TypeError(f"prediction_id is {prediction_id!r}; expected the id of a handle")
            if label is None and value is None:
                raise ValueError("ground truth needs a label or a value")
            if probability is not None and not 0 < probability <= 1:
                raise ValueError(f"probability is {probability!r}; expected a number in (0, 1]")
            if self._open():
                handle = self._recent.find(prediction_id)
                now = self._time_ns()
                self._intake.put(Truth(prediction_id, now, label, value, source, probability, handle))
        except Exception as error:
            self._failed(error, "logs")

    def deployed(self, kind: str, from_: str, to: str) -> None:
        """Announce that something on this device changed: `kind` is model, firmware, or what you call it."""
        try:
            if self._open():
                self._intake.put(Deployment(self._time_ns(), str(kind), str(from_), str(to)))
        except Exception as error:
            self._failed(error, "logs")

    @property
    def dropped(self) -> int:
        """How many records and values could not be kept since the start, for whatever reason."""
        return self._intake.drops.total

    def flush(self, timeout: float = 5.0) -> bool:
        """Close the open window and send all that was told so far; whether the collector has it in time."""
        try:
            return self._engine is not None and self._engine.flush(timeout)
        except Exception as error:
            self._failed(error, "logs")
            return False

    def close(self, timeout: float = 5.0) -> bool:
        """End the stream and send; whether the collector has all of it. What it has not stays in the spool,
        for the next Monitor of this model on this device. Another call does nothing."""
        try:
            with self._lock:
                engine, self._engine, self._closed = self._engine, None, True
                self._detach()
            return engine is None or engine.close(timeout)
        except Exception as error:
            self._failed(error, "logs")
            return False

    def __enter__(self) -> "Monitor":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- behind it --------------------------------------------------------------------------------

    def _failed(self, error: Exception, signal: str) -> None:
        """The boundary: count, log the first of its kind, and raise only where that was asked for."""
        if self._settings.strict:
            raise error
        self._intake.drops.add("invalid", signal, detail=f"({error})")

    def _start(self) -> "Engine":
        from driftline._engine import Engine

        try:
            return Engine(self._settings, self._intake, self._layout, self._clock)
        except (OSError, sqlite3.Error) as error:
            if self._settings.spool_dir_given:
                raise ConfigurationError(
                    f"spool_dir {str(self._settings.spool_dir)!r} cannot be used: {error}; "
                    "give a directory that this process may write to"
                ) from error
            log.warning("driftline spools in memory, %s cannot be used: %s", self._settings.spool_dir, error)
            return Engine(self._settings, self._intake, self._layout, self._clock, in_memory=True)

    def _attach(self) -> None:
        """Take up what the hot path needs, in as few look-ups as can be."""
        assert self._engine is not None
        self._rows = self._intake.rows
        self._recent = self._intake.recent
        self._cells: Any = self._engine.counter.cells
        self._steps = self._engine.counter.steps
        self._time_ns = self._clock.time_ns
        self._intake.open()

    def _detach(self) -> None:
        """Let go of the counter's file: from now on each row comes by `_admit`."""
        self._intake.attention = 0
        self._cells = [0, 0]

    def _open(self) -> bool:
        return self._engine is not None or self._revive()

    def _revive(self) -> bool:
        """In a forked child, start at its first row; a closed monitor stays closed, and counts."""
        with self._lock:
            if self._engine is None and not self._closed:
                try:
                    self._engine = self._start()
                    self._attach()
                except Exception as error:
                    self._closed = True
                    log.warning("driftline cannot start in this process", exc_info=error)
        if self._engine is None:
            self._intake.drops.add("closed", "metrics")
            return False
        return True

    def _after_fork(self) -> None:
        """A child has neither threads nor a right to its parent's spool: a stream of its own, when it records."""
        engine, self._engine = self._engine, None
        self._lock = threading.Lock()
        self._intake.after_fork()
        self._rows = self._intake.rows
        self._layout.after_fork()
        self._detach()
        if engine is not None:
            engine.abandon()


def _answers(column: Any, rows: int) -> Any:
    if column is None:
        return None
    if len(column) != rows:
        raise ValueError(f"{len(column)} answers for {rows} rows")
    return column.copy() if isinstance(column, np.ndarray) else list(column)


_monitors: "weakref.WeakSet[Monitor]" = weakref.WeakSet()


def _close_all() -> None:
    for monitor in list(_monitors):
        monitor.close(EXIT_TIMEOUT)


def _after_fork_in_child() -> None:
    for monitor in list(_monitors):
        monitor._after_fork()


atexit.register(_close_all)
os.register_at_fork(after_in_child=_after_fork_in_child)
