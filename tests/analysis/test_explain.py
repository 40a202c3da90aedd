"""The smallest set of segments that explains a drift: found must be what is true."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import fields

import numpy as np
import numpy.typing as npt
import pytest
from driftline_collector.analysis.cell_sums import CellSums
from driftline_collector.analysis.comparison import Comparison, compare
from driftline_collector.analysis.counts import Cell
from driftline_collector.analysis.detectors.step_up import Kept, step_up
from driftline_collector.analysis.explain import Scan
from driftline_collector.analysis.mixtures import Mixture
from driftline_collector.analysis.references import Family
from driftline_collector.analysis.segments import Lattice, Node
from driftline_schemas.reference import Reference
from hypothesis import assume, given, settings
from hypothesis import strategies as st

Floats = npt.NDArray[np.float64]

VERSIONS, TYPES, REGIONS = ("1.9.0", "2.0.0"), ("a", "b", "c"), ("ap", "eu", "us")
CELLS = [Cell(v, t, r, "device_edge") for v in VERSIONS for t in TYPES for r in REGIONS]
FEATURES = 4


@pytest.fixture(scope="module")
def family() -> Family:
    rng = np.random.default_rng(51)
    columns = {f"x{i}": rng.normal(size=20_000) for i in range(FEATURES)}
    reference = Reference.from_data(columns, model="m", version="1")
    return Family.of(dict.fromkeys(VERSIONS, reference), dict.fromkeys(VERSIONS, "r"))


def counts_of(family: Family, rows: Sequence[int], shifts: Floats, rng: np.random.Generator) -> Floats:
    """Counts of devices, shape (devices, features, test bins); `shifts`, (devices, features)."""
    counts = np.zeros((len(rows), FEATURES, family.width))
    for i, feature in enumerate(family.features):
        device = np.repeat(np.arange(len(rows)), rows)
        values = rng.normal(size=len(device)) + shifts[device, i]
        fine = np.searchsorted(feature.edges, values, side="left")
        np.add.at(counts[:, i], (device, family.merged[i][fine]), 1)
    return counts


def found(
    family: Family,
    devices: Sequence[Cell],
    rows: Sequence[int],
    shifts: Floats,
    rng: np.random.Generator,
    *,
    standing: Sequence[Node] = (),
) -> list[Node]:
    """What explains the drift of these devices."""
    lattice = Lattice.of(devices)
    place = {cell: i for i, cell in enumerate(lattice.cells)}
    version = np.array([family.versions.index(cell.version) for cell in lattice.cells])
    sums = CellSums.of(
        counts_of(family, rows, shifts, rng),
        np.array([place[cell] for cell in devices]),
        Mixture.of_versions(family, version),
        family,
    )

    def judge(
        members: npt.NDArray[np.bool_], before: Comparison, fewer: npt.NDArray[np.bool_]
    ) -> tuple[Comparison, Kept]:
        comparison = compare(sums, members, family, effect=0.02, minimum_rows=50)
        for field in fields(before):  # what has all its cells need not be compared again
            before_it, now = getattr(before, field.name), getattr(comparison, field.name)
            np.testing.assert_allclose(now[~fewer], before_it[~fewer], rtol=1e-9)
        return comparison, step_up(comparison.p, 0.05)

    whole = compare(sums, lattice.members, family, effect=0.02, minimum_rows=50)

    scan = Scan(
        judge=judge,
        whole=(whole, step_up(whole.p, 0.05)),
        sums=sums,
        lattice=lattice,
        cell_phi=whole.phi[lattice.leaves],
        standing=np.array([node[:3] in standing for node in lattice.nodes]),
        believed=float(np.log(19)),
    )
    return [
        lattice.nodes[f.node][:3]
        for f in scan.findings(np.asarray(sums.rows.any(axis=-1)))
        if f.left_of is None
    ]


def holds(node: Node, cell: Cell) -> bool:
    return all(name in (None, value) for name, value in zip(node[:3], cell.values[:3], strict=True))


def shifts_of(devices: Sequence[Cell], truth: dict[Node, float]) -> Floats:
    """Each true node moves a feature of its own (and those of one that holds two move both)."""
    shifts = np.zeros((len(devices), FEATURES))
    for feature, (node, by) in enumerate(truth.items()):
        for i, cell in enumerate(devices):
            if holds(node, cell):
                shifts[i, feature] = by
    return shifts


NODES = st.tuples(
    st.sampled_from([None, *VERSIONS]), st.sampled_from([None, *TYPES]), st.sampled_from([None, *REGIONS])
)


@settings(max_examples=60)
@given(
    nodes=st.lists(NODES, min_size=1, max_size=3, unique=True),
    seed=st.integers(0, 2**16),
    each=st.integers(2, 3),
)
def test_one_to_three_strong_causes_are_named_exactly(
    family: Family, nodes: list[Node], seed: int, each: int
) -> None:
    devices = [cell for cell in CELLS for _ in range(each)]
    covered = [Counter(holds(node, cell) for node in nodes)[True] for cell in CELLS]
    assume(covered.count(0) > len(CELLS) / 3)  # where nearly all have drifted, "the fleet" is the better word
    for i, node in enumerate(nodes):  # each cause must be the only one for most of its cells
        own = [c for c, k in zip(CELLS, covered, strict=True) if holds(node, c) and k == 1]
        assume(len(own) > sum(holds(node, c) for c in CELLS) / 2)
        assume(all(not _within(node, other) for j, other in enumerate(nodes) if i != j))
    rng = np.random.default_rng(seed)
    truth = {node: float(rng.choice([-1, 1]) * rng.uniform(0.8, 2.0)) for node in nodes}
    assume(not _merge(nodes))
    result = found(family, devices, [200] * len(devices), shifts_of(devices, truth), rng)
    assert set(result) == set(nodes)


def _within(inner: Node, outer: Node) -> bool:
    return all(o is None or i == o for i, o in zip(inner, outer, strict=True))


def _merge(nodes: list[Node]) -> bool:
    """Whether nodes together are the cells of one wider one: then that is the smaller explanation."""
    cells = {c for c in CELLS if any(holds(node, c) for node in nodes)}
    lattice = Lattice.of(CELLS)
    subsets = [frozenset(c for c in CELLS if holds(node, c)) for node in lattice.nodes]
    whole = [
        s for s in subsets if s <= cells and not any(s <= {c for c in CELLS if holds(n, c)} for n in nodes)
    ]
    return bool(whole)


def test_two_drifted_types_of_three_are_two_findings(family: Family) -> None:
    devices = [cell for cell in CELLS for _ in range(2)]
    shifts = np.zeros((len(devices), FEATURES))
    shifts[[cell.device_type in ("a", "b") for cell in devices], 0] = 1.0
    result = found(family, devices, [300] * len(devices), shifts, np.random.default_rng(52))
    assert set(result) == {(None, "a", None), (None, "b", None)}


def test_a_fleet_with_one_healthy_corner_is_still_one_finding(family: Family) -> None:
    devices = [cell for cell in CELLS for _ in range(2)]
    shifts = np.zeros((len(devices), FEATURES))
    shifts[[cell != CELLS[0] for cell in devices], 0] = 1.0
    result = found(family, devices, [300] * len(devices), shifts, np.random.default_rng(53))
    assert result == [(None, None, None)]


def test_of_segments_with_the_same_devices_the_earlier_dimension_is_named(family: Family) -> None:
    devices = [
        Cell("2.0.0" if r == "ap" else "1.9.0", t, r, "device_edge")
        for t in TYPES
        for r in REGIONS
        for _ in range(3)
    ]
    shifts = np.zeros((len(devices), FEATURES))
    shifts[[cell.region == "ap" for cell in devices], 0] = 1.0
    result = found(family, devices, [300] * len(devices), shifts, np.random.default_rng(54))
    assert result == [("2.0.0", None, None)]


@pytest.mark.parametrize("few", [1, 5])
def test_what_is_left_of_an_old_version_does_not_hide_the_new_one(family: Family, few: int) -> None:
    """In the window of a roll-out few rows of the region are the old version's: they may look shifted."""
    devices = [Cell("1.9.0", t, r, "device_edge") for t in TYPES for r in REGIONS for _ in range(3)]
    rows = [few if cell.region == "ap" else 300 for cell in devices]
    rolled_out = [Cell("2.0.0", t, "ap", "device_edge") for t in TYPES for _ in range(3)]
    rows += [300 - few] * len(rolled_out)
    shifts = np.zeros((len(devices) + len(rolled_out), FEATURES))
    shifts[len(devices) :, 0] = 1.0
    named = [
        found(family, [*devices, *rolled_out], rows, shifts, np.random.default_rng(i)) for i in range(20)
    ]
    assert named.count([("2.0.0", None, None)]) >= 19


@pytest.mark.parametrize("by", [0.35, 0.5])
def test_a_medium_shift_that_no_cell_shows_by_itself_is_found_where_it_is(family: Family, by: float) -> None:
    devices = [cell for cell in CELLS for _ in range(2)]
    truth: dict[Node, float] = {(None, "b", None): by}
    results = Counter(
        tuple(
            found(
                family, devices, [150] * len(devices), shifts_of(devices, truth), np.random.default_rng(seed)
            )
        )
        for seed in range(20)
    )
    assert results[(None, "b", None),] >= 18


def test_a_drift_that_ends_on_some_devices_first_keeps_its_name(family: Family) -> None:
    devices = [cell for cell in CELLS for _ in range(2)]
    shifts = np.zeros((len(devices), FEATURES))
    for i, cell in enumerate(devices):
        if cell.device_type == "b":
            shifts[i, 0] = 1.5 if cell.region != "us" else 0.0
    rng = np.random.default_rng(56)
    counts = [300] * len(devices)
    anew = found(family, devices, counts, shifts, rng)
    going_on = found(family, devices, counts, shifts, rng, standing=[(None, "b", None)])
    assert set(anew) == {(None, "b", "ap"), (None, "b", "eu")}
    assert going_on == [(None, "b", None)]


def test_the_last_device_of_a_drift_that_is_over_is_no_new_finding(family: Family) -> None:
    devices = [cell for cell in CELLS for _ in range(2)]
    shifts = np.zeros((len(devices), FEATURES))
    shifts[[cell == Cell("2.0.0", "b", "us", "device_edge") for cell in devices], 0] = 0.8
    rows = [100] * len(devices)
    anew = found(family, devices, rows, shifts, np.random.default_rng(57))
    left = found(
        family,
        devices,
        rows,
        shifts,
        np.random.default_rng(57),
        standing=[(None, "b", None), ("1.9.0", None, None)],
    )
    assert anew == [("2.0.0", "b", "us")]
    assert left == []


def test_without_drift_nothing_is_found(family: Family) -> None:
    devices = [cell for cell in CELLS for _ in range(2)]
    for seed in range(10):
        rng = np.random.default_rng(seed)
        shifts = np.zeros((len(devices), FEATURES))
        assert found(family, devices, [200] * len(devices), shifts, rng) == []


@pytest.mark.parametrize("seed", range(5))
def test_a_finding_with_too_few_rows_now_explains_what_its_devices_do_to_the_fleet(
    family: Family, seed: int
) -> None:
    devices = [Cell("2.0.0", kind, "eu", "device_edge") for kind in ("a", "b") for _ in range(8)]
    rows, shifts = [6] * len(devices), np.zeros((len(devices), FEATURES))
    shifts[:8, 0] = 1.5
    assert found(family, devices, rows, shifts, np.random.default_rng(seed)) == [(None, None, None)]
    standing: list[Node] = [(None, "a", None)]
    assert found(family, devices, rows, shifts, np.random.default_rng(seed), standing=standing) == []


@pytest.mark.parametrize("seed", range(5))
def test_a_finding_with_too_few_rows_does_not_explain_a_drift_that_others_have_too(
    family: Family, seed: int
) -> None:
    devices = [Cell("2.0.0", kind, "eu", "device_edge") for kind in ("a", "b") for _ in range(3)]
    rows, shifts = [15] * 3 + [200] * 3, np.zeros((len(devices), FEATURES))
    shifts[:, 0] = 1.5
    standing: list[Node] = [(None, "a", None)]
    result = found(family, devices, rows, shifts, np.random.default_rng(seed), standing=standing)
    assert result != []
    assert all(any(holds(node, cell) for node in result) for cell in devices[3:])
