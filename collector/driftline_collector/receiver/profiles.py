"""`driftline.profile.*` points → rows of `profiles`: counts of one window of one stream."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from driftline_schemas import attributes as names
from driftline_schemas.binning import DURATION, LABEL, SCORE, VALUE

from driftline_collector.receiver import json_text
from driftline_collector.receiver.columns import LARGEST_COUNT, Index, Mask, constant, counts
from driftline_collector.receiver.dimensions import Sources
from driftline_collector.receiver.points import DELTA, Points

#: Binning id and feature → the edges that the store holds for them; None where it holds none.
Edges = Callable[[str, str], Sequence[float] | None]

#: Metric → the feature it speaks of (None: the one that an attribute names), the kind of row, and the
#: attribute that tells what is counted.
_HISTOGRAMS = {
    names.PROFILE_FEATURE: None,
    names.PROFILE_SCORE: SCORE,
    names.PROFILE_VALUE: VALUE,
    names.PROFILE_DURATION: DURATION,
    names.PROFILE_BINS: None,
}
_SUMS: dict[str, tuple[str | None, str, str | None]] = {
    names.PROFILE_CATEGORY: (None, "category", names.FEATURE_CATEGORY),
    names.PROFILE_MISSING: (None, "missing", None),
    names.PROFILE_PREDICTIONS: (LABEL, "predictions", names.LABEL),
    names.PROFILE_ESCALATIONS: (LABEL, "escalations", names.ESCALATION_REASON),
}
_LARGEST = pa.scalar(LARGEST_COUNT, pa.uint64())


def rows(points: Points, sources: Sources, edges: Edges) -> tuple[pa.Table, dict[str, Mask]]:
    """The rows of these points, and which points are refused, by reason."""
    content, refused = _content(points, edges)
    feature = content["feature"]
    refused[f"no {names.FEATURE_NAME}"] = np.asarray(feature.is_null())
    refused["cumulative temporality; send delta"] = points.temporality != DELTA
    refused["no start time; set start_time_unix_nano to the window's start"] = points.start_ns == 0
    refused["an end before its start"] = points.start_ns > points.time_ns
    columns = content | sources.dimensions(points.resource, points.own)
    columns |= {
        # A clock of milliseconds may begin and end in the same one, as JavaScript's does.
        "start_ns": pa.array(np.minimum(points.start_ns, points.time_ns - 1)),
        "end_ns": pa.array(points.time_ns),
        "stream": sources.optional(names.STREAM_ID, points.resource),
        "firmware": sources.optional(names.FIRMWARE_VERSION, points.resource),
        "segment": sources.segment(points.resource),
        "binning": points.own.text(names.BINNING_ID),
    }
    return pa.table(columns), refused


def _content(points: Points, edges: Edges) -> tuple[dict[str, pa.Array], dict[str, Mask]]:
    """feature, kind, category, counts, bounds and exponential."""
    if points.kind == "sum":
        return _sums(points)
    if points.kind == "histogram":
        return _histograms(points, edges)
    if points.kind == "exponential_histogram":
        return _exponential(points)
    wrong = np.ones(len(points), np.bool_)
    content = _nothing(len(points)) | {"feature": constant(LABEL, len(points), pa.string())}
    return content, {f"a {points.kind}; send a sum or a histogram": wrong}


def _sums(points: Points) -> tuple[dict[str, pa.Array], dict[str, Mask]]:
    size = len(points)
    feature, kind, category = (np.full(size, None, object) for _ in range(3))
    told = np.asarray(points.own.text(names.FEATURE_NAME).to_numpy(zero_copy_only=False))
    known = np.zeros(size, np.bool_)
    for metric, (fixed, row_kind, attribute) in _SUMS.items():
        mask = np.asarray(pc.equal(points.name, metric))
        if mask.any():
            known |= mask
            feature[mask] = told[mask] if fixed is None else fixed
            kind[mask] = row_kind
            if attribute is not None:
                category[mask] = points.own.label(attribute).to_numpy(zero_copy_only=False)[mask]
    value = np.asarray(points.value().fill_null(np.nan))
    countable = (value >= 0) & (value <= LARGEST_COUNT)
    whole = np.where(countable, value, 0).astype(np.int64)
    content = _nothing(size) | {
        "feature": pa.array(np.where(known, feature, LABEL), pa.string()),
        "kind": pa.array(kind, pa.string()),
        "category": pa.array(category, pa.string()),
        "counts": pa.ListArray.from_arrays(pa.array(np.arange(size + 1, dtype=np.int32)), pa.array(whole)),
    }
    unnamed = np.isin(kind, ["category"]) & np.asarray(content["category"].is_null())
    return content, {
        "a name that is no profile's sum": ~known,
        "a count that is negative, too large or missing": ~countable,
        f"no {names.FEATURE_CATEGORY}": unnamed,
    }


def _histograms(points: Points, edges: Edges) -> tuple[dict[str, pa.Array], dict[str, Mask]]:
    buckets = points.points.field("bucket_counts")
    # ptars gives lists without nulls a type of their own, which would not concatenate with what is NULL here.
    bounds = points.points.field("explicit_bounds").cast(pa.list_(pa.float64()))
    feature, known = _feature(points)
    large = _too_large(buckets)
    filled = np.diff(np.asarray(buckets.offsets))
    content = _nothing(len(points)) | {
        "feature": feature,
        "kind": constant("numeric", len(points), pa.string()),
        "counts": _whole(buckets),
        "bounds": _unless_registered(bounds, points.own.text(names.BINNING_ID), feature, edges),
    }
    return content, {
        "a name that is no profile's histogram": ~known,
        "bucket counts that are not one more than the bounds": filled
        != np.diff(np.asarray(bounds.offsets)) + 1,
        "a count that is too large": large,
    }


def _exponential(points: Points) -> tuple[dict[str, pa.Array], dict[str, Mask]]:
    """Histograms as they are, but those of bins by number as counts without bounds."""
    feature, known = _feature(points)
    by_number = np.asarray(pc.equal(points.name, names.PROFILE_BINS))
    others = ~by_number
    text, large = pa.nulls(len(points), pa.string()), np.zeros(len(points), np.bool_)
    if others.any():
        made, large[others] = _as_json(points.points.filter(pa.array(others)))
        text = made.take(pa.array(np.cumsum(others) - 1, mask=by_number))
    content = _nothing(len(points)) | {
        "feature": feature,
        "kind": constant("numeric", len(points), pa.string()),
        "exponential": text,
    }
    refused = {"a name that is no profile's histogram": ~known, "a count that is too large": large}
    if by_number.any():
        content["counts"], wrong = _bins(points, by_number)
        refused |= wrong
    return content, refused


def _bins(points: Points, chosen: Mask) -> tuple[pa.ListArray, dict[str, Mask]]:
    """The counts of the chosen points; nothing of the others."""
    data, positive = points.points, points.points.field("positive")
    buckets = positive.field("bucket_counts")
    lengths = np.diff(np.asarray(buckets.offsets))
    changed = np.asarray(pc.not_equal(data.field("scale"), 0)) | np.asarray(
        pc.not_equal(positive.field("offset"), 0)
    )
    refused = {
        f"no {names.BINNING_ID}": chosen & np.asarray(points.own.text(names.BINNING_ID).is_null()),
        "bins whose scale or offset is not 0: they were changed on their way": chosen & changed,
        "bins without counts": chosen & (lengths == 0),
        "a bin's count that is too large": chosen & _too_large(buckets),
    }
    offsets = np.concatenate([[0], np.cumsum(np.where(chosen, lengths, 0))]).astype(np.int32)
    own = buckets.flatten().filter(pa.array(np.repeat(chosen, lengths)))
    return pa.ListArray.from_arrays(pa.array(offsets), own.cast(pa.int64(), safe=False)), refused


def _as_json(data: pa.StructArray) -> tuple[pa.Array, Mask]:
    """Exponential histograms as text, and which have a count that is too large."""
    fields = {name: data.field(name).cast(pa.string()) for name in ("scale", "zero_count")}
    fields["zero_threshold"] = json_text.doubles(data.field("zero_threshold"))
    large = np.asarray(pc.greater(data.field("zero_count"), _LARGEST))
    for side in ("positive", "negative"):
        buckets = data.field(side)
        large = large | _too_large(buckets.field("bucket_counts"))
        fields[side] = json_text.record(
            {
                "offset": buckets.field("offset").cast(pa.string()),
                "counts": json_text.lists(buckets.field("bucket_counts")),
            }
        )
    return json_text.record(fields), large


def _nothing(size: int) -> dict[str, pa.Array]:
    empty = pa.ListArray.from_arrays(pa.array(np.zeros(size + 1, np.int32)), pa.array([], pa.int64()))
    return {
        "feature": pa.nulls(size, pa.string()),
        "kind": pa.nulls(size, pa.string()),
        "category": pa.nulls(size, pa.string()),
        "counts": empty,
        "bounds": pa.nulls(size, pa.list_(pa.float64())),
        "exponential": pa.nulls(size, pa.string()),
    }


def _feature(points: Points) -> tuple[pa.Array, Mask]:
    """The feature that each histogram speaks of, and whether its metric is one of ours."""
    feature = points.own.text(names.FEATURE_NAME)
    known = np.zeros(len(points), np.bool_)
    for metric, fixed in _HISTOGRAMS.items():
        mask = pc.equal(points.name, metric)
        known |= np.asarray(mask)
        if fixed is not None:
            feature = pc.if_else(mask, fixed, feature)
    return pc.if_else(pa.array(known), feature, LABEL), known


def _too_large(buckets: pa.ListArray) -> Mask:
    lengths = np.diff(np.asarray(buckets.offsets))
    large = np.asarray(pc.greater(buckets.flatten(), _LARGEST))
    return counts(np.repeat(np.arange(len(buckets)), lengths)[large], len(buckets)) > 0


def _whole(buckets: pa.ListArray) -> pa.ListArray:
    """Counts as BIGINT; those too large belong to points that are refused."""
    first = buckets.offsets[0].as_py() if len(buckets.offsets) else 0
    offsets = pc.subtract(buckets.offsets, pa.scalar(first, pa.int32()))
    return pa.ListArray.from_arrays(offsets, buckets.flatten().cast(pa.int64(), safe=False))


def _unless_registered(bounds: pa.ListArray, binning: pa.Array, feature: pa.Array, edges: Edges) -> pa.Array:
    """The bounds, null where they are the registered edges of the point's binning and feature."""
    pairs = pc.binary_join_element_wise(binning, feature, "\0").dictionary_encode()
    code = np.asarray(pairs.indices.fill_null(-1))
    registered = np.zeros(len(bounds), np.bool_)
    for number, pair in enumerate(pairs.dictionary.to_pylist()):
        expected = edges(*pair.split("\0", 1))
        if expected is not None:
            at = np.flatnonzero(code == number)
            registered[at] = _all_equal(bounds.take(pa.array(at)), np.asarray(expected, np.float64))
    return (
        pc.if_else(pa.array(registered), pa.scalar(None, bounds.type), bounds) if registered.any() else bounds
    )


def _all_equal(lists: pa.ListArray, expected: npt.NDArray[np.float64]) -> bool:
    """Whether each of the lists is `expected`."""
    lengths: Index = np.diff(np.asarray(lists.offsets))
    values = np.asarray(lists.flatten())
    return bool((lengths == len(expected)).all() and (values.reshape(len(lists), -1) == expected).all())
