"""Counts in numpy: exponential histograms, kinds of features, columns of odd values."""

import math
from collections import Counter

import numpy as np
import pytest
from driftline._columns import MAX_BUCKETS, Bins, Categories, Exponential, texts
from driftline._encode_metrics import metrics
from driftline._frame import Frame, numbers, of_handles
from driftline._handle import Handle, Recent
from driftline._intake import Drops
from driftline._profile import Profile, Profiler
from driftline_schemas.binning import Binning, FeatureBinning
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.resource.v1.resource_pb2 import Resource


def buckets(histogram: Exponential) -> Counter[tuple[int, int]]:
    """Counts by sign and bucket."""
    found: Counter[tuple[int, int]] = Counter()
    for sign, (offset, counts) in ((1, histogram.positive), (-1, histogram.negative)):
        for i, count in enumerate(counts.tolist()):
            if count:
                found[sign, offset + i] += count
    return found


@given(
    st.lists(
        st.lists(st.floats(allow_nan=True, allow_infinity=True, allow_subnormal=False), max_size=20),
        max_size=5,
    )
)
def test_an_exponential_histogram_holds_each_value_in_its_bucket_however_they_come(
    parts: list[list[float]],
) -> None:
    histogram = Exponential()
    for part in parts:
        histogram.add(np.array(part, dtype=np.float64))
    values = [value for part in parts for value in part]
    finite = [value for value in values if math.isfinite(value)]
    assert histogram.missing == len(values) - len(finite)
    assert histogram.zero == finite.count(0.0)
    assert histogram.count == len(finite)
    assert len(histogram.positive[1]) <= MAX_BUCKETS
    assert len(histogram.negative[1]) <= MAX_BUCKETS
    width = math.ldexp(1.0, -histogram.scale)
    expected = Counter(
        (1 if value > 0 else -1, math.ceil(math.log2(abs(value)) / width) - 1) for value in finite if value
    )
    # Where a value lies on a boundary to the last bit of a logarithm, it may fall to either side.
    moved = (expected - buckets(histogram)).total()
    near = sum(_near_boundary(value, width) for value in finite if value)
    assert moved <= near


def _near_boundary(value: float, width: float) -> bool:
    position = math.log2(abs(value)) / width
    return abs(position - round(position)) <= max(1.0, abs(position)) * 1e-12


def test_few_values_keep_the_finest_scale() -> None:
    histogram = Exponential()
    histogram.add(np.array([1.0, 1.00001]))
    assert histogram.scale == 20
    histogram.add(np.array([1000.0]))
    assert histogram.scale < 20
    assert histogram.count == 3


@pytest.mark.parametrize(("size", "most"), [(1, 20), (300, 51), (10_000, 160)])
def test_what_is_sent_has_no_more_buckets_than_its_values_are_worth(size: int, most: int) -> None:
    histogram = Exponential()
    values = np.random.default_rng(4).normal(size=size)
    histogram.add(values)
    coarse = histogram.coarse()
    assert max(len(coarse.positive[1]), len(coarse.negative[1])) <= most
    assert coarse.count == histogram.count == size
    found = buckets(coarse)
    shift = histogram.scale - coarse.scale
    expected: Counter[tuple[int, int]] = Counter()
    for (sign, bucket), count in buckets(histogram).items():
        expected[sign, bucket >> shift] += count
    assert found == expected
    histogram.add(values)
    assert coarse.count == size, "it is a copy"


def test_bins_are_closed_on_the_right_and_end_with_what_is_missing() -> None:
    bins = Bins(np.array([0.0, 1.0]))
    bins.add(np.array([-1.0, 0.0, 0.5, 1.0, 1.5, np.nan, np.inf]))
    assert bins.counts.tolist() == [2, 2, 1, 2]
    assert bins.missing == 2


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["a", "b", "a", None, ""], {"a": 2, "b": 1, None: 2}),
        ([True, False, True], {"true": 2, "false": 1}),
        ([1, True, 1.0, "1"], {"1": 2, "true": 1, "1.0": 1}),
        (np.array(["a", "b"]), {"a": 1, "b": 1}),
        (np.array([1, 1, 2]), {"1": 2, "2": 1}),
        (np.array([True, False]), {"true": 1, "false": 1}),
    ],
    ids=str,
)
def test_categories_are_spelled_as_on_the_wire(values: list[object], expected: dict[str | None, int]) -> None:
    assert {text: count for text, count in texts(values).items() if count} == expected


@pytest.mark.parametrize("rows", [1, 127, 128, 1000])
@pytest.mark.parametrize("spoilt", [False, True], ids=["finite", "some missing"])
def test_however_many_come_at_once_they_fall_into_the_bins_of_the_contract(rows: int, spoilt: bool) -> None:
    rng = np.random.default_rng(rows)
    values = rng.integers(-5, 6, rows) / 4  # many of them on an edge
    if spoilt:
        values[rng.integers(0, rows, 3)] = rng.choice([np.nan, np.inf, -np.inf], 3)
    feature = FeatureBinning("ink", "numeric", edges=(-1.0, -0.5, -2.2250738585072014e-308, 0.0, 0.75))
    bins = Bins(np.asarray(feature.edges))
    bins.add(values)
    assert bins.counts.tolist() == feature.count(values).tolist()


def test_known_categories_need_no_room() -> None:
    counts = Categories(frozenset({"new"}), 1)
    counts.add(["old", "torn", "new", "wet", "old", "x" * 1000])
    assert counts.counts == {"old": 2, "__other__": 3, "new": 1}


@pytest.mark.parametrize(
    ("column", "expected", "wrong"),
    [
        ((1, 2.5, None, True), [1.0, 2.5, np.nan, 1.0], 0),
        ((1.0, "dark", [1]), [1.0, np.nan, np.nan], 2),
        ((10**400, 1.0), [np.nan, 1.0], 1),
        (np.array([1, 2], dtype=np.int8), [1.0, 2.0], 0),
        (np.array([1.5, None], dtype=object), [1.5, np.nan], 0),
        (np.array(["x", "1"]), [np.nan, 1.0], 1),
    ],
    ids=str,
)
def test_columns_become_numbers_or_missing(column: object, expected: list[float], wrong: int) -> None:
    found, bad = numbers(column)  # type: ignore[arg-type]
    assert np.array_equal(found, np.array(expected), equal_nan=True)
    assert bad == wrong


def frame(*rows: tuple[object, ...]) -> Frame:
    recent = Recent(0)
    return of_handles([Handle(1, row, None, None, recent) for row in rows])


@pytest.mark.parametrize("binned", [True, False], ids=["bins", "no reference"])
@pytest.mark.parametrize(
    "odd", [None, 7, True, np.float32(0.5), "dark", float("nan"), float("-inf"), 10**400]
)
def test_rows_of_numbers_are_counted_at_once_as_each_column_by_itself_would_be(
    odd: object, binned: bool
) -> None:
    rng = np.random.default_rng(3)
    rows: list[tuple[object, ...]] = [tuple(row) for row in rng.normal(size=(200, 3)).tolist()]
    features = tuple(FeatureBinning(name, "numeric", edges=(-1.0, 0.0, 0.5)) for name in ("a", "b", "c"))
    binning = Binning("digits", features) if binned else None
    rows[50] = (rows[50][0], odd, rows[50][2])
    handles = [Handle(1, row, None, None, Recent(0)) for row in rows]
    counts = []
    for numeric in (True, False):
        profiler = Profiler(binning, Drops())
        profile = Profile(profiler)
        profile.add(of_handles(handles[:1]), ["a", "b", "c"], None)
        for start in range(1, 200, 40):
            profile.add(of_handles(handles[start : start + 40], numeric=numeric), ["a", "b", "c"], None)
        body = metrics(Resource(), profile, 0, 1, dropped=profiler.drops.take(), spool_bytes=0, spool_age=0.0)
        counts.append(body)
    assert counts[0] == counts[1]


def test_a_feature_is_what_its_first_value_is() -> None:
    profiler = Profiler(None, Drops())
    profile = Profile(profiler)
    profile.add(frame((None, None), (None, "7")), ["ink", "serial"], None)
    profile.add(frame((0.5, "8"), (2, 9)), ["ink", "serial"], None)
    assert profile.missing() == {"ink": 2, "serial": 1}
    counts = profile.numeric["ink"]
    assert isinstance(counts, Exponential)
    assert counts.count == 2
    assert profile.categorical["serial"].counts == {"7": 1, "8": 1, "9": 1}


def test_a_frame_of_part_of_the_rows_is_what_these_rows_would_make() -> None:
    rows = [(float(i), str(i)) for i in range(6)]
    mask = np.array([True, False, True, True, False, False])
    part, whole = frame(*rows).select(mask), frame(*[rows[i] for i in (0, 2, 3)])
    assert [list(column or ()) for column in part.columns] == [list(column or ()) for column in whole.columns]
    assert [part.handle(i).values for i in range(3)] == [rows[i] for i in (0, 2, 3)]
    assert len(part) == 3
