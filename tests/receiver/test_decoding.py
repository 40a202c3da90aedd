"""The fast way to Arrow against the slow one that is right, on any request there can be."""

import random
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from driftline_collector.receiver import oracle
from driftline_collector.receiver.batches import batch_of
from driftline_collector.receiver.ptars_adapter import UndecodableError, check, decode, schema
from driftline_collector.receiver.signals import LOGS, METRICS, SIGNALS, TRACES, Signal
from driftline_collector.store.duckdb import DuckDBStore
from driftline_schemas import attributes as names
from google.protobuf.message import DecodeError, Message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValueList

from tests.receiver import wire
from tests.receiver.messages import requests

# Requests are deep; hypothesis finds them slow to make.
SEARCH = settings(max_examples=120, suppress_health_check=list(HealthCheck))
ANY_REQUEST = st.sampled_from(SIGNALS).flatmap(
    lambda signal: st.tuples(st.just(signal), requests(signal.request))
)
RICH: dict[str, Message] = {
    LOGS.name: wire.events(
        wire.prediction(features__x=1.5, features__name="ñ", sample__reasons=["random"]),
        ("other", {"nested": {"a": [1, {"b": b"\xff"}]}, "empty": wire.EMPTY}),
    ),
    TRACES.name: wire.spans(attributes=wire.pairs({"k": [1, "x"], "f": 1.5}), trace_state="a=b"),
    METRICS.name: wire.metrics(
        wire.histogram("driftline.profile.feature", [1, 2], [0.5], {"driftline.feature.name": "x"}),
        wire.counter("other", [(1, {"a": True}), (0.5, {})]),
    ),
}


@SEARCH
@given(ANY_REQUEST)
def test_any_request_is_read_alike_by_ptars_and_by_protobuf(made: tuple[Signal, Message]) -> None:
    signal, request = made
    body = request.SerializeToString()
    check(signal, body)
    assert_equal(signal, [body, b"", body])


@SEARCH
@given(st.sampled_from(SIGNALS), st.data())
def test_what_protobuf_rejects_is_rejected_and_what_it_reads_is_read_alike(
    signal: Signal, data: st.DataObject
) -> None:
    body = mutated(RICH[signal.name].SerializeToString(), data)
    try:
        signal.request.FromString(body)
    except DecodeError:
        with pytest.raises(UndecodableError, match="is not a protobuf"):
            check(signal, body)
    else:
        check(signal, body)
        assert_equal(signal, [body])


@settings(SEARCH, max_examples=40)
@given(st.lists(ANY_REQUEST, min_size=1, max_size=3))
def test_any_request_can_be_stored(store: DuckDBStore, made: list[tuple[Signal, Message]]) -> None:
    for signal, request in made:
        bodies = [request.SerializeToString()] * 2
        decoded = batch_of(signal, bodies, 5, lambda _binning, _feature: None)
        assert len(decoded.rejected) == 2
        store.writer.submit(decoded.batch).result(60)


@pytest.mark.parametrize("seed", range(30))
def test_requests_that_are_nearly_right_are_stored_or_refused(store: DuckDBStore, seed: int) -> None:
    rng = random.Random(seed)
    before = store.totals()
    for signal, request in ((LOGS, nearly_right_events(rng)), (METRICS, nearly_right_metrics(rng))):
        decoded = batch_of(signal, [request.SerializeToString()] * 2, 5, lambda _binning, _feature: [0.5])
        assert decoded.rejected[0] == decoded.rejected[1]
        store.writer.submit(decoded.batch).result(60)
    after = store.totals()
    assert {name for name in after if after[name] > before[name]} >= {"predictions", "labels", "profiles"}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> DuckDBStore:
    folder: Path = tmp_path_factory.mktemp("decoding")
    return DuckDBStore(folder / "driftline.duckdb")


@pytest.mark.parametrize("signal", SIGNALS, ids=lambda signal: signal.name)
@pytest.mark.parametrize("cut", [1, 7, 0.5])
def test_a_truncated_body_is_rejected(signal: Signal, cut: float) -> None:
    body = RICH[signal.name].SerializeToString()
    size = len(body) - cut if cut >= 1 else int(len(body) * cut)
    with pytest.raises(UndecodableError):
        check(signal, body[: int(size)])


def test_text_that_is_not_utf8_is_rejected_also_within_nested_values() -> None:
    body = wire.events(("e", {"k": ["marked", {"a": "marked"}]})).SerializeToString()
    for place in (body.find(b"marked"), body.rfind(b"marked")):
        broken = body[:place] + b"\xff" + body[place + 1 :]
        with pytest.raises(UndecodableError):
            check(LOGS, broken)


def test_a_field_of_the_wrong_type_is_an_unknown_field() -> None:
    """Protobuf's rule, which other parsers take for an error."""
    body = wire.events(("e", {"k": 1})).SerializeToString()
    # Field 1 of the request as a varint, where a message is expected.
    check(LOGS, b"\x08\x01" + body)
    assert decode(LOGS, [b"\x08\x01" + body]).equals(decode(LOGS, [body]))


def test_unknown_fields_are_ignored() -> None:
    body = wire.events(("e", {"k": 1})).SerializeToString()
    unknown = b"\xfa\x7d\x03new"  # field 2015, bytes
    check(LOGS, body + unknown)
    assert decode(LOGS, [body + unknown]).equals(decode(LOGS, [body]))


def test_of_two_members_of_a_oneof_the_last_counts() -> None:
    twice = AnyValue(string_value="x").SerializeToString() + AnyValue(int_value=3).SerializeToString()
    body = wire.events(("e", {"k": AnyValue(bytes_value=b"mark" * 3)})).SerializeToString()
    single = AnyValue(bytes_value=b"mark" * 3).SerializeToString()
    # Two members in place of one, at the same length, so that no length around them changes.
    padded = twice + b"\xfa\x7d" + bytes([len(single) - len(twice) - 3]) + bytes(len(single) - len(twice) - 3)
    body = body.replace(single, padded)
    decoded = batch_of(LOGS, [body], 5, lambda _binning, _feature: None)
    assert decoded.batch.rows["logs"].table.column("attributes").to_pylist() == ['{"k":3}']


ANYTHING: tuple[object, ...] = (
    *("", "7", "ñ", 0, 1, -1, 2**63 - 1, 0.0, 0.5, 1.0, -1.5, float("nan"), float("inf"), True, b"\xff"),
    *([], [1, 2], ["a", "b"], [["x"]], {}, {"a": [b"\x00"]}, wire.EMPTY),
)
RIGHT: dict[str, object] = {
    names.PREDICTION_ID: "p",
    names.SAMPLE_PROBABILITY: 0.5,
    names.SAMPLE_REASONS: ["random"],
    names.GROUND_TRUTH_LABEL: "7",
    names.GROUND_TRUTH_PROBABILITY: 1.0,
    names.STREAM_PHASE: "end",
    names.STREAM_TOMBSTONES_LOGS: [1, 2],
    names.DEPLOYMENT_KIND: "model",
    names.FEATURE_NAME: "x",
    names.FEATURE_CATEGORY: "c",
    names.BINNING_ID: "b",
    names.LABEL: "7",
}
KEYS = sorted({*RIGHT, names.PREDICTION_LABEL, names.PREDICTION_SCORE, names.SEQUENCE, names.MODEL_NAME})


def nearly_right(rng: random.Random) -> dict[str, object]:
    """Attributes that are mostly what they should be."""
    own: dict[str, object] = {}
    for key in rng.sample(KEYS, len(KEYS)):
        if rng.random() < 0.9:
            own[key] = RIGHT[key] if key in RIGHT and rng.random() < 0.9 else rng.choice(ANYTHING)
    return own | {f"{names.FEATURE_PREFIX}{i}": rng.choice(ANYTHING) for i in range(rng.randrange(5))}


def nearly_right_events(rng: random.Random) -> Message:
    device = {key: rng.choice((value, *ANYTHING)) for key, value in wire.DEVICE.items()}
    device |= {f"{names.SEGMENT_PREFIX}{name}": rng.choice(ANYTHING) for name in ("a", "b", "")}
    return wire.events(*((rng.choice(names.EVENTS), nearly_right(rng)) for _ in range(60)), device=device)


def nearly_right_metrics(rng: random.Random) -> Message:
    made = []
    for _ in range(40):
        name, own, odd = rng.choice(names.METRICS), nearly_right(rng), rng.random() < 0.2
        if odd or name in (names.PROFILE_FEATURE, names.PROFILE_SCORE):
            bounds = rng.choice([[], [0.5], [0.5, 1.5]])
            size = rng.choice([len(bounds) + 1, len(bounds)])
            counts = [rng.choice([0, 1, 2**48, 2**64 - 1]) for _ in range(size)]
            made.append(wire.histogram(name, counts, bounds, own, end=rng.choice([0, 60, 2**64 - 1])))
        else:
            value = rng.choice([0, 1, -1, 2**63 - 1, 0.5, float("nan")])
            made.append(wire.counter(name, [(value, own), (1, own)], end=rng.choice([0, 60])))
        if rng.random() < 0.2:
            made[-1].exponential_histogram.aggregation_temporality = wire.DELTA
            made[-1].exponential_histogram.data_points.add(
                time_unix_nano=60, zero_count=rng.choice([0, 2**64 - 1]), attributes=wire.pairs(own)
            ).positive.bucket_counts.extend([1, 2])
    return wire.metrics(*made, device=wire.DEVICE | {names.STREAM_ID: str(rng.random())})


IN_LITTLE_MEMORY = """
import re, resource
from driftline_collector.receiver.ptars_adapter import check
from driftline_collector.receiver.signals import LOGS
body = LOGS.request(resource_logs=[{"schema_url": "x"}] * 500_000).SerializeToString()
held = int(re.search(r"VmData:\\s+(\\d+)", open("/proc/self/status").read())[1]) * 1024
resource.setrlimit(resource.RLIMIT_DATA, (held, held))
try:
    check(LOGS, body)
except MemoryError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system does not limit private memory")
def test_a_body_that_there_is_no_memory_for_is_not_its_senders_fault() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IN_LITTLE_MEMORY], capture_output=True, text=True, check=False
    )
    assert done.stdout.startswith("protobuf has no memory for "), done.stderr


def assert_equal(signal: Signal, bodies: list[bytes]) -> None:
    fast = decode(signal, bodies)
    slow = oracle.decode(signal, bodies, schema(signal))
    assert fast.schema.equals(slow.schema)
    assert plain(fast) == plain(slow)


def plain(batch: pa.RecordBatch) -> str:
    """Nested bytes as the values that they encode, and NaN as itself."""
    return repr(_plain(batch.to_pylist()))


def _plain(value: object) -> object:
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _nested(key, item) for key, item in value.items()}
    return value


def _nested(key: str, value: object) -> object:
    if key in ("array_value", "kvlist_value") and isinstance(value, bytes):
        # Equal as messages: an encoder may write the same value in several ways.
        return (
            str(KeyValueList.FromString(value))
            if key == "kvlist_value"
            else str(AnyValue.FromString(b"\x2a" + _length(value) + value))
        )
    return _plain(value)


def _length(value: bytes) -> bytes:
    size, made = len(value), b""
    while size >= 0x80:
        made += bytes([size & 0x7F | 0x80])
        size >>= 7
    return made + bytes([size])


def mutated(body: bytes, data: st.DataObject) -> bytes:
    changed = bytearray(body)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(changed) - 1))
        kind = data.draw(st.sampled_from(("flip", "set", "cut", "drop", "insert")))
        if kind == "flip":
            changed[place] ^= 1 << data.draw(st.integers(0, 7))
        elif kind == "set":
            changed[place] = data.draw(st.integers(0, 255))
        elif kind == "cut" and place:
            del changed[place:]
        elif kind == "drop" and len(changed) > 1:
            del changed[place]
        else:
            changed.insert(place, data.draw(st.integers(0, 255)))
    return bytes(changed)
