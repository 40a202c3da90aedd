"""Whether the answers are right, and how long they take."""

import pytest
from driftline_collector.client import ClientError

from tests.api.seeded import Seeded

FLEET = "model=digits,version=*,device_type=*,region=*"


def test_accuracy_and_agreement_are_told_by_version(small: Seeded) -> None:
    found = small.client.performance(FLEET)
    assert [row.version for row in found.accuracy] == ["2.0.0", "2.1.0"]
    for row in (*found.accuracy, *found.agreement):
        assert row.estimate is not None
        assert row.estimate.lower is not None
        assert row.estimate.upper is not None
        assert row.estimate.lower < row.estimate.value < row.estimate.upper
    assert found.escalation_rate is not None
    assert found.escalation_rate.value == pytest.approx(0.1, abs=0.01)


def test_the_confusion_counts_each_labelled_pair_once(small: Seeded) -> None:
    found = small.client.performance(FLEET)
    rows = small.store._read("SELECT count(DISTINCT prediction_id) AS n FROM labels")
    labelled = rows["n"][0].as_py()
    assert sum(cell.n for cell in found.confusion) == labelled
    assert found.label_lag is not None
    assert found.label_lag.n == labelled
    assert sum(budget.have for budget in found.budget) == labelled
    # Each random sample stands for fifty.
    assert sum(cell.weight for cell in found.confusion) > 20 * labelled


def test_a_segment_has_only_its_own_pairs(small: Seeded) -> None:
    whole = small.client.performance(FLEET)
    parts = [small.client.performance(FLEET.replace("version=*", f"version={v}")) for v in ("2.0.0", "2.1.0")]
    assert [[row.version for row in part.accuracy] for part in parts] == [["2.0.0"], ["2.1.0"]]
    assert sum(c.n for part in parts for c in part.confusion) == sum(cell.n for cell in whole.confusion)


def test_the_interval_is_of_when_predictions_were_made(small: Seeded) -> None:
    early = small.client.performance(FLEET, start="48h", end="12h")
    late = small.client.performance(FLEET, start="12h")
    whole = small.client.performance(FLEET, start="48h")
    assert early.label_lag is not None
    assert late.label_lag is not None
    assert whole.label_lag is not None
    assert early.label_lag.n + late.label_lag.n == whole.label_lag.n
    with pytest.raises(ClientError, match="from: it is not before 'to'"):
        small.client.performance(FLEET, start="1h", end="2h")


def test_latency_is_told_by_tier_of_profiles_and_of_traces(small: Seeded) -> None:
    found = {(row.tier, row.source): row for row in small.client.latency(model="digits", start="24h")}
    assert set(found) == {
        ("device_edge", "profile"),
        ("device_edge", "traces"),
        ("network_edge", "traces"),
        ("cloud", "traces"),
    }
    profile = found["device_edge", "profile"]
    assert profile.p50 is not None
    assert profile.p95 is not None
    assert profile.p99 is not None
    assert 0.01 < profile.p50 < profile.p95 < profile.p99 < 0.3
    assert found["cloud", "traces"].p50 == pytest.approx(0.04)


def test_calibration_has_its_counts_and_its_error(small: Seeded) -> None:
    found = small.client.performance(FLEET)
    assert sum(part.accuracy.n or 0 for part in found.calibration) == sum(cell.n for cell in found.confusion)
    assert all(part.bin_low <= part.mean_score <= part.bin_high for part in found.calibration)
    assert found.ece is not None
    assert found.ece.lower is not None
    assert found.ece.upper is not None
    assert found.ece.lower <= found.ece.value <= found.ece.upper
