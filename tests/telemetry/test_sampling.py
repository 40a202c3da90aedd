"""Each sample says with what probability it was chosen, and was."""

import math

import driftline
import numpy as np
import pytest
from driftline._frame import of_handles
from driftline._handle import Context, FullHandle, Handle, Recent
from driftline._sampling import Sampler
from driftline.testing import MemoryMonitor

ROWS = 40_000


def within(count: int, rows: int, rate: float) -> bool:
    """Whether a count is within five standard errors of what a rate makes one expect."""
    return abs(count - rows * rate) <= 5 * math.sqrt(rows * rate * (1 - rate)) + 1e-9


@pytest.mark.parametrize("rate", [0.0, 0.01, 0.3, 1.0])
def test_predictions_are_sent_as_often_as_their_probability_says(rate: float) -> None:
    chosen = Sampler(rate, None, 1.0, seed=3).choose(ROWS, None)
    assert within(len(chosen.rows), ROWS, rate)
    assert set(chosen.probability.tolist()) <= {rate}
    assert all(chosen.reasons(i) == ("random",) for i in range(min(3, len(chosen.rows))))


def test_escalated_predictions_have_a_rate_of_their_own() -> None:
    scores = np.random.default_rng(1).random(ROWS)
    sampler = Sampler(0.1, 0.25, 0.6, seed=3)
    recent = Recent(1)
    handles = [Handle(1, (), "a", score, recent) for score in scores.tolist()]
    mask = sampler.escalated(of_handles(handles))
    assert mask is not None
    assert mask.tolist() == (scores < 0.25).tolist()
    chosen = sampler.choose(ROWS, mask)
    low = mask[chosen.rows]
    assert within(int(low.sum()), int(mask.sum()), 0.6)
    assert within(int((~low).sum()), int((~mask).sum()), 0.1)
    assert chosen.probability.tolist() == np.where(low, 0.6, 0.1).tolist()
    reasons = {chosen.reasons(i) for i in range(len(chosen.rows))}
    assert reasons == {("random",), ("escalated",), ("random", "escalated")}


def test_an_escalation_that_the_caller_made_counts_as_one() -> None:
    recent, context = Recent(1), Context()
    context.escalation_reason = "unknown object"
    plain = Handle(1, (), "a", None, recent)
    more = [
        FullHandle(1, (), "a", None, recent, value=None, duration=None, context=each)
        for each in (context, Context())
    ]
    mask = Sampler(0.1, None, 1.0).escalated(of_handles([plain, *more]))
    assert mask is not None
    assert mask.tolist() == [False, True, False]


def test_batches_are_sampled_alike() -> None:
    with MemoryMonitor(sample_rate=0.05, escalate_below=0.5, escalated_sample_rate=0.2) as monitor:
        scores = np.repeat([0.4, 0.6], 10_000)
        monitor.record_batch({"ink": np.arange(20_000.0)}, np.full(20_000, "a"), scores)
        sent = monitor.predictions
        low = [prediction for prediction in sent if prediction.score == 0.4]
        assert within(len(low), 10_000, 0.2)
        assert within(len(sent) - len(low), 10_000, 0.05)
        assert {prediction.probability for prediction in low} == {0.2}
        assert {prediction.probability for prediction in sent} == {0.2, 0.05}
        assert len({prediction.id for prediction in sent}) == len(sent)
        assert monitor.escalations == {"score": 10_000}


def test_a_prediction_that_was_sent_for_its_truth_is_not_sent_again() -> None:
    with MemoryMonitor(sample_rate=1.0) as monitor:
        handle: driftline.Handle = monitor.record({"ink": 1.0}, label="a")
        monitor.ground_truth(handle.id, "a")
        assert [prediction.id for prediction in monitor.predictions] == [handle.id]
        assert monitor.predictions[0].reasons == ("random",)
