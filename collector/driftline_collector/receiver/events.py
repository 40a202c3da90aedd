"""Ground truth, deployments and stream events → rows. Few, next to predictions."""

import numpy as np
import pyarrow as pa
from driftline_schemas import attributes as names
from opentelemetry.proto.common.v1.common_pb2 import ArrayValue

from driftline_collector.receiver.columns import LARGEST_COUNT, Attributes, Mask, first_of, map_distinct
from driftline_collector.receiver.predictions import bad_probability

_COUNTS = (
    names.STREAM_LAST_LOG,
    names.STREAM_LAST_SPAN,
    names.STREAM_PREDICTIONS_MADE,
    names.STREAM_PREDICTIONS_PROFILED,
    names.STREAM_PREDICTIONS_RESERVED,
)


def label_columns(own: Attributes) -> dict[str, pa.Array]:
    """The columns of `labels`."""
    return {
        "prediction_id": own.text(names.PREDICTION_ID),
        "label": own.label(names.GROUND_TRUTH_LABEL),
        "value": own.number(names.GROUND_TRUTH_VALUE),
        "source": own.text(names.GROUND_TRUTH_SOURCE),
        "probability": own.number(names.GROUND_TRUTH_PROBABILITY),
        "sample_probability": own.number(names.SAMPLE_PROBABILITY),
    }


def label_refusals(own: Attributes) -> dict[str, Mask]:
    """Which labels cannot be taken, by reason."""
    nothing = ~own.has(names.GROUND_TRUTH_LABEL) & ~own.has(names.GROUND_TRUTH_VALUE)
    return {
        f"no {names.PREDICTION_ID}": np.asarray(own.text(names.PREDICTION_ID).is_null()),
        f"neither {names.GROUND_TRUTH_LABEL} nor {names.GROUND_TRUTH_VALUE}": nothing,
        f"{names.GROUND_TRUTH_PROBABILITY} is not in (0, 1]": bad_probability(
            own, names.GROUND_TRUTH_PROBABILITY
        ),
        f"{names.SAMPLE_PROBABILITY} is not in (0, 1]": bad_probability(own, names.SAMPLE_PROBABILITY),
    }


def deployment_columns(own: Attributes) -> dict[str, pa.Array]:
    """The columns of `deployments`."""
    return {
        "kind": own.text(names.DEPLOYMENT_KIND),
        "from_version": own.text(names.DEPLOYMENT_FROM),
        "to_version": own.text(names.DEPLOYMENT_TO),
    }


def deployment_refusals(own: Attributes) -> dict[str, Mask]:
    """Which deployments cannot be taken, by reason."""
    return {f"no {names.DEPLOYMENT_KIND}": np.asarray(own.text(names.DEPLOYMENT_KIND).is_null())}


def stream_columns(own: Attributes, speaker: pa.Array) -> dict[str, pa.Array]:
    """The columns of `stream_events`; `speaker` is the stream that sends, even of one that is closed."""
    numbers = pa.list_(pa.int64())
    return {
        "stream": first_of((own.text(names.STREAM_CLOSED_ID), speaker)),
        "phase": own.text(names.STREAM_PHASE),
        "last_log": own.integer(names.STREAM_LAST_LOG),
        "last_span": own.integer(names.STREAM_LAST_SPAN),
        "last_window_end": own.integer(names.STREAM_LAST_WINDOW_END),
        "made": own.integer(names.STREAM_PREDICTIONS_MADE),
        "profiled": own.integer(names.STREAM_PREDICTIONS_PROFILED),
        "reserved": own.integer(names.STREAM_PREDICTIONS_RESERVED),
        "tombstones_logs": map_distinct(own.nested(names.STREAM_TOMBSTONES_LOGS), _integers, numbers),
        "tombstones_spans": map_distinct(own.nested(names.STREAM_TOMBSTONES_SPANS), _integers, numbers),
    }


def stream_refusals(own: Attributes, speaker: pa.Array) -> dict[str, Mask]:
    """Which stream events cannot be taken, by reason."""
    phase = np.asarray(own.text(names.STREAM_PHASE).to_numpy(zero_copy_only=False))
    closed = phase == "closed"
    unnamed = np.where(
        closed, np.asarray(own.text(names.STREAM_CLOSED_ID).is_null()), np.asarray(speaker.is_null())
    )
    return {
        f"{names.STREAM_PHASE} is not one of {', '.join(names.STREAM_PHASES)}": ~np.isin(
            phase, names.STREAM_PHASES
        ),
        f"no {names.STREAM_ID}, or no {names.STREAM_CLOSED_ID} where the phase is closed": unnamed,
        **{f"{key} is not in 0..2^48": _out_of_range(own, key) for key in _COUNTS},
        **{
            f"{key} are not pairs of first and last in 1..2^48, in order": _no_intervals(own, key)
            for key in (names.STREAM_TOMBSTONES_LOGS, names.STREAM_TOMBSTONES_SPANS)
        },
    }


def _out_of_range(own: Attributes, key: str) -> Mask:
    number = np.asarray(own.integer(key).fill_null(0))
    return (number < 0) | (number > LARGEST_COUNT)


def _no_intervals(own: Attributes, key: str) -> Mask:
    def wrong(encoded: bytes) -> bool:
        numbers = _integers(encoded)
        pairs = zip(numbers[::2], numbers[1::2], strict=False)
        return len(numbers) % 2 == 1 or not all(0 < first <= last <= LARGEST_COUNT for first, last in pairs)

    return np.asarray(map_distinct(own.nested(key), wrong, pa.bool_()).fill_null(False))


def _integers(encoded: bytes) -> list[int]:
    return [item.int_value for item in ArrayValue.FromString(encoded).values]
