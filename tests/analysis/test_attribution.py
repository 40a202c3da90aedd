"""Whose shift it is: the cause that is named, and when none is."""

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np
import pytest
from driftline_collector.analysis.attribution import (
    Attribution,
    Contributor,
    attribute,
    contributions,
    evidence,
)

#: Three types in three regions, two devices of each kind.
KINDS = [(kind, region) for kind, region, _ in product("abc", ("eu", "us", "ap"), range(2))]
TYPES, REGIONS = [kind for kind, _ in KINDS], [region for _, region in KINDS]
SURE = 50.0


def named(
    moved: Sequence[bool], strongest: Contributor | None = None, **values: Sequence[str | None]
) -> Attribution:
    everything: Mapping[str, Sequence[str | None]] = {"device_type": TYPES, "region": REGIONS, **values}
    return attribute(np.where(moved, SURE, -SURE), everything, strongest)


def test_one_device_type_in_every_region_is_a_cause_in_the_devices() -> None:
    found = named([kind == "b" for kind in TYPES])
    assert (found.cause, found.what) == ("device", "device_type=b")
    assert found.reasons == ("6 of 6 devices of device type b shifted, and 0 of 12 others",)


def test_all_devices_of_a_region_are_a_population() -> None:
    found = named([region == "eu" for region in REGIONS])
    assert (found.cause, found.what) == ("population", "region=eu")


def test_all_devices_everywhere_are_a_population() -> None:
    found = named([True] * len(KINDS))
    assert (found.cause, found.what) == ("population", "all devices")
    assert "18 of 18 devices shifted alike, of 3 device types and 3 regions" in found.reasons


def test_a_firmware_on_several_types_is_a_cause_in_the_devices() -> None:
    firmware = ["4.2" if i % 3 == 0 else "4.1" for i in range(len(KINDS))]
    found = named([each == "4.2" for each in firmware], firmware=firmware)
    assert (found.cause, found.what) == ("device", "firmware=4.2")


def test_a_deployment_next_to_the_onset_is_a_release_though_it_was_on_one_type_only() -> None:
    deployed = ["model 1 → 2" if kind == "b" else None for kind in TYPES]
    found = named([kind == "b" for kind in TYPES], deployment=deployed)
    assert (found.cause, found.what) == ("release", "deployment=model 1 → 2")
    assert len(found.reasons) == 2  # that these are all of one type is told, too


def test_a_deployment_on_all_devices_is_a_release_where_all_have_shifted() -> None:
    found = named([True] * len(KINDS), deployment=["model 1 → 2"] * len(KINDS))
    assert found.cause == "release"


def test_a_segment_of_the_users_own_is_a_scope_of_its_own() -> None:
    lines = [f"A{i % 3 + 1}" for i in range(len(KINDS))]
    everything = {"device_type": TYPES, "region": REGIONS, "segment.line": lines}
    found = attribute(np.where([line == "A3" for line in lines], SURE, -SURE), everything)
    assert (found.cause, found.what) == ("segment", "segment.line=A3")
    assert found.reasons == ("6 of 6 devices of line A3 shifted, and 0 of 12 others",)


def test_a_shift_of_all_lines_of_one_type_in_one_region_is_shared() -> None:
    lines = {"device_type": ["a"] * 6, "region": ["eu"] * 6, "segment.line": ["A1", "A2"] * 3}
    found = attribute(np.full(6, SURE), lines)
    assert (found.cause, found.what) == ("population", "all devices")
    assert found.reasons[-1] == "6 of 6 devices shifted alike, of 1 device type and 1 region and 2 lines"


def test_a_deployment_on_devices_that_did_not_shift_explains_nothing() -> None:
    deployed = ["model 1 → 2" if kind in "ab" else None for kind in TYPES]
    found = named([kind == "b" for kind in TYPES], deployment=deployed)
    assert (found.cause, found.what) == ("device", "device_type=b")


def test_a_type_that_is_in_one_region_only_is_unclear() -> None:
    types = ["b" if region == "eu" else "a" for region in REGIONS]
    found = attribute(
        np.where([each == "b" for each in types], SURE, -SURE), {"device_type": types, "region": REGIONS}
    )
    assert (found.cause, found.what) == ("unclear", None)
    assert found.reasons[-1] == "which of these it is cannot be told"


def test_a_type_in_one_region_of_three_is_unclear() -> None:
    assert named([kind == "b" and region == "eu" for kind, region in KINDS]).cause == "unclear"


def test_devices_of_one_kind_have_nothing_to_be_compared_with() -> None:
    found = attribute(np.full(6, SURE), {"device_type": ["a"] * 6, "region": ["eu"] * 6})
    assert found.cause == "unclear"


def test_one_device_that_makes_nearly_all_of_it_is_named() -> None:
    moved = [i == 4 for i in range(len(KINDS))]
    found = named(moved, Contributor("cam-04", 0.93, 500))
    assert (found.cause, found.what) == ("device", "device=cam-04")


def test_devices_with_too_few_rows_to_tell_are_no_reason_for_a_cause() -> None:
    found = attribute(np.zeros(18), {"device_type": TYPES, "region": REGIONS})
    reason = "only 0 devices have rows enough to say whether they shifted; it takes 3"
    assert found == Attribution("unclear", None, (reason,))


def test_where_no_device_shifted_by_itself_that_is_said() -> None:
    found = attribute(np.full(18, -5.0), {"device_type": TYPES, "region": REGIONS})
    assert found == Attribution("unclear", None, ("none of 18 devices shifted by itself",))


def test_contributions_add_up_to_the_whole_shift() -> None:
    rng = np.random.default_rng(3)
    counts = rng.multinomial(200, [0.25] * 4, size=10).astype(float)
    counts[:3] = rng.multinomial(200, [0.1, 0.2, 0.3, 0.4], size=3)
    shares = contributions(counts, np.full((10, 4), 50.0))
    assert shares.sum() == pytest.approx(1.0)
    assert shares[:3].sum() > 0.8


def test_devices_that_shifted_speak_for_it_and_healthy_ones_against() -> None:
    rng = np.random.default_rng(4)
    counts = rng.multinomial(300, [0.25] * 4, size=12).astype(float)
    counts[:6] = rng.multinomial(300, [0.1, 0.2, 0.3, 0.4], size=6)
    counts[11] = 0
    inside = np.arange(12) < 6
    odds = evidence(counts, counts.sum(-1, keepdims=True) * np.full((12, 4), 0.25), inside)
    assert (odds[:6] > 3).all()
    assert (odds[6:11] < -3).all()
    assert odds[11] == 0
