"""From a call on the monitor to what the collector sees."""

import logging
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import driftline
import numpy as np
import pytest
from driftline._frame import Frame
from driftline._layout import MAX_FEATURES
from driftline.testing import MemoryMonitor

from tests.telemetry.conftest import Collector, MakeMonitor

FEATURES = {"ink": 0.25, "paper": "new"}


def reference(model: str = "", version: str = "") -> driftline.Reference:
    columns: dict[str, Any] = {"ink": np.linspace(0, 1, 200), "paper": ["new", "old"] * 100}
    return driftline.Reference.from_data(columns, labels=["1", "7"] * 100, model=model, version=version)


def test_everything_recorded_is_counted_and_acknowledged(
    monitor: driftline.Monitor, collector: Collector
) -> None:
    for i in range(3000):
        monitor.record({"ink": i / 3000, "paper": "new"}, label=str(i % 3), score=0.9)
    assert monitor.flush()
    assert collector.sums("driftline.profile.predictions", "driftline.label") == {
        "0": 1000,
        "1": 1000,
        "2": 1000,
    }
    assert collector.predictions == 3000
    assert monitor.dropped == 0


def test_a_stream_starts_numbers_its_records_without_holes_and_ends(
    monitor_for: MakeMonitor, collector: Collector
) -> None:
    monitor = monitor_for(sample_rate=1.0)
    for _ in range(700):
        monitor.record(FEATURES, label="1")
    assert monitor.close()
    start, end = collector.events("driftline.stream")
    assert start["driftline.sequence"] == 1
    assert start["driftline.stream.phase"] == "start"
    assert end["driftline.stream.phase"] == "end"
    assert end["driftline.stream.last_sequence.logs"] == end["driftline.sequence"] == 702
    assert end["driftline.stream.predictions.made"] == end["driftline.stream.predictions.profiled"] == 700
    assert end["driftline.stream.last_window_end"] == collector.windows()[-1][1]
    assert sorted(collector.numbers(start["stream"])) == list(range(1, 703))


def test_the_values_are_read_before_record_returns() -> None:
    with MemoryMonitor() as monitor:
        features = {"ink": 0.5}
        monitor.record(features)
        features["ink"] = 9.0
        assert [prediction.features for prediction in monitor.predictions] == [{"ink": 0.5}]


def test_rows_with_other_names_are_counted_too_and_what_they_lack_is_missing() -> None:
    with MemoryMonitor() as monitor:
        monitor.record({"ink": 1.0}, label="a")
        monitor.record({"ink": 2.0, "paper": "new"}, label="a")
        monitor.record({"paper": "new", "ink": 3.0}, label="a")
        monitor.record({"paper": "old"}, label="a")
        assert [prediction.features for prediction in monitor.predictions] == [
            {"ink": 1.0},
            {"ink": 2.0, "paper": "new"},
            {"ink": 3.0, "paper": "new"},
            {"paper": "old"},
        ]
        assert monitor.missing == {"ink": 1, "paper": 1}


def test_a_batch_counts_as_its_rows_one_by_one() -> None:
    rng = np.random.default_rng(5)
    ink, labels = rng.normal(size=500), rng.integers(0, 3, 500)
    paper = rng.choice(["new", "old", "torn"], 500)
    with MemoryMonitor(reference=reference()) as single, MemoryMonitor(reference=reference()) as batch:
        for i in range(500):
            single.record({"ink": ink[i], "paper": str(paper[i])}, label=int(labels[i]), score=0.5)
        batch.record_batch({"ink": ink, "paper": paper}, labels, np.full(500, 0.5))
        assert batch.labels == single.labels == Counter(map(str, labels))

        def counts(monitor: MemoryMonitor) -> dict[str, list[list[int]]]:
            return {
                metric.name: [list(point.bucket_counts) for point in metric.histogram.data_points]
                for metric in monitor.metrics
            }

        assert counts(batch) == counts(single)
        assert batch._sums("driftline.profile.category", "driftline.feature.category") == single._sums(
            "driftline.profile.category", "driftline.feature.category"
        )


def test_a_batch_is_copied_and_its_rows_have_handles() -> None:
    table = np.array([[0.1], [0.2], [0.3]])
    with MemoryMonitor() as monitor:
        batch = monitor.record_batch(table, ["a", "b", "c"], names=["ink"])
        assert batch is not None
        table[:] = 9.0
        wanted = batch[1].id
        assert batch[-2].id == wanted
        monitor.ground_truth(wanted, "b")
        sent = {prediction.id: prediction for prediction in monitor.predictions}
        assert sent[wanted].features == {"ink": 0.2}
        assert sent[wanted].label == "b"
        assert len(sent) == len(batch) == 3
        with pytest.raises(IndexError):
            batch[3]


def test_a_large_batch_is_counted_whole() -> None:
    with MemoryMonitor(max_buffer=100, sample_rate=0.0) as monitor:
        monitor.record_batch({"ink": np.arange(50_000.0)}, np.repeat(["a", "b"], 25_000))
        assert monitor.labels == {"a": 25_000, "b": 25_000}
        assert monitor.dropped == 0


def test_an_array_without_names_follows_the_reference() -> None:
    columns = {"ink": np.linspace(0, 1, 100), "damp": np.linspace(5, 6, 100)}
    with MemoryMonitor(reference=driftline.Reference.from_data(columns)) as monitor:
        monitor.record_batch(np.array([[0.5, 5.5]]))
        assert monitor.predictions[0].features == {"ink": 0.5, "damp": 5.5}
        with pytest.raises(ValueError, match=r"shape \(1, 3\) do not fit 2 names"):
            monitor.record_batch(np.zeros((1, 3)))
        with pytest.raises(ValueError, match="2 labels for 1 rows"):
            monitor.record_batch(np.zeros((1, 2)), ["a", "b"])


def test_a_late_truth_brings_along_a_prediction_that_was_not_sampled(
    monitor_for: MakeMonitor, collector: Collector
) -> None:
    monitor = monitor_for(sample_rate=0.0)
    handles = [monitor.record({"ink": float(i)}, label="7", score=0.9) for i in range(10)]
    assert monitor.flush()
    monitor.ground_truth(handles[3].id, label="1", source="human", probability=0.1)
    monitor.ground_truth(handles[3].id, label="2")
    assert monitor.flush()
    (prediction,) = collector.events("driftline.prediction")
    assert prediction["driftline.prediction.id"] == handles[3].id
    assert prediction["driftline.features.ink"] == 3.0
    assert prediction["driftline.sample.reasons"] == ["ground_truth"]
    assert "driftline.sample.probability" not in prediction
    truths = collector.events("driftline.ground_truth")
    assert [truth["driftline.ground_truth.label"] for truth in truths] == ["1", "2"]
    assert truths[0]["driftline.ground_truth.probability"] == 0.1
    assert truths[0]["driftline.sample.probability"] == 1.0


def test_a_truth_about_a_prediction_of_another_process_goes_alone() -> None:
    with MemoryMonitor() as monitor:
        monitor.ground_truth("01890a5d-ac96-774b-bcce-b302099a8057", value=3.5)
        (truth,) = monitor.ground_truths
        assert (truth.value, truth.label, truth.sample_probability) == (3.5, None, None)
        assert monitor.predictions == []


def test_only_the_latest_predictions_are_kept_for_a_late_truth() -> None:
    with MemoryMonitor(recent=2, sample_rate=0.0) as monitor:
        ids = [monitor.record({"ink": float(i)}).id for i in range(3)]
        for each in ids:
            monitor.ground_truth(each, "x")
        assert [truth.sample_probability for truth in monitor.ground_truths] == [None, 1.0, 1.0]


def test_ids_are_time_ordered_version_7_and_made_once() -> None:
    with MemoryMonitor() as monitor:
        handles = [monitor.record({"ink": 1.0}) for _ in range(50)]
        ids = [handle.id for handle in handles]
        assert [handle.id for handle in handles] == ids
        assert len(set(ids)) == 50
        assert {each[14] for each in ids} == {"7"}
        assert {each[19] for each in ids} <= set("89ab")
        assert [int(each[:8] + each[9:13], 16) for each in ids] == [
            handle.time_ns // 1_000_000 for handle in handles
        ]
        assert {prediction.id for prediction in monitor.predictions} == set(ids)


def test_threads_lose_nothing_and_count_nothing_twice(monitor_for: MakeMonitor, collector: Collector) -> None:
    monitor = monitor_for(sample_rate=0.01)

    def work(label: str) -> None:
        for i in range(4000):
            handle = monitor.record({"ink": i}, label=label)
            if i % 100 == 0:
                monitor.ground_truth(handle.id, label)

    threads = [threading.Thread(target=work, args=(str(n),)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert monitor.close(timeout=20)
    assert collector.sums("driftline.profile.predictions", "driftline.label") == dict.fromkeys("0123", 4000)
    end = collector.events("driftline.stream")[-1]
    assert end["driftline.stream.predictions.made"] == 16_000
    truths = {truth["driftline.prediction.id"] for truth in collector.events("driftline.ground_truth")}
    sent = Counter(event["driftline.prediction.id"] for event in collector.events("driftline.prediction"))
    assert truths <= set(sent)
    assert len(truths) == 160
    assert set(sent.values()) == {1}


def test_a_full_buffer_drops_counts_and_announces(monitor_for: MakeMonitor, collector: Collector) -> None:
    monitor = monitor_for(max_buffer=100, flush_interval=3600.0, strict=False)
    entered, gate = threading.Event(), threading.Event()
    assert monitor._runtime._engine is not None
    pipeline = monitor._runtime._engine._worker._pipeline
    absorb = pipeline._absorb

    def stand_still(frame: Frame) -> None:
        entered.set()
        assert gate.wait(20)
        absorb(frame)

    pipeline._absorb = stand_still  # type: ignore[method-assign]
    for _ in range(51):
        monitor.record(FEATURES, label="a")
    assert entered.wait(20)  # the worker was woken, has taken some rows, and stands still
    taken = 51 - len(monitor._intake.rows)
    for _ in range(200):
        monitor.record(FEATURES, label="a")
    assert monitor.dropped == 251 - 100 - taken
    gate.set()
    assert monitor.close(timeout=20)
    end = collector.events("driftline.stream")[-1]
    assert end["driftline.stream.predictions.made"] == 251
    assert end["driftline.stream.predictions.profiled"] == collector.predictions == 100 + taken
    assert collector.sums("driftline.sdk.dropped", "driftline.drop.reason") == {"buffer_full": 151 - taken}


def test_mistakes_are_counted_and_logged_once_outside_of_pytest(
    monitor_for: MakeMonitor, collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    monitor = monitor_for(strict=False)
    with caplog.at_level(logging.WARNING, "driftline"):
        handle = monitor.record(3, label="a")  # type: ignore[arg-type]
        monitor.record(None, label="a")  # type: ignore[arg-type]
        assert monitor.record_batch(np.zeros((2, 2))) is None
        monitor.ground_truth("")
        monitor.ground_truth(handle.id)
        with monitor.inference(5) as inference:  # type: ignore[arg-type]
            inference.predict("a")
            assert not inference.should_escalate()
    assert monitor.dropped == 6
    assert len([record for record in caplog.records if "invalid" in record.message]) == 1
    assert monitor.flush()
    assert collector.sums("driftline.profile.predictions", "driftline.label") == {"a": 3}
    assert collector.sums("driftline.sdk.dropped", "driftline.drop.reason") == {"invalid": 6}


def test_mistakes_show_in_the_users_tests() -> None:
    with MemoryMonitor() as monitor:
        with pytest.raises(TypeError, match="features is a list; expected a mapping"):
            monitor.record([1.0])  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="needs a label or a value"):
            monitor.ground_truth("x")
        with pytest.raises(ValueError, match=r"probability is 0; expected a number in \(0, 1\]"):
            monitor.ground_truth("x", "1", probability=0)


def test_values_of_a_wrong_type_are_missing_and_counted() -> None:
    with MemoryMonitor(reference=reference()) as monitor:
        monitor.record({"ink": "dark", "paper": "new"}, label="1", score="sure")  # type: ignore[arg-type]
        monitor.record({"ink": float("inf"), "paper": None}, label="1", score=0.5)
        assert monitor.missing == {"ink": 2, "paper": 1, "__score__": 1}
        assert monitor._sums("driftline.sdk.dropped", "driftline.drop.reason") == {"wrong_type": 2}


def test_a_closed_monitor_takes_nothing_and_counts_it(monitor: driftline.Monitor) -> None:
    assert monitor.close()
    assert monitor.close()
    monitor.record(FEATURES)
    monitor.record_batch(np.zeros((2, 1)), names=["ink"])
    monitor.ground_truth("x", "1")
    assert monitor.dropped == 4
    assert not monitor.flush()


def test_a_regression_model_tells_values() -> None:
    with MemoryMonitor() as monitor:
        monitor.record({"ink": 1.0}, value=17.5, duration=0.004)
        (prediction,) = monitor.predictions
        assert (prediction.value, prediction.label, prediction.duration) == (17.5, None, 0.004)
        names = {metric.name for metric in monitor.metrics}
        assert {"driftline.profile.value", "driftline.profile.duration"} <= names


def test_a_deployment_is_announced(monitor: driftline.Monitor, collector: Collector) -> None:
    monitor.deployed("firmware", "1.0", "1.1")
    assert monitor.flush()
    (event,) = collector.events("driftline.deployment")
    assert event["driftline.deployment.kind"] == "firmware"
    assert (event["driftline.deployment.from"], event["driftline.deployment.to"]) == ("1.0", "1.1")


def test_what_may_not_leave_is_in_no_profile_and_no_sample() -> None:
    with MemoryMonitor(privacy=driftline.Privacy(deny=["name"])) as monitor:
        for _ in range(3):
            monitor.record({"name": "Ada", "ink": 0.5}, label="1")
        monitor.record_batch({"name": ["Ada"], "ink": [0.5]}, ["1"])
        assert [prediction.features for prediction in monitor.predictions] == [{"ink": 0.5}] * 4
        assert b"Ada" not in b"".join(_decoded(monitor))
        assert monitor.missing == {}
    with MemoryMonitor(privacy=driftline.Privacy(allow=["ink"])) as monitor:
        monitor.record({"name": "Ada", "ink": 0.5}, label="1")
        assert monitor.predictions[0].features == {"ink": 0.5}


def _decoded(monitor: MemoryMonitor) -> list[bytes]:
    import gzip

    monitor.flush()
    return [gzip.decompress(batch.body) for batch in monitor._bodies]


def test_a_feature_of_unbounded_categories_stays_bounded() -> None:
    with MemoryMonitor(sample_rate=0.0) as monitor:
        for i in range(500):
            monitor.record({"serial": f"n{i}"}, label=f"label-{i}")
        found = monitor._sums("driftline.profile.category", "driftline.feature.category")
        assert len(found) == 101
        assert found["__other__"] == 400
        assert len(monitor.labels) == 51
        assert monitor.labels["__other__"] == 450


def test_features_of_ever_new_names_stay_bounded() -> None:
    with MemoryMonitor(sample_rate=0.0) as monitor:
        for i in range(MAX_FEATURES + 500):
            monitor.record({f"sensor {i}": 1.0}, label="7")
        assert len(monitor._layout.names) == MAX_FEATURES
        assert monitor.dropped == 500
        points = [point for metric in monitor.metrics for point in metric.exponential_histogram.data_points]
        assert len(points) == MAX_FEATURES
        assert monitor.labels == {"7": MAX_FEATURES + 500}


def test_a_reference_for_another_model_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "other.reference.json"
    reference(model="faces", version="3").save(path)
    with pytest.raises(driftline.ConfigurationError, match=r"other\.reference\.json.*'faces', not 'test'"):
        MemoryMonitor(reference=path)


def test_the_profile_stands_on_the_references_bins() -> None:
    known = reference()
    with MemoryMonitor(reference=known, version="2") as monitor:
        values = [0.0, 0.5, 1.0, 2.0, -1.0, float("nan")]
        for value in values:
            monitor.record({"ink": value, "paper": "torn"}, label="7")
        (metric,) = [each for each in monitor.metrics if each.name == "driftline.profile.bins"]
        (point,) = metric.exponential_histogram.data_points
        binning = known.named("test", "2").binning
        feature = binning.get("ink")
        assert feature is not None
        assert (point.scale, point.positive.offset) == (0, 0)
        assert [*point.positive.bucket_counts, 1] == feature.count(values).tolist()
        assert monitor.missing == {"ink": 1}
        assert monitor._sums("driftline.profile.category", "driftline.binning.id") == {binning.id: 6}
        assert monitor._sums("driftline.profile.category", "driftline.feature.category") == {"__other__": 6}
