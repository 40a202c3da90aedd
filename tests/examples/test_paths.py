"""The four paths between tiers: each shows in the traces and, with its reason, in the escalations."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from driftline.testing import MemoryMonitor, attributes_of

from examples.paths import cascade, fallback, speculative, split
from examples.paths.tiers import CLOUD, EDGE, NEAR, SIZES, Answer


@pytest.fixture
def device() -> Iterator[MemoryMonitor]:
    with MemoryMonitor(tier="device_edge", sample_rate=0.0) as made:
        yield made


@pytest.fixture
def cloud() -> Iterator[MemoryMonitor]:
    with MemoryMonitor(tier="cloud") as made:
        yield made


def reasons(monitor: MemoryMonitor) -> list[str]:
    """The reason of each traced inference, sorted; of those that did not escalate none."""
    return sorted(str(attributes_of(span).get("driftline.escalation.reason", "")) for span in monitor.spans)


def joined(below: MemoryMonitor, above: MemoryMonitor) -> int:
    """How many spans of the tier above are children of one below, whose prediction they answer."""
    known = {(span.trace_id, span.span_id): attributes_of(span) for span in below.spans}
    found = 0
    for span in above.spans:
        asked = known[span.trace_id, span.parent_span_id]
        assert attributes_of(span)["driftline.prediction.parent_id"] == asked["driftline.prediction.id"]
        found += 1
    return found


def test_a_cascade_goes_as_far_as_it_has_to(cloud: MemoryMonitor) -> None:
    device = MemoryMonitor(tier="device_edge", escalate_below=0.8, sample_rate=0.0)
    near = MemoryMonitor(tier="network_edge", escalate_below=0.8, sample_rate=0.0)
    with device, near:
        for size in SIZES:
            answer = cascade.answer({"size": size}, [(device, EDGE), (near, NEAR), (cloud, CLOUD)])
            assert answer.label == ("big" if size > 0.5 else "small")
        assert device.escalations == {"score": 4}
        assert near.escalations == {"score": 2}
        assert reasons(near) == ["", "", "score", "score"]
        assert (joined(device, near), joined(near, cloud)) == (4, 2)
        assert len({span.trace_id for span in cloud.spans} & {span.trace_id for span in device.spans}) == 2


def test_the_cloud_stands_in_for_a_device_that_fails_or_updates(
    device: MemoryMonitor, cloud: MemoryMonitor
) -> None:
    camera = fallback.Camera(device, cloud)
    for number, size in enumerate(SIZES):
        camera.updating = number == 1
        assert camera.answer({"size": size}).label == ("big" if size > 0.5 else "small")
    assert device.escalations == {"edge failed": 1, "updating": 1}
    assert sum(device.labels.values()) == 4
    assert reasons(device) == ["edge failed", "updating"]
    assert joined(device, cloud) == 2


def test_a_speculative_answer_is_refined(device: MemoryMonitor, cloud: MemoryMonitor) -> None:
    acted: list[Answer] = []
    speculative.answer({"size": 0.47}, device, cloud, acted.append)
    assert [round(answer.score, 2) for answer in acted] == [0.53, 1.0]
    assert device.escalations == {"speculative": 1}
    assert reasons(device) == ["speculative"]
    assert joined(device, cloud) == 1
    (prediction,) = device.predictions
    (span,) = device.spans
    assert prediction.duration is not None
    assert prediction.duration < (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9


def test_a_split_pipeline_profiles_the_embedding_and_counts_the_label_in_the_cloud(
    device: MemoryMonitor, cloud: MemoryMonitor
) -> None:
    for size in SIZES:
        split.answer(size, device, cloud)
    assert (device.labels, cloud.labels) == ({}, {"small": 3, "big": 3})
    assert device.escalations == {"split": 6}
    assert joined(device, cloud) == 6
    assert set(device.predictions[0].features) == {"size", "contrast"}


@pytest.mark.parametrize("name", ["cascade", "fallback", "speculative", "split"])
def test_each_path_runs_as_its_page_says(name: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", f"examples.paths.{name}", "--endpoint", "http://127.0.0.1:9"],
        env={"PATH": "/usr/bin", "PYTHONPATH": ":".join(sys.path), "DRIFTLINE_SPOOL_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Answer(") >= 6
