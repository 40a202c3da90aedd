"""Where a value lies in a reference. Pure."""

import math

from driftline_schemas.binning import FeatureBinning, category_text
from driftline_schemas.reference import Reference

from driftline_collector.answers.cases import FeatureSeen

Value = float | str | bool | None


def place(name: str, value: Value, reference: Reference | None) -> FeatureSeen:
    """A feature's value with its bin, that bin's share of the reference, and the percentile of a number.

    The percentile is that of the middle of the bin's rows: a bin does not tell how they lie within it.
    """
    feature = reference.binning.get(name) if reference else None
    if reference is None or feature is None:
        return FeatureSeen(name=name, value=value)
    at = _bin(feature, value)
    if at is None:
        return FeatureSeen(name=name, value=value)
    counts = reference.counts[name]
    present = reference.rows - counts[-1]
    percentile = None
    if feature.kind == "numeric" and at < len(counts) - 1 and present:
        percentile = 100 * (sum(counts[:at]) + counts[at] / 2) / present
    return FeatureSeen(
        name=name,
        value=value,
        percentile=percentile,
        bin=feature.bin_names[at],
        reference_share=counts[at] / reference.rows,
    )


def _bin(feature: FeatureBinning, value: Value) -> int | None:
    """The place of a value's bin; None for a text where numbers are counted."""
    if feature.kind == "categorical":
        text = category_text(value)
        return feature.size - 1 if text is None else feature.index(text)
    if isinstance(value, str):
        return None
    number = math.nan if value is None else float(value)
    return int(feature.count([number]).argmax())
