"""One inference from its start to its end: a span, a latency, a prediction, perhaps an escalation."""

import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from driftline_schemas.attributes import PREDICTION_HEADER

from driftline._handle import LOW_SCORE, Context, Handle, uuid7
from driftline._w3c import (
    TRACEPARENT,
    TRACESTATE,
    Pairs,
    header,
    parse_traceparent,
    traceparent,
    tracestate,
)

#: Why an inference is escalated that has no low score, where the caller does not say.
REQUESTED = "requested"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model said, and after how many seconds."""

    label: Any
    score: Any
    value: Any
    duration: float


class Inference:
    """What `Monitor.inference` gives: use it in `with`, and tell it the answer by `predict`.

    An inference that is not told an answer and does not escalate is no prediction; its span is sent all the
    same if it is traced.
    """

    def __init__(
        self,
        carried: Pairs,
        *,
        start_ns: int,
        trace_sample_rate: float,
        escalate_below: float | None,
        finish: Callable[[Context, Answer | None], Handle | None],
    ) -> None:
        self._began = time.perf_counter_ns()
        self._escalate_below = escalate_below
        self._finish = finish
        self._answer: Answer | None = None
        self._id: str | None = None
        self._handle: Handle | None = None
        self._context = context = Context(header(carried, PREDICTION_HEADER))
        context.start_ns = start_ns
        context.span_id = os.urandom(8)
        parent = parse_traceparent(header(carried, TRACEPARENT))
        if parent is None:
            context.trace_id = os.urandom(16)
            # Only how often matters, so a generator that could be guessed will do.
            context.traced = random.random() < trace_sample_rate  # noqa: S311
        else:
            context.trace_id, context.parent_span_id, context.traced = parent
            context.remote = True
            context.tracestate = tracestate(carried)

    def __enter__(self) -> "Inference":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        context = self._context
        context.duration_ns = time.perf_counter_ns() - self._began
        if error is not None:
            context.error = type(error).__name__
        if self._answer is None and context.escalation_reason is not None:
            # Another tier answered, or was to: a prediction of this device, without a label of its own.
            self._answer = Answer(None, None, None, context.duration_ns / 1e9)
        self._handle = self._finish(context, self._answer)
        if self._handle is not None and self._id is not None:
            self._handle.named(self._id)

    @property
    def id(self) -> str:
        """The prediction's id. Keep it to tell the truth later (`Monitor.ground_truth`)."""
        if self._handle is not None:
            return self._handle.id
        if self._id is None:
            self._id = uuid7(self._context.start_ns)
        return self._id

    @property
    def trace_id(self) -> str:
        """The trace's id, 32 hex digits."""
        return self._context.trace_id.hex()

    def predict(self, label: Any = None, *, score: float | None = None, value: float | None = None) -> None:
        """Tell the model's answer. The prediction's duration ends here, the span's at the end of `with`."""
        self._answer = Answer(label, score, value, (time.perf_counter_ns() - self._began) / 1e9)

    def should_escalate(self) -> bool:
        """Whether the score is below the monitor's `escalate_below`. If so, the trace is sent in any case."""
        score = self._answer.score if self._answer else None
        if self._escalate_below is None or not _below(score, self._escalate_below):
            return False
        self._mark(LOW_SCORE)
        return True

    def escalate(self, reason: str) -> None:
        """Ask the next tier for a reason of your own (the model failed, the answer is to be refined, only the
        cloud can classify). Call it before `headers`, so that the trace is sent in any case."""
        self._mark(reason)

    def escalated(
        self,
        label: Any = None,
        *,
        score: float | None = None,
        value: float | None = None,
        reason: str | None = None,
    ) -> None:
        """Tell what the next tier answered, and why it was asked if not for a low score."""
        self._mark(reason or self._context.escalation_reason or REQUESTED)
        self._context.escalation_label = value if label is None else label
        self._context.escalation_score = score

    def headers(self) -> dict[str, str]:
        """What to send along to the next tier: W3C `traceparent`, `tracestate` if there is one, and the id of
        this prediction. As HTTP headers; as pairs (`list(….items())`) gRPC's metadata and MQTT 5's user
        properties, whose names are lower case, too."""
        context = self._context
        sent = {TRACEPARENT: traceparent(context.trace_id, context.span_id, sampled=context.traced)}
        if context.tracestate:
            sent[TRACESTATE] = context.tracestate
        return sent | {PREDICTION_HEADER: self.id}

    def _mark(self, reason: str) -> None:
        self._context.escalation_reason = str(reason)
        self._context.traced = True


def _below(score: Any, threshold: float) -> bool:
    try:
        return bool(float(score) < threshold)
    except (TypeError, ValueError):
        return False
