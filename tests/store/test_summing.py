"""Rows with counts, summed by what they are of."""

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from driftline_collector.store import summing
from driftline_collector.store.summing import groups, summed
from hypothesis import given
from hypothesis import strategies as st

SCHEMA = pa.schema(
    [
        pa.field("device", pa.string()),
        pa.field("category", pa.string()),
        pa.field("bounds", pa.list_(pa.float64())),
        pa.field("counts", pa.list_(pa.int64())),
    ]
)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "device": st.sampled_from(["a", "b", "c"]),
            "category": st.sampled_from([None, "", "red"]),
            "bounds": st.sampled_from([None, [], [0.5], [0.5, 1.5], [0.5, 2.5]]),
            "counts": st.lists(st.integers(0, 2**40), min_size=1, max_size=4),
        }
    ),
    max_size=30,
)


def key(row: dict[str, object]) -> tuple[str, str, str]:
    return str(row["device"]), repr(row["category"]), repr(row["bounds"])


@given(ROWS, st.integers(1, 5))
def test_each_count_is_summed_once_however_the_rows_come_in_parts(
    rows: list[dict[str, object]], size: int
) -> None:
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    found = summed(table.to_batches(max_chunksize=size), SCHEMA).to_pylist()
    expected: Counter[tuple[object, ...]] = Counter()
    for row in rows:
        counts = row["counts"]
        assert isinstance(counts, list)
        expected.update({(*key(row), place): count for place, count in enumerate(counts)})
    assert len({key(row) for row in found}) == len(found)
    assert {(*key(row), i): n for row in found for i, n in enumerate(row["counts"])} == dict(expected)


def test_a_sum_of_absurd_counts_is_no_negative_number() -> None:
    row = {"device": "a", "category": None, "bounds": None, "counts": [2**63 - 1]}
    table = pa.Table.from_pylist([row] * 3, schema=SCHEMA)
    (found,) = summed([table], SCHEMA).to_pylist()
    assert found["counts"][0] > 2**62


def test_rows_are_told_apart_by_more_columns_than_a_number_could_count() -> None:
    names = [f"c{i}" for i in range(12)]
    texts = [str(i) for i in range(60)]
    table = pa.table(dict.fromkeys(names, texts))  # 61^12 combinations are more than 2^63
    first, group = groups(table, names)
    assert sorted(first.tolist()) == list(range(60))
    assert len(set(group.tolist())) == 60


def test_groups_are_the_same_with_and_without_sorting(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(4)
    texts = pa.array(["a", "b", "c", None]).take(pa.array(rng.integers(0, 4, 500)))
    table = pa.table({"text": texts, "number": rng.integers(0, 7, 500)})
    counted = groups(table, ["text", "number"])
    monkeypatch.setattr(summing, "_FEW_CODES", 0)
    sparse = table.slice(0, 20)  # fewer rows than there could be groups: these are sorted
    by_sorting = groups(sparse, ["text", "number"])
    monkeypatch.setattr(summing, "_FEW_CODES", 10**6)
    for one, other in zip(groups(sparse, ["text", "number"]), by_sorting, strict=True):
        assert one.tolist() == other.tolist()
    first, inverse = counted
    assert table.take(pa.array(first[inverse])).equals(table)
    assert all(first[group] <= row for row, group in enumerate(inverse.tolist()))
