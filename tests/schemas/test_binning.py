"""Which values fall into which bin, by properties; the golden vectors have the exact cases."""

import itertools
import math
import sys
from bisect import bisect_left
from typing import Any

import numpy as np
import pytest
from driftline_schemas import binning
from driftline_schemas.binning import (
    DURATION_EDGES,
    MAX_CATEGORIES,
    MAX_FINE_BINS,
    OTHER,
    ZERO_FLOOR,
    Binning,
    FeatureBinning,
    category_text,
    cut,
    quantile_edges,
)
from driftline_schemas.errors import SchemaError
from hypothesis import given
from hypothesis import strategies as st

MOST = sys.float_info.max
ODD = [0.0, -0.0, 5e-324, -5e-324, 1e-310, ZERO_FLOOR, MOST, -MOST, 1.8e308, -1.8e308, 1.0, -1.0]
finite = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from(
    [x for x in ODD if math.isfinite(x)]
)
anything = st.floats() | st.sampled_from(ODD)
edge_lists = st.lists(finite, min_size=1, max_size=MAX_FINE_BINS + 3, unique=True).map(sorted)
samples = st.lists(anything, max_size=200)
texts = (
    st.sampled_from(["a", "b", "c", "", OTHER, "true", "1"]) | st.none() | st.booleans() | st.integers(0, 3)
)


@given(samples, edge_lists)
def test_a_bin_is_right_closed_as_in_an_otlp_histogram(values: list[float], edges: list[float]) -> None:
    missing = len(edges) + 1
    expected = [bisect_left(edges, value) if math.isfinite(value) else missing for value in values]
    assert cut(np.asarray(values, dtype=np.float64), edges).tolist() == expected


@given(samples, edge_lists)
def test_a_table_finds_the_same_bins(values: list[float], edges: list[float]) -> None:
    beside = [math.nextafter(edge, end) for edge in edges for end in (math.inf, -math.inf)]
    near = np.array([value for value in (*values, *edges, *beside) if math.isfinite(value)])
    found = binning._looked_up(near, np.array(edges))
    assert found is None or found.tolist() == [bisect_left(edges, value) for value in near]


@pytest.mark.parametrize("kind", ["normal", "often zero", "whole", "one edge"])
def test_many_values_are_cut_as_few_are(kind: str) -> None:
    rng = np.random.default_rng(6)
    values = {
        "normal": rng.normal(size=20_000),
        "often zero": np.where(rng.random(20_000) < 0.3, 0.0, rng.normal(size=20_000)),
        "whole": rng.integers(0, 50, 20_000).astype(float),
        "one edge": np.full(20_000, 2.5),
    }[kind]
    edges = np.array(quantile_edges(values))
    values[::97] = math.nan
    values[1::97] = math.inf
    values[2::97] = -MOST
    assert kind == "one edge" or binning._looked_up(np.nan_to_num(values), edges) is not None
    expected = np.concatenate([cut(part, edges) for part in np.split(values, 100)])
    assert cut(values, edges).tolist() == expected.tolist()


@given(samples, edge_lists)
def test_every_value_is_counted_once(values: list[float], edges: list[float]) -> None:
    feature = FeatureBinning("x", "numeric", edges=tuple(edges))
    counts = feature.count(values)
    assert counts.shape == (feature.size,) == (len(feature.bin_names),)
    assert counts.dtype == np.int64
    assert counts.sum() == len(values)
    assert counts[-1] == sum(not math.isfinite(value) for value in values)


@given(samples, samples, edge_lists)
def test_counts_of_numbers_merge(first: list[float], second: list[float], edges: list[float]) -> None:
    feature = FeatureBinning("x", "numeric", edges=tuple(edges))
    assert (feature.count(first) + feature.count(second)).tolist() == feature.count(first + second).tolist()


@given(st.lists(texts), st.lists(texts))
def test_counts_of_categories_merge_and_count_every_value_once(first: list[Any], second: list[Any]) -> None:
    feature = FeatureBinning("x", "categorical", categories=("a", "b", "true", "1"))
    counts = feature.count(first + second)
    assert counts.tolist() == (feature.count(first) + feature.count(second)).tolist()
    assert counts.sum() == len(first) + len(second)
    assert counts[-1] == sum(value is None or value == "" for value in first + second)


@given(samples, st.integers(1, MAX_FINE_BINS))
def test_quantile_edges_always_make_a_binning_that_has_nothing_below_or_above(
    values: list[float], bins: int
) -> None:
    edges = quantile_edges(np.asarray(values, dtype=np.float64), bins=bins)
    assert all(low < high for low, high in itertools.pairwise(edges))
    counts = FeatureBinning("x", "numeric", edges=edges).count(values)
    numbers = [value for value in values if math.isfinite(value)]
    assert counts[-2] == 0 or not numbers
    assert counts[0] == 0 or not numbers or min(numbers) == -MOST


@given(st.lists(finite, min_size=1, max_size=200), st.integers(1, MAX_FINE_BINS))
def test_a_fine_bin_holds_more_than_its_share_only_where_values_are_equal(
    values: list[float], bins: int
) -> None:
    edges = quantile_edges(np.asarray(values, dtype=np.float64), bins=bins)
    where = cut(np.asarray(values), edges)
    for each in set(where.tolist()):
        inside = [value for value, bin_ in zip(values, where, strict=True) if bin_ == each]
        assert len([value for value in inside if value != max(inside)]) <= len(values) / bins


@pytest.mark.parametrize(
    "values",
    [
        [0.0] * 100,
        [0.0, -0.0],
        [5.0] * 100,
        [1.0, 2.0],
        [5e-324, -5e-324, 0.0],
        [1e-310] * 10,
        [MOST, -MOST],
        [-MOST] * 3,
        [math.nan, math.inf],
        [0.0] * 50 + list(range(1, 200)),
        [-1e-310] * 5 + [0.0] * 100,
    ],
    ids=str,
)
def test_quantile_edges_of_odd_data_are_finite_ascending_and_not_too_many(values: list[float]) -> None:
    edges = quantile_edges(np.asarray(values, dtype=np.float64))
    assert 1 <= len(edges) <= MAX_FINE_BINS + 3
    assert all(map(math.isfinite, edges))
    assert all(low < high for low, high in itertools.pairwise(edges))


def test_frequent_exact_zeros_have_a_bin_of_their_own() -> None:
    rng = np.random.default_rng(7)
    values = np.r_[np.zeros(500), rng.normal(size=500)]
    feature = FeatureBinning("x", "numeric", edges=quantile_edges(values))
    counts = dict(zip(feature.bin_names, feature.count(values).tolist(), strict=True))
    assert counts["0"] == 500
    assert feature.bin_names[cut(np.asarray([-1e-9]), feature.edges)[0]].endswith(", 0)")


def test_rare_zeros_have_no_bin_of_their_own() -> None:
    values = np.linspace(-1, 1, 1001)
    assert ZERO_FLOOR not in quantile_edges(values)


def test_bins_have_about_equal_counts_over_continuous_data() -> None:
    values = np.random.default_rng(1).normal(size=6400)
    counts = FeatureBinning("x", "numeric", edges=quantile_edges(values)).count(values)
    assert counts[1:-2].tolist() == [100] * 64


@pytest.mark.parametrize("bins", [0, -1, MAX_FINE_BINS + 1])
def test_a_number_of_bins_that_cannot_be_is_refused(bins: int) -> None:
    with pytest.raises(SchemaError, match="expected 1 to 64"):
        quantile_edges(np.arange(10.0), bins=bins)


@pytest.mark.parametrize(
    ("feature", "message"),
    [
        ({"name": "", "kind": "numeric", "edges": (1.0,)}, "needs a name"),
        ({"name": "\ud800", "kind": "numeric", "edges": (1.0,)}, "UTF-8"),
        ({"name": 7, "kind": "numeric", "edges": (1.0,)}, "not a text"),
        ({"name": "x", "kind": "ordinal"}, "expected 'numeric' or 'categorical'"),
        ({"name": "x", "kind": "numeric"}, "0 edges"),
        ({"name": "x", "kind": "numeric", "edges": tuple(range(68))}, "68 edges"),
        ({"name": "x", "kind": "numeric", "edges": (1.0, 1.0)}, "strictly ascending"),
        ({"name": "x", "kind": "numeric", "edges": (2.0, 1.0)}, "strictly ascending"),
        ({"name": "x", "kind": "numeric", "edges": (-0.0, 0.0)}, "strictly ascending"),
        ({"name": "x", "kind": "numeric", "edges": (math.nan,)}, "finite"),
        ({"name": "x", "kind": "numeric", "edges": (0.0, math.inf)}, "finite"),
        ({"name": "x", "kind": "numeric", "edges": (10**400,)}, "float64"),
        ({"name": "x", "kind": "numeric", "edges": ("a",)}, "float64"),
        ({"name": "x", "kind": "numeric", "edges": (1.0,), "categories": ("a",)}, "not categories"),
        ({"name": "x", "kind": "categorical", "edges": (1.0,)}, "not edges"),
        ({"name": "x", "kind": "categorical", "categories": ("a", "a")}, "distinct"),
        ({"name": "x", "kind": "categorical", "categories": (OTHER,)}, "none of them"),
        ({"name": "x", "kind": "categorical", "categories": ("",)}, "missing"),
        ({"name": "x", "kind": "categorical", "categories": (1,)}, "not a text"),
        ({"name": "x", "kind": "categorical", "categories": tuple(map(str, range(1001)))}, "at most 1000"),
    ],
)
def test_bins_that_cannot_be_are_refused(feature: dict[str, Any], message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        FeatureBinning(**feature)


def test_the_widest_edges_there_are_do_not_overflow() -> None:
    feature = FeatureBinning("x", "numeric", edges=(-MOST, MOST))
    assert feature.count([-MOST, 0.0, MOST, math.inf]).tolist() == [1, 2, 0, 1]


def test_numbers_of_any_shape_and_type_are_counted() -> None:
    feature = FeatureBinning("x", "numeric", edges=(0.5, 1.5))
    for values in (np.ones((3, 2), np.float32), np.ones(6, np.int8), [1, 1.0, True, np.float16(1), 1, 1]):
        assert feature.count(values).tolist() == [0, 6, 0, 0]
    assert feature.count([None, 1]).tolist() == [0, 1, 0, 1]


def test_texts_in_a_numeric_feature_are_refused_by_its_name() -> None:
    with pytest.raises(SchemaError, match="feature 'ink': not numbers"):
        FeatureBinning("ink", "numeric", edges=(0.0,)).count(["dark"])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("cat", "cat"),
        (True, "true"),
        (np.False_, "false"),
        (7, "7"),
        (np.int64(7), "7"),
        (np.str_("cat"), "cat"),
        (1.5, "1.5"),
        ("", None),
        (None, None),
        (math.nan, None),
        (np.float32("nan"), None),
        (-math.inf, None),
    ],
)
def test_a_category_has_one_spelling(value: object, text: str | None) -> None:
    assert category_text(value) == text


def test_a_category_that_is_not_listed_is_counted_as_other() -> None:
    feature = FeatureBinning("x", "categorical", categories=("a", "b"))
    assert [feature.index(each) for each in ("a", "b", "c", OTHER)] == [0, 1, 2, 2]
    assert feature.bin_names == ("a", "b", OTHER, "missing")


def test_the_id_is_that_of_the_content_and_of_nothing_else() -> None:
    def binning(model: str = "m", name: str = "x", edges: tuple[float, ...] = (0.0, 1.0)) -> Binning:
        return Binning(model, (FeatureBinning(name, "numeric", edges=edges),))

    same = {binning().id, binning(edges=(-0.0, 1)).id, binning(edges=np.asarray([0, 1], np.float32)).id}  # type: ignore[arg-type]
    other = {binning(model="n").id, binning(name="y").id, binning(edges=(0.0, math.nextafter(1, 2))).id}
    assert len(same) == 1
    assert len(same | other) == 4


def test_features_keep_their_order_and_none_stands_twice() -> None:
    x, y = (FeatureBinning(name, "numeric", edges=(0.0,)) for name in "xy")
    label = FeatureBinning("__label__", "categorical", categories=("a",))
    assert Binning("m", (x, y)).id != Binning("m", (y, x)).id
    binning = Binning("m", (y, label, x))
    assert binning.inputs == (y, x)
    assert binning.get("__label__") == label
    assert binning.get("z") is None
    with pytest.raises(SchemaError, match="'x' stands twice"):
        Binning("m", (x, y, x))


def test_default_bins_of_durations_are_eight_to_a_decade_from_a_microsecond_to_100_s() -> None:
    assert len(DURATION_EDGES) == 65 <= MAX_FINE_BINS + 3
    assert (DURATION_EDGES[0], DURATION_EDGES[8], DURATION_EDGES[-1]) == (1e-6, 1e-5, 100.0)
    ratios = [high / low for low, high in itertools.pairwise(DURATION_EDGES)]
    assert 1.32 < min(ratios) <= max(ratios) < 1.35


def test_the_limit_of_categories_is_taken() -> None:
    names = tuple(map(str, range(MAX_CATEGORIES)))
    assert FeatureBinning("x", "categorical", categories=names).size == MAX_CATEGORIES + 2


@given(st.lists(texts, max_size=50))
def test_what_is_counted_is_where_each_value_lies(values: list[Any]) -> None:
    feature = FeatureBinning("x", "categorical", categories=("a", "b", "true"))
    indices = feature.indices(values)
    assert [feature.bin_names[i] for i in indices] == [
        "missing" if (text := category_text(value)) is None else text if text in feature.categories else OTHER
        for value in values
    ]
    assert feature.count(values).tolist() == np.bincount(indices, minlength=feature.size).tolist()
