"""Training-serving skew: what differs is told by feature, and rounding is no difference."""

import numpy as np
import pytest
from driftline_collector.analysis.serving_skew import skew
from driftline_schemas.reference import Reference

RNG = np.random.default_rng(31)
ROWS = 3000
VALUES = {
    "plain": RNG.normal(size=ROWS),
    "often zero": np.where(RNG.random(ROWS) < 0.4, 0.0, RNG.normal(size=ROWS)),
    "large": RNG.normal(1e9, 10, size=ROWS).round(),
    "few": RNG.integers(0, 5, ROWS) * 0.1,
    "constant": np.full(ROWS, 2.5),
}
REFERENCE = Reference.from_data(VALUES)


@pytest.mark.parametrize("known", [True, False], ids=["by row", "by counts"])
@pytest.mark.parametrize("name", ["plain", "often zero", "few"])
def test_float32_and_the_order_of_sums_are_no_mistakes(name: str, known: bool) -> None:
    values = VALUES[name]
    for rounded in (
        values.astype(np.float32).astype(np.float64),
        values + 0.1 - 0.1,
        np.nextafter(values, np.inf),
        np.nextafter(values, -np.inf),
    ):
        made = {**VALUES, name: rounded}
        found = skew(REFERENCE, made, expected=VALUES if known else None)
        assert {one.feature: one.differ for one in found} == dict.fromkeys(VALUES, 0.0)


def test_the_share_of_rows_that_differ_is_exact_by_row_and_the_least_by_counts() -> None:
    made = dict(VALUES)
    made["plain"] = VALUES["plain"].copy()
    swapped = np.argsort(VALUES["plain"])[[0, -1]]
    made["plain"][swapped] = made["plain"][swapped[::-1]]
    by_row, by_counts = skew(REFERENCE, made, expected=VALUES)[0], skew(REFERENCE, made)[0]
    assert (by_row.differ, by_counts.differ) == (2 / ROWS, 0.0)
    made["plain"][swapped] = np.nan
    assert skew(REFERENCE, made)[0].differ == pytest.approx(2 / ROWS)
    assert skew(REFERENCE, made)[0].problem is not None
    assert skew(REFERENCE, made, allowed=0.001)[0].problem is None


def test_what_is_not_made_and_what_is_of_another_kind_is_told() -> None:
    made = {name: column for name, column in VALUES.items() if name != "few"}
    found = {one.feature: one for one in skew(REFERENCE, {**made, "plain": ["a"] * ROWS})}
    assert found["few"].problem == "is not made"
    assert "not numbers" in (found["plain"].problem or "")


def test_the_models_own_answers_are_not_asked_for() -> None:
    reference = Reference.from_data(VALUES, labels=["a", "b"] * (ROWS // 2), scores=np.linspace(0, 1, ROWS))
    assert [one.feature for one in skew(reference, VALUES)] == list(VALUES)
