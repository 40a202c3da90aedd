"""Selected predictions are judged where nobody counts: with what they stand for, or not at all."""

from collections.abc import Sequence

import numpy as np
import pytest
from driftline_collector.analysis import samples
from driftline_collector.analysis.evaluate import Policy, evaluate
from driftline_collector.analysis.evaluation import Evaluation, WindowResult
from driftline_collector.analysis.windows import Window
from driftline_collector.store.duckdb import DuckDBStore
from driftline_schemas.binning import SCORE
from driftline_schemas.reference import Reference

from tests.analysis import fleet
from tests.analysis.fleet import MODEL, Camera, Feed, healthy, shifted, window
from tests.analysis.selecting import send, unsure_first

FLEET = f"model={MODEL},version=*,device_type=*,region=*"
CAMERAS = [Camera(f"{region}-{i}", region=region) for region in ("eu", "us") for i in range(2)]
EU = f"model={MODEL},version=*,device_type=*,region=eu"
US = f"model={MODEL},version=*,device_type=*,region=us"


def judge(store: DuckDBStore, number: int = 0) -> WindowResult:
    span = Window(*window(number))
    return evaluate(store, MODEL, span, Policy(), now_ns=span.end_ns)


def row(result: WindowResult, segment: str = FLEET, feature: str | None = None) -> Evaluation:
    (found,) = (
        e for e in result.evaluations if e.measure == "drift" and (e.segment, e.feature) == (segment, feature)
    )
    return found


def sample(
    store: DuckDBStore,
    cameras: Sequence[Camera] = CAMERAS,
    *,
    by: float = 0.0,
    seed: int = 1,
    told: bool = True,
    reasons: Sequence[str] = ("random",),
) -> None:
    """What cameras send of a thousand predictions each, those with low scores first."""
    rng = np.random.default_rng(seed)
    for camera in cameras:
        values, probability = unsure_first(shifted(healthy(1000, rng), by), rng)
        send(store, camera, 0, values, probability if told else None, reasons=reasons)


@pytest.fixture
def registered(store: DuckDBStore, reference: Reference) -> DuckDBStore:
    fleet.register(store, reference)
    return store


def test_samples_that_were_chosen_for_low_scores_are_stable_though_they_look_nothing_like_the_reference(
    registered: DuckDBStore,
) -> None:
    sample(registered)
    result = judge(registered)
    whole, score = row(result), row(result, feature=SCORE)
    assert whole.verdict == score.verdict == "stable"
    assert whole.devices == 4
    assert score.details is not None
    assert score.details["source"] == "samples"
    assert score.details["design_effect"] > 1.5
    assert score.n is not None
    assert score.n_eff is not None
    assert 50 < score.n_eff < score.n / 1.5
    assert whole.reason == f"judged by {score.n:.0f} samples, worth {score.n_eff:.0f} rows"


def test_drift_in_samples_is_found_where_it_is_and_told_as_drift_in_profiles_is(
    registered: DuckDBStore,
) -> None:
    sample(registered, CAMERAS[:2], by=1.0)
    sample(registered, CAMERAS[2:], seed=2)
    result = judge(registered)
    assert len(result.findings) == 1
    assert "region=eu" in result.findings[0]
    assert (row(result, EU).verdict, row(result, US).verdict) == ("drifted", "stable")
    moved = row(result, result.findings[0], "x00")
    assert moved.value == pytest.approx(0.9, abs=0.35)  # a shift of 1.0 of what has a deviation of 1.03
    assert moved.details is not None
    assert moved.details["direction"] == "higher"
    told = (row(result, result.findings[0]).details or {})["changed"]
    assert {each["device"] for each in told["contributors"]} == {"eu-0", "eu-1"}


def test_a_feature_without_a_profile_is_judged_by_samples_and_all_others_by_counts(
    registered: DuckDBStore, reference: Reference
) -> None:
    rng = np.random.default_rng(3)
    feed = Feed(registered, reference.binning)
    for camera in CAMERAS:
        feed.window(camera, 0, healthy(1000, rng))
    feed.rows = [each for each in feed.rows if each["feature"] != "x05"]
    feed.commit()
    sample(registered)
    result = judge(registered)
    counted, sampled = row(result, feature="x04"), row(result, feature="x05")
    assert counted.n == 4000
    assert "source" not in (counted.details or {})
    assert (sampled.details or {})["source"] == "samples"
    assert sampled.verdict == counted.verdict == "stable"
    assert "in part judged by" in (row(result).reason or "")


def test_where_devices_count_samples_are_not_asked(registered: DuckDBStore, reference: Reference) -> None:
    rng = np.random.default_rng(4)
    feed = Feed(registered, reference.binning)
    for camera in CAMERAS[:2]:
        feed.window(camera, 0, healthy(1000, rng))
    feed.commit()
    more = [Camera(f"us-{i}", region="us") for i in range(2, 5)]
    sample(registered, [*CAMERAS, *more], by=1.0)
    result = judge(registered)
    assert (row(result, EU).verdict, row(result, EU).n) == ("stable", 2000)
    assert row(result, EU).reason is None
    assert row(result, US).verdict == "drifted"
    assert (row(result).verdict, row(result).n) == ("stable", 2000)
    assert "samples of devices that count nothing are left out" in (row(result).reason or "")


@pytest.mark.parametrize(
    ("told", "reasons", "said"),
    [
        (False, ["random"], "samples without the probability they were chosen with"),
        (True, ["uncertain"], "none at random"),
    ],
)
def test_samples_that_cannot_be_weighed_are_refused(
    registered: DuckDBStore, told: bool, reasons: Sequence[str], said: str
) -> None:
    sample(registered, by=1.0, told=told, reasons=reasons)
    result = judge(registered)
    found = row(result)
    assert found.verdict == "insufficient_data"
    assert said in (found.reason or "")
    assert (found.p, found.value) == (None, None)
    assert not result.findings


def test_what_was_sent_for_a_label_or_as_an_answer_alone_stands_for_nothing_and_spoils_nothing(
    registered: DuckDBStore,
) -> None:
    sample(registered)
    late, cloud = Camera("late"), Camera("late-2")
    values = shifted(healthy(300, np.random.default_rng(5)), 2.0)
    send(registered, late, 0, values, None, reasons=["ground_truth"])
    send(registered, cloud, 0, values, None, reasons=None, parent_id="another")
    assert row(judge(registered)).verdict == "stable"


def test_samples_that_are_worth_too_little_say_how_little(registered: DuckDBStore) -> None:
    rng = np.random.default_rng(6)
    values = healthy(200, rng)
    send(registered, CAMERAS[0], 0, values, np.where(np.arange(200) < 5, 0.001, 1.0))
    reason = row(judge(registered)).reason or ""
    assert reason == "200 samples are worth 5 rows, too few; a verdict needs 50"


def test_a_repeat_of_a_sample_counts_once(registered: DuckDBStore) -> None:
    for _ in range(2):
        sample(registered)
    once = row(judge(registered))
    assert once.n is not None
    assert once.n < 2500, "of some 1,900 that were sent"


def test_more_samples_than_are_looked_at_stand_for_each_other_evenly(
    registered: DuckDBStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample(registered)
    everything = row(judge(registered))
    monkeypatch.setattr(samples, "MOST_SAMPLES", 600)
    some = row(judge(registered))
    assert everything.n is not None
    assert some.n is not None
    assert 450 < some.n < 750 < everything.n
    assert some.verdict == "stable"


def test_what_a_row_lacks_that_others_of_its_cell_have_is_missing(registered: DuckDBStore) -> None:
    rng = np.random.default_rng(7)
    values = healthy(1000, rng)
    whole = {name: column[:500] for name, column in values.items()}
    lacking = {name: column[500:] for name, column in values.items() if name != "x03"}
    send(registered, CAMERAS[0], 0, whole, np.full(500, 0.5))
    send(registered, CAMERAS[1], 0, lacking, np.full(500, 0.5))
    result = judge(registered)
    told = row(result, feature="x03").details or {}
    missing = [now for name, now in zip(told["bins"], told["now"], strict=True) if "missing" in name]
    assert sum(missing) == pytest.approx(500, rel=0.02)


def test_what_no_row_of_a_cell_has_is_no_feature_of_it(registered: DuckDBStore) -> None:
    rng = np.random.default_rng(8)
    for camera in CAMERAS:
        values = {name: column for name, column in healthy(500, rng).items() if name not in ("x03", SCORE)}
        send(registered, camera, 0, values, np.full(500, 0.5))
    result = judge(registered)
    assert row(result).verdict == "stable"
    for feature in ("x03", SCORE):
        found = row(result, feature=feature)
        assert (found.verdict, found.n) == ("insufficient_data", 0)


def test_texts_of_a_number_are_no_rows_of_it_and_numbers_of_a_category_are_read(store: DuckDBStore) -> None:
    rng = np.random.default_rng(9)
    columns = {"number": rng.normal(size=5000), "code": rng.choice(["1", "2"], size=5000)}
    fleet.register(store, Reference.from_data(columns, model=MODEL, version="2.0.0"))
    values = {"number": np.full(500, "seven"), "code": rng.choice([1.0, 2.0], size=500)}
    send(store, CAMERAS[0], 0, values, np.full(500, 0.5))
    result = judge(store)
    assert row(result, feature="code").verdict == "stable"
    assert row(result, feature="number").n == 0
