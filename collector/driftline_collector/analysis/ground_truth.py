"""Predictions whose truth is known, with the weights that undo how they were chosen."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

NO_SAMPLE_PROBABILITY = (
    "sampled predictions without the probability they were chosen with: no unbiased share can be computed;"
    " set driftline.sample.probability"
)
MIXED_LABEL_PROBABILITY = (
    "some labels tell how likely they were to be given and some do not: they cannot be weighted against each"
    " other; set driftline.ground_truth.probability on all or on none"
)
ASSUMED_RANDOM = (
    "labels do not tell how likely they were to be given: taken as a random choice of what was sent"
)


@dataclass(frozen=True, slots=True)
class Chosen:
    """Rows, and how they were chosen. `weights`, (rows,), are 1/π, NaN where π is not known."""

    hits: Flags
    weights: Floats
    label_told: Flags


def labelled_pairs(rows: pa.Table) -> Chosen:
    """Whether each row of `Store.labelled` was right, and its weight.

    π = P(labelled | sent) · P(sent), where a label that brought its prediction along says itself how likely
    that was (`label_sample_probability`). Rows without a label on both sides must have been taken out.
    """
    sent = pc.coalesce(rows.column("label_sample_probability"), rows.column("probability"))
    told = _numbers(rows, "label_probability")
    probability = np.asarray(sent.cast(pa.float64()).to_numpy()) * np.where(np.isnan(told), 1.0, told)
    hits = np.asarray(pc.equal(rows.column("label"), rows.column("true_label")))
    return Chosen(hits, _weights(probability), ~np.isnan(told))


def answered_pairs(rows: pa.Table) -> Chosen:
    """Whether edge and cloud gave the same label in each row of `Store.escalated`, and its weight."""
    hits = np.asarray(pc.equal(rows.column("label"), rows.column("cloud_label")))
    return Chosen(hits, _weights(_numbers(rows, "probability")), np.ones(rows.num_rows, dtype=np.bool_))


def refusal(weights: Floats, label_told: Flags) -> str | None:
    """Why no number can be given for these rows, `None` where one can."""
    if np.isnan(weights).any():
        return NO_SAMPLE_PROBABILITY
    if label_told.any() and not label_told.all():
        return MIXED_LABEL_PROBABILITY
    return None


def _weights(probability: Floats) -> Floats:
    known = (probability > 0) & (probability <= 1)
    weights = np.full(len(probability), np.nan)
    weights[known] = 1 / probability[known]
    return weights


def _numbers(rows: pa.Table, column: str) -> Floats:
    return np.asarray(rows.column(column).cast(pa.float64()).to_numpy(), dtype=np.float64)
