"""Records that are laid out alike, read at once, against each of them read by itself."""

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from driftline_collector.receiver import alike as module
from driftline_collector.receiver import logs
from driftline_collector.receiver.alike import Alike
from driftline_collector.receiver.batches import Reading
from driftline_collector.receiver.decoded import Decoded
from driftline_collector.receiver.ptars_adapter import UndecodableError, check
from driftline_collector.receiver.signals import LOGS
from driftline_schemas import attributes as names
from google.protobuf.message import Message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from tests.receiver import wire

RECEIVED = 5
LABEL = st.one_of(st.sampled_from(["", "7", "ten", "ñ", "狗"]), st.text(max_size=3))
NUMBER = st.floats() | st.integers(-(2**63), 2**63 - 1)
FEATURE = NUMBER | st.booleans() | st.sampled_from(["a", "bb", ""]) | st.just(wire.EMPTY)
#: What a prediction may say beside its id; most of it as an SDK would, some of it as none should.
SAID: dict[str, st.SearchStrategy[Any]] = {
    names.PREDICTION_LABEL: LABEL,
    names.PREDICTION_VALUE: NUMBER,
    names.PREDICTION_SCORE: NUMBER,
    names.PREDICTION_DURATION: st.floats(0, 9),
    names.PREDICTION_PARENT_ID: st.sampled_from(["", "edge-1"]),
    names.ESCALATION_REASON: st.sampled_from(["", "score"]),
    names.ESCALATION_LABEL: LABEL,
    names.SAMPLE_PROBABILITY: st.sampled_from([1, 1.0, 0.25, 1e-9]),
    names.SAMPLE_REASONS: st.lists(st.sampled_from(["random", "novel"]), max_size=2),
    names.SEQUENCE: st.integers(-1, 2**49),
    f"{names.FEATURE_PREFIX}a": FEATURE,
    f"{names.FEATURE_PREFIX}b": FEATURE,
    f"{names.FEATURE_PREFIX}c": FEATURE,
}


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """Predictions of one or two devices; all of them say the same things, in the same order."""
    keys = draw(st.lists(st.sampled_from(list(SAID)), unique=True))
    request = ExportLogsServiceRequest()
    for device in draw(st.lists(st.sampled_from(["one", "two"]), min_size=1, max_size=2)):
        events = [
            (
                names.EVENT_PREDICTION,
                {names.PREDICTION_ID: f"id-{n}"} | {key: draw(SAID[key]) for key in keys},
            )
            for n in range(draw(st.integers(1, 6)))
        ]
        group = wire.events(*events, device={**wire.DEVICE, names.DEVICE_ID: device})
        for record in group.resource_logs[0].scope_logs[0].log_records:
            record.time_unix_nano = draw(st.sampled_from([0, 7, 2**64 - 1]))
            record.trace_id = draw(st.sampled_from([b"", bytes(16), bytes(range(16)), b"short"]))
            record.span_id = draw(st.sampled_from([b"", bytes(range(8))]))
        request.resource_logs.extend(group.resource_logs)
    return request.SerializeToString()


@pytest.fixture(autouse=True)
def _any_number_pays(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that few records show what many would; but for the tests that are about when it pays."""
    if "pays" not in request.node.name:
        monkeypatch.setattr(module, "LEAST_RECORDS", 0)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(requests(), min_size=1, max_size=3))
def test_whatever_is_read_at_once_is_what_reading_each_by_itself_gives(bodies: list[bytes]) -> None:
    taken, decoded = Alike().decode(bodies, RECEIVED)
    assert (decoded is None) == (not taken)
    if decoded:
        assert_same(decoded, [bodies[at] for at in taken])


@pytest.mark.parametrize("seed", range(4))
def test_a_changed_byte_is_read_as_protobuf_reads_it_or_not_here(seed: int) -> None:
    rng = random.Random(seed)
    body = usual(300).SerializeToString()
    alike, taken_at_all = Alike(), 0
    alike.decode([body], RECEIVED)  # so that the pattern is one of whole records
    for _ in range(200):
        place = rng.randrange(len(body))
        changed = body[:place] + bytes([rng.randrange(256)]) + body[place + 1 :]
        taken, decoded = alike.decode([changed], RECEIVED)
        taken_at_all += len(taken)
        if decoded:
            check(LOGS, changed)
            assert_same(decoded, [changed])
    assert 20 < taken_at_all < 200


@pytest.mark.parametrize("records", [300, 512])
def test_what_sdks_send_is_read_at_once(records: int) -> None:
    taken, decoded = Alike().decode([usual(records).SerializeToString()] * 3, RECEIVED)
    assert taken == [0, 1, 2]
    assert decoded is not None
    assert decoded.batch.rows["predictions"].table.num_rows == 3 * records


def test_it_pays_for_many_records_of_few_layouts_only() -> None:
    many, few = usual(400).SerializeToString(), usual(10).SerializeToString()
    assert Alike().decode([many], RECEIVED)[0] == [0]
    assert Alike().decode([few], RECEIVED)[0] == []
    assert Alike().decode([of_other_sizes()], RECEIVED)[0] == []


def test_where_it_never_pays_it_is_seldom_tried_and_where_it_pays_again_it_is_tried_soon() -> None:
    alike = Alike()
    for _ in range(100):
        alike.decode([of_other_sizes()], RECEIVED)
    taken = [len(alike.decode([usual(400).SerializeToString()], RECEIVED)[0]) for _ in range(80)]
    assert taken == sorted(taken)
    assert 0 < sum(taken) < 80


@pytest.mark.parametrize(
    "said",
    [
        {"sample__probability": 0.0},
        {"sample__probability": float("nan")},
        {"label": "no key of ours"},
        {"prediction__label": 7},
        {"prediction__label": True},
        {"model__name": "its own"},
        {"features__x": [1, 2]},
        {"sequence": 1.0},
    ],
)
def test_what_is_seldom_said_is_left_to_be_read_one_by_one(said: dict[str, Any]) -> None:
    request = wire.events(wire.prediction(1), wire.prediction(2, **said))
    assert Alike().decode([request.SerializeToString()], RECEIVED) == ([], None)


def test_other_events_and_attributes_that_stand_twice_are_left_to_be_read_one_by_one() -> None:
    other = wire.events(wire.prediction(), ("other", {}))
    twice = wire.events(wire.prediction(prediction__score=0.5))
    (record,) = twice.resource_logs[0].scope_logs[0].log_records
    record.attributes.add().CopyFrom(record.attributes[-1])
    assert Alike().decode([other.SerializeToString(), twice.SerializeToString()], RECEIVED) == ([], None)


def test_a_group_is_answered_request_by_request_whichever_way_each_was_read() -> None:
    bodies = [
        usual(3).SerializeToString(),
        wire.events(("other", {"k": 1})).SerializeToString(),
        b"\xff\xff",
        usual(2).SerializeToString(),
        wire.events(wire.prediction(sample__probability=7.0)).SerializeToString(),
    ]
    read = {
        at: part
        for part in Reading(lambda _binning, _feature: None).read(LOGS, bodies, 5)
        for at in part.bodies
    }
    assert sorted(read) == [0, 1, 2, 3, 4]
    assert isinstance(read[2].decoded, UndecodableError)
    rejected = {}
    for at in (0, 1, 3, 4):
        decoded = read[at].decoded
        assert isinstance(decoded, Decoded)
        rejected[at] = decoded.rejected[list(read[at].bodies).index(at)].count
    assert rejected == {0: 0, 1: 0, 3: 0, 4: 1}


def of_other_sizes() -> bytes:
    """Records each of a layout of its own."""
    events = [
        (names.EVENT_PREDICTION, {names.PREDICTION_ID: "x" * n, names.PREDICTION_LABEL: "7"})
        for n in range(1, 200)
    ]
    return wire.events(*events).SerializeToString()


def usual(records: int) -> Message:
    """A request as an SDK sends it: labels and numbers of several lengths, some reasons."""
    rng = random.Random(records)
    return wire.events(
        *(
            wire.prediction(
                n + 100_000,
                prediction__label=rng.choice(["cat", "horse", "ox"]),
                prediction__score=rng.random(),
                sample__probability=0.5,
                sample__reasons=rng.choice([["random"], ["random", "novel"]]),
                sequence=n + 200,
                features__x=rng.gauss(0, 1),
                features__on=rng.random() < 0.5,
            )
            for n in range(records)
        )
    )


def assert_same(decoded: Decoded, bodies: Sequence[bytes]) -> None:
    """That the rows, numbers and answers are those of reading each record by itself, in whatever order."""
    right = logs.batch_of(bodies, RECEIVED)
    assert decoded.rejected == right.rejected
    assert comparable(decoded) == comparable(right)
    sets = [sorted(map(repr, made.batch.rows["feature_sets"].table.to_pylist())) for made in (decoded, right)]
    assert sets[0] == sets[1]


def comparable(decoded: Decoded) -> list[str]:
    """Each row with its number and stream, as text, so that NaN is equal to itself."""
    numbers = decoded.batch.numbers
    assert numbers is not None
    rows = decoded.batch.rows["predictions"]
    assert rows.record is not None
    assert np.array_equal(np.sort(rows.record), np.arange(len(numbers)))
    streams = [numbers.streams[code] if code >= 0 else None for code in numbers.stream[rows.record]]
    told = [{key: value for key, value in row.items() if value is not None} for row in rows.table.to_pylist()]
    return sorted(
        repr((sorted(row.items()), stream, number if stream else None))
        for row, stream, number in zip(told, streams, numbers.sequence[rows.record], strict=True)
    )
