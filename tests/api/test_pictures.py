"""What figures are drawn from: series, heat maps, distributions, and the sentences that go with them."""

from datetime import datetime

import pytest
from driftline_collector.api.distributions import edges_of
from driftline_collector.api.sentences import moved
from driftline_collector.client import Bin, ClientError
from driftline_schemas.binning import ZERO_FLOOR, FeatureBinning

from tests.api.seeded import Seeded
from tests.seeding.fleet import HOUR, SECOND

MOVED = "model=digits,version=*,device_type=camera-b,region=*"


def ns(time: str) -> int:
    return int(datetime.fromisoformat(time).timestamp()) * SECOND


def test_a_series_shows_when_it_moved(small: Seeded) -> None:
    series = small.client.series(MOVED, "drift", feature="sharpness")
    assert series.limit == 0.02
    begun = small.fleet.closed_ns - small.fleet.moved_hours * HOUR
    for point in series.points:
        after = ns(point.time) >= begun
        assert point.verdict == ("drifted" if after else "stable")
        assert point.lower is not None
        assert (point.lower > 0.02) == after
    assert [change.kind for change in series.changes] == ["firmware"]


@pytest.mark.parametrize("points", [1, 2, 5, 1000])
def test_a_series_has_no_more_buckets_than_asked_for(small: Seeded, points: int) -> None:
    series = small.client.series(MOVED, "drift", points=points)
    assert 1 <= len(series.points) <= max(points, 2)
    whole = small.client.series(MOVED, "drift", points=1000).points
    assert max(p.max or 0.0 for p in series.points) == max(p.max or 0.0 for p in whole)
    assert min(p.min or 0.0 for p in series.points) == min(p.min or 0.0 for p in whole)
    assert series.points[-1].verdict == "drifted"  # the worst in a bucket stands for it


def test_a_series_of_predictions_adds_up(small: Seeded) -> None:
    made = small.client.overview(model="digits").predictions.value
    series = small.client.series("model=digits,version=*,device_type=*,region=*", "predictions", points=50)
    assert sum(point.mean or 0.0 for point in series.points) == made


def test_what_is_no_measure_of_a_feature_is_refused(small: Seeded) -> None:
    with pytest.raises(ClientError, match="accuracy is not by feature"):
        small.client.series(MOVED, "accuracy", feature="sharpness")


def test_the_heat_map_has_the_worst_first(small: Seeded) -> None:
    heat = small.client.heatmap(model="digits")
    assert heat.segments[0] in {MOVED, MOVED.replace("region=*", "region=eu-west")}
    assert set(heat.features[:3]) == {"sharpness", "contrast", "__score__"}
    assert len(heat.cells) == len(heat.features) * len(heat.segments)
    drifted = {(cell.segment, cell.feature) for cell in heat.cells if cell.verdict == "drifted"}
    assert (MOVED, "sharpness") in drifted
    assert not any("camera-a" in segment for segment, _ in drifted)


def test_the_heat_map_is_cut_to_what_fits(small: Seeded) -> None:
    heat = small.client.heatmap(model="digits", limit=1, features=2)
    assert (len(heat.segments), len(heat.features), len(heat.cells)) == (1, 2, 2)
    one = small.client.heatmap(model="digits", feature="tilt")
    assert one.features == ("tilt",)


def test_a_distribution_has_both_on_the_same_bins_and_says_what_moved(small: Seeded) -> None:
    found = small.client.distribution(MOVED, "sharpness")
    assert sum(part.reference_share for part in found.bins) == pytest.approx(1)
    assert sum(part.now_share for part in found.bins) == pytest.approx(1)
    assert found.kind == "numeric"
    assert found.verdict == "drifted"
    assert found.n == sum(part.now_count or 0 for part in found.bins)
    assert found.sentence.startswith("sharpness moved down: the share up to 0.4 rose from 40 % to 7")
    ordered = [part.high for part in found.bins if part.low is not None and part.high is not None]
    assert ordered == sorted(ordered)


def test_a_distribution_of_categories_has_no_bounds(small: Seeded) -> None:
    found = small.client.distribution(MOVED, small.fleet.feature_names[-1])
    assert found.kind == "categorical"
    assert [part.name for part in found.bins][:3] == ["day", "dusk", "night"]
    assert all(part.low is None and part.high is None for part in found.bins)


def test_a_feature_that_is_not_there_is_told_with_those_that_are(small: Seeded) -> None:
    with pytest.raises(ClientError, match="there are: __score__, brightness") as caught:
        small.client.distribution(MOVED, "colour")
    assert caught.value.status == 404
    with pytest.raises(ClientError, match="was not evaluated then"):
        small.client.distribution(MOVED.replace("camera-b", "toaster"), "sharpness")


def part(name: str, low: float | None, high: float | None, before: float, now: float) -> Bin:
    return Bin(name=name, low=low, high=high, reference_share=before, now_share=now)


@pytest.mark.parametrize(
    ("bins", "verdict", "sentence"),
    [
        (
            [part("<= 1", None, 1, 0.1, 0.0), part("(1, 2]", 1, 2, 0.4, 0.1), part("> 2", 2, None, 0.5, 0.9)],
            "drifted",
            "x moved up: the share up to 2 fell from 50 % to 10 %.",
        ),
        (
            [part("(1, 2]", 1, 2, 0.99, 0.7), part("missing", None, None, 0.01, 0.3)],
            "drifted",
            "x moved: the share of missing rose from 1 % to 30 %.",
        ),
        (
            [
                part("(0.165056, 0.428782]", 0.165056, 0.428782, 1.0, 0.0),
                part("<= 0.165056 or > 0.428782 or missing", None, None, 0.0, 1.0),
            ],
            "drifted",
            "x moved: the share of what is not in 0.1651 to 0.4288 rose from 0 % to 100 %.",
        ),
        (
            [part("(1, 2]", 1, 2, 0.5, 0.45), part("(2, 3]", 2, 3, 0.5, 0.55)],
            "stable",
            "x has not moved by as much as matters: the share up to 2 fell from 50 % to 45 %.",
        ),
        (
            [part("(1, 2]", 1, 2, 0.334, 0.326), part("(2, 3]", 2, 3, 0.666, 0.674)],
            "stable",
            "x has not moved by as much as matters: the share up to 2 fell from 33.4 % to 32.6 %.",
        ),
        ([part("(1, 2]", 1, 2, 1.0, 1.0)], "stable", "x is spread as in the reference."),
        ([part("(1, 2]", 1, 2, 1.0, 0.0)], "stable", "x: nothing was counted in this window."),
        ([part("(1, 2]", 1, 2, 0.0, 1.0)], "stable", "x: there is no reference to compare with."),
        (
            [part("(1, 2]", 1, 2, 0.5, 1.0), part("(2, 3]", 2, 3, 0.5, 0.0)],
            "insufficient_data",
            "x: too few rows in this window to say whether it moved.",
        ),
    ],
)
def test_a_sentence_tells_the_greatest_change(bins: list[Bin], verdict: str, sentence: str) -> None:
    assert moved("x", "numeric", bins, verdict) == sentence


def test_bounds_are_read_from_every_name_that_a_numeric_bin_may_have() -> None:
    feature = FeatureBinning("x", "numeric", edges=(-2.5e-7, ZERO_FLOOR, 0.0, 1.5, 3e10))
    assert [edges_of(name) for name in feature.bin_names] == [
        (None, -2.5e-7),
        (-2.5e-7, 0.0),
        (0.0, 0.0),
        (0.0, 1.5),
        (1.5, 3e10),
        (3e10, None),
        (None, None),
    ]
    assert edges_of("(1, 2] or > 7") == (None, None)


@pytest.mark.parametrize(
    ("direction", "sentence"),
    [
        ("higher", "x moved up: the share up to 2 fell from 70 % to 50 %."),
        ("wider", "x is now wider: the share of > 2 rose from 30 % to 45 %."),
        ("more often missing", "x is now more often missing: the share of missing rose from 0 % to 5 %."),
    ],
)
def test_a_sentence_says_the_direction_that_the_analysis_found(direction: str, sentence: str) -> None:
    bins = [part("<= 1", None, 1, 0.3, 0.2), part("(1, 2]", 1, 2, 0.4, 0.3), part("> 2", 2, None, 0.3, 0.45)]
    bins.append(part("missing", None, None, 0.0, 0.05))
    assert moved("x", "numeric", bins, "drifted", direction) == sentence


def test_a_bin_between_two_numbers_is_told_as_such() -> None:
    bins = [part("(1.23456, 2]", 1.23456, 2, 0.2, 0.6), part("> 2", 2, None, 0.8, 0.5)]
    said = moved("x", "numeric", bins, "drifted", "narrower")
    assert said == "x is now narrower: the share of 1.235 to 2 rose from 20 % to 60 %."
