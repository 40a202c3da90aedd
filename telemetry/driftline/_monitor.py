"""Monitor: the user's object, the hot path, and the boundary that no error crosses."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt
from driftline_schemas.reference import Reference

from driftline._boundary import Boundary
from driftline._breaker import Limits
from driftline._clock import Clock
from driftline._drain import Drain
from driftline._handle import Batch, Context, FullHandle, Handle
from driftline._inference import Answer, Inference
from driftline._intake import Deployment, Failure, Intake, Truth
from driftline._layout import Layout, answers
from driftline._privacy import Privacy
from driftline._runtime import Runtime
from driftline._settings import Device, gather
from driftline._w3c import Carrier, Pairs, pairs

if TYPE_CHECKING:
    from driftline._engine import Transport

Column = Sequence[Any] | npt.NDArray[Any]


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
        sync_interval: float = 1.0,
        sample_rate: float = 0.01,
        trace_sample_rate: float | None = None,
        escalate_below: float | None = None,
        escalated_sample_rate: float = 1.0,
        privacy: Privacy | None = None,
        limits: Limits | None = None,
        drain: Drain | None = None,
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
        sync_interval: seconds of records that a power cut may take, at most; 0: none, as `record` returns
            when it is on the disk.
        sample_rate: how likely a prediction is sent whole.
        trace_sample_rate: how likely an inference is traced; as `sample_rate` unless given.
        escalate_below: the score below which `Inference.should_escalate` says yes.
        escalated_sample_rate: how likely a prediction that escalates is sent whole.
        privacy: which features may leave the device.
        limits: shares of CPU, memory and disk beyond which this does nothing but count; see `Limits`.
        drain: how fast, and in which order, what gathered in an outage goes up; see `Drain`.
        spool_dir: else DRIFTLINE_SPOOL_DIR, else ~/.local/state/driftline.
        max_spool_bytes: what may wait on the disk; beyond it the least important and oldest goes.
        max_buffer: rows that may wait in memory for the worker.
        recent: predictions kept for a late `ground_truth`, of those whose id was asked for.
        strict: raise mistakes; `None` is: under pytest.
        clock: time, for tests: a `driftline.testing.Clock`.
        """
        given = locals()  # all but the clock is for the settings to check
        self._settings = gather(**{name: given[name] for name in given if name not in ("self", "clock")})
        clock = clock or Clock()
        self._time_ns = clock.time_ns
        settle = self._settle if self._settings.sync_interval == 0 else None
        self._intake = Intake(max_buffer, recent, settle)
        self._recent = self._intake.recent
        self._boundary = Boundary(self._intake.drops, strict=self._settings.strict)
        binning = self._settings.reference.binning if self._settings.reference else None
        names = [feature.name for feature in binning.inputs] if binning else []
        self._layout = Layout(names, self._settings.privacy, self._intake.drops)
        self._runtime = Runtime(self._settings, self._intake, self._layout, clock, self._transport())

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
        except Exception:  # noqa: BLE001 - whatever is wrong with them, `_read` finds out at leisure
            values = self._read(features)
        now, recent = self._time_ns(), self._recent
        if value is None and duration is None and parent_id is None:
            handle = Handle(now, values, label, score, recent)
        else:
            context = None if parent_id is None else Context(parent_id)
            handle = FullHandle(
                now, values, label, score, recent, value=value, duration=duration, context=context
            )
        intake = self._intake
        if len(intake.rows) < intake.attention or self._admit():
            intake.cells[0] = next(intake.steps)
            intake.rows.append(handle)
        return handle

    def record_batch(
        self,
        features: Mapping[str, Column] | npt.NDArray[Any],
        labels: Column | None = None,
        scores: Column | None = None,
        *,
        values: Column | None = None,
        durations: Column | None = None,
        names: Sequence[str] | None = None,
    ) -> Batch | None:
        """Count many predictions at once.

        `features`: an array of shape (rows, features) in the reference's order or that of `names`, or a
        mapping of name → column. It is copied. `batch[i]` of what this returns is the handle of row i;
        `None` where the arguments did not fit.
        """
        with self._boundary:
            columns, rows = self._layout.columns(features, names)
            batch = Batch(
                np.full(rows, self._time_ns(), dtype=np.int64),
                columns,
                labels=answers("labels", labels, rows),
                scores=answers("scores", scores, rows),
                values=answers("values", values, rows),
                durations=answers("durations", durations, rows),
                recent=self._recent,
            )
            if rows and self._runtime.is_open(rows):
                self._runtime.count(rows)
                self._intake.put(batch)
            return batch
        return None

    def inference(
        self, features: Mapping[str, Any] | None = None, *, headers: Carrier | None = None
    ) -> Inference:
        """A span, its latency and its prediction: `with monitor.inference(features) as inference: …`.

        `headers` are those of the request that asked, where one did: HTTP's as a mapping, or gRPC's metadata
        or MQTT 5's user properties as pairs. Its trace goes on (W3C `traceparent`, `tracestate`), and the
        prediction that it escalates is named as parent.
        """
        values = self._read(features) if features else ()
        carried: Pairs = []
        with self._boundary:
            carried = pairs(headers)

        def finish(context: Context, answer: Answer | None) -> Handle | None:
            return self._told(values, context, answer)

        return Inference(
            carried,
            start_ns=self._time_ns(),
            trace_sample_rate=self._settings.trace_sample_rate,
            escalate_below=self._settings.escalate_below,
            finish=finish,
        )

    def _told(self, values: tuple[Any, ...], context: Context, answer: Answer | None) -> Handle | None:
        """An inference ended: with an answer it is a prediction, without one only a span."""
        with self._boundary:
            if answer is None:
                if context.traced and self._runtime.is_open():
                    self._intake.put(Failure(context))
                return None
            handle = FullHandle(
                self._time_ns(),
                values,
                answer.label,
                answer.score,
                self._recent,
                value=answer.value,
                duration=answer.duration,
                context=context,
            )
            intake = self._intake
            if len(intake.rows) < intake.attention or self._admit():
                intake.cells[0] = next(intake.steps)
                intake.rows.append(handle)
            return handle
        return None

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
        with self._boundary:
            if not prediction_id or type(prediction_id) is not str:
                raise TypeError(f"prediction_id is {prediction_id!r}; expected the id of a handle")
            if label is None and value is None:
                raise ValueError("ground truth needs a label or a value")
            if probability is not None and not 0 < probability <= 1:
                raise ValueError(f"probability is {probability!r}; expected a number in (0, 1]")
            if self._runtime.is_open():
                handle = self._recent.find(prediction_id)
                now = self._time_ns()
                self._intake.put(Truth(prediction_id, now, label, value, source, probability, handle))

    def deployed(self, kind: str, from_: str, to: str) -> None:
        """Announce that something on this device changed: `kind` is model, firmware, or what you call it."""
        with self._boundary:
            if self._runtime.is_open():
                self._intake.put(Deployment(self._time_ns(), str(kind), str(from_), str(to)))

    @property
    def dropped(self) -> int:
        """How many records and values could not be kept since the start, for whatever reason."""
        return self._intake.drops.total

    def flush(self, timeout: float = 5.0) -> bool:
        """Close the open window and send all that was told so far; whether the collector has it in time."""
        with self._boundary:
            return self._runtime.flush(timeout)
        return False

    def close(self, timeout: float = 5.0) -> bool:
        """End the stream and send; whether the collector has all of it. What it has not stays in the spool,
        for the next Monitor of this model on this device. Another call does nothing."""
        with self._boundary:
            return self._runtime.close(timeout)
        return False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _transport(self) -> "Transport | None":
        """What sends; `None` is HTTP. The seam that `driftline.testing` uses."""
        return None

    def _read(self, features: Mapping[str, Any]) -> tuple[Any, ...]:
        with self._boundary:
            return self._layout.reread(features)
        return ()

    def _settle(self) -> None:
        with self._boundary:
            self._runtime.settle()

    def _admit(self) -> bool:
        with self._boundary:
            return self._runtime.admit()
        return False
