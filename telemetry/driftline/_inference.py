"""One inference from its start to its end: a span, a latency, a prediction, perhaps an escalation."""

import os
import random
import re
import time
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any

from driftline_schemas.attributes import PREDICTION_HEADER

from driftline._handle import Context, Handle, uuid7

if TYPE_CHECKING:
    from driftline._monitor import Monitor

#: W3C Trace Context, level 1, section 3.2: version, trace id, parent id, flags; later versions may go on.
_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
#: Why an inference is escalated, where the caller does not say.
LOW_SCORE = "low_score"
REQUESTED = "requested"


class Inference:
    """What `Monitor.inference` gives: use it in `with`, and tell it the answer by `predict`.

    An inference that is not told an answer is no prediction; where it was traced, its span is sent all the same.
    """

    def __init__(
        self, monitor: "Monitor", values: tuple[Any, ...], headers: Mapping[str, str] | None
    ) -> None:
        self._monitor = monitor
        self._values = values
        self._context = context = Context()
        self._label: Any = None
        self._score: Any = None
        self._value: Any = None
        self._duration: float | None = None
        self._id: str | None = None
        self._handle: Handle | None = None
        self._predicted = False
        context.start_ns = monitor._clock.time_ns()
        self._began = time.perf_counter_ns()
        parent = parse_traceparent(_header(headers, "traceparent"))
        context.span_id = os.urandom(8)
        if parent is None:
            context.trace_id = os.urandom(16)
            context.traced = random.random() < monitor._settings.trace_sample_rate
        else:
            context.trace_id, context.parent_span_id, context.traced = parent
            context.remote = True
        context.parent_id = _header(headers, PREDICTION_HEADER)

    def __enter__(self) -> "Inference":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        context = self._context
        context.duration_ns = time.perf_counter_ns() - self._began
        if error is not None:
            context.error = type(error).__name__
        self._handle = self._monitor._finish(self)

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
        """Tell the model's answer. The prediction's duration ends here; that of the span at the end of `with`."""
        self._duration = (time.perf_counter_ns() - self._began) / 1e9
        self._label, self._score, self._value = label, score, value
        self._predicted = True

    def should_escalate(self) -> bool:
        """Whether the score is below the monitor's `escalate_below`. If so, the trace is sent in any case."""
        threshold = self._monitor._settings.escalate_below
        try:
            low = threshold is not None and self._score is not None and bool(self._score < threshold)
        except Exception as error:
            self._monitor._failed(error, "metrics")
            return False
        if low:
            self._mark(LOW_SCORE)
        return low

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
        """What to send along to the next tier: W3C `traceparent`, and the id of this prediction."""
        context = self._context
        flags = "01" if context.traced else "00"
        return {
            "traceparent": f"00-{context.trace_id.hex()}-{context.span_id.hex()}-{flags}",
            PREDICTION_HEADER: self.id,
        }

    def _mark(self, reason: str) -> None:
        self._context.escalation_reason = reason
        self._context.traced = True


def parse_traceparent(value: str | None) -> tuple[bytes, bytes, bool] | None:
    """Trace id, parent's span id and whether it is sampled; `None` for what W3C calls invalid."""
    match = _TRACEPARENT.fullmatch(value.strip()) if value else None
    if match is None or match[1] == "ff" or (match[1] == "00" and match[5]):
        return None
    trace, span = bytes.fromhex(match[2]), bytes.fromhex(match[3])
    if not any(trace) or not any(span):
        return None
    return trace, span, bool(int(match[4], 16) & 1)


def _header(headers: Mapping[str, str] | None, name: str) -> str | None:
    """A header, whatever its case. A mapping that is no mapping, or bytes in it, is the caller's business."""
    for key, value in (headers or {}).items():
        if isinstance(key, str) and key.lower() == name and isinstance(value, str):
            return value or None
    return None
