"""What is sent of single predictions: samples, ground truth, spans."""

import math
from typing import Any

from driftline_schemas import attributes as a
from driftline_schemas.binning import category_text
from driftline_schemas.records import GroundTruth, Prediction

from driftline._columns import MAX_TEXT
from driftline._encode import Escalation, Path
from driftline._frame import Frame
from driftline._handle import Context, Handle
from driftline._intake import Failure, Truth
from driftline._layout import Layout
from driftline._outbox import Outbox
from driftline._profile import Profiler
from driftline._sampling import GROUND_TRUTH, Chosen
from driftline._settings import Settings
from driftline._turns import give_way


class Messages:
    """Handles → records, into the outbox. All methods are the worker's."""

    def __init__(self, settings: Settings, layout: Layout, profiler: Profiler, outbox: Outbox) -> None:
        self._settings = settings
        self._layout = layout
        self._profiler = profiler
        self._outbox = outbox

    def sample(self, frame: Frame, chosen: Chosen) -> None:
        """Send the chosen rows of a frame, and the spans of those that are traced."""
        for i, row in enumerate(chosen.rows.tolist()):
            handle = frame.handle(row)
            if not handle.was_sent:
                self._send(handle, float(chosen.probability[i]), chosen.reasons(i))
                give_way()
        if frame.contexts is not None:
            for row, context in enumerate(frame.contexts):
                if context is not None and context.traced:
                    self._trace(frame.handle(row), context)

    def ground_truth(self, truth: Truth) -> None:
        """Send what the right answer was, and the prediction with it if that was not sent."""
        handle = truth.handle
        if handle is not None and not handle.was_sent:
            self._send(handle, None, (GROUND_TRUTH,))
        self._outbox.event(
            GroundTruth(
                prediction_id=truth.prediction_id,
                time_ns=truth.time_ns,
                label=_text(truth.label),
                value=_number(truth.value),
                source=truth.source,
                probability=truth.probability,
                # The pair of prediction and label arrives whatever sampling did.
                sample_probability=None if handle is None else 1.0,
            )
        )

    def failure(self, failure: Failure) -> None:
        """Send the span of an inference that came to no answer."""
        self._outbox.path(self._path(failure.context, {}))

    def _send(self, handle: Handle, probability: float | None, reasons: tuple[str, ...]) -> None:
        context = handle.context
        handle.sent = True
        self._outbox.prediction(
            Prediction(
                id=handle.id,
                time_ns=handle.time_ns,
                features=self._features(handle),
                label=_text(handle.label),
                value=_number(handle.value),
                score=_number(handle.score),
                duration=_number(handle.duration),
                parent_id=context.parent_id if context else None,
                probability=probability,
                reasons=reasons,
                trace_id=context.trace_id if context else b"",
                span_id=context.span_id if context else b"",
            ),
            _escalation(context),
        )

    def _features(self, handle: Handle) -> dict[str, float | str]:
        """Numbers as numbers, categories as they are spelled on the wire; what is missing is left out."""
        names, values = self._layout.names, handle.values
        if self._profiler.all_numeric(names):
            if set(map(type, values)) == {float} and math.isfinite(sum(values)):
                return dict(zip(names, values, strict=False))  # the most common by far, in C
            numbers = zip(names, map(_number, values), strict=False)
            return {name: number for name, number in numbers if number is not None}
        found: dict[str, float | str] = {}
        for name, value in zip(names, values, strict=False):
            sent = _number(value) if self._profiler.kind(name, (value,)) == "numeric" else _text(value)
            if sent is not None:
                found[name] = sent
        return found

    def _trace(self, handle: Handle, context: Context) -> None:
        values: dict[str, Any] = {
            a.PREDICTION_ID: handle.id,
            a.PREDICTION_LABEL: _text(handle.label),
            a.PREDICTION_VALUE: _number(handle.value),
            a.PREDICTION_SCORE: _number(handle.score),
            a.PREDICTION_PARENT_ID: context.parent_id,
        }
        if (escalation := _escalation(context)) is not None:
            values[a.ESCALATION_REASON] = escalation.reason
            values[a.ESCALATION_LABEL] = escalation.label
            values[a.ESCALATION_SCORE] = escalation.score
        self._outbox.path(self._path(context, values))

    def _path(self, context: Context, values: dict[str, Any]) -> Path:
        settings = self._settings
        return Path(
            trace_id=context.trace_id,
            span_id=context.span_id,
            parent_span_id=context.parent_span_id,
            remote=context.remote,
            start_ns=context.start_ns,
            end_ns=context.start_ns + context.duration_ns,
            attributes={
                **values,
                a.TIER: settings.tier,
                a.MODEL_NAME: settings.model,
                a.MODEL_VERSION: settings.version,
            },
            error=context.error,
            tracestate=context.tracestate,
        )


def _escalation(context: Context | None) -> Escalation | None:
    if context is None or context.escalation_reason is None:
        return None
    return Escalation(
        context.escalation_reason, _text(context.escalation_label), _number(context.escalation_score)
    )


def _text(value: Any) -> str | None:
    text = category_text(value.item() if hasattr(value, "item") else value)
    return None if text is None else text[:MAX_TEXT]


def _number(value: Any) -> float | None:
    if type(value) is float:
        return value if math.isfinite(value) else None
    if value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
