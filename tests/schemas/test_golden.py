"""The golden vectors: what other languages test against holds for this one, and the files are up to date."""

import itertools
import json
import math
import struct
from typing import Any

import numpy as np
import pytest
from driftline_collector.store.intervals import IntervalSet
from driftline_schemas.attributes import EVENTS, METRICS
from driftline_schemas.binning import Binning, FeatureBinning, cut
from driftline_schemas.errors import SchemaError
from driftline_schemas.segments import Segment
from driftline_schemas.windows import holes, window_end, window_start
from google.protobuf.json_format import ParseDict

from tests.schemas import golden_otlp, make_golden, registry


def read(name: str) -> Any:
    return json.loads((make_golden.GOLDEN / name).read_text(encoding="ascii"))


def cases(name: str, key: str) -> list[Any]:
    return [pytest.param(case, id=str(case.get("name", i))) for i, case in enumerate(read(name)[key])]


def floats(numbers: list[dict[str, str]]) -> list[float]:
    values = [struct.unpack(">d", bytes.fromhex(number["hex"]))[0] for number in numbers]
    for number, value in zip(numbers, values, strict=True):
        shown = float(number["decimal"])
        assert shown == value or (math.isnan(shown) and math.isnan(value))
    return values


@pytest.mark.parametrize("name", make_golden.FILES)
def test_a_file_is_what_its_maker_writes(name: str) -> None:
    assert (make_golden.GOLDEN / name).read_text(encoding="ascii") == make_golden.render(name)


def test_no_file_lies_there_that_nothing_makes() -> None:
    assert {path.name for path in make_golden.GOLDEN.iterdir()} == set(make_golden.FILES)


@pytest.mark.parametrize("case", cases("binning.json", "numeric"))
def test_numbers_fall_into_the_bins_of_the_vectors(case: Any) -> None:
    values, edges = floats(case["values"]), floats(case["edges"])
    assert cut(np.asarray(values), edges).tolist() == case["bins"]
    assert FeatureBinning("x", "numeric", edges=tuple(edges)).count(values).tolist() == case["counts"]


@pytest.mark.parametrize("case", cases("binning.json", "categorical"))
def test_categories_are_counted_as_in_the_vectors(case: Any) -> None:
    feature = FeatureBinning("x", "categorical", categories=tuple(case["categories"]))
    for value, bin_ in zip(case["values"], case["bins"], strict=True):
        assert feature.count([value])[bin_] == 1
    assert feature.count(case["values"]).tolist() == case["counts"]


@pytest.mark.parametrize("case", cases("binning.json", "ids"))
def test_a_binning_has_the_id_of_the_vectors(case: Any) -> None:
    content = case["content"]
    features = [
        FeatureBinning(f["name"], f["kind"], f.get("edges", ()), f.get("categories", ()))
        for f in content["features"]
    ]
    binning = Binning(content["model"], tuple(features))
    assert binning.id == case["id"]
    assert Binning.from_json({**content, "id": case["id"]}) == binning
    assert json.loads(case["canonical"]) == {
        "model": content["model"],
        "features": [feature.content() for feature in features],
    }


@pytest.mark.parametrize("case", cases("segments.json", "keys"))
def test_parts_make_the_key_and_the_key_the_parts(case: Any) -> None:
    assert str(Segment.of(case["values"])) == case["key"]
    assert Segment.parse(case["key"]) == Segment.of(case["values"])


@pytest.mark.parametrize("case", cases("segments.json", "lenient"))
def test_other_spellings_of_a_key_are_read_and_written_in_the_one_spelling(case: Any) -> None:
    assert case["given"] != case["key"]
    assert str(Segment.parse(case["given"])) == case["key"]


@pytest.mark.parametrize("case", cases("segments.json", "refused"))
def test_what_is_no_key_is_refused(case: Any) -> None:
    with pytest.raises(SchemaError):
        Segment.parse(case["key"])


@pytest.mark.parametrize("case", cases("windows.json", "aligned"))
def test_a_time_lies_in_the_window_of_the_vectors(case: Any) -> None:
    assert window_start(case["time"], case["width"]) == case["start"]
    assert window_end(case["time"], case["width"]) == case["end"]
    assert case["start"] <= case["time"] < case["end"]


@pytest.mark.parametrize("case", cases("windows.json", "chains"))
def test_a_chain_of_windows_has_the_holes_of_the_vectors(case: Any) -> None:
    chain = [(start, end) for start, end in case["windows"]]
    assert holes(chain, until=case["until"]) == [tuple(hole) for hole in case["holes"]]


@pytest.mark.parametrize("case", cases("otlp.json", "cases"))
def test_a_request_is_the_same_as_json_and_as_protobuf_and_keeps_to_the_registry(case: Any) -> None:
    body = bytes.fromhex(case["protobuf"])
    request = golden_otlp.REQUESTS[case["signal"]].FromString(body)
    assert ParseDict(golden_otlp.base64_ids(case["json"]), type(request)()) == request
    assert request.SerializeToString(deterministic=True) == body
    assert registry.violations(request) == []


def test_the_vectors_have_each_event_and_each_metric_but_regression_values() -> None:
    requests = golden_otlp.requests().values()
    found = {
        getattr(record, "event_name", "") or record.name
        for request in requests
        for _, resource in request.ListFields()[0:1]
        for signal in resource
        for scope in (*getattr(signal, "scope_logs", ()), *getattr(signal, "scope_metrics", ()))
        for record in (*getattr(scope, "log_records", ()), *getattr(scope, "metrics", ()))
    }
    assert found == {*EVENTS, *METRICS} - {"driftline.profile.value"}


def test_the_profile_in_the_vectors_is_on_the_binning_beside_it() -> None:
    document = read("otlp.json")
    binning = Binning.from_json(document["binning"])
    assert {f.name: f.size for f in binning.features} == {
        name: len(counts) for name, counts in document["counts"].items()
    }


@pytest.mark.parametrize("case", cases("sequences.json", "cases"))
def test_numbers_are_new_or_repeats_as_in_the_vectors_for_plain_sets_and_for_the_store(case: Any) -> None:
    stored = IntervalSet()
    for first, last in case["seen"]:
        stored.add(first, last)
    fresh = []
    for number in case["arriving"]:
        fresh.append(not stored.contains(np.asarray([number], dtype=np.int64))[0])
        stored.add(number, number)
    assert fresh == case["fresh"]
    assert [list(interval) for interval in stored] == case["then"]
    missing = {n for first, last in case["gaps"] for n in range(first, last + 1)}
    assert missing == {
        n for n in range(1, case["last"] + 1) if not any(first <= n <= last for first, last in case["then"])
    }
    assert all(low[1] + 1 < high[0] for low, high in itertools.pairwise(case["gaps"]))
